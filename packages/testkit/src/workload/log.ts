// The log workload: clients that add unique payloads to any partition on any node, and remember what they were told.
//
// Always true: a payload is never used twice, so the ledger can tell what became of each call. A client's code runs in
// the process of the node that it calls: not while that is paused, and never after it has died. Operations are
// numbered, and each draws from a stream of its own, so that one can be left out and the others stay what they are.

import { below, DEFAULT_LIMITS, type AddLogOptions, type AddLogResult, type NodeId, type Random } from '@mako/engine'
import type { ReplicationEngine } from '@mako/engine'
import { hashBytes } from '../laws/hash.ts'
import { Ledger } from '../laws/ledger.ts'
import { between, chance, pick, stream } from '../world/random.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import type { SimProcess } from '../world/process.ts'
import { UnkindCallbacks } from './callbacks.ts'
import type { Workload, WorkloadFactory } from './workload.ts'
import type { SimWorld } from './world.ts'

/** How busy the clients of one seed are. */
interface Habits {
  readonly clients: number
  readonly gapMs: number
  readonly burst: number
  readonly largestBatch: number
  readonly largestPayload: number
  /** Probabilities that an operation is a flood of tiny proposals, or one proposal as large as may be and larger. */
  readonly flood: number
  readonly huge: number
}

/** Entries that the clients of one seed offer in a virtual second, about and at most: variety finds bugs, not heat. */
const MOST_ENTRIES_PER_SECOND = 1500

const FLOOD = 2000

/** Virtual milliseconds between two readers, on average. */
const READ_GAP_MS = 25

/** A payload of this size can be copied from node to node without slowing the simulation down. */
const MOST_HUGE_BYTES = 64 * 1024

/** What makes the first four bytes of payloads that belong to no operation. */
const PROOFS = 0xffff_0000
const REENTRANT = 0xffff_0001
const PACE = 0xffff_0002

export const logWorkload: WorkloadFactory = (world) => new LogWorkload(world)

class LogWorkload implements Workload {
  readonly #world: SimWorld
  readonly #ledger: Ledger
  readonly #habits: Habits
  readonly #callbacks: UnkindCallbacks
  /** By partition: the node that a client tries first. */
  readonly #hints = new Map<number, NodeId>()
  /** By partition: the state of the write that proves that the cluster lives. */
  readonly #proofs = new Map<number, { readonly term: number; done: boolean }>()
  /** By partition: writes one after the other, once all is quiet. */
  readonly #paces = new Map<number, { done: number; isOpen: boolean }>()
  #payloads = 0
  #operations = 0
  /** Readers that have not been answered; those of a process that has died never are. */
  readonly #readers = new Set<{ readonly process: SimProcess }>()
  #active = false

  constructor(world: SimWorld) {
    this.#world = world
    const { random, cluster, callbacks } = world
    this.#ledger = new Ledger(cluster.book)
    this.#callbacks = new UnkindCallbacks(world.seed, callbacks, cluster.book)
    const clients = between(random, 1, 4)
    const burst = pick(random, [1, 1, 1, 8])
    const largestBatch = pick(random, [1, 1, 4, 16])
    const entriesOfAll = (clients * (burst + 1) * (largestBatch + 1)) / 4
    this.#habits = {
      clients,
      burst,
      largestBatch,
      gapMs: Math.max(pick(random, [5, 10, 30]), (1000 * entriesOfAll) / MOST_ENTRIES_PER_SECOND),
      largestPayload: pick(random, [16, 16, 64, 512, 4096]),
      flood: pick(random, [0, 0, 0, 0.002]),
      huge: pick(random, [0, 0, 0.01]),
    }
  }

  get operations(): number {
    return this.#operations
  }

  readonly apply: ApplyHandler = (entry, context) => {
    // Only the leader's callers are told the value.
    const key = context.by === 'leader' ? hashBytes(entry.payload) : undefined
    // Once the faults are over callbacks are kind as well: a log of thousands of entries must not outlast the patience.
    if (!this.#active) return key
    return this.#callbacks.run(entry, context, key, () => this.#propose(context.node, entry.partition, REENTRANT))
  }

  onEngine(node: SimNode, engine: ReplicationEngine): void {
    const { process } = node
    let faults = 0
    engine.on('fault', ({ partition, error }) => {
      if (error.code !== 'CALLBACK_FAILED' || partition === undefined) return
      const random = stream(this.#world.seed, `resume ${node.id} ${partition} ${faults++}`)
      process?.clock.setTimer(below(random, 100), () => {
        this.#world.cluster.book.count('resumed after a callback fault')
        engine.resume(partition)
      })
    })
  }

  isHung({ process }: SimNode): boolean {
    return process !== undefined && this.#callbacks.isHung(process)
  }

  start(): void {
    this.#active = true
    for (let client = 0; client < this.#habits.clients; client++) {
      this.#next(stream(this.#world.seed, `client ${client}`))
    }
    this.#read(stream(this.#world.seed, 'readers'))
  }

  stop(): void {
    this.#active = false
  }

  provesLive(): boolean {
    const { cluster } = this.#world
    for (const partition of cluster.partitions) {
      const leader = cluster.leader(partition)
      if (leader?.engine === undefined) continue
      // A proof is good for its term: a later leader may know of no commit before it has one of its own (no no-op).
      const term = leader.engine.leaderHint(partition)?.term ?? 0
      const proof = this.#proofs.get(partition)
      if (proof !== undefined && proof.term >= term) continue
      const result = this.#propose(leader, partition, PROOFS)
      if (result.status !== 'SUCCESS') continue
      const asked = { term: result.term, done: false }
      this.#proofs.set(partition, asked)
      void result.outcome.then(({ status }) => {
        if (status === 'APPLIED') asked.done = true
        else if (this.#proofs.get(partition) === asked) this.#proofs.delete(partition)
      })
    }
    return cluster.partitions.every((partition) => this.#proofs.get(partition)?.done === true)
  }

  keepsPace(writes: number): boolean {
    const { cluster } = this.#world
    let isDone = true
    for (const partition of cluster.partitions) {
      let pace = this.#paces.get(partition)
      if (pace === undefined) this.#paces.set(partition, (pace = { done: 0, isOpen: false }))
      if (pace.done >= writes) continue
      isDone = false
      const leader = cluster.leader(partition)
      if (pace.isOpen || leader === undefined) continue
      const result = this.#propose(leader, partition, PACE)
      if (result.status !== 'SUCCESS') continue
      const waiting = pace
      waiting.isOpen = true
      void result.outcome.then(({ status }) => {
        waiting.isOpen = false
        if (status === 'APPLIED') waiting.done++
      })
    }
    return isDone
  }

  settled(): boolean {
    return this.#ledger.open === 0 && ![...this.#readers].some(({ process }) => process.alive)
  }

  check(): Promise<void> {
    this.#ledger.check()
    return Promise.resolve()
  }

  /** A client comes back again and again; when does not depend on anything that happens. */
  #next(random: Random): void {
    const { cluster, seed, skipOperation } = this.#world
    cluster.time.schedule(below(random, 2 * this.#habits.gapMs * 1000) / 1000, () => {
      if (!this.#active) return
      for (let i = between(random, 1, this.#habits.burst); i > 0; i--) {
        const ordinal = this.#operations++
        if (skipOperation?.(ordinal) !== true) this.#operate(ordinal, stream(seed, `operation ${ordinal}`))
      }
      this.#next(random)
    })
  }

  /** A reader comes to any node now and then; that what it is told is true is the book's business. */
  #read(random: Random): void {
    const { cluster } = this.#world
    cluster.time.schedule(below(random, 2 * READ_GAP_MS * 1000) / 1000, () => {
      if (!this.#active) return
      const partition = pick(random, cluster.partitions)
      const node = cluster.anyUp(random)
      node?.process?.deliver(() => void this.#readOn(node, partition))
      this.#read(random)
    })
  }

  async #readOn({ engine, process }: SimNode, partition: number): Promise<void> {
    if (engine === undefined || process === undefined) return
    const reader = { process }
    this.#readers.add(reader)
    const result = await engine.readBarrier(partition)
    this.#readers.delete(reader)
    if (!process.alive) return
    this.#world.cluster.book.count(`reader ${result.status}`)
    if (result.status !== 'READY') return
    const { applied } = engine.status().partitions.find((each) => each.partition === partition)!
    if (applied >= result.index) return
    this.#world.cluster.book.broken('no-stale-read', `a reader is READY at ${result.index}, applied is ${applied}`)
  }

  #operate(ordinal: number, random: Random): void {
    const { cluster } = this.#world
    const partition = pick(random, cluster.partitions)
    const hint = this.#hints.get(partition)
    const hinted = hint === undefined || chance(random, 0.2) ? undefined : cluster.node(hint)
    const node = hinted?.engine === undefined ? cluster.anyUp(random) : hinted
    node?.process?.deliver(() => {
      if (chance(random, this.#habits.flood)) this.#flood(node, partition, ordinal)
      else if (chance(random, this.#habits.huge)) this.#huge(node, partition, ordinal)
      else this.#add(node, partition, ordinal, random)
    })
  }

  /** Mostly one call with a few small payloads; now and then one that asks for what cannot be. */
  #add(node: SimNode, partition: number, ordinal: number, random: Random): void {
    const { largestBatch, largestPayload } = this.#habits
    const count = between(random, 1, largestBatch)
    const payloads = Array.from({ length: count }, (_, i) => {
      const bytes = payload(ordinal, i, below(random, chance(random, 0.9) ? 16 : largestPayload))
      return bytes
    })
    const batch = count > 1 || chance(random, 0.1)
    if (chance(random, 0.005)) {
      const result = node.engine?.addLog(payloads[0]!, { partition: 0xffff })
      if (result !== undefined) this.#count(result)
      if (result !== undefined && (result.status !== 'REJECTED' || result.reason !== 'unknown-partition')) {
        this.#broken(`${node.id} answers ${result.status} for a partition that it does not host`)
      }
      return
    }
    // A client that was told of an older term fences its write with it.
    const term = node.engine?.leaderHint(partition)?.term
    const fence = term !== undefined && chance(random, 0.01) ? { term: Math.max(1, term - 1) } : {}
    this.#call(node, partition, payloads, batch, fence)
  }

  /** Thousands of tiny proposals, each a call of its own. */
  #flood(node: SimNode, partition: number, ordinal: number): void {
    this.#world.cluster.book.count('fault: flood of tiny proposals')
    for (let i = 0; i < FLOOD; i++) this.#call(node, partition, [payload(ordinal, i, 0)], false)
  }

  /** One proposal that is just small enough, and one that is a byte too large. */
  #huge(node: SimNode, partition: number, ordinal: number): void {
    const { payloadBytes } = { ...DEFAULT_LIMITS, ...this.#world.limits }
    if (payloadBytes > MOST_HUGE_BYTES) return
    this.#world.cluster.book.count('fault: huge proposal')
    const fits = this.#call(node, partition, [payload(ordinal, 0, payloadBytes - 8)], false)
    const tooLarge = this.#call(node, partition, [payload(ordinal, 1, payloadBytes - 7)], false)
    if (tooLarge?.status === 'SUCCESS' || tooLarge?.status === 'NOT_LEADER') {
      this.#broken(`${node.id} answers ${tooLarge.status} for ${payloadBytes + 1} bytes, the limit is ${payloadBytes}`)
    }
    const { outstandingBytes, diskQueueBytes } = { ...DEFAULT_LIMITS, ...this.#world.limits }
    const isOtherwiseTooLarge = payloadBytes + 5 > Math.min(outstandingBytes, diskQueueBytes)
    if (fits?.status === 'REJECTED' && fits.reason === 'too-large' && !isOtherwiseTooLarge) {
      this.#broken(`${node.id} refuses ${payloadBytes} bytes, the limit`)
    }
  }

  /** One payload that belongs to no operation. */
  #propose(node: SimNode, partition: number, source: number): AddLogResult {
    const bytes = payload(source, this.#payloads++, 4)
    return this.#call(node, partition, [bytes], false) ?? { status: 'NOT_LEADER', leaderHint: undefined }
  }

  #call(
    node: SimNode,
    partition: number,
    payloads: readonly Uint8Array[],
    batch: boolean,
    options: AddLogOptions = {},
  ): AddLogResult | undefined {
    const { engine, process } = node
    if (engine === undefined || process === undefined) return undefined
    const all = { partition, ...options }
    const result = batch ? engine.addLogs(payloads, all) : engine.addLog(payloads[0]!, all)
    const keys = payloads.map(hashBytes)
    this.#ledger.note({ keys, node: node.id, partition }, result, () => process.alive)
    this.#count(result)
    if (result.status === 'NOT_LEADER' && result.leaderHint !== undefined) {
      this.#hints.set(partition, result.leaderHint.nodeId)
    } else if (result.status !== 'SUCCESS') this.#hints.delete(partition)
    if (result.status === 'SUCCESS') this.#askAgain(partition, keys, result)
    return result
  }

  /** What is UNKNOWN to the node that was asked, another one may know. */
  #askAgain(partition: number, keys: readonly number[], accepted: AddLogResult & { readonly status: 'SUCCESS' }): void {
    const { index, count, term } = accepted
    void accepted.outcome.then((outcome) => {
      if (outcome.status !== 'UNKNOWN') return
      const other = this.#world.cluster.anyUp(stream(this.#world.seed, `ask ${partition} ${index} ${term}`))
      void other?.engine
        ?.outcomeOf({ partition, index, count, term })
        .then((later) => this.#ledger.confirm(keys, partition, later))
    })
  }

  #count(result: AddLogResult): void {
    const { book } = this.#world.cluster
    switch (result.status) {
      case 'SUCCESS':
        return
      case 'NOT_LEADER':
        book.count(result.leaderHint === undefined ? 'NOT_LEADER without a hint' : 'NOT_LEADER with a hint')
        return
      case 'BUSY':
      case 'REJECTED':
        book.count(`${result.status} ${result.reason}`)
        return
    }
  }

  #broken(message: string): void {
    this.#world.cluster.book.broken('answers', message)
  }
}

/** Unique by its first eight bytes. */
function payload(source: number, number: number, more: number): Uint8Array {
  const bytes = new Uint8Array(8 + more)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, source)
  view.setUint32(4, number)
  return bytes
}
