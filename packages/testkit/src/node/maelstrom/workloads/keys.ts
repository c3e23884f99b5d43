// Keys that are used for a while and then given up for fresh ones, so that no key has a long history.
//
// Always true: a key that was given up is never used again.

import { below, type Random } from '@mako/engine'

export class Keys {
  readonly #uses = new Map<number, number>()
  readonly #limit: number
  /** The newest key. Keys are whole numbers from 0. */
  #last = -1

  constructor(active: number, limit: number) {
    this.#limit = limit
    for (let i = 0; i < active; i++) this.#uses.set(++this.#last, 0)
  }

  get active(): readonly number[] {
    return [...this.#uses.keys()]
  }

  get all(): readonly number[] {
    return Array.from({ length: this.#last + 1 }, (_, key) => key)
  }

  /** One of those in use. */
  draw(random: Random): number {
    const { active } = this
    const key = active[below(random, active.length)]!
    const uses = this.#uses.get(key)! + 1
    this.#uses.set(key, uses)
    if (uses >= this.#limit) {
      this.#uses.delete(key)
      this.#uses.set(++this.#last, 0)
    }
    return key
  }
}

/** Parts of a list, of at most so many elements. */
export function chunksOf<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
