// The line of succession: the same on every node, and everybody has one place in it.

import { describe, expect, it } from 'vitest'
import { seededRandom } from '../src/random.ts'
import { Succession, turnsOf } from '../src/succession.ts'

const MEMBERS = ['a', 'b', 'c', 'd', 'e']

/** Who comes when `gone` no longer leads. */
function lineAfter(gone: string, preferred?: string): (string | undefined)[] {
  const line: (string | undefined)[] = []
  for (const node of MEMBERS) {
    if (node !== gone) line[turnsOf(node, MEMBERS, preferred).get(gone)!] = node
  }
  return line
}

describe('the line of succession', () => {
  it('goes round from the one that is gone', () => {
    expect(lineAfter('a')).toEqual(['b', 'c', 'd', 'e'])
    expect(lineAfter('c')).toEqual(['d', 'e', 'a', 'b'])
    expect(lineAfter('e')).toEqual(['a', 'b', 'c', 'd'])
  })

  it('begins with the preferred leader, unless that is the one that is gone or no member', () => {
    expect(lineAfter('c', 'b')).toEqual(['b', 'd', 'e', 'a'])
    expect(lineAfter('b', 'b')).toEqual(['c', 'd', 'e', 'a'])
    expect(lineAfter('b', 'x')).toEqual(['c', 'd', 'e', 'a'])
  })

  it('has no place for who is no member, and none after itself', () => {
    expect(turnsOf('x', MEMBERS, undefined).size).toBe(0)
    expect(turnsOf('b', MEMBERS, undefined).has('b')).toBe(false)
  })

  it('gives each a time of its own, between 1.1 and 1.4 election timeouts, and the last one to who is no member', () => {
    const random = seededRandom(1)
    for (let i = 0; i < 100; i++) {
      const waits = ['b', 'c', 'd', 'e'].map((node) => new Succession(node, MEMBERS, undefined).waitFor('a', random))
      expect(waits).toEqual(waits.toSorted((x, y) => x - y))
      expect(waits[0]).toBeGreaterThanOrEqual(1.1)
      expect(waits[3]).toBeLessThan(1.4)
    }
    expect(new Succession('x', MEMBERS, undefined).turnAfter('a')).toBe(5)
  })
})
