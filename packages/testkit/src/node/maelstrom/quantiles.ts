// Quantiles of a set of figures.

export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Zeros when there is nothing; otherwise figures that are in the list, rounded to tenths. */
export function quantilesOf(figures: readonly number[]): Quantiles {
  const sorted = [...figures].sort((a, b) => a - b)
  const at = (share: number): number => {
    const figure = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
    return Math.round(figure * 10) / 10
  }
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}
