// A small seeded generator for the simulator and for tests, and what is commonly drawn from a Random port.

import type { Random } from './ports.ts'

/** What splitmix32 steps by. */
const GOLDEN = 0x9e3779b9

/** xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018), seeded by splitmix32. */
export function seededRandom(seed: number): Random {
  return new Xoshiro(seed)
}

/** A class and not a closure: simulations make one for each of millions of small decisions. */
class Xoshiro implements Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    this.#a = splitmix((seed + GOLDEN) | 0)
    this.#b = splitmix((seed + 2 * GOLDEN) | 0)
    this.#c = splitmix((seed + 3 * GOLDEN) | 0)
    this.#d = splitmix((seed + 4 * GOLDEN) | 0)
  }

  u32(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }
}

function splitmix(mix: number): number {
  let z = mix
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/** A number, uniform in [low, high). */
export function uniform(random: Random, low: number, high: number): number {
  return low + (random.u32() / 0x1_0000_0000) * (high - low)
}

/** An integer, uniform in 0 to bound - 1. */
export function below(random: Random, bound: number): number {
  return Math.floor(uniform(random, 0, bound))
}
