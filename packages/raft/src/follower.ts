// What a node does with the messages of a leader, and with requests for its vote.
//
// Always true: an entry is truncated only when another one of a different term is to be put in its place, and never at
// or below commit; commit follows the leader's only as far as this very leader's log has been compared with
// ours in this term; what is reported as `match` is durable when the report leaves.

import { lastIndexOf, MakoError, type NodeId, uniform } from '@mako/engine'
import type { Append, Heartbeat, Hint, VoteRequest } from './messages.ts'
import type { FollowerState, RaftNode } from './node.ts'

/** AppendEntries (thesis 3.5). The message's term is ours. */
export function onAppend(node: RaftNode, from: NodeId, message: Append): void {
  const state = follow(node, from)
  const { log } = node
  const { previous, blocks } = message
  // Log Matching: the same term at `previous` means that both logs are the same up to there.
  if (!log.matches(previous)) {
    reply(node, from, state, { asked: previous.index, found: log.floor(previous.index, previous.term) }, 0)
    return
  }
  for (const block of blocks) {
    const last = lastIndexOf(block)
    // What is there already stays, however old or short this message is.
    if (log.termAt(last) === block.term) continue
    const present = log.termAt(block.index)
    if (present === block.term) {
      throw new MakoError('LAW_BROKEN', `A block at ${block.index} has another length than the same block elsewhere.`)
    }
    const isConflict = present !== undefined
    if (isConflict) {
      if (block.index <= node.commit) {
        throw new MakoError('LAW_BROKEN', `The leader would replace ${block.index}, but ${node.commit} is committed.`)
      }
      log.truncate(block.index)
    }
    node.appendBlock(block, isConflict)
  }
  const last = lastIndexOf(blocks.at(-1)!)
  state.verified = Math.max(state.verified, last)
  node.commitTo(Math.min(message.commit, state.verified))
  const after = Math.max(node.stateWrite(), log.coveringWrite(last))
  const { term, leader } = node
  node.send(
    from,
    { type: 'append-reply', term, leader, match: last, received: state.verified, hint: undefined, round: 0 },
    after,
  )
}

export function onHeartbeat(node: RaftNode, from: NodeId, message: Heartbeat): void {
  const state = follow(node, from)
  const { probe, round } = message
  // A probe that fits is an AppendEntries without entries: both logs are the same up to there (thesis 3.5). Without
  // this, a follower that came back with everything would never be counted again while nothing new is proposed. Only where
  // a block ends: a late probe may be about a place where we had another entry, and have the whole block by now.
  if (probe && node.log.matches(probe) && node.log.endsBlock(probe.index)) {
    state.verified = Math.max(state.verified, probe.index)
  }
  node.commitTo(Math.min(message.commit, state.verified))
  const hint = probe && { asked: probe.index, found: node.log.floor(probe.index, probe.term) }
  reply(node, from, state, hint, round)
}

/**
 * Gives or refuses a vote or a pre-vote (thesis 3.4, 3.6.1, 9.6). A vote is durable before it leaves; a pre-vote
 * changes nothing and promises nothing.
 */
export function onVoteRequest(node: RaftNode, from: NodeId, request: VoteRequest): void {
  const { log } = node
  const { election, last } = request
  const isUpToDate = last.term > log.lastTerm || (last.term === log.lastTerm && last.index >= log.lastIndex)
  const isFree = node.votedFor === from || (node.votedFor === undefined && node.leader === undefined)
  const inTerm = request.term > node.term || (request.term === node.term && isFree)
  const granted = inTerm && isUpToDate
  if (granted && election !== 'pre-vote') {
    node.voteFor(from)
    node.drawElectionDeadline()
  }
  answerVote(node, from, request, granted)
  // The fixed leader may not lead with a log that lags behind. Whoever has a newer one leads in its place, as briefly as
  // it can: see `onLeaderTick`.
  if (!isUpToDate && from === node.fixedLeader && !node.isLoyal() && node.state.role === 'follower') {
    node.electionDeadline = Math.min(
      node.electionDeadline,
      node.now + node.options.heartbeatMs * uniform(node.core.random, 0, 2),
    )
    node.standsIn = true
  }
}

export function answerVote(node: RaftNode, to: NodeId, request: VoteRequest, granted: boolean): void {
  const { term, leader } = node
  const { election, term: requestedTerm } = request
  node.send(to, { type: 'vote-reply', term, leader, election, requestedTerm, granted }, node.stateWrite())
}

/** Tells a sender of an older term about ours, so that a leader that was cut off steps down. */
export function answerStale(node: RaftNode, to: NodeId): void {
  const { term, leader } = node
  node.send(
    to,
    { type: 'append-reply', term, leader, match: 0, received: 0, hint: undefined, round: 0 },
    node.stateWrite(),
  )
}

/** The sender leads this term: whoever campaigns in it gives up, and a term has only one leader (law 7). */
function follow(node: RaftNode, leader: NodeId): FollowerState {
  if (node.state.role === 'leader' || (node.leader !== undefined && node.leader !== leader)) {
    throw new MakoError('LAW_BROKEN', `Term ${node.term} has two leaders, ${node.leader ?? node.id} and ${leader}.`)
  }
  if (node.state.role !== 'follower') node.becomeFollower(leader)
  else if (node.leader === undefined) {
    node.leader = leader
    node.announce()
  }
  node.leaderHeardAt = node.now
  node.standsIn = false
  node.hurryUntil = Number.NEGATIVE_INFINITY
  node.awaitLeader(leader)
  return node.state as FollowerState
}

/** Answers at once, whatever the disk does: only what is durable already is reported as such. */
function reply(node: RaftNode, to: NodeId, state: FollowerState, hint: Hint | undefined, round: number): void {
  const { term, leader, log } = node
  const match = Math.min(state.verified, log.durableIndex)
  node.send(to, { type: 'append-reply', term, leader, match, received: state.verified, hint, round }, node.stateWrite())
}
