// A small seeded generator for the simulator and for tests, and what is commonly drawn from a Random port.

import type { Random } from './ports.ts'

/** xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018), seeded by splitmix32. */
export function seededRandom(seed: number): Random {
  let mix = seed | 0
  const next = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let a = next()
  let b = next()
  let c = next()
  let d = next()
  return {
    u32() {
      const product = Math.imul(b, 5)
      const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
      const t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = (d << 11) | (d >>> 21)
      return result
    },
  }
}

/** A number, uniform in [low, high). */
export function uniform(random: Random, low: number, high: number): number {
  return low + (random.u32() / 0x1_0000_0000) * (high - low)
}

/** An integer, uniform in 0 to bound - 1. */
export function below(random: Random, bound: number): number {
  return Math.floor(uniform(random, 0, bound))
}
