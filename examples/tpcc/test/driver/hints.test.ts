// Hints: newer terms are followed, older ones are not.

import { describe, expect, it } from 'vitest'
import { LeaderHints } from '../../src/hints.ts'

const hint = (nodeId: string, term: number) => ({ nodeId, address: `${nodeId}:1`, term })

describe('LeaderHints', () => {
  it('never goes back to an older term', () => {
    const hints = new LeaderHints()
    expect(hints.observe(hint('n1', 3))).toBe(true)
    expect(hints.observe(hint('n2', 2))).toBe(false)
    expect(hints.observe(hint('n1', 3))).toBe(false)
    expect(hints.observe(undefined)).toBe(false)
    expect(hints.newest?.nodeId).toBe('n1')
    expect(hints.observe(hint('n2', 4))).toBe(true)
    expect(hints.newest?.nodeId).toBe('n2')
  })

  it('forgets a leader that denies it, and only that one', () => {
    const hints = new LeaderHints()
    hints.observe(hint('n1', 3))
    hints.denied('n2')
    expect(hints.newest?.nodeId).toBe('n1')
    hints.denied('n1')
    expect(hints.newest).toBeUndefined()
  })
})
