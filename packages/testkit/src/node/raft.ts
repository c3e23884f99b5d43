// Raft in the simulator: how a seed's tuning becomes options, and what the laws may know of its messages.

import { raft, type RaftMessage } from '@mako/raft'
import type { Protocol } from '@mako/engine'
import type { StormProbe } from '../storm/run.ts'
import type { ProtocolTuning } from '../storm/swarm.ts'

export const raftProbe: StormProbe<RaftMessage> = {
  // A pre-vote promises nothing, and its term is one that nobody is in yet.
  term: (message) => (message.type === 'vote-request' && message.election === 'pre-vote' ? undefined : message.term),
  vote: (message) =>
    message.type === 'vote-reply' && message.granted && message.election !== 'pre-vote'
      ? message.requestedTerm
      : undefined,
  notable: (message) => {
    switch (message.type) {
      case 'vote-reply':
        if (message.granted) return undefined
        return message.election === 'pre-vote' ? 'a refused pre-vote' : 'a refused vote'
      case 'timeout-now':
        return 'a transfer that was told'
      case 'append-reply':
        return message.hint === undefined || message.hint.found.index === message.hint.asked
          ? undefined
          : 'a log that did not match'
      case 'barrier-reply':
        return message.index === undefined ? 'a reader that was turned away' : 'a reader on another node'
      case 'append':
      case 'heartbeat':
      case 'vote-request':
      case 'barrier-request':
        return undefined
    }
  },
}

export function simRaft(tuning: ProtocolTuning): Protocol<RaftMessage> {
  return raft(tuning)
}
