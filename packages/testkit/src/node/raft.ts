// Raft in the simulator: how a seed's tuning becomes options, and what the laws may know of its messages.

import { raft, type RaftMessage } from '@mako/raft'
import type { Protocol } from '@mako/engine'
import type { ProtocolProbe } from '../laws/watch.ts'
import type { ProtocolTuning } from '../storm/swarm.ts'

export const raftProbe: ProtocolProbe<RaftMessage> = {
  // A pre-vote promises nothing, and its term is one that nobody is in yet.
  term: (message) => (message.type === 'vote-request' && message.election === 'pre-vote' ? undefined : message.term),
  vote: (message) =>
    message.type === 'vote-reply' && message.granted && message.election !== 'pre-vote'
      ? message.requestedTerm
      : undefined,
}

export function simRaft(tuning: ProtocolTuning): Protocol<RaftMessage> {
  const { heartbeatMs, electionTimeoutMs, tickMs, preVote, checkQuorum, noopOnElection } = tuning
  return raft({ heartbeatMs, electionTimeoutMs, tickMs, preVote, checkQuorum, noopOnElection })
}
