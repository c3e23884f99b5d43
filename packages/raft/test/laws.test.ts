// What stops a node at once: each input that would break a law of Raft.
//
// None of these can happen while all nodes keep the rules; a node that stops is worth more than one that goes on.

import { type Block, encodeBlock, seededRandom } from '@mako/engine'
import { raft } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { onAppend, onHeartbeat } from '../src/follower.ts'
import { becomeLeader, propose, startTransfer } from '../src/leader.ts'
import { type LeaderState, RaftNode } from '../src/node.ts'
import { resolveOptions } from '../src/options.ts'
import { TEST_LIMITS } from './cluster.ts'

const CORE = {
  partition: 0,
  nodeId: 'a',
  members: ['a', 'b', 'c'],
  incarnation: 1,
  recovered: { state: undefined, blocks: [] },
  random: seededRandom(1),
  limits: TEST_LIMITS,
  now: 0,
}

const START = { index: 0, term: 0 }

function block(index: number, term: number, count = 1): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(4) }))
  return encodeBlock({ index, term }, { node: 'b', incarnation: 1, sequence: index }, entries)
}

/** Follows `b` in term 2 and has these blocks. */
function follower(...blocks: Block[]): RaftNode {
  const node = new RaftNode(resolveOptions({}), CORE)
  node.adoptTerm(2, 'b')
  for (const each of blocks) node.appendBlock(each, false)
  return node
}

function leader(): { node: RaftNode; state: LeaderState } {
  const node = new RaftNode(resolveOptions({ noopOnElection: false }), CORE)
  node.startTerm()
  becomeLeader(node)
  return { node, state: node.state as LeaderState }
}

const BROKEN: readonly (readonly [what: string, attempt: () => void, message: string])[] = [
  ['takes a block of a term to come', () => follower().appendBlock(block(1, 3), false), 'A block of term 3 in term 2'],
  ['takes a block with a gap before it', () => follower().appendBlock(block(2, 2), false), 'does not follow'],
  ['takes a block of a falling term', () => follower(block(1, 2)).appendBlock(block(2, 1), false), 'does not follow'],
  ['is told of a write that it never asked for', () => follower().durable(9), 'never asked for'],
  ['commits what it does not have', () => follower(block(1, 2)).commitTo(2), "beyond the log's end"],
  ['commits a part of a block', () => follower(block(1, 2, 2)).commitTo(1), 'is inside a block'],
  ['goes back to an earlier term', () => follower().adoptTerm(1, 'c'), 'would fall from 2 to 1'],
  ['enters the same term again', () => follower().adoptTerm(2, 'c'), 'would fall from 2 to 2'],
  [
    'votes twice in a term',
    () => {
      const node = follower()
      node.voteFor('b')
      node.voteFor('c')
    },
    'A second vote in term 2',
  ],
  [
    'hears of a second leader of its term',
    () => {
      onHeartbeat(follower(), 'c', { type: 'heartbeat', term: 2, commit: 0, probe: undefined, round: 0 })
    },
    'has two leaders, b and c',
  ],
  [
    'is sent a block that is longer than the same block here',
    () => {
      const blocks = [block(1, 2, 3)]
      onAppend(follower(block(1, 2, 2)), 'b', { type: 'append', term: 2, previous: START, commit: 0, blocks })
    },
    'has another length',
  ],
  [
    'is to replace what is committed',
    () => {
      const node = follower(block(1, 1))
      node.commitTo(1)
      onAppend(node, 'b', { type: 'append', term: 2, previous: START, commit: 0, blocks: [block(1, 2)] })
    },
    'but 1 is committed',
  ],
  [
    'is given a block while it hands over',
    () => {
      const { node, state } = leader()
      startTransfer(node, state, 'b')
      propose(node, state, block(1, 1))
    },
    'handed over',
  ],
  [
    'is given a block for another place',
    () => {
      const { node, state } = leader()
      propose(node, state, block(2, 1))
    },
    'not what was admitted',
  ],
  [
    'is given a block and does not lead',
    () => {
      raft().createCore(CORE).propose(block(1, 1))
    },
    'does not lead',
  ],
]

describe('a node is stopped when it', () => {
  it.each(BROKEN)('%s', (_, attempt, message) => {
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'LAW_BROKEN', message: expect.stringContaining(message) as string }) as Error,
    )
  })
})
