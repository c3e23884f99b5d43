// The specification of Multi-Paxos accepts what a sound Paxos does in storms, and refuses every broken one.
//
// `TRACES=1000 npx vitest run packages/testkit/test/spec-paxos.test.ts` validates as many storms; 10 by default.

import type { Protocol } from '@mako/engine'
import type { PaxosMessage } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import type { ProtocolTuning } from '../src/index.ts'
import { simPaxos } from '../src/node/paxos.ts'
import { describePaxosState, type PaxosTraceMessage } from '../src/spec/paxos-message.ts'
import { validatePaxosTrace } from '../src/spec/paxos.ts'
import type { TracedBlock, TracedMessage, TraceEvent } from '../src/trace/event.ts'
import {
  acceptsBeforeDurable,
  answersBeforeDurable,
  asksBeforeDurable,
  commitsAlone,
  commitsWhatItHas,
  forgetsPromise,
  matchesTooMuch,
  promisesWhatIsChosen,
  promisesWithoutValues,
  proposesTwoValues,
  tellsOfCommitEarly,
  truncatesAlways,
  type PaxosLie,
} from './paxos-lies.ts'
import { tracedPaxosStorm } from './traces.ts'

const TRACES = Number(process.env.TRACES ?? 10)

describe('storms', () => {
  it(
    `are accepted, ${TRACES} of them`,
    async () => {
      let steps = 0
      for (let seed = 1; seed <= TRACES; seed++) {
        const { result, trace } = await tracedPaxosStorm(seed, 1)
        expect(result.violation, `seed ${seed}`).toBeUndefined()
        const verdict = validatePaxosTrace(trace)
        expect(verdict, `seed ${seed}`).toMatchObject({ ok: true })
        steps += trace.events.length
      }
      expect(steps).toBeGreaterThan(500 * TRACES)
    },
    TRACES * 5000,
  )
})

describe('a broken protocol is refused', () => {
  const BROKEN: readonly (readonly [name: string, lie: PaxosLie, rules: readonly string[]])[] = [
    ['answers before its disk', answersBeforeDurable, ['promise-durable', 'match-durable']],
    ['accepts before its disk', acceptsBeforeDurable, ['match-durable', 'promise-durable']],
    ['asks before its disk', asksBeforeDurable, ['promise-durable']],
    ['promises without values', promisesWithoutValues, ['promise-whole']],
    ['promises what is chosen only to itself', promisesWhatIsChosen, ['promise-so']],
    ['commits alone', commitsAlone, ['commit-majority', 'commit-chosen']],
    ['commits what it has', commitsWhatItHas, ['commit-told', 'commit-chosen']],
    ['tells of a commit early', tellsOfCommitEarly, ['commit-told']],
    ['matches too much', matchesTooMuch, ['match-agrees', 'match-durable']],
    ['forgets its promise', forgetsPromise, ['promise-grows', 'own-ballot', 'one-value', 'promise-so']],
    ['proposes two values', proposesTwoValues, ['own-log']],
    ['truncates always', truncatesAlways, ['no-truncation']],
  ]
  for (const [name, lie, rules] of BROKEN) {
    it(name, async () => {
      expect(rules).toContain(await refusedBy((tuning) => lie(simPaxos(tuning))))
    })
  }
})

/** The rule that refuses the first of these storms that is not accepted. */
async function refusedBy(protocol: (tuning: ProtocolTuning) => Protocol<PaxosMessage>): Promise<string | undefined> {
  for (let seed = 1; seed <= 20; seed++) {
    const { trace } = await tracedPaxosStorm(seed, 1, protocol)
    const verdict = validatePaxosTrace(trace)
    if (!verdict.ok) {
      expect(trace.events[verdict.step]).toBeDefined()
      return verdict.rule
    }
  }
  return undefined
}

// One ballot and one entry in a cluster of three, and what must not be otherwise in it.
const a = { at: 1, node: 'a', partition: 0 } as const
const b = { at: 1, node: 'b', partition: 0 } as const
const members = ['a', 'b', 'c']
const BALLOT = 64

function start(node: string): TraceEvent {
  return { at: 0, node, partition: 0, type: 'start', incarnation: 1, members, state: null, blocks: [] }
}

function state(promised: number, write: number, of: typeof a | typeof b = a, commit = 0): TraceEvent {
  return { ...of, type: 'write', write, what: 'state', state: { promised, commit } }
}

function accepts(block: TracedBlock, write: number, of: typeof a | typeof b = a): TraceEvent {
  return { ...of, type: 'write', write, what: 'block', block, truncate: false }
}

function says(of: typeof a | typeof b, message: PaxosTraceMessage | TracedMessage, after = 0): TraceEvent {
  return { ...of, type: 'send', to: of.node === 'a' ? 'b' : 'a', message: message as TracedMessage, after }
}

function hears(of: typeof a | typeof b, message: PaxosTraceMessage, from = of.node === 'a' ? 'b' : 'a'): TraceEvent {
  return { ...of, type: 'deliver', from, message: message as TracedMessage }
}

const block = { index: 1, count: 1, term: BALLOT, value: 7 }
const prepare = { type: 'prepare', ballot: BALLOT, from: 1, handover: false } as const
const promise = { type: 'promise', ballot: BALLOT, asked: 1, chosen: 0, blocks: [] } as const
const accept = { type: 'accept', ballot: BALLOT, commit: 0, blocks: [block] } as const
const accepted = {
  type: 'accepted',
  ballot: BALLOT,
  match: 1,
  received: 1,
  span: { first: 1, last: 1 },
  round: 0,
} as const
const heartbeat = { type: 'heartbeat', ballot: BALLOT, commit: 1, round: 0 } as const

const STORY: readonly TraceEvent[] = [
  ...members.map(start),
  { ...a, type: 'tick' },
  state(BALLOT, 1),
  { ...a, type: 'role', role: 'candidate', term: BALLOT, leader: null },
  says(a, prepare, 1),
  hears(b, prepare),
  state(BALLOT, 1, b),
  says(b, promise, 1),
  { ...a, type: 'durable', write: 1 },
  hears(a, promise),
  accepts(block, 2),
  { ...a, type: 'role', role: 'leader', term: BALLOT, leader: 'a' },
  says(a, accept),
  hears(b, accept),
  accepts(block, 2, b),
  { ...b, type: 'role', role: 'follower', term: BALLOT, leader: 'a' },
  says(b, accepted, 2),
  { ...a, type: 'durable', write: 2 },
  { ...b, type: 'durable', write: 2 },
  hears(a, accepted),
  { ...a, type: 'commit', index: 1 },
  { ...a, type: 'tick' },
  says(a, heartbeat),
  hears(b, heartbeat),
  { ...b, type: 'commit', index: 1 },
]

function changed(which: number, ...events: readonly TraceEvent[]): readonly TraceEvent[] {
  return STORY.toSpliced(which, 1, ...events)
}

function refusal(events: readonly TraceEvent[]): string {
  const verdict = validatePaxosTrace({ nodes: members, dropped: 0, events })
  return verdict.ok ? 'accepted' : verdict.rule
}

/** What the acceptor `b` tells in phase 1, and what the leader then proposes. */
function choice(found: readonly TracedBlock[], proposals: readonly TracedBlock[]): string {
  const earlier = { type: 'accept', ballot: BALLOT + 2, commit: 0, blocks: found } as const
  const ballot = 128
  const asks = { ...prepare, ballot }
  const answers = { ...promise, ballot, blocks: found }
  const before = found.length === 0 ? [] : seeded(earlier, found)
  const write = before.length === 0 ? 1 : 2 + found.length
  return refusal([
    ...members.map(start),
    ...before,
    { ...a, type: 'tick' },
    state(ballot, 1),
    says(a, asks, 1),
    { ...a, type: 'durable', write: 1 },
    hears(b, asks),
    state(ballot, write, b),
    says(b, answers, write),
    { ...b, type: 'durable', write },
    hears(a, answers),
    ...proposals.map((each, i) => accepts(each, 2 + i)),
    { ...a, type: 'role', role: 'leader', term: ballot, leader: 'a' },
  ])
}

/** Blocks that c had proposed, and b alone has heard of. */
function seeded(message: PaxosTraceMessage, found: readonly TracedBlock[]): TraceEvent[] {
  return [hears(b, message, 'c'), state(message.ballot, 1, b), ...found.map((each, i) => accepts(each, 2 + i, b))]
}

describe('the specification', () => {
  it('accepts a ballot and an entry', () => {
    expect(validatePaxosTrace({ nodes: members, dropped: 0, events: STORY })).toEqual({ ok: true, steps: STORY.length })
  })

  it.each<[what: string, rule: string, events: readonly TraceEvent[]]>([
    ['a ballot without a reason', 'campaign', changed(3)],
    ['a ballot of another', 'ballot-source', changed(4, state(BALLOT + 1, 1))],
    ['a ballot of nobody', 'ballot-owner', changed(4, state(BALLOT + 3, 1))],
    ['a question before the ballot is durable', 'promise-durable', changed(6, says(a, prepare))],
    ['a question in a ballot of another', 'own-ballot', changed(6, says(a, { ...prepare, ballot: 65 }, 1))],
    ['a hand-over that nobody told', 'transfer-asked', changed(6, says(a, { ...prepare, handover: true }, 1))],
    ['a promise that is not written', 'own-ballot', changed(8)],
    ['a promise that is not durable', 'promise-durable', changed(9, says(b, promise))],
    ['a promise that nobody asked for', 'reply-asked', changed(9, says(b, { ...promise, asked: 2 }, 1))],
    ['a promise of what is not so', 'promise-so', changed(9, says(b, { ...promise, blocks: [block] }, 1))],
    ['a leader before its own promise is durable', 'elected', changed(10)],
    ['a leader without a majority', 'elected', changed(11)],
    ['a leader that has heard a part', 'elected', changed(11, hears(a, { ...promise, next: 4 }))],
    ['a leader that has not heard the beginning', 'elected', changed(11, hears(a, { ...promise, asked: 2 }))],
    ['a block of another ballot', 'accept-ballot', changed(12, accepts({ ...block, term: 63 }, 2))],
    ['a hole', 'no-hole', changed(12, accepts({ ...block, index: 2 }, 2))],
    ['writes out of order', 'write-order', changed(12, accepts(block, 3))],
    ['an entry that nobody proposed', 'append-asked', changed(12, accepts({ ...block, count: 2 }, 2))],
    ['a proposal to others alone', 'own-log', changed(14, says(a, { ...accept, blocks: [{ ...block, value: 8 }] }))],
    ['an acceptor that makes up blocks', 'append-asked', changed(15)],
    ['an acceptor that has another value', 'append-asked', changed(16, accepts({ ...block, value: 8 }, 2, b))],
    [
      'a follower of the wrong node',
      'known-leader',
      changed(17, { ...b, type: 'role', role: 'follower', term: BALLOT, leader: 'c' }),
    ],
    ['an acceptance before its disk', 'match-durable', changed(18, says(b, accepted, 1))],
    [
      'an acceptance of what it does not have',
      'match-agrees',
      changed(18, says(b, { ...accepted, match: 2, received: 2 }, 2)),
    ],
    ['a commit without a majority', 'commit-majority', changed(21)],
    ['a commit that counts the own disk early', 'commit-majority', STORY.toSpliced(19, 1)],
    ['a commit beyond the log', 'commit-in-log', changed(22, { ...a, type: 'commit', index: 2 })],
    ['a commit of what no majority has durable', 'commit-chosen', STORY.toSpliced(20, 1)],
    ['a commit that is told early', 'commit-told', changed(24, says(a, { ...heartbeat, commit: 2 }))],
    ['a commit that nobody told', 'commit-told', changed(25, hears(b, { ...heartbeat, commit: 0 }))],
    ['a durable write that was never put out', 'durable', changed(19, { ...a, type: 'durable', write: 9 })],
    ['a message of another protocol', 'message', changed(14, says(a, { type: 'vote-request', term: 1 }))],
    ['a promised ballot that falls', 'promise-grows', [...STORY, { ...a, type: 'tick' }, state(1, 3)]],
    ['a commit that is stored early', 'commit-stored', [...STORY, { ...a, type: 'tick' }, state(BALLOT, 3, a, 2)]],
    ['a chosen block that is replaced', 'commit-kept', [...STORY, { ...a, type: 'tick' }, accepts(block, 3)]],
    ['a node that does not run', 'alive', [{ ...a, type: 'commit', index: 1 }]],
  ])('refuses %s', (_what, rule, events) => {
    expect(refusal(events)).toBe(rule)
  })

  const old = { term: 66, count: 1 } as const
  const again = { term: 128, count: 1, proposed: 66 } as const

  it.each<[what: string, rule: string, found: readonly TracedBlock[], proposals: readonly TracedBlock[]]>([
    ['what was found', 'accepted', [{ ...old, index: 1, value: 1 }], [{ ...again, index: 1, value: 1 }]],
    [
      'no-ops in a hole, of the term before it',
      'accepted',
      [{ ...old, index: 3, value: 1 }],
      [
        { ...again, index: 1, count: 2, proposed: 1, value: 5 },
        { ...again, index: 3, value: 1 },
      ],
    ],
    [
      'no-ops of its own term',
      'choice',
      [{ ...old, index: 2, value: 1 }],
      [
        { index: 1, count: 1, term: 128, value: 5 },
        { ...again, index: 2, value: 1 },
      ],
    ],
    ['a hole', 'choice', [{ ...old, index: 2, value: 1 }], [{ ...again, index: 2, value: 1 }]],
    ['nothing', 'choice', [{ ...old, index: 1, value: 1 }], []],
    ['another value', 'choice', [{ ...old, index: 1, value: 1 }], [{ ...again, index: 1, value: 2 }]],
    ['another term of first proposal', 'choice', [{ ...old, index: 1 }], [{ ...again, index: 1, proposed: 128 }]],
    ['a part of what was found', 'choice', [{ ...old, index: 1, count: 2 }], [{ ...again, index: 1 }]],
    ['its own no-op where nothing was found', 'accepted', [], [{ index: 1, count: 1, term: 128, value: 3 }]],
    ['nothing where nothing was found', 'accepted', [], []],
  ])('a leader proposes %s: %s', (_what, rule, found, proposals) => {
    expect(choice(found, proposals)).toBe(rule)
  })

  it('lets a disk keep any beginning of what was on its way, and nothing less than what is durable', () => {
    const before = STORY.slice(0, 15)
    const restarted = (promised: number | null, blocks: readonly TracedBlock[]): TraceEvent[] => [
      { at: 2, type: 'crash', node: 'a' },
      { ...start('a'), state: promised === null ? null : { promised, commit: 0 }, blocks } as TraceEvent,
    ]
    expect(refusal([...before, ...restarted(BALLOT, [])])).toBe('accepted')
    expect(refusal([...before, ...restarted(BALLOT, [{ index: 1, count: 1, term: BALLOT }])])).toBe('accepted')
    expect(refusal([...before, ...restarted(null, [])])).toBe('recovery')
    expect(refusal([...before, ...restarted(128, [])])).toBe('recovery')
    expect(refusal([...before, ...restarted(BALLOT, [{ index: 1, count: 2, term: BALLOT }])])).toBe('recovery')
    const wiped: TraceEvent = { at: 2, type: 'fault', node: 'a', kind: 'wiped-disk' }
    expect(refusal([...before, wiped, ...restarted(null, [])])).toBe('accepted')
  })

  it('wants the whole trace', () => {
    expect(validatePaxosTrace({ nodes: members, dropped: 1, events: [] })).toMatchObject({ rule: 'whole-trace' })
  })
})

describe('a hard state', () => {
  it('is read from its bytes', () => {
    const bytes = new Uint8Array(18)
    const view = new DataView(bytes.buffer)
    bytes[0] = 9
    view.setFloat64(1, 130, true)
    bytes[9] = 17
    view.setFloat64(10, 6, true)
    expect(describePaxosState(bytes)).toEqual({ promised: 130, commit: 6 })
    expect(describePaxosState(bytes.subarray(0, 9))).toEqual({ promised: 130, commit: 0 })
    expect(describePaxosState(bytes.subarray(0, 12))).toBeNull()
    expect(describePaxosState(Uint8Array.of(99))).toBeNull()
  })
})
