// What a leader reads back for a follower that is far behind: only what is part of its log is sent, and a store that has
// nothing to tell is asked again later, not at once.

import { type Block, encodeBlock, type Input, type Output, seededRandom } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { encodeHardState } from '../src/codec.ts'
import { TEST_LIMITS } from './cluster.ts'

const HEARTBEAT_MS = 50

function block(index: number, term: number): Block {
  const entry = { kind: 'data' as const, payload: new Uint8Array(4) }
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, [entry])
}

/** An input whose time is told by the test. */
type Untimed<Each> = Each extends unknown ? Omit<Each, 'now'> : never
type Step = (input: Untimed<Input<RaftMessage>>) => Output<RaftMessage>

/** Leads term 2 over three entries of term 1 that an earlier life has stored, and has found `c` to have none of them. */
function leader(): { step: Step; output: Output<RaftMessage>; pass: (ms: number) => void } {
  let now = 0
  const core = raft({ preVote: false, heartbeatMs: HEARTBEAT_MS }).createCore({
    partition: 0,
    nodeId: 'a',
    members: ['a', 'b', 'c'],
    incarnation: 2,
    recovered: { state: encodeHardState({ term: 1, votedFor: 'a' }), blocks: [block(1, 1), block(2, 1), block(3, 1)] },
    random: seededRandom(1),
    limits: TEST_LIMITS,
    now,
  })
  const step: Step = (input) => {
    core.step({ ...input, now })
    return core.takeOutput()
  }
  const { writes } = step({ type: 'campaign' })
  step({ type: 'durable', write: writes.at(-1)!.number })
  const vote = {
    type: 'vote-reply',
    term: 2,
    leader: undefined,
    election: 'vote',
    requestedTerm: 2,
    granted: true,
  } as const
  step({ type: 'message', from: 'b', message: vote })
  const answer = (asked: number): Output<RaftMessage> => {
    const hint = { asked, found: { index: 0, term: 0 } }
    const message = { type: 'append-reply', term: 2, leader: 'a', match: 0, received: 0, hint, round: 0 } as const
    return step({ type: 'message', from: 'c', message })
  }
  // The no-op behind entry 3 did not fit, and neither does anything.
  answer(3)
  return { step, output: answer(0), pass: (ms) => (now += ms) }
}

const appends = ({ messages }: Output<RaftMessage>): string[] =>
  messages.flatMap(({ to, message }) =>
    message.type === 'append'
      ? [`${to}: ${message.blocks.map(({ index, term }) => `${index}/${term}`).join(' ')}`]
      : [],
  )

describe('what a follower lacks', () => {
  it('is read back, and sent', () => {
    const { step, output } = leader()
    expect(output.reads).toMatchObject([{ from: 1 }])
    const { request } = output.reads[0]!
    const blocks = [block(1, 1), block(2, 1), block(3, 1)]
    expect(appends(step({ type: 'read', request, blocks }))).toEqual(['c: 1/1 2/1 3/1', 'c: 4/2'])
  })

  it('is not sent when the store still has an older block there', () => {
    const { step, output } = leader()
    const { request } = output.reads[0]!
    const found = step({ type: 'read', request, blocks: [block(1, 1), block(2, 2), block(3, 1)] })
    expect(appends(found)).toEqual([])
    expect(found.reads).toMatchObject([{ from: 1 }])
  })

  it('is asked for again a heartbeat after a read that has found nothing, and not before', () => {
    const { step, output, pass } = leader()
    const { request } = output.reads[0]!
    expect(step({ type: 'read', request, blocks: [] }).reads).toEqual([])
    pass(HEARTBEAT_MS - 1)
    expect(step({ type: 'tick' }).reads).toEqual([])
    pass(1)
    expect(step({ type: 'tick' }).reads).toMatchObject([{ from: 1 }])
  })

  it('is not taken from an answer to another question', () => {
    const { step, output } = leader()
    const { request } = output.reads[0]!
    expect(appends(step({ type: 'read', request: request + 1, blocks: [block(1, 1)] }))).toEqual([])
  })
})
