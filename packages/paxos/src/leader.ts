// What a leader does: propose again what may have been chosen, then propose, count, commit, keep its followers loyal,
// step aside (phase 2 for many instances at once).
//
// Always true: in one ballot it proposes one block for an index (PI7), and its proposals have neither overlap nor hole. It
// counts itself only as far as its own disk is; an index is chosen when a majority has accepted its block in this ballot,
// in whatever order (PI3), and commit is the end of the chosen blocks that follow each other without hole (PI8).

import { type Block, encodeBlock, lastIndexOf, MakoError, type NodeId, restamp } from '@mako/engine'
import { nextBlocks } from './catch-up.ts'
import { careForLearners, newCare } from './learner.ts'
import { type Chosen, fill } from './merge.ts'
import type { Accept, Accepted } from './messages.ts'
import type { LeaderState, PaxosNode } from './node.ts'
import { Progress } from './progress.ts'

/** Heartbeats after which something that was sent and has not arrived is taken for lost. */
const PATIENCE_HEARTBEATS = 3

/** Phase 1 is complete: `kept` is proposed again, holes are filled (PI9), and its own entries follow. */
export function becomeLeader(node: PaxosNode, kept: readonly Block[], chosen: Chosen): void {
  const { ballot, options } = node
  const origin = { node: node.id, incarnation: node.core.incarnation, sequence: 0 }
  const proposals = fill(kept, chosen, ballot, origin)
  let lastIndex = proposals.length === 0 ? chosen.commit : lastIndexOf(proposals.at(-1)!)
  if (options.noopOnElection) {
    const entry = { kind: 'noop', payload: new Uint8Array(0) } as const
    proposals.push(encodeBlock({ index: ++lastIndex, term: ballot }, origin, [entry]))
  }
  const progress = new Map(node.peers.map((peer) => [peer, new Progress(peer, chosen.commit + 1, node.now)]))
  node.leaderHeardAt = Number.NEGATIVE_INFINITY
  node.hurryUntil = Number.NEGATIVE_INFINITY
  node.failedAttempts = 0
  const state: LeaderState = {
    role: 'leader',
    electedAt: node.now,
    readyIndex: lastIndex,
    progress,
    lastIndex,
    transfer: undefined,
    learners: new Map(node.learners.map((learner) => [learner, newCare(node)])),
  }
  node.enter(state, node.id)
  for (const block of proposals) node.accept(block)
  // The others learn at once who leads, and answer what they lack.
  for (const peer of progress.values()) sendHeartbeat(node, peer)
}

/** Appends a block that was cut at `admit().nextIndex`; it leaves for the followers when the output is taken. */
export function propose(node: PaxosNode, leader: LeaderState, block: Block): void {
  if (leader.transfer) throw new MakoError('LAW_BROKEN', 'A block was proposed while leadership is handed over.')
  if (block.term !== node.ballot || block.index !== leader.lastIndex + 1) {
    throw new MakoError('LAW_BROKEN', `A block at ${block.index} of ballot ${block.term} is not what was admitted.`)
  }
  leader.lastIndex = lastIndexOf(block)
  node.accept(block)
}

/** `isPaused`: this process has just stood still, so that answers may lie unread: nothing is concluded from silence. */
export function onLeaderTick(node: PaxosNode, leader: LeaderState, isPaused: boolean): void {
  const { heartbeatMs, tickMs, checkQuorum } = node.options
  // A leader that cannot reach a majority gives way, and gives no hint.
  if (checkQuorum && !isPaused && !hearsQuorum(node, leader)) {
    node.becomeFollower(undefined)
    return
  }
  if (leader.transfer && node.now >= leader.transfer.deadline) {
    leader.transfer = undefined
    node.transfers.push('aborted')
  }
  for (const peer of leader.progress.values()) {
    const { acceptedAt, heartbeatAt, heardAt = Number.NEGATIVE_INFINITY } = peer
    // An accept stands in for a heartbeat only while answers keep coming: its own may wait for a slow disk.
    const isBusy = node.now - acceptedAt < heartbeatMs && node.now - heardAt < heartbeatMs
    const isDue = node.now - heartbeatAt >= heartbeatMs && !isBusy
    // With nothing to send, a follower learns of a commit by the next tick.
    const isNews = peer.commitSent < node.commit && node.now - Math.max(acceptedAt, heartbeatAt) >= tickMs
    if (isDue || isNews) sendHeartbeat(node, peer)
    if (isDue) tellTarget(node, leader, peer)
  }
  careForLearners(node, leader)
}

/** True when a majority, this node included, was heard within the election timeout. */
export function hearsQuorum(node: PaxosNode, leader: LeaderState): boolean {
  let heard = 1
  for (const peer of leader.progress.values()) {
    if (node.now - Math.max(leader.electedAt, peer.heardAt ?? 0) < node.options.electionTimeoutMs) heard++
  }
  return heard >= node.quorum
}

/** Phase 2b, many instances at once. */
export function onAccepted(node: PaxosNode, leader: LeaderState, from: NodeId, message: Accepted): void {
  const peer = leader.progress.get(from)
  const { match, received, span } = message
  // A follower of this ballot cannot have more of our proposals than there are: whatever this is, it counts for nothing.
  if (!peer || Math.max(received, span?.last ?? 0) > leader.lastIndex) return
  peer.heardAt = node.now
  node.barriers.heard(from, message.round)
  if (peer.acknowledge(match, span)) {
    advanceCommit(node, leader)
    tellTarget(node, leader, peer)
  }
  peer.lacks(received, node.now, PATIENCE_HEARTBEATS * node.options.heartbeatMs)
}

/** Commits the blocks that a majority has accepted, one behind the other. */
export function advanceCommit(node: PaxosNode, leader: LeaderState): void {
  const { log } = node
  const ownDurable = log.durableIndex
  let commit = node.commit
  for (;;) {
    const block = log.spanAt(commit + 1)
    if (block === undefined || lastIndexOf(block) > leader.lastIndex) break
    let acceptors = lastIndexOf(block) <= ownDurable ? 1 : 0
    for (const peer of leader.progress.values()) if (peer.has(block)) acceptors++
    if (acceptors < node.quorum) break
    commit = lastIndexOf(block)
  }
  node.commitTo(commit)
}

/** Hands leadership over: first the target is brought up to date, then it is told to campaign. */
export function startTransfer(node: PaxosNode, leader: LeaderState, wanted: NodeId | undefined): void {
  const peer = wanted === undefined ? furthest(node, leader) : leader.progress.get(wanted)
  if (!peer || leader.transfer) {
    node.transfers.push('aborted')
    return
  }
  const deadline = node.now + node.options.electionTimeoutMs
  leader.transfer = { to: peer.id, deadline, toldAt: Number.NEGATIVE_INFINITY }
  tellTarget(node, leader, peer)
}

/** The process of a follower has ended: what was sent is lost. */
export function onFollowerDied(leader: LeaderState, peer: NodeId): void {
  leader.progress.get(peer)?.restarted()
}

/**
 * Sends what is new to every follower: called when the output is taken, so that all blocks of a turn leave in one
 * message for each follower.
 */
export function replicate(node: PaxosNode, leader: LeaderState): void {
  const { ballot, commit } = node
  let message: Accept | undefined
  for (const peer of leader.progress.values()) {
    while (peer.next <= leader.lastIndex) {
      // What was chosen in an earlier ballot is what this one proposes there.
      const blocks = nextBlocks(node, peer, leader.lastIndex).map((block) => restamp(block, ballot))
      if (blocks.length === 0) break
      // Followers that are equally far get the very same message, which is encoded once.
      if (message === undefined || !areSame(message.blocks, blocks)) {
        message = { type: 'accept', ballot, commit, blocks }
      }
      node.send(peer.id, message, 0)
      peer.sent(blocks, node.now)
      peer.commitSent = commit
    }
  }
}

/** Both are runs of one log: they are the same when their ends are. */
function areSame(a: readonly Block[], b: readonly Block[]): boolean {
  return a.length === b.length && a[0] === b[0] && a.at(-1) === b.at(-1)
}

/** A new round of heartbeats, because readers wait for it. */
export function startRound(node: PaxosNode, leader: LeaderState): void {
  for (const peer of leader.progress.values()) sendHeartbeat(node, peer)
}

function sendHeartbeat(node: PaxosNode, peer: Progress): void {
  const { ballot, commit } = node
  node.send(peer.id, { type: 'heartbeat', ballot, commit, round: node.barriers.round }, 0)
  peer.heartbeatAt = node.now
  peer.commitSent = commit
}

/** Tells the target of a transfer to campaign when it has everything; again with each heartbeat, as it may be lost. */
function tellTarget(node: PaxosNode, leader: LeaderState, peer: Progress): void {
  const { transfer } = leader
  if (transfer?.to !== peer.id || peer.match !== leader.lastIndex) return
  if (node.now - transfer.toldAt < node.options.heartbeatMs) return
  transfer.toldAt = node.now
  node.send(peer.id, { type: 'handover', ballot: node.ballot }, 0)
}

/** The follower that has the most, among those that were heard lately. */
function furthest(node: PaxosNode, leader: LeaderState): Progress | undefined {
  let best: Progress | undefined
  for (const peer of leader.progress.values()) {
    if (peer.heardAt === undefined || node.now - peer.heardAt >= node.options.electionTimeoutMs) continue
    if (!best || peer.match > best.match) best = peer
  }
  return best
}
