// From stamps to entries: what the executing node sends, one `StreamSender` for each stream of one epoch.
//
// Always true: entries of a stream are proposed in order of their stamps, in the term in which the epoch's barrier was
// written there, and each carries a bound: nothing of this stream and epoch at or below it is missing behind it. What
// the engine cannot take now waits here in order; nothing is dropped while the epoch is led.

import { type Accepted, type AddLogResult, type BusyReason, MakoError, type ReplicationEngine } from '@mako/engine'
import { BatchBuilder } from './batch.ts'
import type { ShardClock } from './clock.ts'
import type { ShardLimits } from './limits.ts'
import { encodeProgress } from './markers.ts'

export interface BatchSize {
  readonly transactions: number
  readonly bytes: number
}

export interface SenderOptions {
  readonly engine: ReplicationEngine
  readonly clock: ShardClock
  readonly batch: BatchSize
  readonly limits: ShardLimits
  readonly epoch: number
  /** The start of the epoch: all streams have promised it by their barriers. */
  readonly start: number
  /** Partition and fencing term of each stream. */
  readonly streams: readonly { readonly partition: number; readonly term: number }[]
}

export type SendResult =
  | { readonly status: 'SENT' }
  | { readonly status: 'BUSY'; readonly reason: BusyReason; readonly retryAfterMs: number }
  /** This node does not lead the stream in that term any more: the epoch is over for it. */
  | { readonly status: 'DEPOSED'; readonly stream: number }
  /** The engine refuses for good. */
  | { readonly status: 'FAULT'; readonly error: MakoError }

type MarkerKind = 'advancer' | 'ending'
type Kind = 'data' | 'bound' | MarkerKind

const SENT: SendResult = { status: 'SENT' }

/** Sends one epoch. Given up as a whole when the epoch is lost: the next one gets a new sender. */
export class EpochSender {
  readonly epoch: number
  readonly #clock: ShardClock
  readonly #streams: readonly StreamSender[]
  /** A marker that waits until no stamp is in flight, so that its bound covers everything before it. */
  #mark: MarkerKind | undefined
  #busy: Extract<SendResult, { status: 'BUSY' }> | undefined

  constructor(options: SenderOptions) {
    this.epoch = options.epoch
    this.#clock = options.clock
    this.#streams = options.streams.map((_, stream) => new StreamSender(stream, options))
  }

  /** Bytes of transactions that the engine has not accepted. */
  get pendingBytes(): number {
    let bytes = 0
    for (const stream of this.#streams) bytes += stream.pendingBytes
    return bytes
  }

  /** What the engine said when it last refused; undefined since it took everything. */
  get busy(): Extract<SendResult, { status: 'BUSY' }> | undefined {
    return this.#busy
  }

  /** True while a marker waits for stamps in flight: then no new ones should be taken. */
  get marking(): boolean {
    return this.#mark !== undefined
  }

  take(stream: number): number {
    const stamp = this.#clock.take()
    this.#streams[stream]!.take(stamp)
    return stamp
  }

  holds(stream: number, stamp: number): boolean {
    return this.#streams[stream]!.holds(stamp)
  }

  /** Adds a transaction; a batch that is full leaves at once. */
  log(stream: number, stamp: number, transaction: Uint8Array): SendResult {
    const sender = this.#streams[stream]!
    sender.log(stamp, transaction)
    if (!sender.hasFullBatch) return SENT
    const result = sender.send()
    // Only a flush asks all streams, so only a flush can tell that nothing is refused any more.
    if (result.status === 'BUSY') this.#busy = result
    return result
  }

  release(stream: number, stamp: number): void {
    this.#streams[stream]!.release(stamp)
  }

  /** Puts a marker on all streams, behind everything that was logged, as soon as no stamp is in flight. */
  mark(kind: MarkerKind): void {
    this.#mark = kind
  }

  /** The engine's answer to the marker of the first stream, once it has accepted it. */
  marked(kind: MarkerKind): Accepted | undefined {
    return this.#streams[0]!.marked(kind)
  }

  /** Sends everything there is, and from the streams that have no transactions what they can promise. */
  flush(): SendResult {
    const mark = this.#mark
    if (mark && this.#streams.every((stream) => stream.inFlight === 0)) {
      for (const stream of this.#streams) stream.mark(mark)
      this.#mark = undefined
    }
    let result = SENT
    for (const stream of this.#streams) {
      const sent = stream.flush()
      if (sent.status === 'DEPOSED' || sent.status === 'FAULT') return sent
      if (sent.status === 'BUSY') result = sent
    }
    this.#busy = result.status === 'BUSY' ? result : undefined
    return result
  }
}

/** Sends one stream of one epoch. */
class StreamSender {
  readonly #options: SenderOptions
  readonly #stream: number
  readonly #builder = new BatchBuilder()
  /** Stamps that are taken and neither logged nor released; a Set keeps them in the order of taking. */
  readonly #inFlight = new Set<number>()
  /** Logged above a stamp that is still in flight: they wait for it, so that a stream's stamps ascend. */
  #held: { readonly stamp: number; readonly transaction: Uint8Array }[] = []
  #heldBytes = 0
  /** Sealed and not yet accepted, in order. */
  #sealed: { readonly kind: Kind; readonly payload: Uint8Array }[] = []
  #sealedBytes = 0
  readonly #marked = new Map<MarkerKind, Accepted>()
  #sequence = 0
  /** The bound of the newest entry that was sealed. */
  #promised: number

  constructor(stream: number, options: SenderOptions) {
    this.#stream = stream
    this.#options = options
    this.#promised = options.start
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  get pendingBytes(): number {
    return this.#heldBytes + this.#sealedBytes + (this.#builder.count > 0 ? this.#builder.byteLength : 0)
  }

  get hasFullBatch(): boolean {
    const { transactions, bytes } = this.#options.batch
    return this.#sealed.length > 0 || this.#builder.count >= transactions || this.#builder.byteLength >= bytes
  }

  take(stamp: number): void {
    this.#inFlight.add(stamp)
  }

  holds(stamp: number): boolean {
    return this.#inFlight.has(stamp)
  }

  release(stamp: number): void {
    const wasLowest = this.#lowestInFlight() === stamp
    this.#inFlight.delete(stamp)
    if (wasLowest) this.#admitHeld()
  }

  log(stamp: number, transaction: Uint8Array): void {
    this.#inFlight.delete(stamp)
    if (this.#lowestInFlight() < stamp) {
      this.#held.push({ stamp, transaction: transaction.slice() })
      this.#heldBytes += transaction.length
      return
    }
    // It was the lowest in flight, and whatever is held is above it: the order stays ascending.
    this.#add(stamp, transaction)
    this.#admitHeld()
  }

  mark(kind: MarkerKind): void {
    this.#sealBatch()
    this.#sealMarker(kind)
  }

  marked(kind: MarkerKind): Accepted | undefined {
    return this.#marked.get(kind)
  }

  flush(): SendResult {
    this.#sealBatch()
    // While entries wait for the engine, a promise would only wait behind them.
    if (this.#sealed.length === 0 && this.#bound() > this.#promised) this.#sealMarker('bound')
    return this.send()
  }

  /** Proposes what is sealed, in order, as far as the engine takes it. */
  send(): SendResult {
    if (this.#builderIsFull()) this.#sealBatch()
    const { engine, streams, limits } = this.#options
    const { partition, term } = streams[this.#stream]!
    let sent = 0
    let result: SendResult = SENT
    while (sent < this.#sealed.length) {
      const { kind, payload } = this.#sealed[sent]!
      const answer = engine.addLog(payload, { partition, kind, term })
      result = sendResult(answer, this.#stream, limits)
      if (answer.status !== 'SUCCESS') break
      if (kind === 'advancer' || kind === 'ending') this.#marked.set(kind, answer)
      this.#sealedBytes -= payload.length
      sent++
    }
    if (sent > 0) this.#sealed = this.#sealed.slice(sent)
    return result
  }

  #lowestInFlight(): number {
    for (const stamp of this.#inFlight) return stamp
    return Infinity
  }

  /** Everything of this stream at or below it is sealed or in the builder. */
  #bound(): number {
    return Math.min(this.#options.clock.now, this.#lowestInFlight() - 1)
  }

  #admitHeld(): void {
    if (this.#held.length === 0) return
    const lowest = this.#lowestInFlight()
    const ready = this.#held.filter((each) => each.stamp < lowest).sort((a, b) => a.stamp - b.stamp)
    if (ready.length === 0) return
    this.#held = this.#held.filter((each) => each.stamp > lowest)
    for (const { stamp, transaction } of ready) {
      this.#heldBytes -= transaction.length
      this.#add(stamp, transaction)
    }
  }

  #builderIsFull(): boolean {
    const { transactions, bytes } = this.#options.batch
    return this.#builder.count >= transactions || this.#builder.byteLength >= bytes
  }

  #add(stamp: number, transaction: Uint8Array): void {
    // A batch is sealed before it would outgrow its size, so that one transaction more is all it can be above it. The
    // bound stays below this transaction, which is not in the sealed batch.
    const size = this.#builder.byteLength + transaction.length
    if (this.#builderIsFull() || size > this.#options.batch.bytes) this.#sealBatch(stamp - 1)
    this.#builder.add(stamp, transaction)
  }

  #sealBatch(limit = Infinity): void {
    if (this.#builder.count === 0) return
    const bound = Math.min(this.#bound(), limit)
    const payload = this.#builder.seal(this.#options.epoch, ++this.#sequence, bound)
    this.#push('data', payload, bound)
  }

  #sealMarker(kind: Exclude<Kind, 'data'>): void {
    const bound = this.#bound()
    this.#push(kind, encodeProgress({ epoch: this.#options.epoch, sequence: ++this.#sequence, bound }), bound)
  }

  #push(kind: Kind, payload: Uint8Array, bound: number): void {
    this.#sealed.push({ kind, payload })
    this.#sealedBytes += payload.length
    this.#promised = bound
  }
}

/** Reads the engine's answer. Everything but SUCCESS means that the entry is definitely not in the log. */
export function sendResult(answer: AddLogResult, stream: number, limits: ShardLimits): SendResult {
  switch (answer.status) {
    case 'SUCCESS':
      return SENT
    case 'NOT_LEADER':
      return { status: 'DEPOSED', stream }
    case 'BUSY':
      return { ...answer, retryAfterMs: Math.max(answer.retryAfterMs, limits.retryAfterMs) }
    case 'REJECTED':
      if (answer.reason === 'fenced' || answer.reason === 'stopped') return { status: 'DEPOSED', stream }
      return {
        status: 'FAULT',
        error: new MakoError('BAD_OPTION', `The engine refuses entries of a stream for good: ${answer.reason}.`),
      }
  }
}
