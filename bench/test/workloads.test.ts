// The workloads that are made here: how skewed choices are, and that operations are those that were asked for.

import { seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { standIn } from '../src/micro/stand-in.ts'
import { Ycsb, YCSB, ycsbLoadSteps, type YcsbName, ycsbTables } from '../src/workloads/ycsb.ts'
import { scrambled, Zipf } from '../src/workloads/zipf.ts'

describe('zipfian choice', () => {
  it('draws as often as the distribution says', () => {
    const COUNT = 1000
    const DRAWS = 100_000
    const zipf = new Zipf(seededRandom(1), COUNT)
    const seen = new Float64Array(COUNT)
    for (let i = 0; i < DRAWS; i++) seen[zipf.next()]!++
    let zeta = 0
    for (let i = 1; i <= COUNT; i++) zeta += 1 / i ** 0.99
    const share = (from: number, to: number): number => seen.subarray(from, to).reduce((a, b) => a + b, 0) / DRAWS
    expect(share(0, 1)).toBeCloseTo(1 / zeta, 2)
    expect(share(1, 2)).toBeCloseTo(1 / zeta / 2 ** 0.99, 2)
    let firstHundred = 0
    for (let i = 1; i <= 100; i++) firstHundred += 1 / i ** 0.99 / zeta
    expect(share(0, 100)).toBeCloseTo(firstHundred, 1)
  })

  it('is spread over all keys', () => {
    const COUNT = 1000
    const keys = new Set(Array.from({ length: 100 }, (_, i) => scrambled(i, COUNT)))
    expect(keys.size).toBeGreaterThan(80)
    for (const key of keys) expect(key).toBeLessThan(COUNT)
    expect(Math.max(...keys) - Math.min(...keys)).toBeGreaterThan(COUNT / 2)
  })
})

describe('YCSB', () => {
  it.each(Object.keys(YCSB) as YcsbName[])('%s has the mix of the paper', (name) => {
    const { database, log } = standIn(ycsbTables)
    for (const step of ycsbLoadSteps()) database.transact(step)
    const rows = (): number => database.status().tables[0]!.rows
    expect(rows()).toBe(10_000)
    const loaded = log.length
    const ycsb = new Ycsb()
    const OPERATIONS = 2000
    for (let i = 0; i < OPERATIONS; i++) expect(ycsb.next(name, database).status).toBe('SUCCESS')
    const { update = 0, insert = 0, readModifyWrite = 0 } = YCSB[name]
    expect((log.length - loaded) / OPERATIONS).toBeCloseTo((update + insert + readModifyWrite) / 100, 1)
    expect((rows() - 10_000) / OPERATIONS).toBeCloseTo(insert / 100, 1)
  })
})
