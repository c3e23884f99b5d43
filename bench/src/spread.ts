// The least, the middle and the greatest of some values.

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Of all values that are there; null when there is none. */
export function spreadOf(values: readonly (number | null | undefined)[]): Spread | null {
  const sorted = present(values).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return { min: sorted[0]!, median: middle(sorted), max: sorted.at(-1)! }
}

export function medianOf(values: readonly (number | null | undefined)[]): number | null {
  return spreadOf(values)?.median ?? null
}

function present(values: readonly (number | null | undefined)[]): number[] {
  return values.filter((value): value is number => value !== null && value !== undefined)
}

function middle(sorted: readonly number[]): number {
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
