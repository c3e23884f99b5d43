// Clients inside the process of the leader, as in an application that uses an engine as a library: so many entries are
// asked for and not applied yet, at any time.
//
// Why it is fast: nobody waits for a promise. The leader callback of an entry is its answer (committed, and applied
// here), and the next entry is asked for from there, so that all entries of a turn share one block.
//
// Always true: entries of a partition are answered in the order in which they were asked for, so a ring of times is all
// that latency needs; anything but SUCCESS and BUSY ends the measurement.

import { createHistogram } from 'node:perf_hooks'
import { setTimeout as after } from 'node:timers/promises'
import type { ApplyCallback, ReplicationEngine } from '@mako/engine'
import { type Cost, Stopwatch } from '../stopwatch.ts'

/** Begins at once, and goes on until it was measured. */
export interface ClientLoad {
  /** Over all partitions. */
  readonly inFlight: number
  readonly bytes: number
  readonly warmUpSeconds: number
  /** Whether clients wait for a promise each, instead of being called back. One partition only. @default false */
  readonly waiting?: boolean
}

/** Its processor time is that of the process of the clients. */
export interface LoopResult extends Cost {
  readonly p50Us: number
  readonly p99Us: number
}

/** Of many in flight one in so many is timed: looking at the clock and noting the time cost a tenth of an entry. */
const MANY_TIMED_EVERY = 8

export class Clients {
  readonly #engine: ReplicationEngine
  readonly #histogram = createHistogram()
  readonly #partitions = new Map<number, PartitionClients>()
  #payload: Uint8Array = new Uint8Array(0)
  #timedEvery = 1
  #running = false
  #operations = 0
  #failure: Error | undefined
  #retrying = false

  constructor(engine: ReplicationEngine) {
    this.#engine = engine
    for (const partition of engine.partitions) this.#partitions.set(partition, new PartitionClients(partition))
    engine.on('follower', () => {
      if (this.#running) this.#fail('this node leads no more')
    })
  }

  /** To be the leader callback of the engine. */
  readonly applied: ApplyCallback = ({ partition }) => {
    const clients = this.#partitions.get(partition)!
    const asked = clients.answered()
    if (asked > 0) this.#histogram.record(Math.max(1, Math.round((performance.now() - asked) * 1e6)))
    this.#operations++
    if (this.#running) this.#ask(clients)
  }

  /** Resolves when all is warmed up. */
  async begin({ inFlight, bytes, warmUpSeconds }: ClientLoad): Promise<void> {
    this.#payload = new Uint8Array(bytes).fill(7)
    this.#timedEvery = inFlight < 64 ? 1 : MANY_TIMED_EVERY
    this.#failure = undefined
    this.#running = true
    const share = Math.ceil(inFlight / this.#partitions.size)
    for (const clients of this.#partitions.values()) {
      clients.begin(share)
      for (let i = 0; i < share; i++) this.#ask(clients)
    }
    await after(warmUpSeconds * 1000)
  }

  /** Measures, and ends the load. */
  async measure(seconds: number): Promise<LoopResult> {
    const watch = new Stopwatch()
    this.#histogram.reset()
    const before = this.#operations
    watch.start()
    await after(seconds * 1000)
    // A rate and quantiles of nothing would say nothing: on a busy machine a short round takes longer.
    while (this.#running && this.#operations === before) await after(1)
    watch.stop()
    const operations = this.#operations - before
    this.#running = false
    const [p50Us, p99Us] = [this.#histogram.percentile(50) / 1000, this.#histogram.percentile(99) / 1000]
    while (this.#failure === undefined && this.#isOpen()) await after(1)
    if (this.#failure !== undefined) throw this.#failure
    return { operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs, p50Us, p99Us }
  }

  #isOpen(): boolean {
    return [...this.#partitions.values()].some(({ open }) => open > 0)
  }

  #ask(clients: PartitionClients): void {
    const isTimed = this.#operations % this.#timedEvery === 0
    const now = isTimed ? performance.now() : 0
    const { status } = this.#engine.addLog(this.#payload, clients.options)
    if (status === 'SUCCESS') clients.asked(now)
    else if (status === 'BUSY') this.#retry(clients)
    else this.#fail(`addLog was ${status}`)
  }

  #retry(clients: PartitionClients): void {
    clients.refused++
    if (this.#retrying) return
    this.#retrying = true
    setImmediate(() => {
      this.#retrying = false
      if (!this.#running) return
      for (const each of this.#partitions.values()) {
        const count = each.refused
        each.refused = 0
        for (let i = 0; i < count; i++) this.#ask(each)
      }
    })
  }

  #fail(why: string): void {
    this.#failure ??= new Error(`The clients have failed: ${why}.`)
    this.#running = false
  }
}

/** When the entries of one partition that are not answered yet were asked for; 0 for those that are not timed. */
class PartitionClients {
  readonly options: { readonly partition: number }
  /** Entries that are to be asked for again. */
  refused = 0
  #times = new Float64Array(1)
  #asked = 0
  #answered = 0

  constructor(partition: number) {
    this.options = { partition }
  }

  get open(): number {
    return this.#asked - this.#answered
  }

  begin(inFlight: number): void {
    this.#times = new Float64Array(inFlight)
    this.#asked = 0
    this.#answered = 0
    this.refused = 0
  }

  asked(now: number): void {
    this.#times[this.#asked++ % this.#times.length] = now
  }

  answered(): number {
    return this.#times[this.#answered++ % this.#times.length]!
  }
}
