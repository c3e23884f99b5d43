// How a node comes to lead: the probe, and phase 1 for the whole rest of the log at once.
//
// Always true: a probe raises no ballot; a prepare, and the proposer's own promise, count only when the ballot is durable
// here, so that it is never used again after a restart (PI7); phase 1 covers everything that this node does not know to
// be chosen (PI10), and nobody leads before a majority has told all of it.

import { type Block, lastIndexOf, MakoError, type NodeId, restamp } from '@mako/engine'
import { becomeLeader } from './leader.ts'
import { choose } from './merge.ts'
import type { Promised, ProbeReply } from './messages.ts'
import type { Answer, PaxosNode, PreparingState, ProbingState } from './node.ts'

/** The election timeout has passed, or the caller wants this node to lead. */
export function campaign(node: PaxosNode): void {
  if (node.options.probe) probe(node)
  else prepare(node, false)
}

/**
 * The process of the known leader has ended: nobody need wait for it. The survivors take turns, a heartbeat apart,
 * instead of drawing lots: the first one campaigns with the next tick and usually wins before the second one would,
 * and in every partition that the dead node led it is the same one.
 */
export function onLeaderDied(node: PaxosNode, dead: NodeId): void {
  const { heartbeatMs, electionTimeoutMs } = node.options
  node.leaderHeardAt = Number.NEGATIVE_INFINITY
  node.hurryUntil = node.now + electionTimeoutMs
  const turn = node.fixedLeader === undefined ? node.succession.turnAfter(dead) : 0
  node.electionDeadline = Math.min(node.electionDeadline, node.now + heartbeatMs * turn)
  if (node.state.role === 'follower') node.becomeFollower(undefined)
}

function probe(node: PaxosNode): void {
  const ballot = node.ballots.next(node.id, node.ballot)
  const state: ProbingState = { role: 'pre-candidate', ballot, granted: new Set([node.id]), refused: new Set() }
  node.enter(state, undefined)
  node.drawRetryDeadline()
  for (const peer of node.peers) node.send(peer, { type: 'probe', ballot }, 0)
  countProbes(node, state)
}

export function onProbeReply(node: PaxosNode, from: NodeId, reply: ProbeReply): void {
  const { state } = node
  // An answer counts for the ballot it was given for and for no other.
  if (state.role !== 'pre-candidate' || reply.asked !== state.ballot) return
  if (reply.granted) state.granted.add(from)
  else state.refused.add(from)
  countProbes(node, state)
}

function countProbes(node: PaxosNode, state: ProbingState): void {
  if (state.granted.size >= node.quorum) prepare(node, false)
  else if (isRefused(node, state.refused)) node.becomeFollower(undefined)
}

/** Phase 1a: a ballot of its own, and the question to all what they have accepted. `handover`: the leader wants it. */
export function prepare(node: PaxosNode, handover: boolean): void {
  const ballot = node.startBallot()
  const from = node.commit + 1
  const answers = new Map(
    node.core.members.map((member): [NodeId, Answer] => [member, { from, isComplete: false, askedAt: node.now }]),
  )
  const ownWrite = node.stateWrite()
  const state: PreparingState = {
    role: 'candidate',
    ballot,
    handover,
    answers,
    refused: new Set(),
    found: new Map(),
    ownWrite,
  }
  node.enter(state, undefined)
  node.drawRetryDeadline()
  for (const peer of node.peers) ask(node, state, peer)
  collectOwn(node, state)
}

/** Asks again where no answer has come, because messages may be lost. */
export function onCandidateTick(node: PaxosNode, state: PreparingState): void {
  for (const [member, answer] of state.answers) {
    if (answer.isComplete || node.now - answer.askedAt < node.options.heartbeatMs) continue
    if (member === node.id) collectOwn(node, state)
    else ask(node, state, member)
  }
}

/** Phase 1b: one acceptor's answer, or a part of it. */
export function onPromise(node: PaxosNode, from: NodeId, message: Promised): void {
  const { state } = node
  if (state.role !== 'candidate' || message.ballot !== state.ballot) return
  const answer = state.answers.get(from)
  if (answer === undefined || answer.isComplete || message.asked !== answer.from) return
  for (const block of message.blocks) {
    if (lastIndexOf(block) <= message.chosen) learn(node, block)
    else note(state, block)
  }
  // There is progress: nobody else need try.
  node.drawRetryDeadline()
  if (message.next === undefined) answer.isComplete = true
  else {
    answer.from = message.next
    ask(node, state, from)
  }
  leadWhenComplete(node, state)
}

/** The acceptor has promised a higher ballot, which is adopted elsewhere, or protects its leader. */
export function onRefusal(node: PaxosNode, from: NodeId, refused: number): void {
  const { state } = node
  if (state.role !== 'candidate' || refused !== state.ballot) return
  state.refused.add(from)
  if (isRefused(node, state.refused)) node.becomeFollower(undefined)
}

/** A write has become durable: perhaps the promise to itself. */
export function onOwnPromiseDurable(node: PaxosNode): void {
  if (node.state.role === 'candidate') leadWhenComplete(node, node.state)
}

/** The log store has brought what this node itself has accepted. */
export function onOwnRead(node: PaxosNode, blocks: readonly Block[]): void {
  const { state } = node
  const [first] = blocks
  if (state.role !== 'candidate' || first === undefined) return
  node.log.learnCommitTerm(first)
  const own = state.answers.get(node.id)!
  for (const block of blocks) if (block.index >= own.from) note(state, block)
  const next = node.log.nextHeld(Math.max(own.from, lastIndexOf(blocks.at(-1)!) + 1))
  if (next === undefined) own.isComplete = true
  else own.from = next
  collectOwn(node, state)
}

/** Its own answer, in the same parts as everybody's; and the block at commit, to know the term that nothing is below. */
function collectOwn(node: PaxosNode, state: PreparingState): void {
  const own = state.answers.get(node.id)!
  const { log, commit } = node
  own.askedAt = node.now
  while (!own.isComplete || log.commitTerm === undefined) {
    const held: ReturnType<typeof log.heldFrom> =
      log.commitTerm === undefined
        ? { type: 'stored', index: commit }
        : log.heldFrom(Math.max(own.from, commit + 1), node.core.limits.messageBytes)
    if (held.type === 'stored') {
      node.requestRead(held.index, { type: 'collect', ballot: state.ballot })
      return
    }
    for (const block of held.blocks) note(state, block)
    if (held.next === undefined) own.isComplete = true
    else own.from = held.next
  }
  leadWhenComplete(node, state)
}

function ask(node: PaxosNode, state: PreparingState, peer: NodeId): void {
  const answer = state.answers.get(peer)!
  // Others may have taught us more meanwhile; what is known to be chosen need not be told again.
  answer.from = Math.max(answer.from, node.commit + 1)
  answer.askedAt = node.now
  const { ballot, handover } = state
  node.send(
    peer,
    { type: 'prepare', ballot, from: answer.from, handover },
    node.isDurable(state.ownWrite) ? 0 : state.ownWrite,
  )
}

/** What an acceptor knows to be chosen is taken over at once: it is what this ballot would have to propose. */
function learn(node: PaxosNode, block: Block): void {
  const last = lastIndexOf(block)
  if (last <= node.commit) return
  if (block.index !== node.commit + 1) {
    throw new MakoError('LAW_BROKEN', `A chosen block at ${block.index} does not follow ${node.commit}.`)
  }
  const own = restamp(block, node.ballot)
  if (!node.log.holds(own)) node.accept(own)
  node.commitTo(last)
}

function note({ found }: PreparingState, block: Block): void {
  found.set(`${block.index}/${block.term}`, block)
}

function isRefused(node: PaxosNode, refused: ReadonlySet<NodeId>): boolean {
  return refused.size > node.core.members.length - node.quorum
}

function leadWhenComplete(node: PaxosNode, state: PreparingState): void {
  if (node.state !== state || !node.isDurable(state.ownWrite)) return
  const { commit, log } = node
  // Its own answer is one of them: a leader builds on what it has.
  if (!state.answers.get(node.id)!.isComplete || log.commitTerm === undefined) return
  let complete = 0
  for (const answer of state.answers.values()) if (answer.isComplete) complete++
  if (complete < node.quorum) return
  const chosen = { commit, term: log.commitTerm }
  becomeLeader(node, choose(state.found.values(), chosen), chosen)
}
