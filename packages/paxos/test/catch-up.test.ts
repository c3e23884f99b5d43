// What a leader reads back for a follower that is far behind: only what this log consists of now is sent.

import { encodeBlock, restamp, seededRandom, type Block, type CoreMessage } from '@mako/engine'
import type { PaxosMessage } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { onCatchUpRead } from '../src/catch-up.ts'
import { becomeLeader, replicate } from '../src/leader.ts'
import { PaxosNode, type LeaderState } from '../src/node.ts'
import { resolveOptions } from '../src/options.ts'
import { TEST_LIMITS } from './cluster.ts'

function block(index: number, term: number): Block {
  const entry = { kind: 'data' as const, payload: new Uint8Array(4) }
  return restamp(encodeBlock({ index, term: 64 }, { node: 'a', incarnation: 1, sequence: index }, [entry]), term)
}

/** Leads ballot 128 over a log of an earlier life: 1 and 2 are chosen, what was accepted at 3 in ballot 64 was not. */
function leader(): { node: PaxosNode; state: LeaderState } {
  const node = new PaxosNode(resolveOptions({ noopOnElection: false }), {
    partition: 0,
    nodeId: 'a',
    members: ['a', 'b', 'c'],
    incarnation: 2,
    recovered: { state: undefined, blocks: [] },
    random: seededRandom(1),
    limits: TEST_LIMITS,
    now: 0,
  })
  node.adopt(65, 'b')
  for (const index of [1, 2]) node.accept(block(index, 65))
  node.commitTo(2)
  node.startBallot()
  becomeLeader(node, [], { commit: 2, term: 64 })
  return { node, state: node.state as LeaderState }
}

const accepts = (messages: readonly CoreMessage<PaxosMessage>[]): string[] =>
  messages.flatMap(({ to, message }) =>
    message.type === 'accept'
      ? [`${to}: ${message.blocks.map(({ index, term }) => `${index}/${term}`).join(' ')}`]
      : [],
  )

describe('what a follower lacks', () => {
  it('is kept of a read when it is chosen or of this ballot, and nothing else is', () => {
    const { node, state } = leader()
    const b = state.progress.get('b')!
    onCatchUpRead(node, 'b', [block(1, 65), block(2, 65), block(3, 64), block(4, 128)])
    expect(b.fetched.map(({ index, term }) => `${index}/${term}`)).toEqual(['1/65', '2/65', '4/128'])
    onCatchUpRead(node, 'b', [block(3, 64)])
    expect(b.fetched).toEqual([])
    expect(b.readNotBefore).toBeGreaterThan(node.now)
  })

  it('is sent in the ballot of the leader, whatever ballot it was chosen in', () => {
    const { node, state } = leader()
    state.lastIndex = 2
    state.progress.get('b')!.next = 1
    node.messages = []
    replicate(node, state)
    expect(accepts(node.messages)).toEqual(['b: 1/128 2/128'])
  })
})
