// Everything that can happen to three nodes in a small scope: no law is broken by Raft, and lies are found.
//
// `SWEEP=full npx vitest run packages/testkit/test/explore.test.ts` searches the large scopes as well, some minutes each.

import type { RaftOptions } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { explore, type Exploration, type ExploreBounds } from '../src/explore/explore.ts'
import { answersBeforeDurable, commitsAlone, forgetsVote, votesForAll, type Lie } from './broken.ts'
import { inspectableRaft, raftScope } from './explore-raft.ts'
import { commitsWhatItHas, tellsOfCommitEarly } from './lies.ts'

const NOTHING: ExploreBounds = { elections: 0, heartbeats: 0, proposals: 0, crashes: 0, duplicates: 0, slowWrites: 0 }

function search(
  bounds: Partial<ExploreBounds>,
  { lie, options, maxStates }: { lie?: Lie; options?: RaftOptions; maxStates?: number } = {},
): Exploration {
  const { protocol, fingerprint } = inspectableRaft(options, lie)
  const bound = maxStates === undefined ? {} : { maxStates }
  return explore({ protocol, fingerprint, bounds: { ...NOTHING, ...bounds }, ...raftScope, ...bound })
}

describe('Raft in a small scope', () => {
  it('is exhausted without a violation', () => {
    const found = search({ elections: 2, crashes: 1 })
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
    expect(found.states).toBeGreaterThan(10_000)
  })

  it('is the same search each time', () => {
    const bounds = { elections: 1, heartbeats: 1, crashes: 1, slowWrites: 1 }
    expect(search(bounds)).toEqual(search(bounds))
  })

  it('has nothing to do when nothing may happen', () => {
    expect(search({})).toMatchObject({ status: 'exhausted', states: 1, steps: 0, depth: 0 })
  })

  it('stops at its bound', () => {
    const found = search({ elections: 2, proposals: 1 }, { maxStates: 1000 })
    expect(found.status).toBe('bounded')
    expect(found.states).toBeGreaterThanOrEqual(1000)
  })
})

describe('a lie is found, by a shortest way', () => {
  it.each<[name: string, lie: Lie, bounds: Partial<ExploreBounds>, what: RegExp]>([
    ['answers before its disk', answersBeforeDurable, { elections: 1, slowWrites: 2 }, /quorum-durable/],
    ['commits alone', commitsAlone, { elections: 1, slowWrites: 1 }, /quorum-durable/],
    ['votes for everybody', votesForAll, { elections: 2, terms: 1 }, /one-vote|one-leader/],
    ['forgets its vote', forgetsVote, { elections: 2, terms: 1, crashes: 1 }, /one-vote|one-leader/],
    ['commits what it has', commitsWhatItHas, { elections: 2, proposals: 1 }, /one-history|quorum-durable/],
    ['tells of a commit early', tellsOfCommitEarly, { elections: 1, slowWrites: 1 }, /quorum-durable/],
  ])('%s', (_name, lie, bounds, what) => {
    const found = search(bounds, { lie, maxStates: 400_000 })
    expect(found.violation?.what).toMatch(what)
    expect(found.violation?.steps.length).toBeGreaterThan(2)
  })
})

describe.runIf(process.env.SWEEP === 'full')('Raft in a larger scope', () => {
  it.each<[name: string, bounds: Partial<ExploreBounds>, options: RaftOptions]>([
    [
      'two terms, a crash, a message twice, a slow write',
      { elections: 2, crashes: 1, duplicates: 1, slowWrites: 1 },
      {},
    ],
    ['two terms, a crash, two slow writes', { elections: 2, crashes: 1, slowWrites: 2 }, {}],
  ])('%s', { timeout: 1_200_000 }, (name, bounds, options) => {
    const found = search(bounds, { options })
    console.log(`${name}: ${found.status}, ${found.states} states, ${found.steps} steps, depth ${found.depth}`)
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
  })

  it('breadth first, as far as memory goes: three entries, two terms, a crash', { timeout: 1_200_000 }, () => {
    const found = search(
      { elections: 2, proposals: 1, crashes: 1, duplicates: 1, slowWrites: 1, heartbeats: 1 },
      { maxStates: 3_000_000 },
    )
    console.log(`three entries: ${found.status}, ${found.states} states, ${found.steps} steps, depth ${found.depth}`)
    expect(found.violation).toBeUndefined()
  })
})
