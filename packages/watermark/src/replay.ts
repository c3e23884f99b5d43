// The second cursor of a replica: it replays what is safe, in ascending stamp order, merged over all streams.
//
// Always true: the state that it builds is a serial prefix of the kept transactions, at every moment; it never waits
// inside a callback of the engine, so that one stream cannot hold up the recording of another; and its memory is
// bounded: what does not fit is read again from the log, in the same order.

import { type Clock, type Entry, MakoError, type ReplicationEngine } from '@mako/engine'
import { type BatchHeader, BatchReader, decodeBatchHeader } from './batch.ts'
import type { StateMachine } from './contract.ts'
import type { Epoch, EpochHistory } from './epoch.ts'
import type { ShardLimits } from './limits.ts'
import { decodeBarrier, decodeProgress } from './markers.ts'

/** Memory that a batch of this process costs in a queue: its transactions are installed already. */
const OWN_BATCH_BYTES = 64
/** Transactions between two looks at the clock. */
const BUDGET_STRIDE = 32

export interface ReplayOptions {
  /** Partition of each stream. */
  readonly partitions: readonly number[]
  readonly machine: StateMachine
  readonly history: EpochHistory
  readonly limits: ShardLimits
  readonly clock: Clock
  readonly read: ReplicationEngine['read']
  /** There is something to do again: call `run` soon. */
  readonly wake: () => void
  /** The log could not be read again. */
  readonly failed: (error: MakoError) => void
}

/** `IDLE`: all that is safe is replayed. `MORE`: the time is used up. `READING`: it goes on with `wake`. */
export type ReplayResult = 'IDLE' | 'MORE' | 'READING'

export class ReplayCursor {
  readonly #options: ReplayOptions
  readonly #queues: readonly BatchQueue[]
  /** The epoch that is being replayed; undefined before the first one. */
  #epoch: Epoch | undefined
  /** The number of the newest epoch that is replayed and closed. */
  #finished = 0
  #settled = 0
  #appliedBatches = 0
  #replayed = 0
  #dropped = 0
  #stopped = false

  constructor(options: ReplayOptions) {
    this.#options = options
    this.#queues = options.partitions.map((partition, stream) => new BatchQueue(stream, partition, options))
  }

  /** Batches whose transactions are all installed or dropped. */
  get appliedBatches(): number {
    return this.#appliedBatches
  }

  get replayed(): number {
    return this.#replayed
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Everything of all epochs below this one is replayed, and what is above their ends is undone. */
  hasFinishedBelow(epoch: number): boolean {
    return this.#epoch !== undefined && this.#epoch.number >= epoch
  }

  /** Takes in a recorded batch; its bytes are copied when they are needed later. */
  enqueue(stream: number, index: number, header: BatchHeader, payload: Uint8Array): void {
    this.#queues[stream]!.enqueue(index, header, payload)
  }

  /**
   * Replays what is safe, for about the time budget.
   * @throws what the state machine throws; then it must not be called again, or nothing would be certain.
   */
  run(): ReplayResult {
    if (this.#stopped) return 'IDLE'
    for (const queue of this.#queues) queue.refill()
    const { clock, limits, history } = this.#options
    const until = clock.monotonicNow() + limits.replayBudgetMs
    for (;;) {
      this.#epoch ??= history.after(this.#finished)
      const epoch = this.#epoch
      if (!epoch) return 'IDLE'
      const final = epoch.finalWatermark
      const limit = final ?? epoch.watermark
      const result = this.#replayUpTo(epoch, limit, until)
      if (result !== 'IDLE') return result
      if (final === undefined) {
        this.#settle(limit)
        return 'IDLE'
      }
      if (!this.#dropRest(epoch)) return 'READING'
      this.#options.machine.rollBack(epoch.number, final)
      this.#settle(final)
      this.#finished = epoch.number
      this.#epoch = undefined
    }
  }

  stop(): void {
    this.#stopped = true
    for (const queue of this.#queues) queue.stop()
  }

  #replayUpTo(epoch: Epoch, limit: number, until: number): ReplayResult {
    const { machine, clock } = this.#options
    for (let count = 1; ; count++) {
      let next: BatchQueue | undefined
      for (const queue of this.#queues) {
        // What is still to be read may have a lower stamp than all that is here.
        if (queue.isMissing) {
          queue.refill()
          return 'READING'
        }
        if (queue.epoch === epoch.number && queue.stamp <= limit && (!next || queue.stamp < next.stamp)) next = queue
      }
      if (!next) return 'IDLE'
      const transaction = next.transaction
      if (transaction) {
        machine.replay(transaction, next.stamp, epoch.number)
        this.#replayed++
      }
      if (next.advance()) this.#appliedBatches++
      if (count % BUDGET_STRIDE === 0 && clock.monotonicNow() > until) return 'MORE'
    }
  }

  /** Drops what is above the final watermark; false when some of it must be read first. */
  #dropRest(epoch: Epoch): boolean {
    for (const queue of this.#queues) {
      while (queue.epoch === epoch.number) {
        this.#dropped += queue.dropBatch()
        this.#appliedBatches++
      }
      if (!queue.isMissing) continue
      queue.refill()
      return false
    }
    return true
  }

  #settle(watermark: number): void {
    if (watermark <= this.#settled) return
    this.#settled = watermark
    this.#options.machine.settle(watermark)
  }
}

interface QueuedBatch {
  readonly header: BatchHeader
  /** Undefined for a batch of this process. */
  readonly payload: Uint8Array | undefined
}

/** The recorded and not yet replayed batches of one stream, in memory as far as they fit. */
class BatchQueue {
  readonly #options: ReplayOptions
  readonly #stream: number
  readonly #partition: number
  #batches: QueuedBatch[] = []
  #head = 0
  #bytes = 0
  #reader: BatchReader | undefined
  /**
   * Where to read on when not everything recorded is in memory; the epoch there, and the sequence of its last entry that
   * counted. What counts when it is read again is what counted when it was recorded.
   */
  #rest: { from: number; epoch: number; sequence: number } | undefined
  /** The index of the newest recorded batch: beyond it nothing may be replayed yet. */
  #recorded = 0
  #reading = false
  #stopped = false

  constructor(stream: number, partition: number, options: ReplayOptions) {
    this.#stream = stream
    this.#partition = partition
    this.#options = options
  }

  /** The epoch of the next transaction; 0 when there is none in memory. */
  get epoch(): number {
    return this.#batches[this.#head]?.header.epoch ?? 0
  }

  /** The stamp of the next transaction, for a batch of this process of its last one. */
  get stamp(): number {
    return this.#reader?.stamp ?? this.#batches[this.#head]?.header.last ?? Infinity
  }

  /** The next transaction; undefined when this process has executed it itself. */
  get transaction(): Uint8Array | undefined {
    return this.#reader?.transaction
  }

  /** True when the next batch is recorded and not in memory. */
  get isMissing(): boolean {
    return this.#rest !== undefined && this.#head === this.#batches.length
  }

  enqueue(index: number, header: BatchHeader, payload: Uint8Array): void {
    this.#recorded = index
    if (this.#rest) return
    if (this.#bytes >= this.#options.limits.replayQueueBytes) {
      this.#rest = { from: index, epoch: header.epoch, sequence: header.sequence - 1 }
      return
    }
    this.#push(header, payload)
  }

  /** Goes to the next transaction; true when a batch was finished. */
  advance(): boolean {
    if (this.#reader?.next() === true) return false
    this.#shift()
    return true
  }

  /** Skips the rest of the batch and tells how many transactions of others that were. */
  dropBatch(): number {
    const dropped = this.#reader?.remaining ?? 0
    this.#shift()
    return dropped
  }

  /** Starts to read when the memory is half empty and there is more. */
  refill(): void {
    if (!this.#rest || this.#reading || this.#stopped) return
    if (this.#bytes > this.#options.limits.replayQueueBytes / 2) return
    this.#reading = true
    void this.#readOn(this.#rest.from)
  }

  stop(): void {
    this.#stopped = true
  }

  async #readOn(from: number): Promise<void> {
    const { read, limits, clock, wake, failed } = this.#options
    try {
      const { entries, next } = await read(this.#partition, from, limits.replayReadBytes)
      if (this.#stopped) return
      for (const entry of entries) {
        // The engine may be ahead of what was recorded here; that comes in by itself.
        if (entry.index < from || entry.index > this.#recorded) continue
        const header = this.#countAgain(entry)
        if (header) this.#push(header, entry.payload)
      }
      if (next > this.#recorded) this.#rest = undefined
      else this.#rest!.from = Math.max(from, next)
      this.#reading = false
      if (next > from) wake()
      else clock.setTimer(limits.retryAfterMs, wake)
    } catch (error) {
      if (this.#stopped) return
      const cause = `Stream ${this.#stream} could not be read again from ${from}`
      failed(error instanceof MakoError ? error : new MakoError('LOG_IO', cause, { cause: error }))
    }
  }

  /** The header of a batch that counts. An entry behind a gap, or without its barrier, does not (see epoch.ts). */
  #countAgain({ kind, payload }: Entry): BatchHeader | undefined {
    const rest = this.#rest!
    switch (kind) {
      case 'noop':
        return undefined
      case 'noop-barrier':
        rest.epoch = decodeBarrier(payload).opens
        rest.sequence = 0
        return undefined
      case 'data':
      case 'bound':
      case 'advancer':
      case 'ending': {
        const header = kind === 'data' ? decodeBatchHeader(payload) : undefined
        const { epoch, sequence } = header ?? decodeProgress(payload)
        if (epoch !== rest.epoch || sequence !== rest.sequence + 1) return undefined
        rest.sequence = sequence
        return header
      }
    }
  }

  #push(header: BatchHeader, payload: Uint8Array): void {
    const own = this.#options.history.find(header.epoch)?.writer.own === true
    this.#batches.push({ header, payload: own ? undefined : payload.slice() })
    this.#bytes += own ? OWN_BATCH_BYTES : payload.length
    if (this.#batches.length === this.#head + 1) this.#open()
  }

  #shift(): void {
    const { payload } = this.#batches[this.#head]!
    this.#bytes -= payload?.length ?? OWN_BATCH_BYTES
    this.#head++
    if (this.#head === this.#batches.length) {
      this.#batches = []
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head)
      this.#head = 0
    }
    this.#open()
  }

  #open(): void {
    const batch = this.#batches[this.#head]
    this.#reader = batch?.payload ? new BatchReader(batch.payload, batch.header) : undefined
  }
}
