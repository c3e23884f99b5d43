// Hundreds of random histories with fail-overs, partial barriers, deposed leaders and full queues, against the oracle.

import { describe, expect, it } from 'vitest'
import { type HistoryCounts, runHistory } from './history.ts'

const SEEDS = 400
const CHUNKS = 8

describe('random histories', () => {
  const total: Partial<Record<keyof HistoryCounts, number>> = {}

  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const first = 1 + (chunk * SEEDS) / CHUNKS
    it(`keeps every promise from seed ${first}`, async () => {
      for (let seed = first; seed < first + SEEDS / CHUNKS; seed++) {
        const counts = await runHistory(seed)
        for (const [name, count] of Object.entries(counts)) {
          const key = name as keyof HistoryCounts
          total[key] = (total[key] ?? 0) + (count as number)
        }
      }
    })
  }

  it('has met everything that it is about', () => {
    for (const [name, count] of Object.entries(total)) expect(count, name).toBeGreaterThan(20)
    expect(total.safe).toBeGreaterThan(SEEDS)
    expect(total.rolledBack).toBeGreaterThan(SEEDS)
  })
})
