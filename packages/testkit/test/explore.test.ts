// Everything that can happen to three nodes in a small scope: Raft and Paxos break no law, and lies are found.
//
// `SWEEP=full npx vitest run packages/testkit/test/explore.test.ts` searches the large scopes as well, some minutes each.

import type { PaxosMessage, PaxosOptions } from '@mako/paxos'
import type { RaftMessage, RaftOptions } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { explore, type Exploration, type ExploreBounds, type ExploreOptions } from '../src/explore/explore.ts'
import { answersBeforeDurable, commitsAlone, forgetsVote, votesForAll, type Lie } from './broken.ts'
import { inspectablePaxos, paxosScope, withoutHeartbeats } from './explore-paxos.ts'
import { inspectableRaft, raftScope } from './explore-raft.ts'
import { commitsWhatItHas, tellsOfCommitEarly } from './lies.ts'
import * as paxosLies from './paxos-lies.ts'

const NOTHING: ExploreBounds = { elections: 0, heartbeats: 0, proposals: 0, crashes: 0, duplicates: 0, slowWrites: 0 }

type Bounds = Partial<ExploreBounds>
type Bound = Pick<ExploreOptions<RaftMessage>, 'maxStates'>

function searchRaft(
  bounds: Bounds,
  { lie, options, ...bound }: Bound & { lie?: Lie; options?: RaftOptions } = {},
): Exploration {
  const { protocol, fingerprint } = inspectableRaft(options, lie)
  return explore<RaftMessage>({ protocol, fingerprint, bounds: { ...NOTHING, ...bounds }, ...raftScope, ...bound })
}

const sound: paxosLies.PaxosLie = (protocol) => protocol

/** Two candidates are enough for two elections: a third would be to the first what the second is. */
function searchPaxos(
  bounds: Bounds,
  { lie = sound, options, ...bound }: Bound & { lie?: paxosLies.PaxosLie; options?: PaxosOptions } = {},
): Exploration {
  const { protocol, fingerprint } = inspectablePaxos(options, lie)
  const all = { ...NOTHING, candidates: 2, ...bounds }
  return explore<PaxosMessage>({ protocol, fingerprint, bounds: all, ...paxosScope, ...bound })
}

function report(name: string, { status, states, steps, depth }: Exploration): void {
  console.log(`${name}: ${status}, ${states} states, ${steps} steps, depth ${depth}`)
}

describe('Raft in a small scope', () => {
  it('is exhausted without a violation', () => {
    const found = searchRaft({ elections: 2, crashes: 1 })
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
    expect(found.states).toBeGreaterThan(10_000)
  })

  it('is the same search each time', () => {
    const bounds = { elections: 1, heartbeats: 1, crashes: 1, slowWrites: 1 }
    expect(searchRaft(bounds)).toEqual(searchRaft(bounds))
  })

  it('has nothing to do when nothing may happen', () => {
    expect(searchRaft({})).toMatchObject({ status: 'exhausted', states: 1, steps: 0, depth: 0 })
  })

  it('stops at its bound', () => {
    const found = searchRaft({ elections: 2, proposals: 1 }, { maxStates: 1000 })
    expect(found.status).toBe('bounded')
    expect(found.states).toBeGreaterThanOrEqual(1000)
  })

  it('notices when a message is called over of which something comes', () => {
    const { protocol, fingerprint } = inspectableRaft()
    const bounds = { ...NOTHING, elections: 1 }
    const found = explore<RaftMessage>({ protocol, fingerprint, bounds, ...raftScope, isOver: () => true })
    expect(found.violation?.what).toMatch(/should be over: .*vote-request/)
  })
})

describe('Paxos in a small scope', () => {
  // Without no-ops a ballot begins with what was found, or with nothing.
  const options = { noopOnElection: false }

  it.each<[name: string, bounds: Bounds, given: { lie?: paxosLies.PaxosLie; options?: PaxosOptions }]>([
    ['two ballots, a crash, no-ops', { elections: 2, crashes: 1 }, { lie: withoutHeartbeats }],
    [
      'two ballots, an entry, a crash, a slow write',
      { elections: 2, proposals: 1, crashes: 1, slowWrites: 1 },
      { lie: withoutHeartbeats, options },
    ],
    ['a ballot, an entry, heartbeats, a crash', { elections: 1, proposals: 1, heartbeats: 1, crashes: 1 }, { options }],
  ])('%s: is exhausted without a violation', (_name, bounds, given) => {
    const found = searchPaxos(bounds, given)
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
    expect(found.states).toBeGreaterThan(10_000)
  })
})

describe('a lie about Raft is found, by a shortest way', () => {
  it.each<[name: string, lie: Lie, bounds: Bounds, what: RegExp]>([
    ['answers before its disk', answersBeforeDurable, { elections: 1, slowWrites: 2 }, /quorum-durable/],
    ['commits alone', commitsAlone, { elections: 1, slowWrites: 1 }, /quorum-durable/],
    ['votes for everybody', votesForAll, { elections: 2, terms: 1 }, /one-leader/],
    ['forgets its vote', forgetsVote, { elections: 2, terms: 1, crashes: 1 }, /one-leader/],
    ['commits what it has', commitsWhatItHas, { elections: 2, proposals: 1 }, /one-history|quorum-durable/],
    ['tells of a commit early', tellsOfCommitEarly, { elections: 1, slowWrites: 1 }, /quorum-durable/],
  ])('%s', (_name, lie, bounds, what) => {
    const found = searchRaft(bounds, { lie, maxStates: 400_000 })
    expect(found.violation?.what).toMatch(what)
    expect(found.violation?.steps.length).toBeGreaterThan(2)
  })
})

describe('a lie about Paxos is found, by a shortest way', () => {
  const { promisesWithoutValues, promisesWhatIsChosen, forgetsPromise, matchesTooMuch, proposesTwoValues } = paxosLies

  it.each<[name: string, lie: paxosLies.PaxosLie, bounds: Bounds, what: RegExp, steps: number]>([
    ['answers before its disk', paxosLies.answersBeforeDurable, { elections: 1, slowWrites: 2 }, /quorum-durable/, 5],
    ['accepts before its disk', paxosLies.acceptsBeforeDurable, { elections: 1, slowWrites: 2 }, /quorum-durable/, 5],
    ['promises without values', promisesWithoutValues, { elections: 2 }, /leader-completeness/, 8],
    ['promises what it only accepted', promisesWhatIsChosen, { elections: 3, candidates: 3 }, /one-history/, 11],
    ['forgets its promise', forgetsPromise, { elections: 2, crashes: 1 }, /one-value/, 8],
    ['proposes two values', proposesTwoValues, { elections: 1 }, /one-value/, 4],
    ['matches too much', matchesTooMuch, { elections: 1, proposals: 1 }, /quorum-durable/, 6],
    ['commits alone', paxosLies.commitsAlone, { elections: 1, slowWrites: 1 }, /quorum-durable/, 3],
    ['commits what it has', paxosLies.commitsWhatItHas, { elections: 1, slowWrites: 2 }, /quorum-durable/, 4],
    ['tells of a commit early', paxosLies.tellsOfCommitEarly, { elections: 1, slowWrites: 2 }, /quorum-durable/, 4],
  ])('%s', (_name, lie, bounds, what, steps) => {
    const found = searchPaxos(bounds, { lie: (protocol) => withoutHeartbeats(lie(protocol)), maxStates: 400_000 })
    expect(found.violation?.what).toMatch(what)
    expect(found.violation?.steps).toHaveLength(steps)
  })
})

describe.runIf(process.env.SWEEP === 'full')('Raft in a larger scope', () => {
  it.each<[name: string, bounds: Bounds, options: RaftOptions]>([
    [
      'two terms, a crash, a message twice, a slow write',
      { elections: 2, crashes: 1, duplicates: 1, slowWrites: 1 },
      {},
    ],
    ['two terms, a crash, two slow writes', { elections: 2, crashes: 1, slowWrites: 2 }, {}],
  ])('%s', { timeout: 1_200_000 }, (name, bounds, options) => {
    const found = searchRaft(bounds, { options })
    report(name, found)
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
  })

  it('breadth first, as far as memory goes: three entries, two terms, a crash', { timeout: 1_200_000 }, () => {
    const found = searchRaft(
      { elections: 2, proposals: 1, crashes: 1, duplicates: 1, slowWrites: 1, heartbeats: 1 },
      { maxStates: 3_000_000 },
    )
    report('three entries', found)
    expect(found.violation).toBeUndefined()
  })
})

describe.runIf(process.env.SWEEP === 'full')('Paxos in a larger scope', () => {
  const options = { noopOnElection: false }

  it.each<[name: string, bounds: Bounds, given: { lie?: paxosLies.PaxosLie; options?: PaxosOptions }]>([
    ['two ballots, a crash, heartbeats', { elections: 2, crashes: 1 }, {}],
    ['three ballots', { elections: 3, candidates: 3 }, { lie: withoutHeartbeats }],
    ['two ballots, three entries, a crash', { elections: 2, proposals: 1, crashes: 1 }, { lie: withoutHeartbeats }],
    [
      'two ballots, two proposals, a crash',
      { elections: 2, proposals: 2, crashes: 1 },
      { lie: withoutHeartbeats, options },
    ],
  ])('%s', { timeout: 1_200_000 }, (name, bounds, given) => {
    const found = searchPaxos(bounds, given)
    report(name, found)
    expect(found).toMatchObject({ status: 'exhausted', violation: undefined })
  })
})
