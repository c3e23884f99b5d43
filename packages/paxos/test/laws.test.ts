// What stops a node at once: each input that would break a law of Paxos.
//
// None of these can happen while all nodes keep the rules; a node that stops is worth more than one that goes on.

import { type Block, encodeBlock, restamp, seededRandom } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { onAccept, onHeartbeat } from '../src/acceptor.ts'
import { becomeLeader, propose, startTransfer } from '../src/leader.ts'
import { type LeaderState, PaxosNode } from '../src/node.ts'
import { resolveOptions } from '../src/options.ts'
import { onPromise, prepare } from '../src/proposer.ts'
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

/** The ballots of `a`, `b` and `c` in the first round. */
const [OWN, BALLOT, HIGHER] = [64, 65, 66] as const

function block(index: number, ballot: number, count = 1): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(4) }))
  return restamp(encodeBlock({ index, term: 1 }, { node: 'b', incarnation: 1, sequence: index }, entries), ballot)
}

/** Follows `b`, and has accepted these blocks of it; what is chosen of them is told by `commit`. */
function follower(blocks: readonly Block[] = [], commit = 0): PaxosNode {
  const node = new PaxosNode(resolveOptions({}), CORE)
  node.adopt(BALLOT, 'b')
  for (const each of blocks) node.accept(each)
  node.commitTo(commit)
  return node
}

function leader(): { node: PaxosNode; state: LeaderState } {
  const node = new PaxosNode(resolveOptions({ noopOnElection: false }), CORE)
  node.startBallot()
  becomeLeader(node, [], { commit: 0, term: 0 })
  return { node, state: node.state as LeaderState }
}

const BROKEN: readonly (readonly [what: string, attempt: () => void, message: string])[] = [
  ['accepts below its promise', () => follower().accept(block(1, OWN)), '65 is promised'],
  ['accepts above its promise', () => follower().accept(block(1, HIGHER)), '65 is promised'],
  ['promises less than before', () => follower().adopt(OWN, 'a'), 'would fall from 65 to 64'],
  ['promises the same again', () => follower().adopt(BALLOT, 'b'), 'would fall from 65 to 65'],
  ['is told of a write that it never asked for', () => follower().durable(1), 'never asked for'],
  ['commits what it does not have', () => follower([block(1, BALLOT)]).commitTo(2), 'beyond what is accepted'],
  ['commits over a hole', () => follower([block(2, BALLOT)]).commitTo(2), 'beyond what is accepted'],
  [
    'commits a part of a block',
    () => follower([block(1, BALLOT, 2)]).log.commitTo(1),
    'Commit 1 is not where a block ends',
  ],
  [
    'replaces what is chosen',
    () => follower([block(1, BALLOT)], 1).log.put(block(1, HIGHER), 9),
    'would change what is chosen',
  ],
  ['accepts two values in a ballot', () => follower([block(1, BALLOT, 2)]).accept(block(2, BALLOT)), 'overlap'],
  [
    'is sent a block that begins in what is chosen and ends behind it',
    () => {
      const blocks = [block(1, BALLOT, 2)]
      onAccept(follower([block(1, BALLOT)], 1), 'b', { type: 'accept', ballot: BALLOT, commit: 1, blocks })
    },
    'overlaps what is chosen',
  ],
  [
    'hears another leader of the ballot that it leads',
    () => {
      onHeartbeat(leader().node, 'b', { type: 'heartbeat', ballot: OWN, commit: 0, round: 0 })
    },
    'has two leaders',
  ],
  [
    'is given a block while it hands over',
    () => {
      const { node, state } = leader()
      startTransfer(node, state, 'b')
      propose(node, state, block(1, OWN))
    },
    'handed over',
  ],
  [
    'is given a block for another place',
    () => {
      const { node, state } = leader()
      propose(node, state, block(2, OWN))
    },
    'not what was admitted',
  ],
  [
    'is given a block of another ballot',
    () => {
      const { node, state } = leader()
      propose(node, state, block(1, BALLOT))
    },
    'not what was admitted',
  ],
  [
    'is given a block and does not lead',
    () => {
      paxos().createCore(CORE).propose(block(1, OWN))
    },
    'does not lead',
  ],
  [
    'is told of a chosen block without the one before',
    () => {
      const node = new PaxosNode(resolveOptions({}), CORE)
      prepare(node, false)
      const blocks = [block(3, OWN)]
      onPromise(node, 'b', { type: 'promise', ballot: OWN, asked: 1, chosen: 3, blocks, next: undefined })
    },
    'does not follow 0',
  ],
]

describe('a node is stopped when it', () => {
  it.each(BROKEN)('%s', (_, attempt, message) => {
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'LAW_BROKEN', message: expect.stringContaining(message) as string }) as Error,
    )
  })
})
