// Multi-Paxos as a value: `paxos()` makes the protocol, the protocol makes cores, a core turns inputs into an output
// (Lamport, "Paxos Made Simple", 2001; van Renesse and Altinbuken, "Paxos Made Moderately Complex", 2015; the phases in
// bulk are Mako's). PI1 to PI13 in comments are the invariants of Paxos that docs/adr/0003 lists.
//
// Always true: this file decides who handles an input and nothing else. Equal inputs give equal outputs: there is no
// clock, no timer, no I/O, and the only randomness is the port that the core was given.

import type {
  Admission,
  Block,
  Core,
  CoreOptions,
  CoreStatus,
  Input,
  NodeId,
  Output,
  PeerStatus,
  Protocol,
} from '@mako/engine'
import { MakoError } from '@mako/engine'
import { onAccept, onHeartbeat, onPrepare, onProbe, onPromiseRead, refuse } from './acceptor.ts'
import { onCatchUpRead } from './catch-up.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import {
  advanceCommit,
  hearsQuorum,
  onAccepted,
  onFollowerDied,
  onLeaderTick,
  propose,
  replicate,
  startTransfer,
} from './leader.ts'
import { feed, onFeeding, onLearn, onLearned } from './learner.ts'
import type { PaxosMessage } from './messages.ts'
import { PaxosNode } from './node.ts'
import { type PaxosOptions, type ResolvedPaxosOptions, resolveOptions, warningsOf } from './options.ts'
import { serveReaders } from './reads.ts'
import {
  campaign,
  onCandidateTick,
  onLeaderDied,
  onOwnPromiseDurable,
  onOwnRead,
  onProbeReply,
  onPromise,
  onRefusal,
  prepare,
} from './proposer.ts'

/** Entries by which the stored commit may be behind; how long, is an election timeout. */
const STORED_COMMIT_LAG = 4096

/**
 * The Multi-Paxos protocol, for `createEngine({ protocol: paxos() })`.
 * @throws MakoError `BAD_OPTION`
 */
export function paxos(options: PaxosOptions = {}): Protocol<PaxosMessage> {
  const resolved = resolveOptions(options)
  return {
    name: 'paxos',
    tickMs: resolved.tickMs,
    electionTimeoutMs: resolved.electionTimeoutMs,
    warnings: warningsOf(resolved),
    createCore: (core) => new PaxosCore(resolved, core),
    encode: encodeMessage,
    decode: decodeMessage,
  }
}

class PaxosCore implements Core<PaxosMessage> {
  readonly #node: PaxosNode
  /** All others, learners too. */
  readonly #others: ReadonlySet<NodeId>
  #lastTickAt: number
  #wasPaused = false

  constructor(options: ResolvedPaxosOptions, core: CoreOptions) {
    this.#node = new PaxosNode(options, core)
    this.#others = new Set([...this.#node.peers, ...this.#node.learners])
    this.#lastTickAt = core.now
  }

  step(input: Input<PaxosMessage>): void {
    const node = this.#node
    node.now = Math.max(node.now, input.now)
    switch (input.type) {
      case 'message':
        // A message of somebody who is no member is nothing to us.
        if (this.#others.has(input.from)) this.#onMessage(input.from, input.message)
        break
      case 'tick':
        this.#onTick()
        break
      case 'durable':
        node.durable(input.write)
        if (node.state.role === 'leader') advanceCommit(node, node.state)
        else onOwnPromiseDurable(node)
        break
      case 'read':
        this.#onRead(input.request, input.blocks)
        break
      case 'peer-died':
        node.feeds.get(input.peer)?.progress.restarted()
        if (node.state.role === 'leader') onFollowerDied(node.state, input.peer)
        else if (node.leader === input.peer) onLeaderDied(node, input.peer)
        break
      case 'campaign':
        if ((node.state.role === 'follower' || node.state.role === 'pre-candidate') && node.mayCampaign) campaign(node)
        break
      case 'transfer':
        if (node.state.role === 'leader') startTransfer(node, node.state, input.to)
        else node.transfers.push('aborted')
        break
      case 'read-barrier':
        node.barriers.ask(input.request)
        break
      case 'release':
        node.log.release(Math.min(input.index, node.commit))
        break
    }
    node.storeCommit(STORED_COMMIT_LAG, node.options.electionTimeoutMs)
    node.persistState()
  }

  admit(): Admission {
    const { state, ballot: term, knownLeader: leader } = this.#node
    if (state.role !== 'leader') return { status: 'NOT_LEADER', leader, term }
    if (state.transfer) return { status: 'TRANSFERRING' }
    return { status: 'LEADER', term, nextIndex: state.lastIndex + 1 }
  }

  propose(block: Block): void {
    const { state } = this.#node
    if (state.role !== 'leader') throw new MakoError('LAW_BROKEN', 'A block was proposed to a node that does not lead.')
    propose(this.#node, state, block)
  }

  takeOutput(): Output<PaxosMessage> {
    const node = this.#node
    if (node.state.role === 'leader') replicate(node, node.state)
    feed(node)
    serveReaders(node)
    const { writes, messages, reads, roles, commit, transfers, answers: barriers } = node
    if (writes.length > 0) node.writes = []
    if (messages.length > 0) node.messages = []
    if (reads.length > 0) node.reads = []
    if (roles.length > 0) node.roles = []
    if (transfers.length > 0) node.transfers = []
    if (barriers.length > 0) node.answers = []
    return { writes, messages, reads, roles, commit, transfers, barriers }
  }

  blockAt(index: number): Block | undefined {
    return this.#node.log.blockAt(index)
  }

  status(): CoreStatus {
    const { state, ballot: term, knownLeader: leader, commit, log, now } = this.#node
    const peers = this.#node.peers.map((id): PeerStatus => {
      const progress = state.role === 'leader' ? state.progress.get(id) : undefined
      if (!progress) return { id, match: 0, next: 0, inflightEntries: 0, silentMs: undefined }
      const { match, next, inflightEntries, heardAt } = progress
      return { id, match, next, inflightEntries, silentMs: heardAt === undefined ? undefined : now - heardAt }
    })
    // What was accepted in an earlier ballot and is not proposed again does not count.
    const lastIndex = log.matched(term)
    const durableIndex = Math.min(lastIndex, log.durableIndex)
    return { role: state.role, term, leader, commit, lastIndex, durableIndex, peers }
  }

  #onTick(): void {
    const node = this.#node
    const { state } = node
    const { heartbeatMs, tickMs } = node.options
    // After a pause of this very process its inbox may be full of proof that all is well: it decides one tick later.
    const isPaused = node.now - this.#lastTickAt > Math.max(heartbeatMs, 4 * tickMs) && !this.#wasPaused
    this.#wasPaused = isPaused
    this.#lastTickAt = node.now
    if (state.role === 'leader') onLeaderTick(node, state, isPaused)
    else if (node.now >= node.electionDeadline && !isPaused) this.#onElectionTimeout()
    else if (state.role === 'candidate') onCandidateTick(node, state)
  }

  #onElectionTimeout(): void {
    const node = this.#node
    // Whom it knew as its leader is gone, and so is an attempt that somebody else wanted of it.
    if (!node.mayCampaign) {
      node.becomeFollower(undefined)
      node.drawElectionDeadline()
      return
    }
    if (node.state.role === 'candidate') node.failedAttempts++
    campaign(node)
  }

  #onMessage(from: NodeId, message: PaxosMessage): void {
    const node = this.#node
    switch (message.type) {
      case 'probe':
        onProbe(node, from, message, this.#protectsLeader())
        return
      case 'probe-reply':
        if (message.ballot > node.ballot && !message.granted) this.#adoptAsTold(message.ballot, message.leader)
        else onProbeReply(node, from, message)
        return
      case 'prepare':
      case 'accept':
      case 'heartbeat':
      case 'handover':
        this.#onProposer(from, message)
        return
      case 'promise':
        onPromise(node, from, message)
        return
      case 'refusal':
        if (message.ballot > node.ballot) this.#adoptAsTold(message.ballot, message.leader)
        else onRefusal(node, from, message.refused)
        return
      case 'accepted':
        if (message.ballot === node.ballot && node.state.role === 'leader') onAccepted(node, node.state, from, message)
        return
      case 'feeding':
        if (message.ballot === node.ballot && node.leader === from) onFeeding(node, message)
        return
      case 'learn':
        onLearn(node, from, message)
        return
      case 'learned':
        onLearned(node, from, message)
        return
      case 'barrier-request':
        if (message.ballot > node.ballot) this.#adoptAsTold(message.ballot, undefined)
        node.barriers.askedBy(from, message.id)
        return
      case 'barrier-reply': {
        if (message.ballot > node.ballot) this.#adoptAsTold(message.ballot, undefined)
        const answer = node.barriers.answered(message.id, message.index)
        if (answer !== undefined) node.answers.push(answer)
        return
      }
    }
  }

  /** What only the owner of a ballot may say in it. */
  #onProposer(
    from: NodeId,
    message: Extract<PaxosMessage, { type: 'prepare' | 'accept' | 'heartbeat' | 'handover' }>,
  ): void {
    const node = this.#node
    const { type, ballot } = message
    if (node.ballots.ownerOf(ballot) !== from) return
    if (ballot < node.ballot) {
      refuse(node, from, ballot)
      return
    }
    if (ballot > node.ballot) {
      if (type === 'prepare' && node.options.leases && !message.handover && this.#protectsLeader()) {
        refuse(node, from, ballot)
        return
      }
      node.adopt(ballot, type === 'prepare' ? undefined : from)
    }
    switch (type) {
      case 'prepare':
        onPrepare(node, from, message)
        return
      case 'accept':
        onAccept(node, from, message)
        return
      case 'heartbeat':
        onHeartbeat(node, from, message)
        return
      case 'handover':
        // Only the leader of this ballot can hand it over, and only once.
        if (node.state.role === 'follower' && node.leader === from) prepare(node, true)
        return
    }
  }

  /** A higher ballot that somebody else tells of: its leader is whoever owns it, if it leads at all. */
  #adoptAsTold(ballot: number, leader: NodeId | undefined): void {
    const owner = this.#node.ballots.ownerOf(ballot)
    this.#node.adopt(ballot, leader === owner ? owner : undefined)
  }

  /** A leader that lives is left in peace, this node itself included. */
  #protectsLeader(): boolean {
    const node = this.#node
    return node.state.role === 'leader' ? hearsQuorum(node, node.state) : node.isLoyal()
  }

  #onRead(request: number, found: readonly Block[]): void {
    const node = this.#node
    const taken = node.takeRead(request, found)
    if (taken === undefined) return
    const { reading, blocks } = taken
    switch (reading.type) {
      case 'promise':
        if (reading.ballot === node.ballot && node.leader !== reading.to) {
          onPromiseRead(node, reading.to, reading.asked, blocks)
        }
        return
      case 'collect':
        if (reading.ballot === node.ballot) onOwnRead(node, blocks)
        return
      case 'catch-up':
        onCatchUpRead(node, reading.to, blocks)
        return
    }
  }
}
