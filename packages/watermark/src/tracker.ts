// How far all streams of one epoch are: the minimum over the bounds that each has recorded.
//
// Always true: every stream counts. One that has recorded nothing holds the watermark at NOTHING; none is skipped for
// being behind or idle (upstream did, and released transactions whose dependencies were lost with a leader).

/** Below every stamp: no promise of any stream covers anything yet. */
export const NOTHING = -1

export class WatermarkTracker {
  readonly #bounds: Float64Array
  #watermark = NOTHING

  constructor(streamCount: number) {
    this.#bounds = new Float64Array(streamCount).fill(NOTHING)
  }

  /** The stamp up to which everything of all streams is recorded; monotone. */
  get watermark(): number {
    return this.#watermark
  }

  boundOf(stream: number): number {
    return this.#bounds[stream]!
  }

  /** The stream has recorded everything up to this stamp. A bound below an earlier one changes nothing. */
  raise(stream: number, bound: number): void {
    const before = this.#bounds[stream]!
    if (bound <= before) return
    this.#bounds[stream] = bound
    // Only the stream that holds the watermark back can move it.
    if (before > this.#watermark) return
    let minimum = Infinity
    for (const each of this.#bounds) if (each < minimum) minimum = each
    this.#watermark = minimum
  }
}
