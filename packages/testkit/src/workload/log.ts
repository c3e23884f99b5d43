// The log workload: clients that add unique payloads to any partition on any node, and remember what they were told.
//
// Always true: a payload is never used twice, so the ledger can tell what became of each call. A client's code runs in
// the process of the node that it calls: not while that is paused, and never after it has died.

import { below, type NodeId, type ReplicationEngine } from '@mako/engine'
import { hashBytes } from '../laws/hash.ts'
import { Ledger } from '../laws/ledger.ts'
import { between, chance, pick } from '../world/random.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import type { Workload, WorkloadFactory } from './workload.ts'
import { KIND_CALLBACKS, type SimWorld } from './world.ts'

/** How busy the clients of one seed are. */
interface Habits {
  readonly clients: number
  readonly gapMs: number
  readonly burst: number
  readonly largestBatch: number
  readonly largestPayload: number
}

export const logWorkload: WorkloadFactory = (world) => new LogWorkload(world)

class LogWorkload implements Workload {
  readonly #world: SimWorld
  readonly #ledger: Ledger
  readonly #habits: Habits
  /** By partition: the node that a client tries first. */
  readonly #hints = new Map<number, NodeId>()
  /** By partition: the state of the write that proves that the cluster lives. */
  readonly #proofs = new Map<number, { readonly term: number; done: boolean }>()
  #payloads = 0
  #active = false

  constructor(world: SimWorld) {
    this.#world = world
    this.#ledger = new Ledger(world.cluster.book)
    const { random } = world
    this.#habits = {
      clients: between(random, 1, 4),
      gapMs: pick(random, [5, 10, 30]),
      burst: pick(random, [1, 1, 1, 8]),
      largestBatch: pick(random, [1, 1, 4, 16]),
      largestPayload: pick(random, [16, 16, 64, 512, 4096]),
    }
  }

  readonly apply: ApplyHandler = (entry, { process, by }) => {
    const { random } = this.#world
    // Once the faults are over callbacks are kind as well: a log of thousands of entries must not outlast the patience.
    const callbacks = this.#active ? this.#world.callbacks : KIND_CALLBACKS
    const { book } = this.#world.cluster
    // Only the leader's callers are told the value.
    const key = by === 'leader' ? hashBytes(entry.payload) : undefined
    if (chance(random, callbacks.busy)) {
      book.count('fault: busy callback')
      process.burn(below(random, callbacks.busyMs))
    }
    const throws = chance(random, callbacks.throws)
    if (throws) book.count('fault: throwing callback')
    if (!chance(random, callbacks.async)) {
      if (throws) throw new Error('The callback was told to fail.')
      return key
    }
    book.count('fault: slow callback')
    return new Promise((resolve, reject) => {
      process.clock.setTimer(below(random, callbacks.slowMs), () => {
        if (throws) reject(new Error('The callback was told to fail.'))
        else resolve(key)
      })
    })
  }

  onEngine(node: SimNode, engine: ReplicationEngine): void {
    const { random } = this.#world
    const { process } = node
    engine.on('fault', ({ partition, error }) => {
      if (error.code !== 'CALLBACK_FAILED' || partition === undefined) return
      process?.clock.setTimer(below(random, 100), () => engine.resume(partition))
    })
  }

  start(): void {
    this.#active = true
    for (let client = 0; client < this.#habits.clients; client++) this.#next()
  }

  stop(): void {
    this.#active = false
  }

  provesLive(): boolean {
    const { cluster } = this.#world
    for (const partition of cluster.partitions) {
      const leader = cluster.leader(partition)
      if (leader?.engine === undefined) continue
      const { engine } = leader
      // A proof is good for its term: a later leader may know of no commit before it has one of its own (no no-op).
      const term = engine.leaderHint(partition)?.term ?? 0
      const proof = this.#proofs.get(partition)
      if (proof !== undefined && proof.term >= term) continue
      const payload = this.#payload()
      const result = engine.addLog(payload, { partition })
      this.#note(leader, partition, [payload], result)
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

  settled(): boolean {
    return this.#ledger.open === 0
  }

  check(): Promise<void> {
    this.#ledger.check()
    return Promise.resolve()
  }

  #next(): void {
    const { random, cluster } = this.#world
    cluster.time.schedule(below(random, 2 * this.#habits.gapMs * 1000) / 1000, () => {
      if (!this.#active) return
      for (let i = between(random, 1, this.#habits.burst); i > 0; i--) this.#call()
      this.#next()
    })
  }

  #call(): void {
    const { random, cluster } = this.#world
    const partition = pick(random, cluster.partitions)
    const hint = this.#hints.get(partition)
    const hinted = hint === undefined || chance(random, 0.2) ? undefined : cluster.node(hint)
    const node = hinted?.engine === undefined ? cluster.anyUp(random) : hinted
    const process = node?.process
    const engine = node?.engine
    if (node === undefined || process === undefined || engine === undefined) return
    const payloads = Array.from({ length: between(random, 1, this.#habits.largestBatch) }, () => this.#payload())
    process.deliver(() => {
      const result =
        payloads.length === 1 && chance(random, 0.9)
          ? engine.addLog(payloads[0]!, { partition })
          : engine.addLogs(payloads, { partition })
      this.#note(node, partition, payloads, result)
      if (result.status === 'NOT_LEADER' && result.leaderHint !== undefined) {
        this.#hints.set(partition, result.leaderHint.nodeId)
      } else if (result.status !== 'SUCCESS') this.#hints.delete(partition)
    })
  }

  #note(
    node: SimNode,
    partition: number,
    payloads: readonly Uint8Array[],
    result: ReturnType<ReplicationEngine['addLog']>,
  ): void {
    const keys = payloads.map(hashBytes)
    const { process } = node
    this.#ledger.note({ keys, node: node.id, partition }, result, () => process?.alive === true)
    if (result.status !== 'SUCCESS') return
    const token = { partition, index: result.index, count: result.count, term: result.term }
    void result.outcome.then((outcome) => {
      if (outcome.status !== 'UNKNOWN') return
      const other = this.#world.cluster.anyUp(this.#world.random)
      void other?.engine?.outcomeOf(token).then((later) => this.#ledger.confirm(keys, partition, later))
    })
  }

  /** Unique by its first bytes; most are small. */
  #payload(): Uint8Array {
    const { random } = this.#world
    const small = chance(random, 0.9) ? 16 : this.#habits.largestPayload
    const bytes = new Uint8Array(8 + below(random, small))
    const view = new DataView(bytes.buffer)
    view.setUint32(0, ++this.#payloads)
    view.setUint32(4, random.u32())
    return bytes
  }
}
