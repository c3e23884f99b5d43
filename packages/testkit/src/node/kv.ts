// The kv workload: on every node a database, on the node that executes random transactions, on all of them safe reads.
//
// Always true: a client's code runs in the process of the node that it calls, never after that has died. What becomes
// of a transaction is judged by `kv-history.ts`; this file only makes things happen and notes them.

import { below, MakoError, type AddLogOptions, type ReplicationEngine } from '@mako/engine'
import { createDatabase, type Database, type DatabaseOptions, type TransactResult } from '@mako/store/kv'
import { createShard } from '@mako/watermark'
import { hashBytes, hashText } from '../laws/hash.ts'
import type { Swarm } from '../storm/swarm.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import type { SimWorld } from '../workload/world.ts'
import type { SimNode } from '../world/cluster.ts'
import type { SimProcess } from '../world/process.ts'
import { between, chance, pick } from '../world/random.ts'
import { difference, KvHistory, nameOf, type Executed, type LifeName, type LogPlace } from './kv-history.ts'
import { dumpThrough, MARK, marksIn, TABLES } from './kv-model.ts'
import { Script, ScriptFailed } from './kv-script.ts'

/** Virtual milliseconds in which replicas must be level once their logs are. */
const LEVEL_MS = 20_000

/** How busy the clients of one seed are, and how narrow its databases. */
interface Habits {
  readonly clients: number
  readonly gapMs: number
  readonly burst: number
  readonly readGapMs: number
  /** Transactions before loading is ended. */
  readonly loads: number
  readonly batch: NonNullable<DatabaseOptions['batch']>
  readonly limits: NonNullable<DatabaseOptions['limits']>
}

/** A database in one life of a node. */
interface Life extends LifeName {
  readonly process: SimProcess
  readonly engine: ReplicationEngine
  readonly db: Database
  /** Unanswered calls of `finishLoading`. */
  finishing: number
  watermark: number
  epoch: number
  epochWatermark: number
  closed: number
}

type MakeShard = NonNullable<DatabaseOptions['shard']>

/**
 * What databases need of a cluster: all streams are led together, and leaders are announced after everything of earlier
 * terms, because a shard opens its epoch above that.
 */
export function fitForDatabases(swarm: Swarm): Swarm {
  const { tuning, partitions } = swarm
  return {
    ...swarm,
    tuning: { ...tuning, noopOnElection: true },
    leadTogether: partitions.length > 1 ? [partitions] : [],
  }
}

export const kvWorkload: WorkloadFactory = (world) => new KvWorkload(world, createShard)

/** The same over another shard: for tests of the oracle, which must catch one that lies. */
export function kvWorkloadOver(shard: MakeShard): WorkloadFactory {
  return (world) => new KvWorkload(world, shard)
}

class KvWorkload implements Workload {
  readonly #world: SimWorld
  readonly #shard: MakeShard
  readonly #history: KvHistory
  readonly #habits: Habits
  readonly #lives = new Map<string, Life>()
  /** By payload and life: where the barriers of one attempt to open an epoch are. */
  readonly #barriers = new Map<string, LogPlace[]>()
  #ids = 0
  #loaded = 0
  #loadedIn = 0
  #hint: string | undefined
  #active = false
  #over = false
  #proofs: readonly Executed[] | undefined
  #nextProofMs = 0

  constructor(world: SimWorld, shard: MakeShard) {
    const { random, cluster } = world
    this.#world = world
    this.#shard = shard
    this.#history = new KvHistory(cluster.book)
    const burst = pick(random, [1, 2, 8, 24])
    const clients = between(random, 1, 3)
    this.#habits = {
      clients,
      burst,
      gapMs: (clients * burst * 1000) / pick(random, [30, 100, 300]),
      readGapMs: pick(random, [20, 50, 200]),
      loads: pick(random, [0, 5, 60]),
      batch: { transactions: pick(random, [1, 3, 128]), bytes: pick(random, [64, 300, 600, 2048]) },
      limits: {
        replayQueueBytes: pick(random, [1, 200, 2000, 16 * 1024 * 1024]),
        replayReadBytes: pick(random, [1, 256, 65_536]),
        pendingBytes: pick(random, [400, 16 * 1024 * 1024]),
        speculativeTransactions: pick(random, [4, 64, 262_144]),
        retryAfterMs: pick(random, [1, 5, 50]),
      },
    }
  }

  onEngine(node: SimNode, engine: ReplicationEngine): void {
    const { process } = node
    if (process === undefined) return
    const former = this.#lives.get(node.id)
    if (former !== undefined) this.#history.died(former)
    const name = { node: node.id, life: (former?.life ?? 0) + 1 }
    this.#watch(name, process, engine)
    const { batch, limits } = this.#habits
    const db = createDatabase({ engine, tables: TABLES, batch, limits, shard: this.#shard })
    const life: Life = {
      ...name,
      process,
      engine,
      db,
      finishing: 0,
      watermark: 0,
      epoch: 0,
      epochWatermark: -1,
      closed: 0,
    }
    this.#lives.set(node.id, life)
    engine.on('fault', ({ partition, index, error }) => {
      if (error.code !== 'CALLBACK_FAILED' || !process.alive) return
      this.#broken(`${nameOf(name)}, partition ${String(partition)}, entry ${String(index)}: ${error.message}`)
    })
  }

  start(): void {
    this.#active = true
    for (let client = 0; client < this.#habits.clients; client++) this.#nextCall()
    this.#nextRead()
  }

  stop(): void {
    this.#active = false
  }

  provesLive(): boolean {
    const { cluster } = this.#world
    if (this.#proofs?.every(({ fate }) => fate === 'SAFE') === true) return true
    if (cluster.time.nowMs < this.#nextProofMs) return false
    this.#nextProofMs = cluster.time.nowMs + 10
    if (this.#proofs?.some(({ fate }) => fate === 'open') === true) return false
    this.#proofs = undefined
    const leading = this.#living().filter(({ db }) => db.status().shard.role === 'leading')
    const [life] = leading
    if (life === undefined || leading.length > 1) return false
    if (life.db.status().shard.loading) {
      this.#finishLoading(life)
      return false
    }
    const proofs = cluster.partitions.map((stream) => this.#transact(life, 'write', stream))
    if (proofs.every((proof) => proof !== undefined)) this.#proofs = proofs
    return false
  }

  settled(): boolean {
    return this.#living().every(({ finishing }) => finishing === 0) && this.#history.open === 0
  }

  /** The lives of nodes that are up. Those that are down may stay down: what they have left open is taken note of. */
  #living(): readonly Life[] {
    const living: Life[] = []
    for (const life of this.#lives.values()) {
      if (life.process.alive) living.push(life)
      else this.#history.died(life)
    }
    return living
  }

  async check(): Promise<void> {
    const { cluster } = this.#world
    const { book, time } = cluster
    this.#over = true
    const lives = this.#living()
    // Leadership may still move when the faults are over; within the limit exactly one node must execute, and all must
    // have heard of it.
    const isLevel = (): boolean => {
      const all = lives.map(({ db }) => db.status())
      const one = all.filter(({ shard }) => shard.role === 'leading').length === 1
      const [first] = all
      return (
        one &&
        all.every(({ shard, tables }) => {
          const hasAll = shard.waitingBatches === 0 && shard.epoch === first?.shard.epoch
          return hasAll && tables.every(({ versions }) => versions === 0)
        })
      )
    }
    if (!(await time.runUntil(isLevel, LEVEL_MS))) {
      this.#broken(`replicas are not level: ${lives.map(({ db }) => JSON.stringify(db.status())).join('; ')}`)
      return
    }
    let drained = 0
    for (const life of lives) {
      life.db.drain().then(
        () => drained++,
        (error: unknown) => this.#broken(`${nameOf(life)} does not drain: ${String(error)}`),
      )
    }
    if (!(await time.runUntil(() => drained === lives.length || book.violation !== undefined, LEVEL_MS))) {
      this.#broken(`${lives.length - drained} databases do not drain`)
    }
    this.#compare(lives)
    this.#countWhatHappened(lives)
    for (const { db } of lives) {
      db.stop()
      const result = db.transact(() => undefined)
      if (result.status !== 'REJECTED') this.#broken(`a stopped database answers ${result.status}`)
    }
  }

  /** All replicas show the same, and the oracle agrees with it. */
  #compare(lives: readonly Life[]): void {
    const views = lives.map((life) => {
      const { db } = life
      this.#look(life)
      const { value, watermark } = db.read((t) => ({
        rows: dumpThrough(t, () => undefined),
        marks: [...t.scan(MARK)].map(({ key }) => key.id),
      }))
      const { epoch, committedBatches, appliedBatches, closedEpochs } = db.status().shard
      const replica = { watermark, epoch, committedBatches, appliedBatches, digest: db.digest(), closedEpochs }
      return { ...value, replica: JSON.stringify(replica), text: JSON.stringify({ ...replica, ...value }), life }
    })
    const [first] = views
    if (first === undefined) return
    for (const { text, replica, rows, life } of views) {
      if (text !== first.text) {
        const shows = difference(`${first.replica}\n${first.rows}`, `${replica}\n${rows}`)
        this.#broken(`${nameOf(life)} and ${nameOf(first.life)} are not equal at the end: ${shows}`)
      }
      const { role, executed, safe, rolledBack, committedBatches, appliedBatches } = life.db.status().shard
      if (executed !== safe + rolledBack || committedBatches !== appliedBatches) {
        this.#broken(`${nameOf(life)} has open ends: ${JSON.stringify(life.db.status().shard)}`)
      }
      if (role !== 'leading') continue
      const newest = life.db.transact((t) => dumpThrough(t, () => undefined))
      if (newest.status !== 'SUCCESS' || newest.value !== first.rows) {
        this.#broken(`${nameOf(life)} executes on another state than the safe one`)
      }
    }
    this.#history.judge(new Set(first.marks), first.rows)
  }

  #countWhatHappened(lives: readonly Life[]): void {
    const { book, partitions } = this.#world.cluster
    for (const places of this.#barriers.values()) {
      const committed = places.filter(
        ({ partition, index, key }) => book.partition(partition).committed.factsAt(index)?.key === key,
      ).length
      if (committed > 0 && committed < partitions.length) book.count('kv: partial barriers')
    }
    const { closedEpochs } = lives[0]!.db.status().shard
    book.count('kv: closed epochs', closedEpochs.length)
    for (const { db } of lives) book.count('kv: dropped transactions', db.status().shard.droppedTransactions)
  }

  /** Notes what a database asks of its engine. */
  #watch(name: LifeName, process: SimProcess, engine: ReplicationEngine): void {
    const { book } = this.#world.cluster
    const addLog = engine.addLog.bind(engine)
    engine.addLog = (payload: Uint8Array, options: AddLogOptions = {}) => {
      const result = addLog(payload, options)
      if (result.status !== 'SUCCESS' || !process.alive) return result
      const place = { partition: result.partition, index: result.index, key: hashBytes(payload) }
      if (options.kind === 'data') for (const id of marksIn(payload)) this.#history.logged(id, place)
      if (options.kind === 'noop-barrier') {
        const attempt = `${nameOf(name)} ${place.key}`
        const places = this.#barriers.get(attempt)
        if (places === undefined) this.#barriers.set(attempt, [place])
        else places.push(place)
      }
      return result
    }
    const read = engine.read.bind(engine)
    engine.read = (partition, from, maxBytes) => {
      if (!this.#over) book.count('kv: read again for replay')
      return read(partition, from, maxBytes)
    }
  }

  #nextCall(): void {
    const { random, cluster } = this.#world
    const { gapMs, burst } = this.#habits
    cluster.time.schedule(below(random, 2 * gapMs * 1000) / 1000, () => {
      if (!this.#active) return
      const hinted = this.#hint === undefined || chance(random, 0.15) ? undefined : this.#lives.get(this.#hint)
      const life = hinted?.process.alive === true ? hinted : this.#anyLife()
      life?.process.deliver(() => {
        // All on one stream fill batches, on many streams they leave streams behind; the database may choose as well.
        const together = chance(random, 0.5) ? pick(random, cluster.partitions) : undefined
        for (let i = between(random, 1, burst); i > 0; i--) {
          this.#transact(life, 'any', together ?? (chance(random, 0.5) ? pick(random, cluster.partitions) : undefined))
        }
      })
      this.#nextCall()
    })
  }

  #nextRead(): void {
    const { random, cluster } = this.#world
    cluster.time.schedule(below(random, 2 * this.#habits.readGapMs * 1000) / 1000, () => {
      if (this.#over) return
      const life = this.#anyLife()
      life?.process.deliver(() => this.#read(life))
      this.#nextRead()
    })
  }

  #anyLife(): Life | undefined {
    const node = this.#world.cluster.anyUp(this.#world.random)
    return node === undefined ? undefined : this.#lives.get(node.id)
  }

  #transact(life: Life, kind: 'any' | 'write', stream?: number): Executed | undefined {
    const { random, cluster } = this.#world
    const { db } = life
    const { floor } = this.#history
    const script = new Script(random, ++this.#ids, kind)
    const options = stream === undefined ? {} : { stream }
    let result: TransactResult<void>
    try {
      result = db.transact((t) => script.run(t), options)
      if (result.status === 'BUSY' && result.reason === 'recovering' && db.status().shard.loading) {
        result = db.load((t) => script.run(t), options)
        if (script.ran) this.#load(life)
      }
    } catch (error) {
      if (!(error instanceof ScriptFailed)) this.#broken(`${nameOf(life)}: a transaction has thrown ${String(error)}`)
      this.#history.abandoned(script.id)
      return undefined
    }
    if (script.wrong !== undefined) this.#broken(`${nameOf(life)}: ${script.wrong}`)
    cluster.book.count(`kv: ${result.status}${'reason' in result ? ` ${result.reason}` : ''}`)
    switch (result.status) {
      case 'SUCCESS':
        break
      case 'ABORTED':
        if (script.ending !== 'abort') this.#broken(`${nameOf(life)} aborted a transaction: ${result.reason}`)
        this.#history.abandoned(script.id)
        return undefined
      case 'NOT_LEADER':
        this.#hint = result.leaderHint?.nodeId
        {
          this.#refused(life, script, result.status)
          return
        }
      case 'REJECTED':
        this.#look(life)
        {
          this.#refused(life, script, result.reason)
          return
        }
      case 'BUSY': {
        this.#refused(life, script, result.reason)
        return
      }
    }
    this.#hint = life.node
    const { epoch, stamp } = result
    const { id, wrote, steps, sources } = script
    const by: LifeName = life
    const executed: Executed = { id, by, epoch, stamp: stamp[0]!, wrote, steps, sources, floor, fate: 'open' }
    this.#history.executed(executed)
    void result.safe.then(({ status }) => {
      if (!life.process.alive) return
      cluster.book.count(`kv: became ${status}`)
      cluster.book.history.add(20, id, epoch, executed.stamp, hashText(status))
      this.#history.settled(executed, status)
    })
    return executed
  }

  #refused(life: Life, script: Script, why: string): undefined {
    if (script.ran) this.#broken(`${nameOf(life)} ran a transaction, and then answered ${why}`)
    return undefined
  }

  /** Something was loaded; when it is enough, loading is ended. */
  #load(life: Life): void {
    const { epoch } = life.db.status().shard
    if (this.#loadedIn !== 0 && this.#loadedIn !== epoch) this.#world.cluster.book.count('kv: loading in a later epoch')
    this.#loadedIn = epoch
    if (++this.#loaded >= this.#habits.loads) this.#finishLoading(life)
  }

  #finishLoading(life: Life): void {
    if (life.finishing > 0) return
    life.finishing++
    void life.db.finishLoading().then(({ status }) => {
      if (!life.process.alive) return
      life.finishing--
      this.#world.cluster.book.count(`kv: finishLoading ${status}`)
    })
  }

  #read(life: Life): void {
    const { random, cluster } = this.#world
    const { db } = life
    const how = `was in a safe read of ${nameOf(life)}`
    const withMarks = chance(random, 0.1)
    const { value, watermark } = db.read((t) => ({
      rows: dumpThrough(t, (writer) => this.#history.exposed(writer, how)),
      marks: withMarks ? [...t.scan(MARK)].map(({ key }) => key.id) : undefined,
    }))
    for (const id of value.marks ?? []) this.#history.exposed(id, how)
    const [own] = watermark
    if (own! < life.watermark) this.#broken(`safe reads of ${nameOf(life)} go back from ${life.watermark} to ${own!}`)
    life.watermark = own!
    this.#history.safeRead({ by: life, watermark: own!, ...value })
    cluster.book.count('kv: safe reads')
    cluster.book.history.add(21, own, hashText(value.rows))
    this.#look(life)
  }

  /** Whether what a database says of itself can be true. */
  #look(life: Life): void {
    const { role, epoch, watermark, closedEpochs, fault } = life.db.status().shard
    // Damage that it met while it read back what is safe; the node stays as it is until its disk is replaced.
    const isDamaged = codeOf(fault) === 'CORRUPT_LOG' && this.#world.cluster.node(life.node).disk.isRotten
    if (role === 'faulted' && !isDamaged && life.engine.status().state === 'running') {
      this.#broken(`${nameOf(life)} is faulted: ${String(fault)}: ${String(fault?.cause)}`)
    }
    if (epoch < life.epoch) this.#broken(`${nameOf(life)} goes back from epoch ${life.epoch} to ${epoch}`)
    const [own] = watermark
    if (epoch === life.epoch && own! < life.epochWatermark) {
      this.#broken(`the watermark of ${nameOf(life)} goes back from ${life.epochWatermark} to ${own!}`)
    }
    life.epoch = epoch
    life.epochWatermark = own!
    for (const { epoch: number, finalWatermark } of closedEpochs.slice(life.closed)) {
      this.#history.closed(life, number, finalWatermark[0]!)
    }
    life.closed = closedEpochs.length
  }

  #broken(message: string): void {
    this.#world.cluster.book.broken('workload', message)
  }
}

/** What an error is about in the end: the replay says that it has failed, its cause says why. */
function codeOf(error: MakoError | undefined): string | undefined {
  return error?.cause instanceof MakoError ? error.cause.code : error?.code
}
