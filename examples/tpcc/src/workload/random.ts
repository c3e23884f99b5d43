// What TPC-C draws at random (clauses 2.1.5, 2.1.6, 4.3.2), from the project's seeded generator.
//
// Always true: the same seed gives the same values on every machine. Bounds are inclusive, as in the specification.

import { below, type Random, seededRandom } from '@mako/engine'

/** The constants C of NURand for C_LAST, C_ID and OL_I_ID. */
export interface NonUniformConstants {
  readonly lastName: number
  readonly customer: number
  readonly item: number
}

/** A generator of its own for each list of labels, so that a piece of work can be done again alone with equal draws. */
export function derivedRandom(seed: number, ...labels: readonly number[]): Random {
  let mixed = seed | 0
  for (const label of labels) {
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) ^ Math.imul(label + 1, 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0x297a2d39)
  }
  return seededRandom(mixed)
}

/** An integer, uniform in low to high. */
export function integer(random: Random, low: number, high: number): number {
  return low + below(random, high - low + 1)
}

/** True in `percent` of a hundred draws. */
export function percent(random: Random, percent: number): boolean {
  return below(random, 100) < percent
}

/** NURand(A, x, y) of clause 2.1.6: the bitwise or makes numbers with many ones, and so a few rows, far more likely. */
export function nonUniform(random: Random, a: number, c: number, low: number, high: number): number {
  return (((integer(random, 0, a) | integer(random, low, high)) + c) % (high - low + 1)) + low
}

/** The customer number of an input, non-uniform in 1 to `customers`. */
export function randomCustomer(random: Random, constants: NonUniformConstants, customers: number): number {
  return nonUniform(random, 1023, constants.customer, 1, customers)
}

/** The item number of an input, non-uniform in 1 to `items`. */
export function randomItem(random: Random, constants: NonUniformConstants, items: number): number {
  return nonUniform(random, 8191, constants.item, 1, items)
}

/** A last name, non-uniform over the first `lastNames` names. */
export function randomLastName(random: Random, constants: NonUniformConstants, lastNames: number): string {
  return lastName(nonUniform(random, 255, constants.lastName, 0, lastNames - 1))
}

/** The constants of the loader (C-Load). */
export function loadConstants(seed: number): NonUniformConstants {
  return drawConstants(derivedRandom(seed, 0))
}

/** The constants of the terminals (C-Run); that of last names keeps the distance of clause 2.1.6.1 from the loader's. */
export function runConstants(seed: number): NonUniformConstants {
  const load = loadConstants(seed).lastName
  const random = derivedRandom(seed, 1)
  for (;;) {
    const constants = drawConstants(random)
    if (isLegalDistance(Math.abs(constants.lastName - load))) return constants
  }
}

function drawConstants(random: Random): NonUniformConstants {
  return { lastName: integer(random, 0, 255), customer: integer(random, 0, 1023), item: integer(random, 0, 8191) }
}

function isLegalDistance(distance: number): boolean {
  return distance >= 65 && distance <= 119 && distance !== 96 && distance !== 112
}

const syllables = ['BAR', 'OUGHT', 'ABLE', 'PRI', 'PRES', 'ESE', 'ANTI', 'CALLY', 'ATION', 'EING'] as const

/** The last name for a number of 0 to 999: a syllable for each of its three digits (clause 4.3.2.3). */
export function lastName(number: number): string {
  const digit = (value: number): string => syllables[Math.trunc(value) % 10]!
  return digit(number / 100) + digit(number / 10) + digit(number)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Random letters once and for all; strings are windows of it, which is many times faster than a draw per letter. */
const letters = makeLetters(65_536)

function makeLetters(length: number): string {
  const random = seededRandom(0x7ecc)
  const drawn: string[] = []
  for (let at = 0; at < length; at++) drawn.push(alphabet[below(random, alphabet.length)]!)
  return drawn.join('')
}

/** An a-string: letters and digits, of `low` to `high` characters. */
export function alphaString(random: Random, low: number, high: number): string {
  const length = integer(random, low, high)
  const start = below(random, letters.length - length + 1)
  return letters.slice(start, start + length)
}

/** An n-string: decimal digits. */
export function digitString(random: Random, length: number): string {
  let digits = ''
  while (digits.length < length) digits += String(below(random, 10))
  return digits
}

/** A zip code: four random digits, then 11111 (clause 4.3.2.7). */
export function zip(random: Random): string {
  return `${digitString(random, 4)}11111`
}

/** I_DATA and S_DATA: an a-string of 26 to 50 that has ORIGINAL somewhere in it in one of ten (clause 4.3.3.1). */
export function dataString(random: Random): string {
  const data = alphaString(random, 26, 50)
  if (!percent(random, 10)) return data
  const start = below(random, data.length - 8 + 1)
  return `${data.slice(0, start)}ORIGINAL${data.slice(start + 8)}`
}

/** The numbers 1 to `count` in random order (Fisher and Yates). */
export function permutation(random: Random, count: number): number[] {
  return shuffle(
    random,
    Array.from({ length: count }, (_, at) => at + 1),
  )
}

/** Brings an array into random order, in place. */
export function shuffle<T>(random: Random, values: T[]): T[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = below(random, last + 1)
    const value = values[last]!
    values[last] = values[other]!
    values[other] = value
  }
  return values
}
