// Paxos in the simulator: how a seed's tuning becomes options, and what the laws may know of its messages.

import { paxos, type PaxosMessage } from '@mako/paxos'
import type { Protocol } from '@mako/engine'
import type { StormProbe } from '../storm/run.ts'
import type { ProtocolTuning } from '../storm/swarm.ts'

export const paxosProbe: StormProbe<PaxosMessage> = {
  byIndex: true,
  // A probe promises nothing, and its ballot is one that nobody has promised yet.
  term: (message) => (message.type === 'probe' ? undefined : message.ballot),
  // A ballot belongs to one proposer; a promise is given to nobody else.
  vote: (message) => (message.type === 'promise' ? message.ballot : undefined),
  notable: (message) => {
    switch (message.type) {
      case 'probe-reply':
        return message.granted ? undefined : 'a refused probe'
      case 'promise':
        return message.next === undefined ? undefined : 'a promise in parts'
      case 'refusal':
        return 'a refused ballot'
      case 'handover':
        return 'a transfer that was told'
      case 'accepted':
        return message.span !== undefined && message.span.first > message.received + 1
          ? 'an acceptance behind a hole'
          : undefined
      case 'barrier-reply':
        return message.index === undefined ? 'a reader that was turned away' : 'a reader on another node'
      case 'probe':
      case 'prepare':
      case 'accept':
      case 'heartbeat':
      case 'feeding':
      case 'learn':
      case 'learned':
      case 'barrier-request':
        return undefined
    }
  },
}

export function simPaxos(tuning: ProtocolTuning): Protocol<PaxosMessage> {
  const { preVote: probe, ...options } = tuning
  return paxos({ ...options, probe })
}
