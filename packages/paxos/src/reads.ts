// How far readers must be, so that they see everything that was chosen before they began: a round of heartbeats, as in Raft
// (thesis 6.4).
//
// Always true: a majority that answers in this ballot after a reader began has promised no higher one before, so no
// higher ballot has chosen anything by then (PI5). What lower ballots have chosen is at or below the end of what was
// proposed again (PI6). Once all of that is committed, whatever was chosen and known to be so before now is at or below
// commit; until then readers of a new leader wait.

import type { BarrierView } from '@mako/engine'
import { startRound } from './leader.ts'
import type { PaxosNode } from './node.ts'

/** Looks after all who wait: called when the output is taken, so that those of one turn share a round. */
export function serveReaders(node: PaxosNode): void {
  const { state, barriers } = node
  const actions = barriers.turn(viewOf(node))
  if (actions === undefined) return
  if (actions.isNewRound && state.role === 'leader') startRound(node, state)
  const { ballot, leader } = node
  for (const id of actions.questions) node.send(leader!, { type: 'barrier-request', ballot, id }, node.stateWrite())
  for (const { to, id, index } of actions.replies) {
    node.send(to, { type: 'barrier-reply', ballot, id, index }, node.stateWrite())
  }
  node.answers.push(...actions.answers)
}

function viewOf({ now, ballot, leader, state, commit }: PaxosNode): BarrierView {
  const isLeading = state.role === 'leader'
  const index = isLeading && commit >= state.readyIndex ? commit : undefined
  return { now, term: ballot, leader, isLeading, index }
}
