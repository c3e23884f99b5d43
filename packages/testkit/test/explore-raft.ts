// What of a Raft core decides its future and cannot be seen from outside, for the exhaustive search.
//
// Always true: no time and no number of a write is in it. Writes count from the oldest one that is not durable. Of time
// only one thing matters: patience with a follower never ends, which is checked.

import type { Protocol } from '@mako/engine'
import { raft, type RaftMessage, type RaftOptions } from '@mako/raft'
import type { ExploreOptions } from '../src/explore/explore.ts'
import { RaftNode } from '../../raft/src/node.ts'
import { inspectable, type Inspectable } from './inspectable.ts'

const HEARTBEAT_MS = 1_000_000

/** What a leader has with a follower that does not answer. */
const PATIENCE_MS = 3 * HEARTBEAT_MS

/** Everything the search needs to know of Raft. */
export const raftScope: Pick<ExploreOptions<RaftMessage>, 'ageMs' | 'ages' | 'isOver'> = {
  // Beyond the last turn of those who await a leader.
  ageMs: 1.5 * HEARTBEAT_MS,
  // A node that has heard of a leader a short time ago does not vote.
  ages: (message) => message.type === 'vote-request',
  // Answers to whoever asked in another role than its present one, and who will never ask in that term again.
  isOver: (message, { role, term }) =>
    message.term <= term &&
    ((message.type === 'append-reply' && (message.term < term || role !== 'leader')) ||
      (message.type === 'vote-reply' && (message.requestedTerm < term || role !== 'candidate'))),
}

export function inspectableRaft(
  options: RaftOptions = {},
  wrap: (protocol: Protocol<RaftMessage>) => Protocol<RaftMessage> = (sound) => sound,
): Inspectable<RaftMessage> {
  const timing = { heartbeatMs: HEARTBEAT_MS, electionTimeoutMs: HEARTBEAT_MS + 1, tickMs: 1 }
  const protocol = raft({ preVote: false, checkQuorum: false, ...timing, ...options })
  return inspectable(protocol, RaftNode.prototype, wrap, fingerprint)
}

function fingerprint(node: RaftNode): string {
  const { state, term, votedFor, leader, commit, log } = node
  const writes: number[] = []
  for (let index = log.durableIndex + 1; index <= log.lastIndex; index++) writes.push(log.coveringWrite(index))
  const first = Math.min(...writes)
  const shared = [term, votedFor, leader, commit, log.durableIndex, ...writes.map((write) => write - first)]
  switch (state.role) {
    case 'follower':
      return JSON.stringify([...shared, state.verified])
    case 'candidate':
    case 'pre-candidate': {
      const votes = [...state.votes].sort(([a], [b]) => (a < b ? -1 : 1))
      return JSON.stringify([...shared, state.role, state.election, votes, node.isDurable(state.ownVoteWrite)])
    }
    case 'leader': {
      if (node.now - state.electedAt >= PATIENCE_MS) throw new Error('Patience would end: this scope is too large.')
      const peers = [...state.progress.values()].map((peer) => {
        const awaited = Array.from({ length: log.lastIndex }, (_, index) => peer.awaits(index))
        return [peer.id, peer.state, peer.match, peer.next, awaited]
      })
      return JSON.stringify([...shared, state.readyIndex, peers, state.transfer])
    }
  }
}
