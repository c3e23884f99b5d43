// What a leader does: replicate, commit, keep its followers loyal, step aside.
//
// Always true: a leader never changes what is in its log, it only appends (thesis 3.6.3). It counts itself only as far as its
// own disk is (10.2.1), and commits by counting only what is of its own term (3.6.2). Blocks and heartbeats
// promise nothing about its disk and leave at once.

import { type Block, lastIndexOf, MakoError, type NodeId, encodeBlock } from '@mako/engine'
import type { Append, AppendReply } from './messages.ts'
import type { LeaderState, RaftNode } from './node.ts'
import { Progress } from './progress.ts'

/** Heartbeats after which something that was sent and has not arrived is taken for lost. */
const PATIENCE_HEARTBEATS = 3

export function becomeLeader(node: RaftNode): void {
  const { log, options } = node
  const next = log.lastIndex + 1
  const progress = new Map(node.peers.map((peer) => [peer, new Progress(peer, next, node.now)]))
  const readyIndex = options.noopOnElection ? next : 0
  node.leaderHeardAt = Number.NEGATIVE_INFINITY
  node.hurryUntil = Number.NEGATIVE_INFINITY
  const inheritedIndex = log.lastIndex
  node.enter(
    { role: 'leader', electedAt: node.now, readyIndex, inheritedIndex, progress, transfer: undefined },
    node.id,
  )
  if (options.noopOnElection) {
    const origin = { node: node.id, incarnation: node.core.incarnation, sequence: 0 }
    const entry = { kind: 'noop', payload: new Uint8Array(0) } as const
    node.appendBlock(encodeBlock({ index: next, term: node.term }, origin, [entry]), false)
  } else {
    // With nothing to append, the followers are asked for what they lack.
    for (const peer of progress.values()) {
      peer.probe(next)
      sendHeartbeat(node, peer)
    }
  }
}

/** Appends a block that was cut at `admit().nextIndex`; it leaves for the followers when the output is taken. */
export function propose(node: RaftNode, leader: LeaderState, block: Block): void {
  if (leader.transfer) throw new MakoError('LAW_BROKEN', 'A block was proposed while leadership is handed over.')
  if (block.term !== node.term || block.index !== node.log.lastIndex + 1) {
    throw new MakoError('LAW_BROKEN', `A block at ${block.index} of term ${block.term} is not what was admitted.`)
  }
  node.appendBlock(block, false)
}

/** `isPaused`: this process has just stood still, so that answers may lie unread: nothing is concluded from silence. */
export function onLeaderTick(node: RaftNode, leader: LeaderState, isPaused: boolean): void {
  const { heartbeatMs, tickMs, checkQuorum } = node.options
  // Check-quorum (thesis 6.2): a leader that cannot reach a majority gives way, and gives no hint.
  if (checkQuorum && !isPaused && !hearsQuorum(node, leader)) {
    node.becomeFollower(undefined)
    return
  }
  if (leader.transfer && node.now >= leader.transfer.deadline) {
    leader.transfer = undefined
    node.transfers.push('aborted')
  }
  if (node.standsIn && !leader.transfer) startTransfer(node, leader, node.fixedLeader)
  for (const peer of leader.progress.values()) {
    const { appendedAt, heartbeatAt, heardAt = Number.NEGATIVE_INFINITY } = peer
    // An append stands in for a heartbeat only while answers keep coming: its own may wait for a slow disk.
    const isBusy = node.now - appendedAt < heartbeatMs && node.now - heardAt < heartbeatMs
    const isDue = node.now - heartbeatAt >= heartbeatMs && !isBusy
    // With nothing to send, a follower learns of a commit by the next tick.
    const isNews = peer.commitSent < node.commit && node.now - Math.max(appendedAt, heartbeatAt) >= tickMs
    if (isDue || isNews) sendHeartbeat(node, peer)
    if (isDue) tellTarget(node, leader, peer)
  }
}

/** True when a majority, this node included, was heard within the election timeout. */
export function hearsQuorum(node: RaftNode, leader: LeaderState): boolean {
  let heard = 1
  for (const peer of leader.progress.values()) {
    if (node.now - Math.max(leader.electedAt, peer.heardAt ?? 0) < node.options.electionTimeoutMs) heard++
  }
  return heard >= node.quorum
}

export function onAppendReply(node: RaftNode, leader: LeaderState, from: NodeId, reply: AppendReply): void {
  const peer = leader.progress.get(from)
  // A follower of this term cannot have more of our log than there is: whatever this is, it counts for nothing.
  if (!peer || reply.received > node.log.lastIndex) return
  peer.heardAt = node.now
  node.barriers.heard(from, reply.round)
  if (peer.acknowledge(reply.match)) {
    advanceCommit(node, leader)
    tellTarget(node, leader, peer)
  }
  if (reply.hint) onHint(node, peer, reply.hint.asked, reply.hint.found)
  else if (peer.lost(reply.received, node.now, PATIENCE_HEARTBEATS * node.options.heartbeatMs))
    sendHeartbeat(node, peer)
}

/**
 * Figure 8 (thesis 3.6.2): an entry of an earlier term may be on a majority and still be replaced, so only an entry of
 * this term is committed by counting, and everything before it with it.
 */
export function advanceCommit(node: RaftNode, leader: LeaderState): void {
  const matches = [node.log.durableIndex]
  for (const peer of leader.progress.values()) matches.push(peer.match)
  matches.sort((a, b) => b - a)
  const index = matches[node.quorum - 1]!
  if (index > node.commit && node.log.termAt(index) === node.term) node.commitTo(index)
}

/** Hands leadership over (thesis 3.10): first the target is brought up to date, then it is told to campaign. */
export function startTransfer(node: RaftNode, leader: LeaderState, wanted: NodeId | undefined): void {
  const peer = wanted === undefined ? furthest(node, leader) : leader.progress.get(wanted)
  if (!peer || leader.transfer) {
    node.transfers.push('aborted')
    return
  }
  const deadline = node.now + node.options.electionTimeoutMs
  leader.transfer = { to: peer.id, deadline, toldAt: Number.NEGATIVE_INFINITY }
  tellTarget(node, leader, peer)
}

/** The process of a follower has ended: what was sent is lost, and its silence is no longer patience. */
export function onFollowerDied(leader: LeaderState, peer: NodeId): void {
  leader.progress.get(peer)?.restart()
}

/** The log store has answered. */
export function onRead(node: RaftNode, leader: LeaderState, request: number, blocks: readonly Block[]): void {
  for (const peer of leader.progress.values()) {
    if (peer.read !== request) continue
    peer.read = undefined
    if (blocks.length > 0) peer.fetched = blocks
    else peer.readNotBefore = node.now + node.options.heartbeatMs
  }
}

/**
 * Sends what is new to every follower: called when the output is taken, so that all blocks of a turn leave in one
 * message for each follower.
 */
export function replicate(node: RaftNode, leader: LeaderState): void {
  let message: Append | undefined
  for (const peer of leader.progress.values()) {
    while (peer.state === 'replicate' && peer.next <= node.log.lastIndex) {
      const blocks = nextBlocks(node, peer)
      if (blocks.length === 0) break
      // Followers that are equally far get the very same message, which is encoded once.
      if (message === undefined || !areSame(message.blocks, blocks)) {
        const previousIndex = blocks[0]!.index - 1
        const previous = { index: previousIndex, term: node.log.termAt(previousIndex)! }
        message = { type: 'append', term: node.term, previous, commit: node.commit, blocks }
      }
      node.send(peer.id, message, 0)
      peer.sent(blocks, node.now)
      peer.commitSent = node.commit
    }
  }
}

/** Both are runs of one log: they are the same when their ends are. */
function areSame(a: readonly Block[], b: readonly Block[]): boolean {
  return a.length === b.length && a[0] === b[0] && a.at(-1) === b.at(-1)
}

/** A new round of heartbeats, because readers wait for it (thesis 6.4). */
export function startRound(node: RaftNode, leader: LeaderState): void {
  for (const peer of leader.progress.values()) sendHeartbeat(node, peer)
}

function nextBlocks(node: RaftNode, peer: Progress): readonly Block[] {
  const { messageBytes, inflightEntries, inflightBytes } = node.core.limits
  if (peer.isFull(inflightEntries, inflightBytes)) return []
  const bytes = inflightBytes - peer.inflightBytes
  const entries = inflightEntries - peer.inflightEntries
  const blocks = node.log.blocksFrom(peer.next, Math.min(messageBytes, bytes), entries)
  if (blocks.length === 0) {
    const { fetched } = peer
    peer.fetched = []
    if (isPartOfLog(node, fetched, peer.next)) return fetched
    if (peer.read === undefined && node.now >= peer.readNotBefore) peer.read = node.requestRead(peer.next)
    return []
  }
  // A block that does not fit into the window waits for room, unless it would be the only one on its way.
  const [first] = blocks
  const doesFit = first!.bytes.length <= bytes && first!.count <= entries
  return doesFit || peer.inflightEntries === 0 ? blocks : []
}

/** True when these are blocks of our log, in order, the first of which holds `next`. */
function isPartOfLog(node: RaftNode, blocks: readonly Block[], next: number): boolean {
  const [first] = blocks
  if (!first || first.index > next || lastIndexOf(first) < next) return false
  let expected = first.index
  for (const block of blocks) {
    if (block.index !== expected || node.log.termAt(lastIndexOf(block)) !== block.term) return false
    expected += block.count
  }
  return true
}

/**
 * The search for the place up to which the logs agree: each answer skips, on both sides, all entries of the terms
 * that the other does not have (thesis 5.3), so it takes as many round trips as there are terms, at most.
 */
function onHint(node: RaftNode, peer: Progress, asked: number, found: { index: number; term: number }): void {
  const ours = node.log.floor(found.index, found.term)
  // The same term at the same index proves that the logs agree up to there (Log Matching, thesis 3.5).
  const isProven = ours.term === found.term
  if (peer.state === 'probe') {
    if (asked !== peer.next - 1) return
    if (isProven) peer.replicate(ours.index + 1)
    else {
      peer.probe(ours.index + 1)
      sendHeartbeat(node, peer)
    }
    return
  }
  // An append did not fit. What was sent behind it does not fit either; those answers are passed over while probing.
  const doesFit = isProven && ours.index === asked
  if (doesFit || asked <= peer.match || !peer.awaits(asked)) return
  peer.probe(ours.index + 1)
  sendHeartbeat(node, peer)
}

function sendHeartbeat(node: RaftNode, peer: Progress): void {
  const { term, commit, log } = node
  const index = peer.next - 1
  const probe = peer.state === 'probe' ? { index, term: log.termAt(index)! } : undefined
  node.send(peer.id, { type: 'heartbeat', term, commit, probe, round: node.barriers.round }, 0)
  peer.heartbeatAt = node.now
  peer.commitSent = commit
}

/** Tells the target of a transfer to campaign when it has everything; again with each heartbeat, as it may be lost. */
function tellTarget(node: RaftNode, leader: LeaderState, peer: Progress): void {
  const { transfer } = leader
  if (transfer?.to !== peer.id || peer.match !== node.log.lastIndex) return
  if (node.now - transfer.toldAt < node.options.heartbeatMs) return
  transfer.toldAt = node.now
  node.send(peer.id, { type: 'timeout-now', term: node.term }, 0)
}

/** The follower with the most of the log, among those that were heard lately. */
function furthest(node: RaftNode, leader: LeaderState): Progress | undefined {
  let best: Progress | undefined
  for (const peer of leader.progress.values()) {
    if (peer.heardAt === undefined || node.now - peer.heardAt >= node.options.electionTimeoutMs) continue
    if (!best || peer.match > best.match) best = peer
  }
  return best
}
