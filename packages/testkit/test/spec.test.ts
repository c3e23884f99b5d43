// The specification of Raft accepts what a sound Raft does in storms, and refuses every broken one.
//
// `TRACES=1000 npx vitest run packages/testkit/test/spec.test.ts` validates as many storms; 30 by default.

import type { Protocol } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import type { ProtocolTuning } from '../src/index.ts'
import { simRaft } from '../src/node/raft.ts'
import { describeRaftState } from '../src/spec/raft-message.ts'
import { validateRaftTrace } from '../src/spec/raft.ts'
import type { Verdict } from '../src/spec/verdict.ts'
import type { TracedMessage, TraceEvent } from '../src/trace/event.ts'
import { answersBeforeDurable, commitsAlone, countsItselfEarly, forgetsVote, votesForAll, type Lie } from './broken.ts'
import {
  appendsAnywhere,
  boastsOfItsLog,
  commitsWhatItHas,
  matchesEverything,
  speaksOfTheNextTerm,
  tellsOfCommitEarly,
  truncatesAlways,
  votesBeforeDurable,
} from './lies.ts'
import { tracedStorm } from './traces.ts'

const TRACES = Number(process.env.TRACES ?? 30)

describe('storms', () => {
  it(
    `are accepted, ${TRACES} of them`,
    async () => {
      let steps = 0
      for (let seed = 1; seed <= TRACES; seed++) {
        const { result, trace } = await tracedStorm(seed, 1)
        expect(result.violation, `seed ${seed}`).toBeUndefined()
        const verdict = validateRaftTrace(trace)
        expect(verdict, `seed ${seed}`).toMatchObject({ ok: true })
        steps += trace.events.length
      }
      expect(steps).toBeGreaterThan(500 * TRACES)
    },
    TRACES * 5000,
  )
})

describe('a broken protocol is refused', () => {
  const BROKEN: readonly (readonly [name: string, lie: Lie, rules: readonly string[]])[] = [
    ['answers before its disk', answersBeforeDurable, ['term-durable', 'match-durable', 'candidate-vote']],
    ['commits alone', commitsAlone, ['commit-majority', 'commit-own-term']],
    ['counts itself before its disk', countsItselfEarly, ['commit-majority']],
    ['votes for everybody', votesForAll, ['one-vote', 'vote-up-to-date']],
    ['forgets its vote', forgetsVote, ['one-vote', 'candidate-vote', 'term-grows', 'term-source']],
    ['matches everything', matchesEverything, ['match-told', 'match-agrees', 'match-durable']],
    ['tells of a commit early', tellsOfCommitEarly, ['commit-told']],
    ['boasts of its log', boastsOfItsLog, ['own-log']],
    ['votes before its disk', votesBeforeDurable, ['vote-durable', 'term-durable']],
    ['appends anywhere', appendsAnywhere, ['own-log']],
    ['speaks of the next term', speaksOfTheNextTerm, ['own-term']],
    ['truncates always', truncatesAlways, ['truncate-conflict', 'leader-appends-only']],
    ['commits what it has', commitsWhatItHas, ['commit-told', 'commit-verified']],
  ]
  for (const [name, lie, rules] of BROKEN) {
    it(name, async () => {
      expect(rules).toContain(await refusedBy((tuning) => lie(simRaft(tuning))))
    })
  }
})

/** The rule that refuses the first of these storms that is not accepted. */
async function refusedBy(protocol: (tuning: ProtocolTuning) => Protocol<RaftMessage>): Promise<string | undefined> {
  for (let seed = 1; seed <= 20; seed++) {
    const { trace } = await tracedStorm(seed, 1, protocol)
    const verdict = validateRaftTrace(trace)
    if (!verdict.ok) {
      expect(trace.events[verdict.step]).toBeDefined()
      return verdict.rule
    }
  }
  return undefined
}

// One election and one entry in a cluster of three, and what must not be otherwise in it.
const b = { at: 1, node: 'b', partition: 0 } as const
const a = { at: 1, node: 'a', partition: 0 } as const
const members = ['a', 'b', 'c']

function start(node: string): TraceEvent {
  return { at: 0, node, partition: 0, type: 'start', incarnation: 1, members, state: null, blocks: [] }
}

function vote(term: number, votedFor: string | null, write: number, of: typeof a | typeof b = a): TraceEvent {
  return { ...of, type: 'write', write, what: 'state', state: { term, votedFor } }
}

function asks(term: number): TracedMessage {
  return { type: 'vote-request', term, election: 'vote', last: { index: 0, term: 0 } }
}

function grants(term: number, granted = true): TracedMessage {
  return { type: 'vote-reply', term, election: 'vote', requestedTerm: term, granted }
}

const block = { index: 1, count: 1, term: 1 }
const append = { type: 'append', term: 1, previous: { index: 0, term: 0 }, commit: 0, blocks: [block] } as const
const accepted = { type: 'append-reply', term: 1, match: 1, received: 1 } as const

const ELECTED: readonly TraceEvent[] = [
  ...members.map(start),
  { ...a, type: 'tick' },
  vote(1, 'a', 1),
  { ...a, type: 'role', role: 'candidate', term: 1, leader: null },
  { ...a, type: 'send', to: 'b', message: asks(1), after: 1 },
  { ...b, type: 'deliver', from: 'a', message: asks(1) },
  vote(1, 'a', 1, b),
  { ...b, type: 'send', to: 'a', message: grants(1), after: 1 },
  { ...a, type: 'durable', write: 1 },
  { ...a, type: 'deliver', from: 'b', message: grants(1) },
  { ...a, type: 'write', write: 2, what: 'block', block, truncate: false },
  { ...a, type: 'role', role: 'leader', term: 1, leader: 'a' },
  { ...a, type: 'send', to: 'b', message: append, after: 0 },
  { ...b, type: 'deliver', from: 'a', message: append },
  { ...b, type: 'write', write: 2, what: 'block', block, truncate: false },
  { ...b, type: 'role', role: 'follower', term: 1, leader: 'a' },
  { ...b, type: 'send', to: 'a', message: accepted, after: 2 },
  { ...a, type: 'durable', write: 2 },
  { ...a, type: 'deliver', from: 'b', message: accepted },
  { ...a, type: 'commit', index: 1 },
]

function verdictOf(events: readonly TraceEvent[]): Verdict {
  return validateRaftTrace({ nodes: members, dropped: 0, events })
}

/** The story with one event replaced, or left out. */
function changed(which: number, ...events: readonly TraceEvent[]): readonly TraceEvent[] {
  return ELECTED.toSpliced(which, 1, ...events)
}

/** The story with a block of two entries, up to the answer to it. */
function twoEntries(answer: TracedMessage): readonly TraceEvent[] {
  const two = { ...block, count: 2 }
  const story = ELECTED.slice(0, 19).map((event): TraceEvent => {
    if (event.type === 'write' && event.what === 'block') return { ...event, block: two }
    if (event.type !== 'send' && event.type !== 'deliver') return event
    if (event.message === append) return { ...event, message: { ...append, blocks: [two] } }
    return event.message === accepted ? { ...event, message: answer } : event
  })
  return story.toSpliced(12, 0, { ...a, type: 'propose', block: two })
}

function refusal(events: readonly TraceEvent[]): string {
  const verdict = verdictOf(events)
  return verdict.ok ? 'accepted' : verdict.rule
}

describe('the specification', () => {
  it('accepts an election and an entry', () => {
    expect(verdictOf(ELECTED)).toEqual({ ok: true, steps: ELECTED.length })
  })

  it.each<[what: string, rule: string, events: readonly TraceEvent[]]>([
    ['an election without a reason', 'campaign', changed(3)],
    ['a term out of nowhere', 'term-source', changed(4, vote(7, 'b', 1))],
    [
      'a request before the own vote is kept',
      'term-durable',
      changed(6, { ...a, type: 'send', to: 'b', message: asks(1), after: 0 }),
    ],
    ['a request for another term', 'own-term', changed(6, { ...a, type: 'send', to: 'b', message: asks(2), after: 1 })],
    ['a vote that nobody asked for', 'term-source', changed(7)],
    ['a vote for somebody else', 'vote-asked', changed(8, vote(1, 'c', 1, b))],
    ['a vote that is not written', 'own-term', changed(8)],
    [
      'a vote that is not kept',
      'term-durable',
      changed(9, { ...b, type: 'send', to: 'a', message: grants(1), after: 0 }),
    ],
    ['a leader before its own vote is durable', 'elected', changed(10)],
    ['a leader without votes', 'elected', changed(11, { ...a, type: 'deliver', from: 'b', message: grants(1, false) })],
    [
      'a block of a later term',
      'term-before-block',
      changed(12, { ...a, type: 'write', write: 2, what: 'block', block: { ...block, term: 2 }, truncate: false }),
    ],
    [
      'a hole',
      'no-hole',
      changed(12, { ...a, type: 'write', write: 2, what: 'block', block: { ...block, index: 2 }, truncate: false }),
    ],
    [
      'writes out of order',
      'write-order',
      changed(12, { ...a, type: 'write', write: 3, what: 'block', block, truncate: false }),
    ],
    ['a follower that makes up blocks', 'append-asked', changed(15)],
    [
      'a follower of the wrong node',
      'known-leader',
      changed(17, { ...b, type: 'role', role: 'follower', term: 1, leader: 'c' }),
    ],
    [
      'a truncation of nothing',
      'truncate-conflict',
      changed(16, { ...b, type: 'write', write: 2, what: 'block', block, truncate: true }),
    ],
    [
      'a match before its disk',
      'match-durable',
      changed(18, { ...b, type: 'send', to: 'a', message: accepted, after: 1 }),
    ],
    [
      'a match of more than was sent',
      'match-told',
      changed(18, { ...b, type: 'send', to: 'a', message: { ...accepted, match: 2, received: 2 }, after: 2 }),
    ],
    ['a commit without a majority', 'commit-majority', changed(20)],
    ['a commit before its own disk and without an answer', 'commit-majority', [...ELECTED.slice(0, 19), ELECTED[21]!]],
    ['a commit beyond the log', 'commit-in-log', changed(21, { ...a, type: 'commit', index: 2 })],
    ['a commit that falls', 'commit-grows', [...ELECTED, { ...a, type: 'tick' }, { ...a, type: 'commit', index: 0 }]],
    [
      'a commit that nobody told',
      'commit-told',
      [...ELECTED, { ...b, type: 'tick' }, { ...b, type: 'commit', index: 1 }],
    ],
    ['a durable write that was never put out', 'durable', changed(19, { ...a, type: 'durable', write: 9 })],
    [
      'a message of another protocol',
      'message',
      changed(14, { ...a, type: 'send', to: 'b', message: { type: 'prepare', term: 1 }, after: 0 }),
    ],
    [
      'an answer to nothing',
      'reply-asked',
      changed(14, { ...b, type: 'send', to: 'c', message: { ...accepted, match: 0, received: 0 }, after: 1 }),
    ],
    ['a match inside a block', 'match-whole-blocks', twoEntries({ ...accepted, match: 1, received: 2 })],
    [
      'a match that was received inside a block',
      'match-whole-blocks',
      twoEntries({ ...accepted, match: 1, received: 1 }),
    ],
    [
      'a commit inside a block',
      'commit-whole-blocks',
      [
        ...twoEntries({ ...accepted, match: 2, received: 2 }),
        ELECTED[19]!,
        { ...a, type: 'deliver', from: 'b', message: { ...accepted, match: 2, received: 2 } },
        ELECTED[21]!,
      ],
    ],
    ['a node that does not run', 'alive', [{ ...a, type: 'commit', index: 1 }]],
  ])('refuses %s', (_what, rule, events) => {
    expect(refusal(events)).toBe(rule)
  })

  it('lets a disk keep any beginning of what was on its way, and nothing less than what is durable', () => {
    const before = ELECTED.slice(0, 14)
    const again = (state: { term: number; votedFor: string | null } | null, blocks: (typeof block)[]): TraceEvent[] => [
      { at: 2, type: 'crash', node: 'a' },
      { at: 3, node: 'a', partition: 0, type: 'start', incarnation: 2, members, state, blocks },
    ]
    const kept = { term: 1, votedFor: 'a' }
    expect(refusal([...before, ...again(kept, [])])).toBe('accepted')
    expect(refusal([...before, ...again(kept, [block])])).toBe('accepted')
    expect(refusal([...before, ...again(null, [])])).toBe('recovery')
    expect(refusal([...before, ...again({ term: 1, votedFor: 'b' }, [])])).toBe('recovery')
    expect(refusal([...before, ...again(kept, [{ ...block, count: 2 }])])).toBe('recovery')
    const wiped: TraceEvent = { at: 2, type: 'fault', node: 'a', kind: 'wiped-disk' }
    expect(refusal([...before, wiped, ...again(null, [])])).toBe('accepted')
  })

  it('wants the whole trace', () => {
    expect(validateRaftTrace({ nodes: members, dropped: 1, events: [] })).toMatchObject({ rule: 'whole-trace' })
  })
})

describe('a hard state', () => {
  it('is read from its bytes', () => {
    const bytes = new Uint8Array(12)
    bytes[0] = 9
    new DataView(bytes.buffer).setFloat64(1, 7, true)
    bytes.set([18, 1, 98], 9)
    expect(describeRaftState(bytes)).toEqual({ term: 7, votedFor: 'b' })
    expect(describeRaftState(bytes.subarray(0, 9))).toEqual({ term: 7, votedFor: null })
    expect(describeRaftState(bytes.subarray(0, 11))).toBeNull()
    expect(describeRaftState(Uint8Array.of(99))).toBeNull()
  })
})
