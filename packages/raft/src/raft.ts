// Raft as a value: `raft()` makes the protocol, the protocol makes cores, a core turns inputs into an output
// (Ongaro, "Consensus: Bridging Theory and Practice", 2014; cited as "thesis").
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
import { campaign, onLeaderDied, onVoteDurable, onVoteReply, startElection } from './candidate.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import { answerStale, answerVote, onAppend, onHeartbeat, onVoteRequest } from './follower.ts'
import {
  advanceCommit,
  hearsQuorum,
  onAppendReply,
  onFollowerDied,
  onLeaderTick,
  onRead,
  propose,
  replicate,
  startTransfer,
} from './leader.ts'
import type { RaftMessage, VoteRequest } from './messages.ts'
import { RaftNode } from './node.ts'
import { serveReaders } from './reads.ts'
import { type RaftOptions, type ResolvedRaftOptions, resolveOptions, warningsOf } from './options.ts'

/**
 * The Raft protocol, for `createEngine({ protocol: raft() })`.
 * @throws MakoError `BAD_OPTION`
 */
export function raft(options: RaftOptions = {}): Protocol<RaftMessage> {
  const resolved = resolveOptions(options)
  return {
    name: 'raft',
    tickMs: resolved.tickMs,
    electionTimeoutMs: resolved.electionTimeoutMs,
    warnings: warningsOf(resolved),
    createCore: (core) => new RaftCore(resolved, core),
    encode: encodeMessage,
    decode: decodeMessage,
  }
}

class RaftCore implements Core<RaftMessage> {
  readonly #node: RaftNode
  readonly #peers: ReadonlySet<NodeId>
  #lastTickAt: number
  #wasPaused = false

  constructor(options: ResolvedRaftOptions, core: CoreOptions) {
    this.#node = new RaftNode(options, core)
    this.#peers = new Set(this.#node.peers)
    this.#lastTickAt = core.now
  }

  step(input: Input<RaftMessage>): void {
    const node = this.#node
    node.now = Math.max(node.now, input.now)
    switch (input.type) {
      case 'message':
        // A message of somebody who is no member is nothing to us.
        if (this.#peers.has(input.from)) this.#onMessage(input.from, input.message)
        break
      case 'tick':
        this.#onTick()
        break
      case 'durable':
        node.durable(input.write)
        if (node.state.role === 'leader') advanceCommit(node, node.state)
        else onVoteDurable(node)
        break
      case 'read':
        if (node.state.role === 'leader') onRead(node, node.state, input.request, input.blocks)
        break
      case 'peer-died':
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
    node.persistState()
  }

  admit(): Admission {
    const { state, term, knownLeader: leader, log } = this.#node
    if (state.role !== 'leader') return { status: 'NOT_LEADER', leader, term }
    if (state.transfer) return { status: 'TRANSFERRING' }
    return { status: 'LEADER', term, nextIndex: log.lastIndex + 1 }
  }

  propose(block: Block): void {
    const { state } = this.#node
    if (state.role !== 'leader') throw new MakoError('LAW_BROKEN', 'A block was proposed to a node that does not lead.')
    propose(this.#node, state, block)
  }

  takeOutput(): Output<RaftMessage> {
    const node = this.#node
    if (node.state.role === 'leader') replicate(node, node.state)
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
    const { state, term, knownLeader: leader, commit, log, now } = this.#node
    const peers = this.#node.peers.map((id): PeerStatus => {
      const progress = state.role === 'leader' ? state.progress.get(id) : undefined
      if (!progress) return { id, match: 0, next: 0, inflightEntries: 0, silentMs: undefined }
      const { match, next, inflightEntries, heardAt } = progress
      return { id, match, next, inflightEntries, silentMs: heardAt === undefined ? undefined : now - heardAt }
    })
    const { lastIndex, durableIndex } = log
    return { role: state.role, term, leader, commit, lastIndex, durableIndex, peers }
  }

  #onTick(): void {
    const node = this.#node
    const { heartbeatMs, tickMs } = node.options
    // After a pause of this very process its inbox may be full of proof that all is well: it decides one tick later.
    const isPaused = node.now - this.#lastTickAt > Math.max(heartbeatMs, 4 * tickMs) && !this.#wasPaused
    this.#wasPaused = isPaused
    this.#lastTickAt = node.now
    if (node.state.role === 'leader') onLeaderTick(node, node.state, isPaused)
    else if (node.now >= node.electionDeadline && !isPaused) this.#onElectionTimeout()
  }

  #onElectionTimeout(): void {
    const node = this.#node
    if (node.mayCampaign) campaign(node)
    else {
      // Whom it knew as its leader is gone, and so is an election that somebody else wanted of it.
      node.becomeFollower(undefined)
      node.drawElectionDeadline()
    }
  }

  #onMessage(from: NodeId, message: RaftMessage): void {
    const node = this.#node
    switch (message.type) {
      case 'vote-request':
        this.#onVoteRequest(from, message)
        return
      case 'append':
      case 'heartbeat':
        if (message.term < node.term) {
          answerStale(node, from)
          return
        }
        if (message.term > node.term) node.adoptTerm(message.term, from)
        if (message.type === 'append') onAppend(node, from, message)
        else onHeartbeat(node, from, message)
        return
      case 'append-reply':
        if (message.term > node.term) node.adoptTerm(message.term, this.#memberOrNone(message.leader))
        else if (message.term === node.term && node.state.role === 'leader') {
          onAppendReply(node, node.state, from, message)
        }
        return
      case 'vote-reply':
        if (message.term > node.term && !message.granted)
          node.adoptTerm(message.term, this.#memberOrNone(message.leader))
        else onVoteReply(node, from, message)
        return
      case 'timeout-now':
        if (message.term < node.term) return
        if (message.term > node.term) node.adoptTerm(message.term, from)
        // Only the leader of this term can hand it over, and only once.
        if (node.state.role === 'follower' && node.leader === from) startElection(node, 'transfer')
        return
      case 'barrier-request':
        if (message.term > node.term) node.adoptTerm(message.term, undefined)
        node.barriers.askedBy(from, message.id)
        return
      case 'barrier-reply': {
        if (message.term > node.term) node.adoptTerm(message.term, undefined)
        const answer = node.barriers.answered(message.id, message.index)
        if (answer !== undefined) node.answers.push(answer)
        return
      }
    }
  }

  #onVoteRequest(from: NodeId, request: VoteRequest): void {
    const node = this.#node
    const { state } = node
    const isLeading = state.role === 'leader' && hearsQuorum(node, state)
    // A leader that lives is protected: the request is refused and its term ignored (thesis 6.2), unless the leader
    // itself wants this election.
    if (request.election !== 'transfer' && request.term > node.term && (isLeading || node.isLoyal())) {
      answerVote(node, from, request, false)
      return
    }
    if (request.election !== 'pre-vote' && request.term > node.term) node.adoptTerm(request.term, undefined)
    onVoteRequest(node, from, request)
  }

  #memberOrNone(id: NodeId | undefined): NodeId | undefined {
    return id !== undefined && this.#peers.has(id) ? id : undefined
  }
}
