// How Paxos's messages and its hard state look in the golden scripts of testdata/. One line each; everything that the
// receiver looks at is there. A ballot is written as its round and its owner: 2b.

import { blocksText, type Describe } from '../../testkit/src/golden/index.ts'
import { MAX_VOTERS } from '../src/ballot.ts'
import { decodeHardState } from '../src/codec.ts'
import type { PaxosMessage } from '../src/index.ts'

export const describePaxos: Describe<PaxosMessage> = {
  message: messageText,
  state: (bytes) => {
    const { promised, commit } = decodeHardState(bytes)
    return `promised=${ballotText(promised)} commit=${commit}`
  },
  term: ballotText,
}

/** The nodes of a golden script are called a, b, c, ..., so that their names are their ranks. */
function ballotText(ballot: number): string {
  if (ballot < MAX_VOTERS) return String(ballot)
  return `${Math.floor(ballot / MAX_VOTERS)}${String.fromCharCode('a'.charCodeAt(0) + (ballot % MAX_VOTERS))}`
}

function messageText(message: PaxosMessage): string {
  const ballot = `ballot=${ballotText(message.ballot)}`
  switch (message.type) {
    case 'probe':
      return `probe ${ballot}`
    case 'probe-reply': {
      const { asked, granted, leader } = message
      return `probe ${granted ? 'granted' : 'refused'} for ${ballotText(asked)}, ${ballot} leader=${leader ?? '-'}`
    }
    case 'prepare':
      return `prepare ${ballot} from=${message.from}${message.handover ? ' handover' : ''}`
    case 'promise': {
      const { asked, chosen, blocks, next } = message
      const rest = next === undefined ? '' : ` next=${next}`
      return `promise ${ballot} asked=${asked} chosen=${chosen} ${blocksText(blocks, ballotText)}${rest}`
    }
    case 'refusal':
      return `refusal of ${ballotText(message.refused)}, ${ballot} leader=${message.leader ?? '-'}`
    case 'accept':
      return `accept ${ballot} commit=${message.commit} ${blocksText(message.blocks, ballotText)}`
    case 'heartbeat':
      return `heartbeat ${ballot} commit=${message.commit}${roundText(message)}`
    case 'accepted': {
      const { match, received, span } = message
      const more = received === match ? '' : ` received=${received}`
      const answers = span ? ` span=${span.first}..${span.last}` : roundText(message)
      return `accepted ${ballot} match=${match}${more}${answers}`
    }
    case 'handover':
      return `handover ${ballot}`
    case 'feeding':
      return `feeding ${ballot} learner=${message.learner}`
    case 'learn':
      return `learn ${ballot} commit=${message.commit} ${blocksText(message.blocks, ballotText)}`
    case 'learned':
      return `learned ${ballot} match=${message.match} received=${message.received}`
    case 'barrier-request':
      return `barrier-request ${ballot}`
    case 'barrier-reply':
      return `barrier-reply ${ballot} ${message.index === undefined ? 'refused' : `index=${message.index}`}`
  }
}

function roundText({ round }: { readonly round: number }): string {
  return round === 0 ? '' : ` round=${round}`
}
