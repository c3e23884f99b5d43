// What a node does as an acceptor: promise, accept, and learn from its leader what is chosen.
//
// Always true: a promise and an acceptance are durable when they leave (PI4); nothing is accepted below the promised
// ballot (PI5); commit follows the leader's only over blocks that were accepted in the leader's own ballot, because in
// one ballot there is one value for an index (PI3, PI7).

import { type Block, lastIndexOf, MakoError, type NodeId } from '@mako/engine'
import type { Accept, Heartbeat, Prepare, Probe } from './messages.ts'
import type { PaxosNode } from './node.ts'

/** Would this node promise? It changes nothing here. */
export function onProbe(node: PaxosNode, from: NodeId, probe: Probe, isProtected: boolean): void {
  const { ballot, leader } = node
  const granted = probe.ballot > ballot && !isProtected
  node.send(from, { type: 'probe-reply', ballot, leader, asked: probe.ballot, granted }, node.stateWrite())
}

/** Phase 1. The ballot of the message is ours. */
export function onPrepare(node: PaxosNode, from: NodeId, prepare: Prepare): void {
  // It leads already: this is an old question.
  if (node.leader === from) return
  node.drawElectionDeadline()
  answerPrepare(node, from, prepare.from)
}

/** Answers the part of a prepare that begins at `asked`; what is not in memory is read first. */
function answerPrepare(node: PaxosNode, to: NodeId, asked: number): void {
  const { log, ballot } = node
  const held = log.heldFrom(asked, node.core.limits.messageBytes)
  if (held.type === 'stored') node.requestRead(held.index, { type: 'promise', to, ballot, asked })
  else promise(node, to, asked, held.blocks, held.next)
}

/** The log store has brought what a prepare has asked for. */
export function onPromiseRead(node: PaxosNode, to: NodeId, asked: number, blocks: readonly Block[]): void {
  const fitting = blocks.filter((block) => block.index >= asked)
  const last = fitting.at(-1)
  // Nothing to be believed: what was read has been replaced meanwhile. The candidate will ask again.
  if (last === undefined) return
  promise(node, to, asked, fitting, node.log.nextHeld(lastIndexOf(last) + 1))
}

function promise(node: PaxosNode, to: NodeId, asked: number, blocks: readonly Block[], next: number | undefined): void {
  const { ballot, commit } = node
  // Behind all writes: the ballot, and whatever is told of as accepted.
  node.send(to, { type: 'promise', ballot, asked, chosen: commit, blocks, next }, node.newestWrite())
}

/** Phase 2. The ballot of the message is ours. */
export function onAccept(node: PaxosNode, from: NodeId, message: Accept): void {
  follow(node, from)
  const { log, ballot } = node
  const { blocks, commit } = message
  let after = node.stateWrite()
  let isNew = false
  for (const block of blocks) {
    const last = lastIndexOf(block)
    if (last > node.commit && !log.holds(block)) {
      // What is chosen stays; what this block overlaps beyond that was accepted in a lower ballot and is not chosen.
      if (block.index <= node.commit) {
        throw new MakoError('LAW_BROKEN', `A block at ${block.index} overlaps what is chosen up to ${node.commit}.`)
      }
      after = node.accept(block)
      isNew = true
    } else after = Math.max(after, log.writeOf(last))
  }
  const received = log.matched(ballot)
  node.commitTo(Math.min(commit, received, log.readable))
  // Writes become durable in order: with the newest one, everything that was accepted before it.
  const match = isNew ? received : Math.min(received, log.durableIndex)
  const span = { first: blocks[0]!.index, last: lastIndexOf(blocks.at(-1)!) }
  node.send(from, { type: 'accepted', ballot, match, received, span, round: 0 }, after)
}

/** Answers at once, whatever the disk does: only what is durable already is reported as such. */
export function onHeartbeat(node: PaxosNode, from: NodeId, message: Heartbeat): void {
  follow(node, from)
  const { log, ballot } = node
  const received = log.matched(ballot)
  node.commitTo(Math.min(message.commit, received, log.readable))
  const match = Math.min(received, log.durableIndex)
  const { round } = message
  node.send(from, { type: 'accepted', ballot, match, received, span: undefined, round }, node.stateWrite())
}

/** A lower ballot than ours, or a protected leader: says so, so that the sender gives way or waits. */
export function refuse(node: PaxosNode, to: NodeId, refused: number): void {
  const { ballot, leader } = node
  node.send(to, { type: 'refusal', ballot, leader, refused }, node.stateWrite())
}

/** The sender leads this ballot, which is its own: whoever campaigned gives up. */
function follow(node: PaxosNode, leader: NodeId): void {
  if (node.state.role === 'leader') {
    throw new MakoError('LAW_BROKEN', `Ballot ${node.ballot} has two leaders, ${node.id} and ${leader}.`)
  }
  node.failedAttempts = 0
  if (node.state.role !== 'follower') node.becomeFollower(leader)
  else if (node.leader !== leader) {
    node.leader = leader
    node.announce()
  }
  node.failedAttempts = 0
  node.leaderHeardAt = node.now
  node.hurryUntil = Number.NEGATIVE_INFINITY
  node.awaitLeader(leader)
}
