// Skewed choice, as YCSB draws its keys (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010; the
// method is that of Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994, section 3.2).

import type { Random } from '@mako/engine'

/** The skew of the paper. */
const THETA = 0.99

/** Draws 0, 1, 2, ... below `count`, of which 0 is by far the most popular. */
export class Zipf {
  readonly #random: Random
  readonly #alpha = 1 / (1 - THETA)
  #count = 0
  #zeta = 0
  #eta = 0

  constructor(random: Random, count: number) {
    this.#random = random
    this.grow(count)
  }

  /** There are more to choose from. */
  grow(count: number): void {
    for (let i = this.#count + 1; i <= count; i++) this.#zeta += 1 / i ** THETA
    this.#count = Math.max(this.#count, count)
    const zeta2 = 1 + 0.5 ** THETA
    this.#eta = (1 - (2 / this.#count) ** (1 - THETA)) / (1 - zeta2 / this.#zeta)
  }

  next(): number {
    const u = this.#random.u32() / 2 ** 32
    const uz = u * this.#zeta
    if (uz < 1) return 0
    if (uz < 1 + 0.5 ** THETA) return 1
    return Math.min(this.#count - 1, Math.floor(this.#count * (this.#eta * u - this.#eta + 1) ** this.#alpha))
  }
}

/** Spreads what is popular over all of 0 to `count` - 1: FNV-1a over the bytes of a number. */
export function scrambled(number: number, count: number): number {
  let hash = 0x811c9dc5
  for (let rest = number, i = 0; i < 4; i++) {
    hash = Math.imul(hash ^ (rest & 0xff), 0x01000193)
    rest >>>= 8
  }
  return (hash >>> 0) % count
}
