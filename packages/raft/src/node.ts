// The state of one Raft node that all roles share, what has come of its inputs, and the transitions between roles.
//
// Always true: the term never falls; in one term a node votes for at most one candidate and knows at most one leader;
// commit never falls and is never beyond the log. Term and vote are written before any block of that term and before
// any message that depends on them, and such a message names the write it must wait for (thesis 3.8).

import {
  type BarrierAnswer,
  type Block,
  type CoreMessage,
  type CoreOptions,
  type CoreWrite,
  MakoError,
  type NodeId,
  ReadBarriers,
  type ReadRequest,
  type Role,
  type RoleChange,
  Succession,
  uniform,
} from '@mako/engine'
import { decodeHardState, encodeHardState } from './codec.ts'
import { RaftLog } from './log.ts'
import type { ElectionKind, RaftMessage } from './messages.ts'
import type { ResolvedRaftOptions } from './options.ts'
import type { Progress } from './progress.ts'

export interface FollowerState {
  readonly role: 'follower'
  /** Everything up to here agrees with the log of the leader of this term. */
  verified: number
}

export interface CandidateState {
  readonly role: 'pre-candidate' | 'candidate'
  readonly election: ElectionKind
  /** The term that is campaigned in: the next one for a pre-vote. */
  readonly term: number
  readonly votes: Map<NodeId, boolean>
  /** The write that makes the vote for itself durable; 0 when nothing has to be. */
  readonly ownVoteWrite: number
}

export interface Transfer {
  readonly to: NodeId
  readonly deadline: number
  /** When the target was last told to campaign. */
  toldAt: number
}

export interface LeaderState {
  readonly role: 'leader'
  readonly electedAt: number
  readonly readyIndex: number
  /** Where the log ended when it was elected: what earlier terms have committed is at or below (thesis 3.6.3). */
  readonly inheritedIndex: number
  readonly progress: ReadonlyMap<NodeId, Progress>
  transfer: Transfer | undefined
}

export type RoleState = FollowerState | CandidateState | LeaderState

export class RaftNode {
  readonly id: NodeId
  readonly peers: readonly NodeId[]
  /** How many nodes are a majority. */
  readonly quorum: number
  readonly options: ResolvedRaftOptions
  readonly core: CoreOptions
  readonly log: RaftLog
  /** Readers that wait to hear how far they must be. */
  readonly barriers: ReadBarriers
  /** Who campaigns first when a leader is gone. */
  readonly succession: Succession
  /** Who alone campaigns by itself; undefined when everybody does. */
  readonly fixedLeader: NodeId | undefined

  now: number
  state: RoleState = { role: 'follower', verified: 0 }
  leader: NodeId | undefined
  commit = 0
  /** When the leader was last heard; protects it from elections (thesis 6.2, 9.6). */
  leaderHeardAt: number = Number.NEGATIVE_INFINITY
  electionDeadline = 0
  /** True when this node may lead for the fixed leader, whose log lags behind, until that is mended. */
  standsIn = false
  /** Until then elections that fail are soon tried again, because the leader is known to be dead. */
  hurryUntil: number = Number.NEGATIVE_INFINITY

  writes: CoreWrite[] = []
  messages: CoreMessage<RaftMessage>[] = []
  reads: ReadRequest[] = []
  roles: RoleChange[] = []
  transfers: ('done' | 'aborted')[] = []
  answers: BarrierAnswer[] = []

  #term: number
  #votedFor: NodeId | undefined
  #stateIsDirty = false
  #lastWrite = 0
  #stateWrite = 0
  #durableWrite = 0
  #lastRead = 0
  #announced: RoleChange

  constructor(options: ResolvedRaftOptions, core: CoreOptions) {
    if ((core.learners ?? []).length > 0) throw new MakoError('BAD_OPTION', 'raft() has no learners: all members vote.')
    if (!core.members.includes(core.nodeId))
      throw new MakoError('BAD_OPTION', `${core.nodeId} is not among the members.`)
    if (new Set(core.members).size !== core.members.length)
      throw new MakoError('BAD_OPTION', 'A member is named twice.')
    if (options.fixedLeader !== undefined && !core.members.includes(options.fixedLeader)) {
      throw new MakoError('BAD_OPTION', `The fixed leader, ${options.fixedLeader}, is not among the members.`)
    }
    this.options = options
    this.core = core
    this.fixedLeader = options.leadership === 'fixed' ? (options.fixedLeader ?? core.members[0]!) : undefined
    this.id = core.nodeId
    this.peers = core.members.filter((member) => member !== core.nodeId)
    this.quorum = Math.floor(core.members.length / 2) + 1
    this.succession = new Succession(core.nodeId, core.members, options.preferredLeader)
    this.log = new RaftLog(core.recovered.blocks, core.limits.tailBytes)
    this.barriers = new ReadBarriers({ quorum: this.quorum, random: core.random, askAgainMs: options.heartbeatMs })
    const { state } = core.recovered
    const hard = state ? decodeHardState(state) : { term: 0, votedFor: undefined }
    // The term is always written before a block of that term.
    if (this.log.lastTerm > hard.term) {
      throw new MakoError('CORRUPT_LOG', `The log has term ${this.log.lastTerm}, the hard state only ${hard.term}.`)
    }
    this.#term = hard.term
    this.#votedFor = hard.votedFor
    this.now = core.now
    this.#announced = { role: 'follower', term: hard.term, leader: undefined, readyIndex: 0 }
    this.drawElectionDeadline()
    // Nobody else could lead, or nobody else shall.
    if (this.quorum === 1 || this.fixedLeader === core.nodeId) this.electionDeadline = core.now
    if (this.knownLeader !== undefined) this.announce()
  }

  /** Whom others are sent to: the leader, and while there is none the one who shall lead. */
  get knownLeader(): NodeId | undefined {
    if (this.leader !== undefined || this.fixedLeader === this.id) return this.leader
    return this.fixedLeader
  }

  /** True when this node may campaign without being told to. */
  get mayCampaign(): boolean {
    return this.fixedLeader === undefined || this.fixedLeader === this.id || this.standsIn
  }

  get term(): number {
    return this.#term
  }

  get votedFor(): NodeId | undefined {
    return this.#votedFor
  }

  get role(): Role {
    return this.state.role
  }

  // ------------------------------------------------------------------------------------------------ what is wanted

  send(to: NodeId, message: RaftMessage, after: number): void {
    this.messages.push({ to, message, after })
  }

  /** Asks for blocks of the log that are no longer in memory. */
  requestRead(from: number): number {
    this.reads.push({ request: ++this.#lastRead, from, maxBytes: this.core.limits.messageBytes })
    return this.#lastRead
  }

  appendBlock(block: Block, truncate: boolean): void {
    if (block.term > this.#term)
      throw new MakoError('LAW_BROKEN', `A block of term ${block.term} in term ${this.#term}.`)
    this.persistState()
    const number = ++this.#lastWrite
    this.writes.push({ number, write: { type: 'block', block, truncate } })
    this.log.append(block, number)
  }

  /**
   * The write that makes the present term and vote durable; 0 when they are. Whatever tells of them waits for it.
   */
  stateWrite(): number {
    this.persistState()
    return this.#stateWrite > this.#durableWrite ? this.#stateWrite : 0
  }

  /** Term and vote of one input are one write: it is made when something depends on it, or at the end of the input. */
  persistState(): void {
    if (!this.#stateIsDirty) return
    this.#stateIsDirty = false
    this.#stateWrite = ++this.#lastWrite
    const state = encodeHardState({ term: this.#term, votedFor: this.#votedFor })
    this.writes.push({ number: this.#stateWrite, write: { type: 'state', state } })
  }

  durable(write: number): void {
    if (write > this.#lastWrite) throw new MakoError('LAW_BROKEN', `Write ${write} was never asked for.`)
    this.#durableWrite = Math.max(this.#durableWrite, write)
    this.log.durable(write)
  }

  isDurable(write: number): boolean {
    return write <= this.#durableWrite
  }

  /** Raises commit. Law 1: it never goes back and is never beyond the log. */
  commitTo(index: number): void {
    if (index <= this.commit) return
    if (index > this.log.lastIndex) {
      throw new MakoError('LAW_BROKEN', `Commit ${index} is beyond the log's end, ${this.log.lastIndex}.`)
    }
    const block = this.log.blockAt(index)
    if (block && block.index + block.count - 1 !== index) {
      throw new MakoError('LAW_BROKEN', `Commit ${index} is inside a block.`)
    }
    this.commit = index
  }

  // ---------------------------------------------------------------------------------------------------- transitions

  /** A higher term has been heard of: follow it, without a vote in it yet (thesis 3.3). */
  adoptTerm(term: number, leader: NodeId | undefined): void {
    if (term <= this.#term) throw new MakoError('LAW_BROKEN', `The term would fall from ${this.#term} to ${term}.`)
    const wasLeader = this.state.role === 'leader'
    if (this.state.role === 'leader' && this.state.transfer) {
      this.state.transfer = undefined
      this.transfers.push('done')
    }
    this.#term = term
    this.#votedFor = undefined
    this.#stateIsDirty = true
    this.leaderHeardAt = Number.NEGATIVE_INFINITY
    this.becomeFollower(leader === this.id ? undefined : leader)
    if (wasLeader) this.drawElectionDeadline()
  }

  /** Starts a term of its own, with its own vote. */
  startTerm(): void {
    this.#term++
    this.#votedFor = this.id
    this.#stateIsDirty = true
  }

  /** One vote in a term, and never another (thesis 3.4). */
  voteFor(candidate: NodeId): void {
    if (this.#votedFor !== undefined && this.#votedFor !== candidate) {
      throw new MakoError('LAW_BROKEN', `A second vote in term ${this.#term}.`)
    }
    if (this.#votedFor === candidate) return
    this.#votedFor = candidate
    this.#stateIsDirty = true
  }

  /** Stays in its term and stops campaigning or leading. */
  becomeFollower(leader: NodeId | undefined): void {
    if (this.state.role === 'leader') {
      if (this.state.transfer) this.transfers.push('aborted')
      this.standsIn = false
      this.drawElectionDeadline()
    }
    this.state = { role: 'follower', verified: 0 }
    this.leader = leader
    this.announce()
  }

  /** Enters a role, or the same role anew, and tells of the change. */
  enter(state: RoleState, leader: NodeId | undefined): void {
    this.state = state
    this.leader = leader
    this.announce()
  }

  announce(): void {
    const readyIndex = this.state.role === 'leader' ? this.state.readyIndex : 0
    const change: RoleChange = { role: this.state.role, term: this.#term, leader: this.knownLeader, readyIndex }
    const last = this.#announced
    if (change.role === last.role && change.term === last.term && change.leader === last.leader) return
    this.#announced = change
    this.roles.push(change)
  }

  // ----------------------------------------------------------------------------------------------------------- time

  /** Waits are drawn anew each time, so that nodes that collided once do not collide for ever (thesis 3.4). */
  drawElectionDeadline(): void {
    const [low, high] = this.#eagerness(1, 2)
    this.electionDeadline = this.now + this.options.electionTimeoutMs * uniform(this.core.random, low, high)
  }

  /**
   * This leader was heard just now. Should it fall silent, its followers take turns (ADR 5): if all is well the first of
   * them alone campaigns. Only those whose elections fail draw lots.
   */
  awaitLeader(leader: NodeId): void {
    this.electionDeadline =
      this.now + this.options.electionTimeoutMs * this.succession.waitFor(leader, this.core.random)
  }

  /** The range to draw a wait from: its beginning is for the preferred leader, the rest for the others. */
  #eagerness(low: number, high: number): readonly [low: number, high: number] {
    const { preferredLeader } = this.options
    if (preferredLeader === this.id) return [low, low + 0.1 * (high - low)]
    if (preferredLeader === undefined || !this.peers.includes(preferredLeader)) return [low, high]
    return [low + 0.25 * (high - low), high]
  }

  /** The wait after an election that was not won at once. */
  drawRetryDeadline(): void {
    const { heartbeatMs } = this.options
    if (this.now < this.hurryUntil) this.electionDeadline = this.now + heartbeatMs * uniform(this.core.random, 1, 3)
    else this.drawElectionDeadline()
  }

  /** True while a leader that was heard a short time ago is to be left in peace. */
  isLoyal(): boolean {
    return this.leader !== undefined && this.now - this.leaderHeardAt < this.options.electionTimeoutMs
  }
}
