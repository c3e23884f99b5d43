// The state of one Paxos node that all roles share, what has come of its inputs, and the transitions between roles.
//
// Always true: the ballot, the highest that this node has promised, never falls, over restarts either: it is written
// before any block of that ballot and before any message that depends on it, and such a message names the write it must
// wait for. Nothing is accepted in a lower ballot. Commit never falls and is never beyond what is held without hole.

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
import { Ballots, MAX_VOTERS } from './ballot.ts'
import { decodeHardState, encodeHardState } from './codec.ts'
import { PaxosLog } from './log.ts'
import type { PaxosMessage } from './messages.ts'
import type { ResolvedPaxosOptions } from './options.ts'
import type { Progress } from './progress.ts'

export interface FollowerState {
  readonly role: 'follower'
}

/** Asks whether a higher ballot would be promised. */
export interface ProbingState {
  readonly role: 'pre-candidate'
  readonly ballot: number
  readonly granted: Set<NodeId>
  readonly refused: Set<NodeId>
}

/** How much of one acceptor's promise is here. */
export interface Answer {
  /** Where it is asked next. */
  from: number
  isComplete: boolean
  askedAt: number
}

/** Collects the promises of phase 1, its own among them. */
export interface PreparingState {
  readonly role: 'candidate'
  readonly ballot: number
  readonly handover: boolean
  readonly answers: ReadonlyMap<NodeId, Answer>
  readonly refused: Set<NodeId>
  /** What was found accepted and not known to be chosen, by index and ballot. */
  readonly found: Map<string, Block>
  /** The write of its own promise. */
  readonly ownWrite: number
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
  readonly progress: ReadonlyMap<NodeId, Progress>
  /** The last index that is proposed in this ballot. */
  lastIndex: number
  transfer: Transfer | undefined
  /** How each learner is looked after. */
  readonly learners: ReadonlyMap<NodeId, Care>
}

/** What a leader knows of a learner, and which voter it has asked to feed it. */
export interface Care {
  feeder: NodeId
  /** When this feeder was chosen, and when it was last told. */
  since: number
  toldAt: number
  /** When the learner was last heard. */
  heardAt: number
}

/** A learner that this node feeds, for as long as its leader wants it to. */
export interface Feed {
  readonly progress: Progress
  until: number
}

export type RoleState = FollowerState | ProbingState | PreparingState | LeaderState

/** What a read of the log store is for. */
export type Reading =
  | { readonly type: 'promise'; readonly to: NodeId; readonly ballot: number; readonly asked: number }
  | { readonly type: 'collect'; readonly ballot: number }
  | { readonly type: 'catch-up'; readonly to: NodeId }

interface PendingRead {
  readonly reading: Reading
  /** What the answer may be believed of. */
  readonly final: number
}

/** Attempts after which the wait before the next one grows no further. */
const MAX_BACK_OFF = 4

export class PaxosNode {
  readonly id: NodeId
  /** The other voters. */
  readonly peers: readonly NodeId[]
  /** All members that do not vote. */
  readonly learners: readonly NodeId[]
  /** Whom this node feeds. */
  readonly feeds: Map<NodeId, Feed> = new Map()
  readonly quorum: number
  readonly options: ResolvedPaxosOptions
  readonly core: CoreOptions
  readonly ballots: Ballots
  readonly log: PaxosLog
  /** Readers that wait to hear how far they must be. */
  readonly barriers: ReadBarriers
  /** Who campaigns first when a leader is gone. */
  readonly succession: Succession
  /** Who alone campaigns by itself; undefined when everybody does. */
  readonly fixedLeader: NodeId | undefined

  now: number
  state: RoleState = { role: 'follower' }
  leader: NodeId | undefined
  /** When the leader was last heard. */
  leaderHeardAt: number = Number.NEGATIVE_INFINITY
  electionDeadline = 0
  /** Until then elections that fail are soon tried again, because the leader is known to be dead. */
  hurryUntil: number = Number.NEGATIVE_INFINITY
  /** Attempts to lead that have failed since there was a leader: the waits between them grow. */
  failedAttempts = 0

  writes: CoreWrite[] = []
  messages: CoreMessage<PaxosMessage>[] = []
  reads: ReadRequest[] = []
  roles: RoleChange[] = []
  transfers: ('done' | 'aborted')[] = []
  answers: BarrierAnswer[] = []

  #ballot: number
  #stateIsDirty = false
  #lastWrite = 0
  #stateWrite = 0
  #durableWrite = 0
  #storedCommit: number
  #commitStoredAt: number
  #lastRead = 0
  readonly #pendingReads = new Map<number, PendingRead>()
  #announced: RoleChange

  constructor(options: ResolvedPaxosOptions, core: CoreOptions) {
    const { members, learners = [], nodeId, recovered, limits, now } = core
    if (!members.includes(nodeId) && !learners.includes(nodeId))
      throw new MakoError('BAD_OPTION', `${nodeId} is not among the members.`)
    if (new Set([...members, ...learners]).size !== members.length + learners.length)
      throw new MakoError('BAD_OPTION', 'A member is named twice.')
    if (members.length > MAX_VOTERS) throw new MakoError('BAD_OPTION', `There are more than ${MAX_VOTERS} voters.`)
    if (options.fixedLeader !== undefined && !members.includes(options.fixedLeader)) {
      throw new MakoError('BAD_OPTION', `The fixed leader, ${options.fixedLeader}, is not among the members.`)
    }
    this.options = options
    this.core = core
    this.id = nodeId
    this.peers = members.filter((member) => member !== nodeId)
    this.learners = learners
    this.quorum = Math.floor(members.length / 2) + 1
    this.succession = new Succession(nodeId, members, options.preferredLeader)
    this.ballots = new Ballots(members)
    this.barriers = new ReadBarriers({ quorum: this.quorum, random: core.random, askAgainMs: options.heartbeatMs })
    this.fixedLeader = options.leadership === 'fixed' ? (options.fixedLeader ?? members[0]!) : undefined
    const hard = recovered.state ? decodeHardState(recovered.state) : { promised: 0, commit: 0 }
    this.log = new PaxosLog(recovered.blocks, hard.commit, limits.tailBytes)
    const newest = recovered.blocks.reduce((highest, { term }) => Math.max(highest, term), 0)
    // The ballot is always written before a block of that ballot.
    if (newest > hard.promised) {
      throw new MakoError('CORRUPT_LOG', `The log has ballot ${newest}, the hard state only ${hard.promised}.`)
    }
    this.#ballot = hard.promised
    this.#storedCommit = hard.commit
    this.#commitStoredAt = now
    this.now = now
    this.#announced = { role: 'follower', term: hard.promised, leader: undefined, readyIndex: 0 }
    this.drawElectionDeadline()
    // Nobody else could lead, or nobody else shall.
    if (this.quorum === 1 || this.fixedLeader === nodeId) this.electionDeadline = now
    if (this.knownLeader !== undefined) this.announce()
  }

  /** The highest ballot that this node has promised. */
  get ballot(): number {
    return this.#ballot
  }

  get commit(): number {
    return this.log.commit
  }

  get role(): Role {
    return this.state.role
  }

  /** Whom others are sent to: the leader, and while there is none the one who shall lead. */
  get knownLeader(): NodeId | undefined {
    if (this.leader !== undefined || this.fixedLeader === this.id) return this.leader
    return this.fixedLeader
  }

  /** True when this node may campaign without being told to. */
  get mayCampaign(): boolean {
    return !this.isLearner && (this.fixedLeader === undefined || this.fixedLeader === this.id)
  }

  get isLearner(): boolean {
    return this.learners.includes(this.id)
  }

  // ------------------------------------------------------------------------------------------------ what is wanted

  send(to: NodeId, message: PaxosMessage, after: number): void {
    this.messages.push({ to, message, after })
  }

  /** Asks for blocks of the log that are no longer in memory. One read for each purpose and node at a time. */
  requestRead(from: number, reading: Reading): number {
    const request = ++this.#lastRead
    for (const [number, pending] of this.#pendingReads) {
      const { type } = pending.reading
      const isSame = type === 'collect' || (reading.type === type && pending.reading.to === reading.to)
      if (type === reading.type && isSame) this.#pendingReads.delete(number)
    }
    this.#pendingReads.set(request, { reading, final: this.log.final })
    this.reads.push({ request, from, maxBytes: this.core.limits.messageBytes })
    return request
  }

  /** What a read that has been answered was for, and what of its blocks is part of the log; undefined when it is over. */
  takeRead(request: number, blocks: readonly Block[]): { reading: Reading; blocks: readonly Block[] } | undefined {
    const pending = this.#pendingReads.get(request)
    if (pending === undefined) return undefined
    this.#pendingReads.delete(request)
    return { reading: pending.reading, blocks: this.log.believed(blocks, pending.final) }
  }

  /** Phase 2 in this very node. Never in a ballot below the promised one, nor above it. */
  accept(block: Block): number {
    if (block.term !== this.#ballot) {
      throw new MakoError('LAW_BROKEN', `A block of ballot ${block.term} while ${this.#ballot} is promised.`)
    }
    this.persistState()
    const number = ++this.#lastWrite
    this.log.put(block, number)
    this.writes.push({ number, write: { type: 'block', block, truncate: false } })
    return number
  }

  /** The write that makes the promised ballot durable; 0 when it is. Whatever tells of it waits for it. */
  stateWrite(): number {
    this.persistState()
    return this.#stateWrite > this.#durableWrite ? this.#stateWrite : 0
  }

  /** The newest of all writes; 0 when all are durable. */
  newestWrite(): number {
    this.persistState()
    return this.#lastWrite > this.#durableWrite ? this.#lastWrite : 0
  }

  /** Ballot and commit are one write: it is made when something depends on it, or at the end of an input. */
  persistState(): void {
    if (!this.#stateIsDirty) return
    this.#stateIsDirty = false
    this.#stateWrite = ++this.#lastWrite
    // Writes become durable in order: with this one, everything up to commit is.
    this.#storedCommit = this.commit
    this.#commitStoredAt = this.now
    const state = encodeHardState({ promised: this.#ballot, commit: this.commit })
    this.writes.push({ number: this.#stateWrite, write: { type: 'state', state } })
  }

  /**
   * Commit is also stored now and then by itself, so that after a restart of all nodes phase 1 need not cover the whole
   * log. It may be old: what lies beyond is found again.
   */
  storeCommit(maxEntries: number, everyMs: number): void {
    const behind = this.commit - this.#storedCommit
    if (behind >= maxEntries || (behind > 0 && this.now - this.#commitStoredAt >= everyMs)) this.#stateIsDirty = true
  }

  durable(write: number): void {
    if (write > this.#lastWrite) throw new MakoError('LAW_BROKEN', `Write ${write} was never asked for.`)
    this.#durableWrite = Math.max(this.#durableWrite, write)
    this.log.durable(write)
  }

  isDurable(write: number): boolean {
    return write <= this.#durableWrite
  }

  /** Raises commit. Only as far as every block is known to be the chosen one: accepted in this very ballot. */
  commitTo(index: number): void {
    if (index <= this.commit) return
    if (index > this.log.matched(this.#ballot)) {
      throw new MakoError('LAW_BROKEN', `Commit ${index} is beyond what is accepted in ballot ${this.#ballot}.`)
    }
    this.log.commitTo(index)
  }

  // ---------------------------------------------------------------------------------------------------- transitions

  /** A higher ballot has been heard of: from now on nothing below it is accepted here. */
  adopt(ballot: number, leader: NodeId | undefined): void {
    if (ballot <= this.#ballot) {
      throw new MakoError('LAW_BROKEN', `The promised ballot would fall from ${this.#ballot} to ${ballot}.`)
    }
    const { state } = this
    if (state.role === 'leader' && state.transfer) {
      state.transfer = undefined
      this.transfers.push('done')
    }
    this.#raise(ballot)
    this.leaderHeardAt = Number.NEGATIVE_INFINITY
    this.becomeFollower(leader)
  }

  /** Promises a ballot of its own to itself, higher than all that it knows. */
  startBallot(): number {
    this.#raise(this.ballots.next(this.id, this.#ballot))
    return this.#ballot
  }

  /** Stays in its ballot and stops campaigning or leading. */
  becomeFollower(leader: NodeId | undefined): void {
    const { state } = this
    if (state.role === 'leader') {
      if (state.transfer) this.transfers.push('aborted')
      this.drawElectionDeadline()
    } else if (state.role === 'candidate') {
      // Pre-empted: the others may be in the middle of phase 1, so wait, and longer each time.
      this.failedAttempts++
      this.drawRetryDeadline()
    }
    this.enter({ role: 'follower' }, leader === this.id ? undefined : leader)
  }

  /** Enters a role, or the same role anew, and tells of the change. */
  enter(state: RoleState, leader: NodeId | undefined): void {
    this.state = state
    this.leader = leader
    this.announce()
  }

  announce(): void {
    const readyIndex = this.state.role === 'leader' ? this.state.readyIndex : 0
    const change: RoleChange = { role: this.state.role, term: this.#ballot, leader: this.knownLeader, readyIndex }
    const last = this.#announced
    if (change.role === last.role && change.term === last.term && change.leader === last.leader) return
    this.#announced = change
    this.roles.push(change)
  }

  // ----------------------------------------------------------------------------------------------------------- time

  /**
   * This leader was heard just now. Should it fall silent, its followers take turns (ADR 5): if all is well the first of
   * them alone campaigns. Only those whose attempts fail draw lots.
   */
  awaitLeader(leader: NodeId): void {
    this.electionDeadline =
      this.now + this.options.electionTimeoutMs * this.succession.waitFor(leader, this.core.random)
  }

  /** Waits are drawn anew each time, and wider after failures, so that duelling proposers come apart. */
  drawElectionDeadline(): void {
    const [low, high] = this.#eagerness(1, 2 + Math.min(this.failedAttempts, MAX_BACK_OFF))
    this.electionDeadline = this.now + this.options.electionTimeoutMs * uniform(this.core.random, low, high)
  }

  /** The wait after an attempt that was not won at once. */
  drawRetryDeadline(): void {
    const { heartbeatMs } = this.options
    if (this.now < this.hurryUntil) this.electionDeadline = this.now + heartbeatMs * uniform(this.core.random, 1, 3)
    else this.drawElectionDeadline()
  }

  /** True while a leader that was heard a short time ago is to be left in peace. */
  isLoyal(): boolean {
    return this.leader !== undefined && this.now - this.leaderHeardAt < this.options.electionTimeoutMs
  }

  #raise(ballot: number): void {
    this.#ballot = ballot
    this.#stateIsDirty = true
  }

  /** The range to draw a wait from: its beginning is for the preferred leader, the rest for the others. */
  #eagerness(low: number, high: number): readonly [low: number, high: number] {
    const { preferredLeader } = this.options
    if (preferredLeader === this.id) return [low, low + 0.1 * (high - low)]
    if (preferredLeader === undefined || !this.peers.includes(preferredLeader)) return [low, high]
    return [low + 0.25 * (high - low), high]
  }
}
