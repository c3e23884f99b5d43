// A small world for shards: replicas that share one log per stream, without any protocol, under full control of a test.
//
// Always true: an entry is committed only in the newest term of its stream, by its leader, in order; a new term keeps a
// prefix of its predecessor's uncommitted tail and loses the rest (with `holes`, some in between as well, as Paxos may);
// a deposed leader does not notice until it is told.

import {
  type AddLogOptions,
  type AddLogResult,
  type ApplyCallbacks,
  below,
  type Clock,
  type EngineEvents,
  type Entry,
  type LeaderHint,
  MakoError,
  type Random,
  type ReplicationEngine,
} from '@mako/engine'

interface View {
  /** The term in which this node believes to lead, or 0. */
  term: number
  announced: boolean
  /** All entries at or below it must be applied before leadership is announced. */
  readyIndex: number
  tail: Entry[]
  base: number
  applied: number
}

interface StreamLog {
  term: number
  leader: FakeEngine | undefined
  committed: Entry[]
}

export class World {
  readonly random: Random
  readonly streams: readonly number[]
  readonly logs: Map<number, StreamLog>
  readonly engines: FakeEngine[]
  now = 0
  /** One in this many proposals is refused; 0 for none. */
  busyOneIn = 0
  /** Events of leadership wait for a turn of their node: what is asked is then newer than what was told. */
  lateEvents = false
  /** A new term may fill the place of some entries of its predecessor's tail with no-ops, and keep later ones. */
  holes = false
  /** How many entries were lost so. */
  filled = 0
  /** Refusals while a test wants them, whatever the odds. */
  busyAlways = false

  constructor(random: Random, nodeCount: number, streams: readonly number[]) {
    this.random = random
    this.streams = streams
    this.logs = new Map(streams.map((stream) => [stream, { term: 0, leader: undefined, committed: [] }]))
    this.engines = Array.from({ length: nodeCount }, (_, i) => new FakeEngine(this, `n${i}`, 1))
  }

  /** A new term of a stream. The new leader inherits `kept` entries of the old leader's tail. */
  elect(stream: number, engine: FakeEngine, kept: number): void {
    const log = this.logs.get(stream)!
    if (log.leader) this.#inherit(stream, kept)
    log.term++
    log.leader = engine
    const view = engine.view(stream)
    // The same node may lead again before anyone has told it that it did not for a while.
    if (view.announced && below(this.random, 2) === 0) engine.stepDown(stream)
    view.announced = false
    view.term = log.term
    view.tail = []
    view.base = log.committed.length
    view.readyIndex = log.committed.length
    engine.announceIfReady(stream)
  }

  /** Commits the next entries of the newest leader. */
  commit(stream: number, count: number): void {
    const log = this.logs.get(stream)!
    const view = log.leader?.view(stream)
    if (!view || view.term !== log.term) return
    for (const entry of view.tail.splice(0, count)) {
      if (entry.index !== log.committed.length + 1) throw new Error('the world is wrong')
      log.committed.push(entry)
      view.base++
    }
  }

  /** What the next leader finds of its predecessor's tail. */
  #inherit(stream: number, kept: number): void {
    const view = this.logs.get(stream)!.leader!.view(stream)
    if (this.holes) {
      view.tail = view.tail.map((entry, at) => {
        if (at >= kept - 1 || below(this.random, 3) > 0) return entry
        this.filled++
        const origin = { ...entry.origin, sequence: 0 }
        return { ...entry, kind: 'noop', origin, payload: new Uint8Array(0) }
      })
    }
    this.commit(stream, kept)
  }

  /** A new life of a node: its memory is gone, its committed log is not. */
  restart(at: number, kept: () => number): FakeEngine {
    const old = this.engines[at]!
    for (const [stream, log] of this.logs) {
      if (log.leader !== old) continue
      this.#inherit(stream, kept())
      log.leader = undefined
    }
    old.dead = true
    const engine = new FakeEngine(this, old.nodeId, old.incarnation + 1)
    this.engines[at] = engine
    return engine
  }
}

type Listener = (event: never) => void

export class FakeEngine implements ReplicationEngine {
  readonly nodeId: string
  readonly incarnation: number
  readonly partitions: readonly number[]
  readonly clock: Clock
  readonly world: World
  dead = false
  paused = false
  readonly deferred: (() => void)[] = []
  readonly events: (() => void)[] = []
  readonly timers: Map<number, { at: number; fn: () => void }> = new Map()
  fault: unknown
  #timer = 0
  #sequence = 0
  readonly #callbacks = new Map<number, ApplyCallbacks>()
  readonly #views = new Map<number, View>()
  readonly #listeners = new Map<string, Set<Listener>>()

  constructor(world: World, nodeId: string, incarnation: number) {
    this.world = world
    this.nodeId = nodeId
    this.incarnation = incarnation
    this.partitions = world.streams
    for (const stream of world.streams) {
      this.#views.set(stream, { term: 0, announced: false, readyIndex: 0, tail: [], base: 0, applied: 0 })
    }
    this.clock = {
      monotonicNow: () => world.now,
      wallNow: () => world.now,
      setTimer: (delayMs, fn) => {
        this.timers.set(++this.#timer, { at: world.now + delayMs, fn })
        return this.#timer
      },
      clearTimer: (timer) => void this.timers.delete(timer as number),
      defer: (fn) => void this.deferred.push(fn),
    }
  }

  view(stream: number): View {
    return this.#views.get(stream)!
  }

  /** Runs what was deferred until now, not what that defers in turn; true when there was something. */
  turn(): boolean {
    const due = this.deferred.splice(0)
    for (const fn of due) if (!this.dead) fn()
    return due.length > 0
  }

  fireTimers(): boolean {
    const due = [...this.timers].filter(([, timer]) => timer.at <= this.world.now)
    for (const [id, timer] of due) {
      this.timers.delete(id)
      timer.fn()
    }
    return due.length > 0
  }

  /** Applies the next committed entries of a stream; true when there were some. */
  apply(stream: number, count: number): boolean {
    const view = this.view(stream)
    const entries = this.world.logs.get(stream)!.committed.slice(view.applied, view.applied + count)
    for (const entry of entries) {
      const own = entry.origin.node === this.nodeId && entry.origin.incarnation === this.incarnation
      const callbacks = this.#callbacks.get(stream)!
      if (entry.kind === 'noop') {
        view.applied++
        continue
      }
      try {
        if (own) callbacks.leader(entry)
        else callbacks.follower(entry)
      } catch (error) {
        this.fault = error
        const cause = error instanceof MakoError ? error : new MakoError('LAW_BROKEN', String(error))
        this.emit('fault', { partition: stream, index: entry.index, error: cause })
        return false
      }
      view.applied++
    }
    this.announceIfReady(stream)
    return entries.length > 0
  }

  announceIfReady(stream: number): void {
    const view = this.view(stream)
    if (view.term === 0 || view.announced || view.applied < view.readyIndex) return
    view.announced = true
    this.emit('leader', { partition: stream, term: view.term })
  }

  /** Tells a leader of an old term that it is one; true when it was. */
  learn(stream: number): boolean {
    const log = this.world.logs.get(stream)!
    const view = this.view(stream)
    if (view.term === 0 || (log.leader === this && view.term === log.term)) return false
    this.stepDown(stream)
    return true
  }

  stepDown(stream: number): void {
    const view = this.view(stream)
    const { term } = view
    view.term = 0
    view.announced = false
    view.tail = []
    this.emit('follower', { partition: stream, term, leaderHint: this.leaderHint(stream) })
  }

  emit<E extends keyof EngineEvents>(event: E, value: Parameters<EngineEvents[E]>[0]): void {
    if (this.world.lateEvents) this.events.push(() => this.#deliver(event, value))
    else this.#deliver(event, value)
  }

  /** Delivers late events; true when there were some. */
  deliver(): boolean {
    const events = this.events.splice(0)
    for (const event of events) event()
    return events.length > 0
  }

  #deliver<E extends keyof EngineEvents>(event: E, value: Parameters<EngineEvents[E]>[0]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value as never)
  }

  onApply(callbacks: ApplyCallbacks, partition?: number): void {
    for (const stream of partition === undefined ? this.partitions : [partition]) this.#callbacks.set(stream, callbacks)
  }

  addLog(payload: Uint8Array, options: AddLogOptions = {}): AddLogResult {
    const partition = options.partition ?? this.partitions[0]!
    const view = this.view(partition)
    if (!view.announced) return { status: 'NOT_LEADER', leaderHint: this.leaderHint(partition) }
    if (options.term !== undefined && options.term !== view.term) return { status: 'REJECTED', reason: 'fenced' }
    const { busyOneIn, busyAlways, random } = this.world
    if (busyAlways || (busyOneIn > 0 && below(random, busyOneIn) === 0)) {
      return { status: 'BUSY', reason: 'entries', retryAfterMs: 3 }
    }
    const entry: Entry = {
      partition,
      index: view.base + view.tail.length + 1,
      term: view.term,
      kind: options.kind ?? 'data',
      origin: { node: this.nodeId, incarnation: this.incarnation, sequence: ++this.#sequence },
      payload: payload.slice(),
    }
    view.tail.push(entry)
    const outcome = Promise.resolve({ status: 'UNKNOWN' as const, token: { partition, index: 0, count: 1, term: 0 } })
    return { status: 'SUCCESS', partition, index: entry.index, count: 1, term: entry.term, outcome }
  }

  isLeader(partition?: number): boolean {
    return this.view(partition ?? this.partitions[0]!).announced
  }

  leaderHint(partition?: number): LeaderHint | undefined {
    const log = this.world.logs.get(partition ?? this.partitions[0]!)!
    return log.leader ? { nodeId: log.leader.nodeId, address: log.leader.nodeId, term: log.term } : undefined
  }

  read(partition: number, from: number): Promise<{ readonly entries: readonly Entry[]; readonly next: number }> {
    return new Promise((resolve) => {
      this.deferred.push(() => {
        const end = Math.min(from + below(this.world.random, 4), this.view(partition).applied)
        const entries = this.world.logs.get(partition)!.committed.slice(from - 1, end)
        resolve({ entries, next: from + entries.length })
      })
    })
  }

  on<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>()
    this.#listeners.set(event, listeners.add(listener))
    return this
  }

  off<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this {
    this.#listeners.get(event)?.delete(listener)
    return this
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  readonly addLogs: () => never = this.#absent
  readonly outcomeOf: () => never = this.#absent
  readonly outstanding: () => never = this.#absent
  readonly transferLeadership: () => never = this.#absent
  readonly resume: () => never = this.#absent
  readonly readBarrier: () => never = this.#absent
  readonly drain: () => never = this.#absent
  readonly stop: () => never = this.#absent
  readonly status: () => never = this.#absent
  readonly [Symbol.asyncDispose]: () => never = this.#absent

  #absent(): never {
    throw new Error('A shard does not need this.')
  }
}
