// Learners: members that receive what is chosen, and neither vote nor lead (Lamport, "Paxos Made Simple", section 2.3).
//
// Always true: a learner is sent chosen blocks only, by one voter at a time, and by the leader only when no other voter
// can, so that the leader's link is spared. It counts in no majority: whatever it says changes nothing that is chosen. Who
// feeds it is decided by the leader, again when either falls silent.

import { lastIndexOf, type NodeId, restamp } from '@mako/engine'
import { nextBlocks } from './catch-up.ts'
import type { Feeding, Learn, Learned } from './messages.ts'
import type { Care, LeaderState, PaxosNode } from './node.ts'
import { Progress } from './progress.ts'

/** Heartbeats after which something that was sent and has not arrived is taken for lost. */
const PATIENCE_HEARTBEATS = 3

/** Election timeouts for which a leader feeds a learner itself before it asks the others again. */
const OWN_FEED_TIMEOUTS = 10

// ------------------------------------------------------------------------------------------------------- the leader

export function newCare(node: PaxosNode): Care {
  const never = Number.NEGATIVE_INFINITY
  return { feeder: node.id, since: never, toldAt: never, heardAt: never }
}

/** Sees to it that every learner is fed. */
export function careForLearners(node: PaxosNode, leader: LeaderState): void {
  const { heartbeatMs, electionTimeoutMs } = node.options
  for (const [learner, care] of leader.learners) {
    const isHeard = node.now - Math.max(care.heardAt, care.since) < electionTimeoutMs
    // The leader feeds only where nobody else can, and sees now and then whether somebody can again.
    const isOver = care.feeder === node.id && node.now - care.since >= OWN_FEED_TIMEOUTS * electionTimeoutMs
    const isFed = isHeard && !isOver && isAlive(node, leader, care.feeder)
    if (!isFed) {
      care.feeder = nextFeeder(node, leader, care.feeder)
      care.since = node.now
      care.toldAt = Number.NEGATIVE_INFINITY
    }
    if (node.now - care.toldAt < heartbeatMs) continue
    care.toldAt = node.now
    if (care.feeder === node.id) beginFeed(node, learner)
    else {
      node.feeds.delete(learner)
      node.send(care.feeder, { type: 'feeding', ballot: node.ballot, learner }, 0)
    }
  }
}

function isAlive(node: PaxosNode, leader: LeaderState, voter: NodeId): boolean {
  if (voter === node.id) return true
  const { heardAt } = leader.progress.get(voter) ?? {}
  return heardAt !== undefined && node.now - heardAt < node.options.electionTimeoutMs
}

/** The next voter in turn that is alive, the leader itself last. */
function nextFeeder(node: PaxosNode, leader: LeaderState, present: NodeId): NodeId {
  const line = [...node.peers, node.id]
  const at = line.indexOf(present)
  const inTurn = [...line.slice(at + 1), ...line.slice(0, at + 1)]
  return inTurn.find((voter) => isAlive(node, leader, voter)) ?? node.id
}

// ------------------------------------------------------------------------------------------------------- the feeder

/** The leader of this ballot wants a learner to be fed. */
export function onFeeding(node: PaxosNode, { learner }: Feeding): void {
  if (node.learners.includes(learner)) beginFeed(node, learner)
}

/** Begins behind everything: what a learner lacks it says itself, in answer to the first question. */
function beginFeed(node: PaxosNode, learner: NodeId): void {
  const until = node.now + node.options.electionTimeoutMs
  const feed = node.feeds.get(learner)
  if (feed) feed.until = until
  else node.feeds.set(learner, { progress: new Progress(learner, node.commit + 1, node.now), until })
}

/** Sends what learners lack: called when the output is taken. */
export function feed(node: PaxosNode): void {
  const { ballot, commit, now } = node
  for (const [learner, { progress, until }] of node.feeds) {
    if (now >= until) {
      node.feeds.delete(learner)
      continue
    }
    while (progress.next <= commit) {
      const blocks = nextBlocks(node, progress, commit)
      if (blocks.length === 0) break
      node.send(learner, { type: 'learn', ballot, commit, blocks }, 0)
      progress.sent(blocks, now)
      progress.heartbeatAt = now
    }
    if (now - progress.heartbeatAt < node.options.heartbeatMs) continue
    // Nothing to teach: a question how far it is.
    node.send(learner, { type: 'learn', ballot, commit, blocks: [] }, 0)
    progress.heartbeatAt = now
  }
}

/** A learner tells how far it is: to its feeder, and to the leader. */
export function onLearned(node: PaxosNode, from: NodeId, message: Learned): void {
  const { state, now } = node
  const care = state.role === 'leader' ? state.learners.get(from) : undefined
  if (care) {
    care.heardAt = now
  }
  const progress = node.feeds.get(from)?.progress
  if (!progress) return
  progress.heardAt = now
  progress.acknowledge(message.match, undefined)
  progress.lacks(message.received, now, PATIENCE_HEARTBEATS * node.options.heartbeatMs)
}

// ------------------------------------------------------------------------------------------------------ the learner

/** Chosen blocks have come: they are kept in order, and everything that is kept is committed. */
export function onLearn(node: PaxosNode, from: NodeId, message: Learn): void {
  if (!node.isLearner) return
  const leader = node.ballots.ownerOf(message.ballot)
  if (message.ballot > node.ballot) node.adopt(message.ballot, leader)
  else if (message.ballot === node.ballot && node.leader !== leader) {
    node.leader = leader
    node.announce()
  }
  node.drawElectionDeadline()
  for (const block of message.blocks) {
    if (lastIndexOf(block) <= node.commit) continue
    // Something before it is missing: it will be sent again.
    if (block.index !== node.commit + 1 || block.term > node.ballot) break
    const own = restamp(block, node.ballot)
    if (!node.log.holds(own)) node.accept(own)
    node.commitTo(lastIndexOf(block))
  }
  const { ballot, commit } = node
  const receivers = new Set(leader === undefined ? [from] : [from, leader])
  for (const to of receivers) {
    node.send(to, { type: 'learned', ballot, match: commit, received: commit }, node.newestWrite())
  }
}
