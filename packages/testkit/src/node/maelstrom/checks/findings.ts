// What a checker has found, in words, and figures that are worth telling.
//
// Always true: of each kind a few are kept and all are counted, so that a history that is wrong everywhere is told in a
// few lines.

import type { Quantiles } from '../quantiles.ts'

export interface Verdict {
  /** What is wrong; nothing when all is well. */
  readonly errors: readonly string[]
  readonly details: Readonly<Record<string, number | Quantiles>>
}

const KEPT_OF_A_KIND = 3
const LONGEST = 2_000

export class Findings {
  readonly #found = new Map<string, { readonly texts: string[]; count: number }>()

  add(kind: string, text: string): void {
    const same = this.#found.get(kind)
    if (same === undefined) this.#found.set(kind, { texts: [text], count: 1 })
    else {
      same.count++
      if (same.texts.length < KEPT_OF_A_KIND) same.texts.push(text)
    }
  }

  get isEmpty(): boolean {
    return this.#found.size === 0
  }

  get errors(): readonly string[] {
    return [...this.#found].flatMap(([kind, { texts, count }]) => {
      const lines = texts.map((text) => `${kind}: ${text.length > LONGEST ? `${text.slice(0, LONGEST)} ...` : text}`)
      return count > texts.length ? [...lines, `${kind}: and ${count - texts.length} more`] : lines
    })
  }
}

/** A JSON value as it is shown, and as it is compared. */
export function show(value: unknown): string {
  const text: unknown = JSON.stringify(value)
  return typeof text === 'string' ? text : String(value)
}
