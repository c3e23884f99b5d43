// How figures are written for people: three digits that count, and no more.

import type { Spread } from './spread.ts'

export function numberText(value: number | null): string {
  if (value === null) return ''
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

/** A number that was chosen, not measured: as it is. */
export function countText(value: number | null): string {
  return value === null ? '' : value.toLocaleString('en')
}

/** `median (min .. max)`, or one number when they are all the same. */
export function spreadText(spread: Spread | null): string {
  if (spread === null) return ''
  const [min, median, max] = [spread.min, spread.median, spread.max].map(numberText) as [string, string, string]
  return min === max ? median : `${median} (${min} .. ${max})`
}
