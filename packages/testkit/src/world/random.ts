// What the simulator draws from a Random port, and how one seed becomes many independent streams.
//
// Always true: a stream depends on the seed and its label only, so that one more draw in the network does not change
// what a disk does.

import { below, seededRandom, uniform, type Random } from '@mako/engine'

/** A stream of its own for one purpose. */
export function stream(seed: number, label: string): Random {
  let hash = (seed ^ 0x811c9dc5) >>> 0
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) >>> 0
  return seededRandom(hash ^ Math.imul(seed, 0x9e3779b1))
}

/** True with this probability. */
export function chance(random: Random, probability: number): boolean {
  return probability > 0 && random.u32() < probability * 0x1_0000_0000
}

/** An integer, uniform in low to high, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + below(random, high - low + 1)
}

/** One element of a list that is not empty. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[below(random, list.length)]
  if (item === undefined) throw new RangeError('There is nothing to pick from an empty list.')
  return item
}

/** A delay between low and high, most of them near low: what networks and disks do on a good day. */
export function skewed(random: Random, low: number, high: number): number {
  const u = uniform(random, 0, 1)
  return low + (high - low) * u * u * u
}
