// Elections: the pre-vote, the vote, and the counting (thesis 3.4, 9.6).
//
// Always true: a pre-candidate is still in its old term and has promised nothing; a candidate asks for votes, and counts
// its own, only when its term and its own vote are durable.

import type { NodeId } from '@mako/engine'
import { becomeLeader } from './leader.ts'
import type { ElectionKind, VoteReply } from './messages.ts'
import type { CandidateState, RaftNode } from './node.ts'

/** The election timeout has passed, or the caller wants this node to lead. */
export function campaign(node: RaftNode): void {
  if (node.options.preVote) startPreVote(node)
  else startElection(node, 'vote')
}

/**
 * The process of the known leader has ended: nobody need wait for it. The survivors take turns, a heartbeat apart,
 * instead of drawing lots: the first one campaigns with the next tick and usually wins before the second one would,
 * and in every partition that the dead node led it is the same one.
 */
export function onLeaderDied(node: RaftNode, dead: NodeId): void {
  const { heartbeatMs, electionTimeoutMs } = node.options
  node.leaderHeardAt = Number.NEGATIVE_INFINITY
  node.hurryUntil = node.now + electionTimeoutMs
  const turn = node.fixedLeader === undefined ? node.succession.turnAfter(dead) : 0
  node.electionDeadline = Math.min(node.electionDeadline, node.now + heartbeatMs * turn)
  if (node.state.role === 'follower') node.becomeFollower(undefined)
}

/** Starts a term and asks for the votes of all; `transfer` when the leader itself has asked for it. */
export function startElection(node: RaftNode, election: 'vote' | 'transfer'): void {
  if (election === 'transfer') node.standsIn = false
  node.startTerm()
  const ownVoteWrite = node.stateWrite()
  ask(node, { role: 'candidate', election, term: node.term, votes: new Map(), ownVoteWrite })
}

export function onVoteReply(node: RaftNode, from: NodeId, reply: VoteReply): void {
  const { state } = node
  if (state.role !== 'candidate' && state.role !== 'pre-candidate') return
  // An answer counts in the election it was given in and in no other.
  if (reply.requestedTerm !== state.term || reply.election !== state.election) return
  state.votes.set(from, reply.granted)
  count(node, state)
}

/** A write has become durable: perhaps the vote for itself. */
export function onVoteDurable(node: RaftNode): void {
  const { state } = node
  if (state.role !== 'candidate' || state.votes.has(node.id) || !node.isDurable(state.ownVoteWrite)) return
  state.votes.set(node.id, true)
  count(node, state)
}

function startPreVote(node: RaftNode): void {
  const votes = new Map([[node.id, true]])
  ask(node, { role: 'pre-candidate', election: 'pre-vote', term: node.term + 1, votes, ownVoteWrite: 0 })
}

function ask(node: RaftNode, state: CandidateState): void {
  node.enter(state, undefined)
  node.drawRetryDeadline()
  const election: ElectionKind = state.election
  for (const peer of node.peers) {
    node.send(peer, { type: 'vote-request', term: state.term, election, last: node.log.last }, state.ownVoteWrite)
  }
  count(node, state)
}

function count(node: RaftNode, state: CandidateState): void {
  let granted = 0
  let refused = 0
  for (const vote of state.votes.values()) {
    if (vote) granted++
    else refused++
  }
  if (granted >= node.quorum) {
    if (state.role === 'pre-candidate') startElection(node, 'vote')
    else becomeLeader(node)
  } else if (refused > node.core.members.length - node.quorum) {
    // It cannot be won any more; the wait that was drawn at its beginning goes on.
    node.becomeFollower(undefined)
  }
}
