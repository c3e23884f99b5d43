import { seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import {
  alphaString,
  dataString,
  derivedRandom,
  digitString,
  integer,
  lastName,
  loadConstants,
  nonUniform,
  permutation,
  runConstants,
  zip,
} from '../../src/workload/random.ts'

describe('integer', () => {
  it('takes both bounds and nothing outside', () => {
    const random = seededRandom(1)
    const seen = new Set<number>()
    for (let draw = 0; draw < 1000; draw++) seen.add(integer(random, 3, 7))
    expect([...seen].sort()).toEqual([3, 4, 5, 6, 7])
  })
})

describe('nonUniform', () => {
  it.each([
    [255, 0, 999],
    [1023, 1, 3000],
    [8191, 1, 100_000],
    [8191, 1, 100],
    [255, 0, 9],
  ])('NURand(%i, %i, %i) stays within its bounds and reaches both halves', (a, low, high) => {
    const random = seededRandom(2)
    let lower = 0
    const draws = 20_000
    for (let draw = 0; draw < draws; draw++) {
      const value = nonUniform(random, a, 123, low, high)
      expect(Number.isInteger(value) && value >= low && value <= high).toBe(true)
      if (value < (low + high) / 2) lower++
    }
    expect(lower).toBeGreaterThan(draws * 0.2)
    expect(lower).toBeLessThan(draws * 0.8)
  })

  it('prefers a few values, as the specification wants', () => {
    const random = seededRandom(3)
    const counts = new Map<number, number>()
    const draws = 100_000
    for (let draw = 0; draw < draws; draw++) {
      const value = nonUniform(random, 1023, 259, 1, 3000)
      counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    const most = [...counts.values()].sort((a, b) => b - a).slice(0, 300)
    // A uniform draw would give the most frequent tenth of the values little more than a tenth of the draws.
    expect(most.reduce((sum, count) => sum + count)).toBeGreaterThan(draws * 0.3)
  })
})

describe('constants', () => {
  it('keep the distance of clause 2.1.6.1 between load and run, for every seed', () => {
    for (let seed = 0; seed < 500; seed++) {
      const distance = Math.abs(runConstants(seed).lastName - loadConstants(seed).lastName)
      expect(distance).toBeGreaterThanOrEqual(65)
      expect(distance).toBeLessThanOrEqual(119)
      expect(distance).not.toBe(96)
      expect(distance).not.toBe(112)
    }
  })

  it('are in range and depend on the seed alone', () => {
    const { lastName, customer, item } = runConstants(99)
    expect(lastName).toBeLessThanOrEqual(255)
    expect(customer).toBeLessThanOrEqual(1023)
    expect(item).toBeLessThanOrEqual(8191)
    expect(runConstants(99)).toEqual({ lastName, customer, item })
    expect(runConstants(100)).not.toEqual(runConstants(99))
  })
})

describe('strings', () => {
  it('makes last names of three syllables', () => {
    expect(lastName(0)).toBe('BARBARBAR')
    expect(lastName(371)).toBe('PRICALLYOUGHT')
    expect(lastName(999)).toBe('EINGEINGEING')
    expect(new Set(Array.from({ length: 1000 }, (_, number) => lastName(number))).size).toBe(1000)
  })

  it('keeps to lengths and alphabets', () => {
    const random = seededRandom(4)
    const lengths = new Set<number>()
    for (let draw = 0; draw < 2000; draw++) {
      const text = alphaString(random, 8, 16)
      expect(text).toMatch(/^[A-Za-z0-9]{8,16}$/)
      lengths.add(text.length)
      expect(digitString(random, 16)).toMatch(/^\d{16}$/)
      expect(zip(random)).toMatch(/^\d{4}11111$/)
    }
    expect(lengths.size).toBe(9)
  })

  it('puts ORIGINAL into a tenth of the data, within its length', () => {
    const random = seededRandom(5)
    let originals = 0
    for (let draw = 0; draw < 10_000; draw++) {
      const data = dataString(random)
      expect(data.length).toBeGreaterThanOrEqual(26)
      expect(data.length).toBeLessThanOrEqual(50)
      if (data.includes('ORIGINAL')) originals++
    }
    expect(originals).toBeGreaterThan(850)
    expect(originals).toBeLessThan(1150)
  })
})

describe('permutation', () => {
  it('has each number once, in no simple order', () => {
    const numbers = permutation(seededRandom(6), 300)
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
    expect(numbers.filter((number, at) => number === at + 1).length).toBeLessThan(20)
  })
})

describe('derivedRandom', () => {
  it('depends on the seed and on each label and its place', () => {
    const firsts = [
      derivedRandom(1, 2, 3),
      derivedRandom(1, 3, 2),
      derivedRandom(1, 2),
      derivedRandom(1, 2, 4),
      derivedRandom(2, 2, 3),
    ].map((random) => random.u32())
    expect(new Set(firsts).size).toBe(firsts.length)
    expect(derivedRandom(1, 2, 3).u32()).toBe(firsts[0])
  })
})
