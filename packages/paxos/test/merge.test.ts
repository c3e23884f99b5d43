// What a new leader proposes again: by example, and against every history of a small model.

import {
  below,
  type Block,
  encodeBlock,
  entriesOf,
  lastIndexOf,
  proposedTermOf,
  restamp,
  seededRandom,
} from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { choose, fill } from '../src/merge.ts'

const ORIGIN = { node: 'a', incarnation: 1, sequence: 0 }

/** A block of `count` entries, first proposed in `proposed` and accepted in `term`. */
function block(index: number, count: number, proposed: number, term = proposed): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(2) }))
  return restamp(encodeBlock({ index, term: proposed }, { node: 'b', incarnation: 1, sequence: index }, entries), term)
}

const NOTHING = { commit: 0, term: 0 }
const places = (blocks: readonly Block[]): string[] =>
  blocks.map((each) => `${each.index}-${lastIndexOf(each)} of ${proposedTermOf(each)} in ${each.term}`)

describe('what is proposed again', () => {
  it('is the value of the highest ballot, for each index', () => {
    const found = [block(1, 1, 64), block(1, 1, 65), block(2, 1, 65), block(2, 1, 64, 129)]
    expect(places(choose(found, NOTHING))).toEqual(['1-1 of 64 in 64', '2-2 of 64 in 129'])
    expect(places(choose(found.slice(0, 3), NOTHING))).toEqual(['1-1 of 65 in 65', '2-2 of 65 in 65'])
  })

  it('is never a block that overlaps one of a higher ballot, not even with what that leaves free', () => {
    const found = [block(1, 10, 64), block(5, 2, 65), block(20, 5, 64), block(24, 1, 65)]
    expect(places(choose(found, NOTHING))).toEqual(['5-6 of 65 in 65', '24-24 of 65 in 65'])
  })

  it('is never out of order of the terms of first proposal', () => {
    const found = [block(3, 1, 65, 129), block(1, 1, 66), block(5, 1, 64)]
    expect(places(choose(found, NOTHING))).toEqual(['3-3 of 65 in 129'])
  })

  it('is nothing that contradicts what is chosen', () => {
    const found = [block(1, 4, 64), block(4, 2, 65), block(6, 1, 65), block(7, 1, 66)]
    expect(places(choose(found, { commit: 5, term: 66 }))).toEqual(['7-7 of 66 in 66'])
  })

  it('has its holes filled with no-ops whose term is that of what is before them', () => {
    const filled = fill([block(4, 2, 70), block(9, 1, 80)], { commit: 2, term: 65 }, 200, ORIGIN)
    expect(places(filled)).toEqual(['3-3 of 65 in 200', '4-5 of 70 in 200', '6-8 of 70 in 200', '9-9 of 80 in 200'])
    const kinds = filled.flatMap((each) =>
      entriesOf(each, 0).map(({ kind, origin }) => `${kind} ${origin.sequence > 0}`),
    )
    expect(kinds.filter((kind) => kind === 'noop false')).toHaveLength(4)
    expect(places(fill([block(2, 1, 70)], NOTHING, 200, ORIGIN))).toEqual(['1-1 of 1 in 200', '2-2 of 70 in 200'])
    expect(fill([], { commit: 7, term: 70 }, 200, ORIGIN)).toEqual([])
  })

  it('holds what a majority has accepted, whatever leaders have done in any number of ballots', () => {
    let chosenEver = 0
    let discarded = 0
    for (let seed = 1; seed <= 3000; seed++) {
      const random = seededRandom(seed)
      const acceptors: Block[][] = [[], [], []]
      /** Blocks that a majority has accepted in one ballot. */
      const chosen = new Map<string, Block>()
      const valueOf = (each: Block): string => `${each.index}+${each.count} of ${proposedTermOf(each)}`
      for (let ballot = 1; ballot <= 8; ballot++) {
        const absent = below(random, 3)
        const found = acceptors.flatMap((held, acceptor) => (acceptor === absent ? [] : held))
        const kept = choose(found, NOTHING)
        discarded += new Set(found.map(valueOf)).size - kept.length
        const again = new Set(kept.map(valueOf))
        for (const value of chosen.keys()) if (!again.has(value)) throw new Error(`seed ${seed}: ${value} is lost`)
        const proposals = fill(kept, NOTHING, ballot, ORIGIN)
        let next = proposals.length === 0 ? 1 : lastIndexOf(proposals.at(-1)!) + 1
        for (let i = below(random, 4); i > 0; i--) {
          const count = 1 + below(random, 3)
          proposals.push(block(next, count, ballot))
          next += count
        }
        // Each accept reaches some of those who have promised, in any order.
        for (const proposal of proposals) {
          let reached = 0
          for (let acceptor = 0; acceptor < 3; acceptor++) {
            if (acceptor === absent || below(random, 2) === 0) continue
            const last = lastIndexOf(proposal)
            const rest = acceptors[acceptor]!.filter((each) => lastIndexOf(each) < proposal.index || each.index > last)
            acceptors[acceptor] = [...rest, proposal]
            reached++
          }
          if (reached >= 2) chosen.set(valueOf(proposal), proposal)
        }
      }
      chosenEver += chosen.size
      const ends = [...chosen.values()].sort((a, b) => a.index - b.index)
      for (let i = 1; i < ends.length; i++) expect(ends[i]!.index).toBeGreaterThan(lastIndexOf(ends[i - 1]!))
    }
    expect(chosenEver).toBeGreaterThan(3000)
    expect(discarded).toBeGreaterThan(3000)
  })
})
