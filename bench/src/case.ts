// What a benchmark is. Always true: one call of `run` is one round, complete in itself: it builds what it needs, warms
// it up, measures, and takes everything down again. So rounds of different cases can alternate.

/** A second figure of a round, such as a quantile or a ratio. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly value: number
}

export interface Sample {
  /** In the unit of the case. */
  readonly value: number
  /** Processor time, of all processes that take part; left out where it says nothing. */
  readonly cpuUsPerOperation?: number
  readonly figures?: readonly Figure[]
}

export interface BenchCase {
  /** `group/name`; both can be asked for. */
  readonly name: string
  readonly description: string
  readonly unit: string
  /** What building and taking down costs in one round, roughly: for the announcement of how long all will take. */
  readonly setupSeconds: number
  /** One round that measures for about this long. */
  run(seconds: number): Promise<Sample>
}
