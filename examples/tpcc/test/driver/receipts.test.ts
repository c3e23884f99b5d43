// Receipt sets against a plain set, in any order and with repetitions.

import { below, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { ReceiptSet } from '../../src/receipts.ts'

describe('ReceiptSet', () => {
  it('is the same as a plain set, whatever the order', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed)
      const receipts = new ReceiptSet()
      const plain = new Set<string>()
      for (let i = 0; i < 300; i++) {
        const terminal = below(random, 3)
        const first = 1 + below(random, 200)
        const last = first + below(random, 6)
        receipts.addRun(terminal, first, last)
        for (let sequence = first; sequence <= last; sequence++) plain.add(`${terminal}/${sequence}`)
        expect(receipts.size).toBe(plain.size)
      }
      expect([...receipts].map(([terminal, sequence]) => `${terminal}/${sequence}`).sort()).toEqual([...plain].sort())
      for (let sequence = 0; sequence < 210; sequence++) {
        expect(receipts.has(1, sequence)).toBe(plain.has(`1/${sequence}`))
      }
      for (const [, runs] of receipts.toRuns()) {
        for (let at = 2; at < runs.length; at += 2) expect(runs[at]!).toBeGreaterThan(runs[at - 1]! + 1)
      }
    }
  })

  it('keeps consecutive receipts as one run', () => {
    const receipts = new ReceiptSet()
    for (const sequence of [1, 2, 4, 3, 5]) receipts.add(7, sequence)
    expect(receipts.toRuns()).toEqual([[7, [1, 5]]])
  })

  it('hands everything over once, and joins what it is given', () => {
    const from = new ReceiptSet()
    from.addRun(1, 1, 3)
    from.addRun(2, 5, 5)
    const to = new ReceiptSet()
    to.addRun(1, 3, 4)
    to.addAll(from.take())
    expect(to.toRuns()).toEqual([
      [1, [1, 4]],
      [2, [5, 5]],
    ])
    expect(from.size).toBe(0)
    expect(from.take()).toEqual([])
  })
})
