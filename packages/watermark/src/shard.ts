// One shard: the recorder, the epoch's sender, the replay cursor and the waiters, put together.
//
// Always true: callbacks of the engine only record, and never wait; everything else happens in `#turn`, at the end of the
// turn, in this order: send, replay, change the role, tell those who wait. A node executes only while it leads all
// streams in the terms in which its epoch was opened, and only after all earlier epochs are replayed and closed.

import { type AddLogResult, type Entry, MakoError, type Timer } from '@mako/engine'
import { decodeBatchHeader } from './batch.ts'
import { ShardClock } from './clock.ts'
import type { ExecuteGate, SafeOutcome, Shard, ShardOptions, ShardRole, ShardStatus, Stamp } from './contract.ts'
import { EpochHistory } from './epoch.ts'
import { BarrierSet, Leadership } from './leadership.ts'
import { DEFAULT_SHARD_LIMITS, type ShardLimits } from './limits.ts'
import { decodeBarrier, decodeProgress, type Progress } from './markers.ts'
import { ReplayCursor } from './replay.ts'
import { type BatchSize, EpochSender, type SendResult } from './sender.ts'
import { ConditionWaiters, OutcomeWaiters, TransactionCounter } from './waiters.ts'

const DEFAULT_BATCH: BatchSize = { transactions: 128, bytes: 64 * 1024 }

/**
 * Makes the shard of an engine that is not started yet, and registers its callbacks there.
 * @throws MakoError `BAD_OPTION`, `BAD_STATE` when the engine was started
 */
export function createShard(options: ShardOptions): Shard {
  return new StreamShard(options)
}

/** What this node does; what only exists in a role is in it. */
type State =
  | { readonly role: 'following' }
  | { readonly role: 'recovering'; readonly barriers: BarrierSet }
  | { readonly role: 'leading'; readonly sender: EpochSender; readonly ready: ExecuteGate; readonly ended: boolean }
  | { readonly role: 'faulted'; readonly error: MakoError }
  | { readonly role: 'stopped' }

const FOLLOWING: State = { role: 'following' }

class StreamShard implements Shard {
  readonly streams: readonly number[]
  readonly #engine: ShardOptions['engine']
  readonly #limits: ShardLimits
  readonly #batch: BatchSize
  readonly #streamOf: ReadonlyMap<number, number>
  readonly #clock = new ShardClock()
  readonly #history: EpochHistory
  readonly #leadership: Leadership
  readonly #replay: ReplayCursor
  readonly #counter: TransactionCounter
  readonly #outcomes: OutcomeWaiters
  readonly #conditions = new ConditionWaiters()
  /** Like conditions, but given up when the replay is faulted. */
  readonly #drains = new ConditionWaiters()
  #state: State = FOLLOWING
  #newestAttempt = 0
  #committedBatches = 0
  #turnDue = false
  #retry: { readonly timer: Timer } | undefined

  constructor(options: ShardOptions) {
    const { engine, machine } = options
    this.streams = [...(options.streams ?? engine.partitions)]
    this.#engine = engine
    this.#limits = { ...DEFAULT_SHARD_LIMITS, ...options.limits }
    this.#batch = { ...DEFAULT_BATCH, ...options.batch }
    checkOptions(this.streams, engine.partitions, this.#limits, this.#batch)
    this.#streamOf = new Map(this.streams.map((partition, stream) => [partition, stream]))
    this.#history = new EpochHistory(this.streams.length)
    this.#leadership = new Leadership(engine, this.streams)
    this.#counter = new TransactionCounter(this.#history)
    this.#outcomes = new OutcomeWaiters(this.#history)
    this.#replay = new ReplayCursor({
      partitions: this.streams,
      machine,
      history: this.#history,
      limits: this.#limits,
      clock: engine.clock,
      read: (partition, from, maxBytes) => engine.read(partition, from, maxBytes),
      wake: () => this.#wake(),
      failed: (error) => this.#fail(error),
    })
    for (const [partition, stream] of this.#streamOf) {
      engine.onApply(
        {
          leader: (entry) => this.#record(stream, entry, true),
          follower: (entry) => this.#record(stream, entry, false),
        },
        partition,
      )
    }
    engine.on('leader', this.#onLeader)
    engine.on('follower', this.#onFollower)
    engine.on('fault', this.#onFault)
  }

  get role(): ShardRole {
    return this.#state.role
  }

  get epoch(): number {
    return this.#history.current?.number ?? 0
  }

  get loading(): boolean {
    return this.#history.loading
  }

  get watermark(): Stamp {
    return [this.#watermark]
  }

  get #watermark(): number {
    return this.#history.current?.watermark ?? 0
  }

  gate(load = false): ExecuteGate {
    const state = this.#state
    switch (state.role) {
      case 'stopped':
        return { status: 'REJECTED', reason: 'stopped' }
      case 'faulted':
        return { status: 'REJECTED', reason: 'faulted' }
      case 'recovering':
        return this.#busy('recovering')
      case 'following': {
        const elsewhere = this.#leadership.whereElse()
        if (elsewhere.status === 'DIVIDED') return this.#busy('recovering')
        return { status: 'NOT_LEADER', leaderHint: elsewhere.hint }
      }
      case 'leading':
        return this.#leadingGate(state, load)
    }
  }

  take(stream: number): number {
    const { sender, ended } = this.#leading()
    if (ended) throw new MakoError('BAD_STATE', 'The streams were ended: nothing more is executed in this epoch.')
    return sender.take(this.#indexOf(stream))
  }

  log(stream: number, stamp: number, transaction: Uint8Array): void {
    const { sender } = this.#leading()
    const index = this.#indexOf(stream)
    if (!sender.holds(index, stamp)) {
      throw new MakoError('BAD_STATE', `Stamp ${stamp} was not taken for stream ${stream} in this epoch.`)
    }
    if (!(transaction instanceof Uint8Array)) throw new MakoError('BAD_PAYLOAD', 'A transaction must be a Uint8Array.')
    if (transaction.length > this.#limits.transactionBytes) {
      const limit = this.#limits.transactionBytes
      throw new MakoError('BAD_PAYLOAD', `A transaction of ${transaction.length} bytes is above the limit of ${limit}.`)
    }
    this.#counter.add(sender.epoch, stamp)
    this.#handle(sender.log(index, stamp, transaction))
    this.#wake()
  }

  release(stream: number, stamp: number): void {
    const index = this.#indexOf(stream)
    if (this.#state.role !== 'leading') return
    this.#state.sender.release(index, stamp)
    this.#wake()
  }

  safe(epoch: number, stamp: number): 'SAFE' | 'PENDING' | 'ROLLED_BACK' {
    return this.#history.judge(epoch, stamp)
  }

  settled(epoch: number, stamp: number): Promise<SafeOutcome> {
    return this.#outcomes.wait(epoch, stamp)
  }

  async reached(stamp: Stamp, options?: { readonly signal?: AbortSignal }): Promise<void> {
    const own = stamp[0]
    if (stamp.length !== 1 || own === undefined || !Number.isSafeInteger(own)) {
      throw new MakoError('BAD_OPTION', 'A stamp of one shard has one element, an integer.')
    }
    await this.#conditions.wait(() => this.#watermark >= own, options?.signal)
  }

  finishLoading(): Promise<AddLogResult> {
    return this.#mark('advancer')
  }

  end(): Promise<AddLogResult> {
    return this.#mark('ending')
  }

  async drain(options?: { readonly signal?: AbortSignal }): Promise<void> {
    await this.#drains.wait(() => this.#isDrained(), options?.signal)
  }

  stop(): void {
    if (this.#state.role === 'stopped') return
    this.#engine.off('leader', this.#onLeader)
    this.#engine.off('follower', this.#onFollower)
    this.#engine.off('fault', this.#onFault)
    this.#state = { role: 'stopped' }
    this.#clearRetry()
    this.#replay.stop()
    this.#counter.settle()
    this.#outcomes.stop()
    this.#conditions.settle()
    const stopped = new MakoError('BAD_STATE', 'The shard was stopped.')
    this.#conditions.close(stopped)
    this.#drains.close(stopped)
  }

  status(): ShardStatus {
    const { appliedBatches, replayed, dropped } = this.#replay
    return {
      role: this.role,
      loading: this.loading,
      epoch: this.epoch,
      clock: this.#clock.now,
      watermark: this.watermark,
      executed: this.#counter.executed,
      safe: this.#counter.safe,
      rolledBack: this.#counter.rolledBack,
      committedBatches: this.#committedBatches,
      appliedBatches,
      replayedTransactions: replayed,
      droppedTransactions: dropped,
      waitingBatches: this.#committedBatches - appliedBatches,
      closedEpochs: this.#history.closed.map((each) => ({ epoch: each.number, finalWatermark: [each.watermark] })),
      fault: this.#state.role === 'faulted' ? this.#state.error : undefined,
    }
  }

  // The first cursor: it records, and never waits.

  #record(stream: number, entry: Entry, own: boolean): void {
    if (this.#state.role === 'stopped') return
    switch (entry.kind) {
      case 'data': {
        const header = decodeBatchHeader(entry.payload)
        if (!this.#recordProgress(stream, header, header.first)) return
        this.#committedBatches++
        this.#replay.enqueue(stream, entry.index, header, entry.payload)
        break
      }
      case 'bound':
      case 'advancer':
      case 'ending': {
        const progress = decodeProgress(entry.payload)
        if (!this.#recordProgress(stream, progress)) return
        if (entry.kind === 'advancer') this.#history.advancer(stream, progress.epoch)
        if (entry.kind === 'ending') this.#history.ending(stream, progress.epoch)
        break
      }
      case 'noop-barrier': {
        const barrier = decodeBarrier(entry.payload)
        const { node, incarnation } = entry.origin
        this.#history.barrier(stream, barrier, { node, incarnation, own })
        this.#clock.observe(barrier.start)
        // Someone leads this stream in a later term: the engine will say so, but it need not be waited for.
        if (this.#leadership.isOvertaken(stream, entry.term)) this.#lose(stream)
        break
      }
      case 'noop':
        return
    }
    this.#wake()
  }

  #recordProgress(stream: number, progress: Progress, first?: number): boolean {
    // An entry of an epoch that is over in its stream changes nothing, on any replica.
    if (this.#history.progress(stream, progress, first) === 'STALE') return false
    this.#clock.observe(progress.bound)
    return true
  }

  // Roles.

  readonly #onLeader = ({ partition, term }: { partition: number; term: number }): void => {
    const stream = this.#streamOf.get(partition)
    if (stream === undefined) return
    // Whatever was led before is over: even the same node begins a new epoch in a new term.
    this.#stepDown()
    this.#leadership.won(stream, term)
    this.#wake()
  }

  readonly #onFollower = ({ partition }: { partition: number }): void => {
    const stream = this.#streamOf.get(partition)
    if (stream !== undefined) this.#lose(stream)
  }

  readonly #onFault = ({ partition, error }: { partition: number | undefined; error: MakoError }): void => {
    if (partition === undefined || this.#streamOf.has(partition)) this.#fail(error)
  }

  #lose(stream: number): void {
    this.#leadership.lost(stream)
    this.#stepDown()
  }

  /** This node executes no more in its epoch; what it had not sent waits for the end of the epoch like the rest. */
  #stepDown(): void {
    if (this.#state.role !== 'leading' && this.#state.role !== 'recovering') return
    this.#state = FOLLOWING
    this.#clearRetry()
    this.#wake()
  }

  #fail(error: MakoError): void {
    if (this.#state.role === 'faulted' || this.#state.role === 'stopped') return
    this.#state = { role: 'faulted', error }
    this.#clearRetry()
    this.#replay.stop()
    this.#drains.close(error)
    this.#wake()
  }

  #handle(result: SendResult): void {
    switch (result.status) {
      case 'SENT':
        return
      case 'BUSY':
        this.#retry ??= {
          timer: this.#engine.clock.setTimer(result.retryAfterMs, () => {
            this.#retry = undefined
            this.#wake()
          }),
        }
        return
      case 'DEPOSED':
        this.#lose(result.stream)
        return
      case 'FAULT':
        this.#fail(result.error)
        return
    }
  }

  // The turn.

  #wake(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    this.#engine.clock.defer(() => {
      this.#turnDue = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#state.role === 'stopped') return
    if (this.#state.role === 'leading') this.#handle(this.#state.sender.flush())
    if (this.#state.role === 'following') this.#tryToLead()
    if (this.#state.role === 'recovering') this.#handle(this.#state.barriers.send())
    this.#runReplay()
    if (this.#state.role === 'recovering') this.#lead(this.#state.barriers)
    this.#counter.settle()
    this.#outcomes.settle()
    this.#conditions.settle()
    this.#drains.settle()
  }

  #runReplay(): void {
    try {
      if (this.#replay.run() === 'MORE') this.#wake()
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause)
      this.#fail(new MakoError('BAD_STATE', `The state machine of the shard failed: ${what}`, { cause }))
    }
  }

  #tryToLead(): void {
    const streams = this.#leadership.all()
    if (!streams) return
    const barriers = new BarrierSet(
      this.#engine,
      this.#limits,
      this.#history,
      streams,
      this.#newestAttempt,
      this.#clock.now,
    )
    this.#newestAttempt = barriers.epoch
    this.#state = { role: 'recovering', barriers }
  }

  /** Executes from now on, if its barriers are recorded on all streams and everything before them is replayed. */
  #lead({ epoch, start, streams }: BarrierSet): void {
    if (this.#history.find(epoch)?.writer.own !== true || !this.#replay.hasFinishedBelow(epoch)) return
    const sender = new EpochSender({
      engine: this.#engine,
      clock: this.#clock,
      batch: this.#batch,
      limits: this.#limits,
      epoch,
      start,
      streams,
    })
    this.#state = { role: 'leading', sender, ready: { status: 'READY', epoch }, ended: false }
  }

  #leadingGate(state: Extract<State, { role: 'leading' }>, load: boolean): ExecuteGate {
    const lost = this.#leadership.lostStream()
    if (lost !== undefined) {
      this.#lose(lost)
      return this.gate(load)
    }
    if (state.ended) return { status: 'REJECTED', reason: 'read-only' }
    const { sender } = state
    if (sender.marking || (this.loading && !load)) return this.#busy('recovering')
    if (sender.busy) return sender.busy
    if (sender.pendingBytes >= this.#limits.pendingBytes) return this.#busy('bytes')
    if (this.#counter.open >= this.#limits.speculativeTransactions) return this.#busy('entries')
    return state.ready
  }

  async #mark(kind: 'advancer' | 'ending'): Promise<AddLogResult> {
    const gate = this.gate(true)
    if (gate.status !== 'READY') return gate
    const state = this.#leading()
    const { epoch } = gate
    if (kind === 'ending') this.#state = { ...state, ended: true }
    state.sender.mark(kind)
    this.#wake()
    const isRecorded = (): boolean => {
      const found = this.#history.find(epoch)
      return (kind === 'advancer' ? found?.advancers : found?.endings)?.size === this.streams.length
    }
    const isOver = (): boolean => this.#history.find(epoch)?.finalWatermark !== undefined
    try {
      await this.#conditions.wait(() => isRecorded() || isOver())
    } catch {
      return { status: 'REJECTED', reason: this.#state.role === 'faulted' ? 'faulted' : 'stopped' }
    }
    const accepted = state.sender.marked(kind)
    if (isRecorded() && accepted) return accepted
    const elsewhere = this.#leadership.whereElse()
    return { status: 'NOT_LEADER', leaderHint: elsewhere.status === 'UNITED' ? elsewhere.hint : undefined }
  }

  #isDrained(): boolean {
    const state = this.#state
    if (this.#counter.open > 0 || this.#committedBatches > this.#replay.appliedBatches) return false
    return state.role === 'following' || (state.role === 'leading' && state.sender.pendingBytes === 0)
  }

  #leading(): Extract<State, { role: 'leading' }> {
    if (this.#state.role === 'leading') return this.#state
    throw new MakoError('BAD_STATE', `This node does not execute: its role is ${this.#state.role}.`)
  }

  #indexOf(partition: number): number {
    const stream = this.#streamOf.get(partition)
    if (stream === undefined) throw new MakoError('BAD_OPTION', `Partition ${partition} is no stream of this shard.`)
    return stream
  }

  #busy(reason: 'recovering' | 'bytes' | 'entries'): ExecuteGate {
    return { status: 'BUSY', reason, retryAfterMs: this.#limits.retryAfterMs }
  }

  #clearRetry(): void {
    if (this.#retry) this.#engine.clock.clearTimer(this.#retry.timer)
    this.#retry = undefined
  }
}

function checkOptions(
  streams: readonly number[],
  partitions: readonly number[],
  limits: ShardLimits,
  batch: BatchSize,
): void {
  if (streams.length === 0) throw new MakoError('BAD_OPTION', 'A shard needs at least one stream.')
  if (new Set(streams).size !== streams.length) throw new MakoError('BAD_OPTION', 'A stream is named twice.')
  for (const stream of streams) {
    if (!partitions.includes(stream))
      throw new MakoError('BAD_OPTION', `Stream ${stream} is no partition of the engine.`)
  }
  for (const [name, value] of [...Object.entries(limits), ...Object.entries(batch)]) {
    if (typeof value !== 'number' || !(value > 0))
      throw new MakoError('BAD_OPTION', `${name} must be a positive number.`)
  }
}
