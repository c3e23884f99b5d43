// How far readers must be, so that they see everything that was committed before they began (ReadIndex, thesis 6.4).
//
// Always true: what earlier terms have committed is at or below where the log of a new leader ended when it was elected
// (Leader Completeness, 3.6.3). Once it has committed all of that, whatever was committed before now is at or below its
// commit; until then its readers wait.

import type { BarrierView } from '@mako/engine'
import { startRound } from './leader.ts'
import type { RaftNode } from './node.ts'

/** Looks after all who wait: called when the output is taken, so that those of one turn share a round. */
export function serveReaders(node: RaftNode): void {
  const { state, barriers } = node
  const actions = barriers.turn(viewOf(node))
  if (actions === undefined) return
  if (actions.isNewRound && state.role === 'leader') startRound(node, state)
  const { term, leader } = node
  for (const id of actions.questions) node.send(leader!, { type: 'barrier-request', term, id }, node.stateWrite())
  for (const { to, id, index } of actions.replies) {
    node.send(to, { type: 'barrier-reply', term, id, index }, node.stateWrite())
  }
  node.answers.push(...actions.answers)
}

function viewOf({ now, term, leader, state, commit }: RaftNode): BarrierView {
  const isLeading = state.role === 'leader'
  const index = isLeading && commit >= state.inheritedIndex ? commit : undefined
  return { now, term, leader, isLeading, index }
}
