// One random history of a shard, from one seed, with an oracle beside it.
//
// The oracle knows what the product may not: the real dependencies of every transaction, all committed entries, and
// every answer that anyone was given. It never looks at a watermark.

import { below, type Entry, seededRandom } from '@mako/engine'
import { BatchReader, decodeBatchHeader } from '../src/batch.ts'
import { createShard, type SafeOutcome, type Shard } from '../src/index.ts'
import { type Executed, encodeExecuted, type Kept, decodeExecuted, VersionedMachine } from './machine.ts'
import { type FakeEngine, World } from './world.ts'

interface Replica {
  engine: FakeEngine
  shard: Shard
  machine: VersionedMachine
  watermark: number
  /** Taken and neither logged nor released, of interactive transactions. */
  inFlight: { stream: number; epoch: number; stamp: number }[]
}

interface Known {
  readonly executed: Executed
  readonly epoch: number
  readonly stamp: number
  readonly replica: Replica
  verdict: 'SAFE' | 'PENDING' | 'ROLLED_BACK'
  outcome: SafeOutcome | undefined
}

export interface HistoryCounts {
  executed: number
  safe: number
  rolledBack: number
  epochs: number
  partialBarriers: number
  dropped: number
  restarts: number
  busy: number
  loadedAfterFailover: number
  holes: number
}

const KEYS = ['a', 'b', 'c', 'd', 'e']

export async function runHistory(seed: number, steps = 2000): Promise<HistoryCounts> {
  const random = seededRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[below(random, from.length)]!
  const streams = Array.from({ length: 1 + below(random, 4) }, (_, i) => i * 3)
  const world = new World(random, 3, streams)
  world.holes = seed % 2 === 0
  world.lateEvents = below(random, 2) === 0
  const tinyQueue = below(random, 2) === 0
  const batch = { transactions: 1 + below(random, 6), bytes: 400 + below(random, 2000) }
  const counts: HistoryCounts = {
    executed: 0,
    safe: 0,
    rolledBack: 0,
    epochs: 0,
    partialBarriers: 0,
    dropped: 0,
    restarts: 0,
    busy: 0,
    loadedAfterFailover: 0,
    holes: 0,
  }

  const replicaOf = (engine: FakeEngine): Replica => {
    const machine = new VersionedMachine()
    const limits = tinyQueue ? { replayQueueBytes: 120, pendingBytes: 4000 } : { speculativeTransactions: 40 }
    return { engine, machine, shard: createShard({ engine, machine, batch, limits }), watermark: 0, inFlight: [] }
  }
  const replicas = world.engines.map(replicaOf)
  const all: Known[] = []
  const byId = new Map<string, Known>()
  const loadFailed = new Set<number>()

  const fail = (message: string): never => {
    throw new Error(`seed ${seed}: ${message}`)
  }

  /** Transactions whose record is in the committed logs now. */
  const committedIds = new Set<string>()
  const scanned = new Map<number, number>()
  const scan = (): void => {
    for (const [stream, log] of world.logs) {
      for (const entry of log.committed.slice(scanned.get(stream) ?? 0)) {
        for (const id of idsOf(entry)) committedIds.add(id)
      }
      scanned.set(stream, log.committed.length)
    }
  }

  /** At the moment a result is exposed, it and everything it depends on must be committed and not rolled back. */
  const expose = (known: Known): void => {
    const todo = [known]
    for (let next = todo.pop(); next; next = todo.pop()) {
      if (next.verdict === 'ROLLED_BACK')
        fail(`${known.executed.id} is safe and needs ${next.executed.id}, rolled back`)
      if (!committedIds.has(next.executed.id)) fail(`${known.executed.id} is safe and needs ${next.executed.id}, lost`)
      if (next !== known && next.verdict === 'SAFE') continue
      for (const writer of Object.values(next.executed.reads)) {
        if (writer !== 'nobody') todo.push(byId.get(writer) ?? fail(`${writer} is unknown`))
      }
    }
  }

  const observe = (): void => {
    scan()
    for (const replica of replicas) {
      const { shard, engine } = replica
      if (shard.role === 'faulted') fail(`${engine.nodeId} is faulted: ${shard.status().fault?.message ?? ''}`)
      const watermark = shard.watermark[0]!
      if (watermark < replica.watermark) fail(`the watermark of ${engine.nodeId} goes back`)
      replica.watermark = watermark
    }
    for (const known of all) {
      for (const { shard, engine } of replicas) {
        const verdict = shard.safe(known.epoch, known.stamp)
        if (verdict === 'PENDING' || verdict === known.verdict) continue
        if (known.verdict !== 'PENDING') {
          fail(`${known.executed.id} was ${known.verdict}, ${engine.nodeId} says ${verdict}`)
        }
        known.verdict = verdict
        if (verdict === 'SAFE') expose(known)
      }
      const told = known.outcome?.status
      if (told !== undefined && told !== 'UNKNOWN' && told !== known.verdict) {
        fail(`${known.executed.id} was told ${told} and is ${known.verdict}`)
      }
    }
    compareFinalWatermarks(replicas, fail)
  }

  const execute = (replica: Replica, load: boolean): void => {
    const { shard, machine, engine } = replica
    for (let left = 1 + below(random, 4); left > 0; left--) {
      const gate = shard.gate(load)
      if (gate.status === 'BUSY') counts.busy++
      if (gate.status !== 'READY') return
      const stream = pick(streams)
      const stamp = shard.take(stream)
      if (below(random, 12) === 0) {
        shard.release(stream, stamp)
        continue
      }
      if (below(random, 12) === 0) {
        replica.inFlight.push({ stream, epoch: gate.epoch, stamp })
        continue
      }
      const id = `${engine.nodeId}.${engine.incarnation}:${gate.epoch}/${stamp}`
      const reads: Record<string, string> = {}
      for (let i = below(random, 3); i > 0; i--) {
        const key = pick(KEYS)
        reads[key] = machine.writerOf(key)
      }
      // A write depends on what it overwrites as well.
      const writes = [pick(KEYS)]
      for (const key of writes) reads[key] = machine.writerOf(key)
      log(replica, { id, reads, writes }, stream, gate.epoch, stamp)
    }
  }

  const log = (replica: Replica, executed: Executed, stream: number, epoch: number, stamp: number): void => {
    const { shard, machine } = replica
    const known: Known = { executed, epoch, stamp, replica, verdict: 'PENDING', outcome: undefined }
    machine.install(executed, stamp, epoch)
    all.push(known)
    byId.set(executed.id, known)
    shard.log(stream, stamp, encodeExecuted(executed))
    counts.executed++
    if (below(random, 2) === 0) void shard.settled(epoch, stamp).then((outcome) => (known.outcome = outcome))
  }

  /** An interactive transaction ends: it touches a row that nobody else does, so it may be late. */
  const finishOne = (replica: Replica): void => {
    const at = below(random, replica.inFlight.length)
    const [open] = replica.inFlight.splice(at, 1)
    if (!open) return
    const { shard, engine } = replica
    const { stream, epoch, stamp } = open
    const lost = shard.role !== 'leading' || shard.epoch !== epoch
    if (lost || below(random, 2) === 0) {
      shard.release(stream, stamp)
      return
    }
    const id = `${engine.nodeId}.${engine.incarnation}:${epoch}/${stamp}`
    log(replica, { id, reads: {}, writes: [`own-${id}`] }, stream, epoch, stamp)
  }

  const step = (): void => {
    const replica = pick(replicas)
    const { engine, shard } = replica
    const stream = pick(streams)
    const dice = below(random, 1000)
    if (dice < 4) world.elect(stream, pick(world.engines), below(random, 6))
    else if (dice < 14) {
      const winner = pick(world.engines)
      for (const each of streams) if (below(random, 16) > 0) world.elect(each, winner, below(random, 6))
    } else if (dice < 40) engine.learn(stream)
    else if (dice < 60) engine.deliver()
    else if (dice < 64) engine.paused = !engine.paused
    else if (dice < 65) {
      const at = replicas.indexOf(replica)
      shard.stop()
      replicas[at] = replicaOf(world.restart(at, () => below(random, 6)))
      counts.restarts++
    } else if (dice < 68) {
      world.busyOneIn = below(random, 3) === 0 ? 1 + below(random, 4) : 0
    } else if (dice < 78) {
      if (shard.loading && shard.gate(true).status === 'READY') {
        const { epoch } = shard
        if ([...loadFailed].some((failed) => failed !== epoch)) counts.loadedAfterFailover++
        loadFailed.add(epoch)
        void shard.finishLoading().then((result) => {
          if (result.status === 'SUCCESS' && shard.loading) fail('loading was finished and goes on')
        })
      }
    } else if (dice < 220) world.commit(stream, 1 + below(random, 5))
    else if (engine.paused) return
    else if (dice < 500) engine.apply(stream, 1 + below(random, 5))
    else if (dice < 750) engine.turn()
    else if (dice < 780) {
      world.now += below(random, 4)
      engine.fireTimers()
    } else if (dice < 830) finishOne(replica)
    else execute(replica, shard.loading)
  }

  for (let i = 0; i < steps; i++) {
    step()
    observe()
    await Promise.resolve()
  }

  // Everything heals: one node leads all streams, everything is committed, applied and told.
  world.busyOneIn = 0
  const leader = pick(replicas)
  for (const { engine } of replicas) engine.paused = false
  for (const stream of streams) world.elect(stream, leader.engine, below(random, 6))
  const settle = async (): Promise<void> => {
    for (let quiet = 0, rounds = 0; quiet < 5; rounds++) {
      if (rounds > 20_000) fail('it does not come to rest')
      let busy = false
      for (const stream of streams) world.commit(stream, 100)
      for (const { engine } of replicas) {
        for (const stream of streams) {
          busy = engine.learn(stream) || busy
          busy = engine.apply(stream, 3) || busy
        }
        busy = engine.deliver() || busy
        world.now += 1
        busy = engine.turn() || busy
        busy = engine.fireTimers() || busy
        busy = engine.timers.size > 0 || busy
      }
      observe()
      for (let i = 0; i < 10; i++) await Promise.resolve()
      quiet = busy ? 0 : quiet + 1
    }
  }
  await settle()
  if (leader.shard.role !== 'leading') fail(`the leader is ${leader.shard.role} in the end`)
  for (let i = 0; i < 5; i++) execute(leader, leader.shard.loading)
  while (leader.inFlight.length > 0) finishOne(leader)
  await settle()
  // Without a marker that would help: all that was executed is safe, idle streams or not.
  const { clock, watermark } = leader.shard.status()
  if (watermark[0] !== clock) fail(`the watermark rests at ${watermark[0]!}, the clock at ${clock}`)
  const loaded = leader.shard.loading ? leader.shard.finishLoading() : undefined
  await settle()
  if (loaded && (await loaded).status !== 'SUCCESS') fail('loading cannot be finished')
  const ended = leader.shard.end()
  await settle()
  if ((await ended).status !== 'SUCCESS') fail('the streams cannot be ended')
  for (const { shard } of replicas) await shard.drain()

  const final = leader.machine.kept
  checkFinalState(replicas, final, all, fail)
  const first = replicas[0]!.shard.status()
  counts.safe = all.filter((known) => known.verdict === 'SAFE').length
  counts.rolledBack = all.length - counts.safe
  counts.epochs = first.closedEpochs.length + 1
  counts.partialBarriers = first.epoch - counts.epochs
  counts.dropped = Math.max(...replicas.map(({ shard }) => shard.status().droppedTransactions))
  counts.holes = world.filled
  for (const { shard } of replicas) shard.stop()
  return counts
}

function compareFinalWatermarks(replicas: readonly Replica[], fail: (message: string) => never): void {
  const lists = replicas.map(({ shard }) => shard.status().closedEpochs)
  const longest = lists.reduce((a, b) => (a.length >= b.length ? a : b))
  for (const list of lists) {
    list.forEach(({ epoch, finalWatermark }, i) => {
      const other = longest[i]!
      if (epoch !== other.epoch || finalWatermark[0] !== other.finalWatermark[0]) {
        fail(`epoch ${epoch} ended at ${finalWatermark[0]!}, elsewhere ${other.epoch} at ${other.finalWatermark[0]!}`)
      }
    })
  }
}

function checkFinalState(
  replicas: readonly Replica[],
  final: readonly Kept[],
  all: readonly Known[],
  fail: (message: string) => never,
): void {
  // Serial: a fresh machine takes the kept transactions one by one in stamp order, and every read comes out the same.
  const serial = new VersionedMachine()
  const executed = new Map(all.map((known) => [known.executed.id, known.executed]))
  const inOrder = [...final].sort((a, b) => a.epoch - b.epoch || a.stamp - b.stamp)
  for (const { id, epoch, stamp } of inOrder) serial.install(executed.get(id)!, stamp, epoch)
  const expected = inOrder.map(({ id }) => id).join()
  for (const { engine, machine, shard } of replicas) {
    const there = [...machine.kept].sort((a, b) => a.epoch - b.epoch || a.stamp - b.stamp)
    if (there.map(({ id }) => id).join() !== expected) fail(`${engine.nodeId} has another state in the end`)
    const status = shard.status()
    if (status.waitingBatches !== 0) fail(`${engine.nodeId} has batches that wait in the end`)
    if (shard.loading) fail(`${engine.nodeId} is still loading in the end`)
    if (status.watermark[0] !== replicas[0]!.shard.watermark[0]) fail('the watermarks differ in the end')
    if (status.executed !== status.safe + status.rolledBack) fail(`${engine.nodeId} has undecided transactions`)
  }
  const kept = new Set(final.map(({ id }) => id))
  for (const { executed: each, verdict, outcome, replica } of all) {
    if (verdict === 'PENDING') fail(`${each.id} is never decided`)
    if (kept.has(each.id) !== (verdict === 'SAFE')) fail(`${each.id} is ${verdict}, and that is not what is there`)
    if (outcome?.status === 'UNKNOWN' && replicas.includes(replica)) fail(`${each.id} was told UNKNOWN by a live node`)
  }
}

function idsOf(entry: Entry): string[] {
  if (entry.kind !== 'data') return []
  const ids: string[] = []
  const reader = new BatchReader(entry.payload, decodeBatchHeader(entry.payload))
  do ids.push(decodeExecuted(reader.transaction).id)
  while (reader.next())
  return ids
}
