// What the committed entries say about epochs: which were opened, how far each is, and what each ended with.
//
// Always true: everything here is a function of the committed entries that were recorded, and of nothing else. So every
// replica comes to the same answer, and a prefix of the entries never says more than the whole.
//
// Why a released result is never rolled back. Let `bound(e, s)` be the highest bound of epoch `e` in stream `s` before
// the first barrier there that opens a later epoch. The final watermark is the minimum of `bound(e, s)` over all
// streams. A watermark that released something was the minimum over what some replica had recorded so far, and that is a
// prefix of the same committed entries in each stream: it is at or below the final one. A transaction at or below its
// stream's bound is in the log before that barrier, so every successor has it, and everything it depends on has a lower
// stamp.
//
// Why nothing of `e` follows that barrier. All entries of an epoch are proposed in the term in which its barrier was
// (fencing). Whoever writes a later barrier to the stream leads it in a later term, or is the same process, which has
// given the epoch up before. And it has recorded all entries of earlier terms before it leads, so its epoch number is
// higher than those before it in every stream, and its `start` is at or above all that counts of theirs.
//
// Holes. Where a protocol may lose a proposal and keep a later one of the same leader (Paxos does, when leadership moves),
// an entry can be missing in the middle of an epoch. It shows as a gap in the sequence: everything behind it, up to the
// next barrier of that stream, counts for nothing, and neither do entries whose own barrier is missing. So what counts of
// an epoch in a stream is a run without gap from its barrier on, and `bound(e, s)` is the highest bound in that run: all
// of the epoch up to it is in the log, as before, and whatever is behind the gap is above it, because the first entry
// behind the gap promised what the missing one held as well. Nothing was released on its strength: an entry is released
// only when all before it is committed, and what is committed is never lost. And every replica sees the same gap at the
// same place, so that all void the same entries.

import { MakoError } from '@mako/engine'
import type { Barrier, Progress } from './markers.ts'
import { WatermarkTracker } from './tracker.ts'

/** Which process wrote a barrier. */
export interface Writer {
  readonly node: string
  readonly incarnation: number
  /** True when it is this very process. */
  readonly own: boolean
}

/** One epoch as far as it is recorded here. */
export class Epoch {
  readonly number: number
  readonly writer: Writer
  readonly tracker: WatermarkTracker
  readonly advancers: Set<number> = new Set<number>()
  readonly endings: Set<number> = new Set<number>()
  #barriers = 0
  #mixed = false
  #finalWatermark: number | undefined

  constructor(number: number, writer: Writer, streamCount: number) {
    this.number = number
    this.writer = writer
    this.tracker = new WatermarkTracker(streamCount)
  }

  addBarrier(stream: number, start: number, writer: Writer): void {
    if (writer.node !== this.writer.node || writer.incarnation !== this.writer.incarnation) this.#mixed = true
    this.#barriers++
    this.tracker.raise(stream, start)
  }

  /** Its whole set of barriers is recorded, and one process wrote it: only then may transactions follow. */
  isOpen(streamCount: number): boolean {
    return this.#barriers === streamCount && !this.#mixed
  }

  /** What it ended with; undefined while it is not closed on all streams. */
  get finalWatermark(): number | undefined {
    return this.#finalWatermark
  }

  close(): void {
    this.#finalWatermark = this.tracker.watermark
  }

  /** Up to which stamp its transactions are safe. */
  get watermark(): number {
    return this.#finalWatermark ?? this.tracker.watermark
  }
}

/** The newest sequence of a stream whose epoch has a gap: no entry comes after it. */
const VOID = Number.POSITIVE_INFINITY

export class EpochHistory {
  readonly #streamCount: number
  /**
   * Per stream: the epoch of its newest barrier, the newest sequence in it (`VOID` behind a gap), and the highest bound
   * of all.
   */
  readonly #newest: Float64Array
  readonly #sequence: Float64Array
  readonly #bound: Float64Array
  /** Those that are not yet decided or not yet closed, ascending. */
  #recent: Epoch[] = []
  /** Opened and closed, ascending: one for each change of leadership in the life of the log. */
  readonly #closed: Epoch[] = []
  #current: Epoch | undefined
  #highest = 0
  #loading = true

  constructor(streamCount: number) {
    this.#streamCount = streamCount
    this.#newest = new Float64Array(streamCount)
    this.#sequence = new Float64Array(streamCount)
    this.#bound = new Float64Array(streamCount)
  }

  /** The newest open epoch. */
  get current(): Epoch | undefined {
    return this.#current
  }

  /** The highest number that any barrier has, whether its set is whole or not. */
  get highest(): number {
    return this.#highest
  }

  get closed(): readonly Epoch[] {
    return this.#closed
  }

  /** True until one epoch has an `advancer` on all streams. */
  get loading(): boolean {
    return this.#loading
  }

  /** An epoch that is open, or was. */
  find(epoch: number): Epoch | undefined {
    const found = this.#recent.find((each) => each.number === epoch)
    if (found) return found.isOpen(this.#streamCount) ? found : undefined
    const at = this.#firstClosedFrom(epoch)
    return this.#closed[at]?.number === epoch ? this.#closed[at] : undefined
  }

  /** The oldest epoch after this one that is open or was; nothing can be opened between the two any more. */
  after(epoch: number): Epoch | undefined {
    return (
      this.#closed[this.#firstClosedFrom(epoch + 1)] ??
      this.#recent.find((each) => each.number > epoch && each.isOpen(this.#streamCount))
    )
  }

  /** What became of a transaction of this epoch and stamp. */
  judge(epoch: number, stamp: number): 'SAFE' | 'PENDING' | 'ROLLED_BACK' {
    const found = this.find(epoch)
    if (found && stamp <= found.watermark) return 'SAFE'
    if (found) return found.finalWatermark === undefined ? 'PENDING' : 'ROLLED_BACK'
    // A number that every stream has gone past was never opened, and nothing was ever executed in it.
    return this.#newest.every((newest) => newest > epoch) ? 'ROLLED_BACK' : 'PENDING'
  }

  /**
   * Records a barrier.
   * @throws MakoError `LAW_BROKEN`
   */
  barrier(stream: number, { opens, start }: Barrier, writer: Writer): void {
    if (opens <= this.#newest[stream]!) {
      throw broken(`stream ${stream} has a barrier to epoch ${opens} behind one to ${this.#newest[stream]!}`)
    }
    if (start < this.#bound[stream]!) {
      throw broken(`epoch ${opens} starts at ${start}, stream ${stream} already promised ${this.#bound[stream]!}`)
    }
    this.#newest[stream] = opens
    this.#sequence[stream] = 0
    this.#bound[stream] = start
    this.#highest = Math.max(this.#highest, opens)
    let epoch = this.#recent.find((each) => each.number === opens)
    if (!epoch) {
      epoch = new Epoch(opens, writer, this.#streamCount)
      this.#recent.push(epoch)
      this.#recent.sort((a, b) => a.number - b.number)
    }
    epoch.addBarrier(stream, start, writer)
    if (epoch.isOpen(this.#streamCount) && opens > (this.#current?.number ?? 0)) this.#current = epoch
    this.#closeWhatIsOver()
  }

  /**
   * Records that a stream has gone on in an epoch; for a batch, `first` is its lowest stamp. `STALE` when the entry counts
   * for nothing: a later epoch has begun in this stream, or something of this one is missing before it.
   * @throws MakoError `LAW_BROKEN`
   */
  progress(stream: number, { epoch, sequence, bound }: Progress, first?: number): 'RECORDED' | 'STALE' {
    const newest = this.#newest[stream]!
    const last = this.#sequence[stream]!
    // Of an earlier epoch, of one whose barrier was lost, or behind a gap.
    if (epoch !== newest || last === VOID) return 'STALE'
    if (sequence <= last) throw broken(`stream ${stream} goes from entry ${last} of epoch ${epoch} to ${sequence}`)
    if (sequence > last + 1) {
      this.#sequence[stream] = VOID
      return 'STALE'
    }
    const before = this.#bound[stream]!
    if (bound < before) throw broken(`the bound of stream ${stream} goes back from ${before} to ${bound}`)
    if (first !== undefined && first <= before) {
      throw broken(`stream ${stream} has stamp ${first} after it promised that all up to ${before} was in the log`)
    }
    this.#sequence[stream] = sequence
    this.#bound[stream] = bound
    this.#recent.find((each) => each.number === epoch)?.tracker.raise(stream, bound)
    return 'RECORDED'
  }

  advancer(stream: number, epoch: number): void {
    const found = this.#recent.find((each) => each.number === epoch)
    if (found?.advancers.add(stream).size === this.#streamCount) this.#loading = false
  }

  ending(stream: number, epoch: number): void {
    this.#recent.find((each) => each.number === epoch)?.endings.add(stream)
  }

  /** Index of the first closed epoch with at least this number. */
  #firstClosedFrom(epoch: number): number {
    let low = 0
    let high = this.#closed.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#closed[middle]!.number < epoch) low = middle + 1
      else high = middle
    }
    return low
  }

  /** An epoch is over when every stream has a later barrier: then nothing of it is still to come. */
  #closeWhatIsOver(): void {
    const passed = this.#newest.reduce((lowest, each) => Math.min(lowest, each), Infinity)
    while (this.#recent.length > 0 && this.#recent[0]!.number < passed) {
      const epoch = this.#recent.shift()!
      if (!epoch.isOpen(this.#streamCount)) continue
      epoch.close()
      this.#closed.push(epoch)
    }
  }
}

function broken(what: string): MakoError {
  return new MakoError('LAW_BROKEN', `A law of watermarks was broken: ${what}.`)
}
