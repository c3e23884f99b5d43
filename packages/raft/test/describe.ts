// How Raft's messages and its hard state look in the golden scripts of testdata/. One line each; everything that the
// receiver looks at is there.

import { blocksText, type Describe } from '../../testkit/src/golden/index.ts'
import type { Position, RaftMessage } from '../src/index.ts'
import { decodeHardState } from '../src/codec.ts'

export const describeRaft: Describe<RaftMessage> = {
  message: messageText,
  state: (bytes) => {
    const { term, votedFor } = decodeHardState(bytes)
    return `term=${term} vote=${votedFor ?? '-'}`
  },
}

function messageText(message: RaftMessage): string {
  const { type, term } = message
  const leader = 'leader' in message && message.leader !== undefined ? ` leader=${message.leader}` : ''
  switch (type) {
    case 'append': {
      const { previous, commit, blocks } = message
      return `append term=${term} previous=${place(previous)} commit=${commit} ${blocksText(blocks)}`
    }
    case 'heartbeat': {
      const { commit, probe } = message
      return `heartbeat term=${term} commit=${commit}${probe ? ` probe=${place(probe)}` : ''}${roundText(message)}`
    }
    case 'append-reply': {
      const { match, received, hint } = message
      const agrees = `match=${match}${received === match ? '' : ` received=${received}`}`
      const hinted = hint ? ` asked=${hint.asked} found=${place(hint.found)}` : ''
      return `append-reply term=${term}${leader} ${agrees}${hinted}${roundText(message)}`
    }
    case 'vote-request':
      return `${message.election} request term=${term} last=${place(message.last)}`
    case 'vote-reply': {
      const { election, requestedTerm, granted } = message
      return `${election} ${granted ? 'granted' : 'refused'} for term ${requestedTerm}, term=${term}${leader}`
    }
    case 'timeout-now':
      return `timeout-now term=${term}`
    case 'barrier-request':
      return `barrier-request term=${term}`
    case 'barrier-reply':
      return `barrier-reply term=${term} ${message.index === undefined ? 'refused' : `index=${message.index}`}`
  }
}

function roundText({ round }: { readonly round: number }): string {
  return round === 0 ? '' : ` round=${round}`
}

function place({ index, term }: Position): string {
  return `${index}/${term}`
}
