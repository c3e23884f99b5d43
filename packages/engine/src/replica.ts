// One partition on one node: its core, the block that is being gathered, its unanswered proposals, its apply cursor.
//
// Always true: what is gathered is proposed before the core takes any further input, so an entry's index and term are
// final when `addLog` answers; a message leaves only after the write it names (law 3).

import { ApplyCursor } from './apply-cursor.ts'
import { BlockBuilder, entryBytes } from './block.ts'
import type {
  AddLogResult,
  ApplyCallbacks,
  LeaderHint,
  Outcome,
  OutcomeToken,
  PartitionStatus,
  ReadBarrierResult,
  WaitOptions,
} from './contract.ts'
import type { Admission, Core, Input, Output, Protocol, RoleChange } from './core.ts'
import { lastIndexOf, type Block, type Entry, type EntryKind, type NodeId } from './entry.ts'
import { MakoError } from './errors.ts'
import { HeldMessages } from './held-messages.ts'
import { brokenLaw } from './laws.ts'
import type { EngineLimits } from './limits.ts'
import { LogReader } from './log-reader.ts'
import type { LogWriter, WriteOwner } from './log-writer.ts'
import type { Clock, LogStore, Random, RecoveredPartition, Transport } from './ports.ts'
import { Proposals } from './proposals.ts'
import { Readers } from './readers.ts'

/** Bytes that every block carries besides its entries, at most: the header and the longest name. */
const BLOCK_OVERHEAD_BYTES = 128

/** What a replica tells its engine. */
export interface ReplicaEvents<Message> {
  /** There is something to do in the next turn. */
  wake(): void
  announced(replica: Replica<Message>, term: number): void
  deposed(replica: Replica<Message>, term: number): void
  termChanged(replica: Replica<Message>, term: number): void
  roleChanged(replica: Replica<Message>, change: RoleChange): void
  /** This partition has stopped. */
  faulted(replica: Replica<Message>, index: number | undefined, error: MakoError): void
  warning(message: string): void
}

export interface ReplicaOptions<Message> {
  readonly partition: number
  readonly nodeId: NodeId
  readonly members: readonly NodeId[]
  readonly learners: readonly NodeId[]
  readonly incarnation: number
  readonly recovered: RecoveredPartition
  readonly protocol: Protocol<Message>
  readonly log: LogStore
  readonly writer: LogWriter
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly limits: EngineLimits
  readonly hintOf: (leader: NodeId | undefined, term: number) => LeaderHint | undefined
  readonly events: ReplicaEvents<Message>
  readonly callbacks: ApplyCallbacks
}

export class Replica<Message> implements WriteOwner {
  readonly partition: number
  readonly cursor: ApplyCursor
  readonly #options: ReplicaOptions<Message>
  readonly #core: Core<Message>
  readonly #proposals: Proposals
  readonly #readers: Readers
  readonly #builder: BlockBuilder
  /** Where the block that is being gathered begins; meaningful while it has entries. */
  #firstIndex = 0
  #nextSequence = 1
  /** What the core said; good until its next input. */
  #admission: Admission | undefined
  #role: RoleChange
  #announcedTerm: number | undefined
  #lastIndex: number
  #durableWrite = 0
  #durableSeen = 0
  #released = 0
  readonly #held = new HeldMessages()
  readonly #reader: LogReader
  #reads: { readonly request: number; readonly blocks: readonly Block[] }[] = []
  /** Who waits to hear how the transfer under way ends. There is at most one, so that each end has one meaning. */
  #transfer: ((done: boolean) => void) | undefined
  #dirty = true
  #fault: MakoError | undefined
  #stopped = false

  constructor(options: ReplicaOptions<Message>) {
    const { partition, nodeId, members, learners, incarnation, recovered, random, limits, clock } = options
    this.partition = partition
    this.#options = options
    this.#core = options.protocol.createCore({
      partition,
      nodeId,
      members,
      learners,
      incarnation,
      recovered,
      random,
      now: clock.monotonicNow(),
      limits: {
        inflightEntries: limits.inflightEntries,
        inflightBytes: limits.inflightBytes,
        messageBytes: limits.messageBytes,
        tailBytes: limits.tailBytes,
      },
    })
    const newest = recovered.blocks.at(-1)
    this.#lastIndex = newest === undefined ? 0 : lastIndexOf(newest)
    const { role, term, leader } = this.#core.status()
    this.#role = { role, term, leader, readyIndex: 0 }
    this.#builder = new BlockBuilder(nodeId, incarnation)
    this.#proposals = new Proposals(partition)
    this.#readers = new Readers(limits.waitingReaders)
    this.#reader = new LogReader({ partition, core: this.#core, log: options.log, commit: () => this.cursor.commit })
    this.cursor = new ApplyCursor({
      partition,
      nodeId,
      incarnation,
      clock,
      proposals: this.#proposals,
      blockAt: (index) => this.#reader.blockAt(index),
      read: (from) => this.#reader.readFinal(from, limits.applyReadBytes),
      wake: () => options.events.wake(),
      onFault: (index, error) => {
        this.#readers.refuse({ status: 'REJECTED', reason: 'faulted' })
        options.events.faulted(this, index, error)
      },
    })
    this.cursor.register(options.callbacks)
  }

  get role(): RoleChange {
    return this.#role
  }

  /** True between the `leader` event and the end of that leadership. */
  get isLeader(): boolean {
    return this.#announcedTerm !== undefined
  }

  get outstanding(): number {
    return this.#proposals.entries
  }

  get fault(): MakoError | undefined {
    return this.#fault ?? this.cursor.fault
  }

  /** False when this partition has stopped for good: by a broken law, a failed disk, or `stop`. */
  get isAlive(): boolean {
    return this.#fault === undefined && !this.#stopped
  }

  /** What is dead here still remembers its last leader, but must not point at itself. */
  get leaderHint(): LeaderHint | undefined {
    const { leader, term } = this.#role
    if (!this.isAlive && leader === this.#options.nodeId) return undefined
    return this.#options.hintOf(leader, term)
  }

  /** Nothing is outstanding and everything that is known to be committed is applied. */
  get settled(): boolean {
    return this.#proposals.entries === 0 && this.cursor.applied === this.cursor.commit
  }

  // ---------------------------------------------------------------------------------------------- proposals

  add(payloads: readonly Uint8Array[], kind: EntryKind, fence: number | undefined, batch: boolean): AddLogResult {
    const { limits, writer } = this.#options
    let bytes = 0
    for (const payload of payloads) {
      if (payload.length > limits.payloadBytes) return { status: 'REJECTED', reason: 'too-large' }
      bytes += entryBytes(payload.length)
    }
    // What could not be taken even by an idle engine is not BUSY: trying again would never help.
    if (
      bytes + BLOCK_OVERHEAD_BYTES > limits.blockBytes ||
      bytes > Math.min(limits.outstandingBytes, limits.diskQueueBytes) ||
      payloads.length > limits.outstandingEntries
    ) {
      return { status: 'REJECTED', reason: 'too-large' }
    }
    if (this.fault !== undefined || this.#stopped) return { status: 'REJECTED', reason: 'faulted' }

    const admission = (this.#admission ??= this.#core.admit())
    if (admission.status === 'NOT_LEADER') {
      return { status: 'NOT_LEADER', leaderHint: this.#options.hintOf(admission.leader, admission.term) }
    }
    if (admission.status === 'TRANSFERRING') return this.#busy('transfer')
    if (fence !== undefined && fence !== admission.term) return { status: 'REJECTED', reason: 'fenced' }
    if (this.#announcedTerm !== admission.term) return this.#busy('recovering')
    // The first proposal of a term is let in whatever earlier terms have left open: without it, a leader that adds no
    // no-op could never commit that (Raft thesis 3.6.2), and would be full for ever.
    const { newestTerm } = this.#proposals
    if (newestTerm === 0 || newestTerm === admission.term) {
      if (this.#proposals.entries + payloads.length > limits.outstandingEntries) return this.#busy('entries')
      if (this.#proposals.bytes + bytes > limits.outstandingBytes) return this.#busy('bytes')
    }
    if (this.cursor.commit - this.cursor.applied > limits.applyLagEntries) return this.#busy('apply-lag')
    if (writer.pendingBytes + bytes > limits.diskQueueBytes) return this.#busy('disk')

    if (this.#builder.byteLength + bytes > limits.blockBytes && !this.#cutBlock()) {
      return { status: 'REJECTED', reason: 'faulted' }
    }
    if (this.#builder.count === 0) {
      const next = (this.#admission ??= this.#core.admit())
      if (next.status !== 'LEADER') return this.#busy('recovering')
      this.#firstIndex = next.nextIndex
    }
    for (const payload of payloads) this.#builder.add(kind, payload)
    const accepted = this.#proposals.accept(this.#firstIndex, admission.term, payloads.length, bytes, batch)
    if (!this.#dirty) {
      this.#dirty = true
      this.#options.events.wake()
    }
    return accepted
  }

  /** Hands what was gathered to the core. Must come before any other input of the core. */
  propose(): void {
    const { count } = this.#builder
    if (count === 0) return
    const admission = this.#admission
    if (admission?.status !== 'LEADER')
      throw brokenLaw(6, `partition ${this.partition} gathered entries without leading`)
    const block = this.#builder.seal(this.#firstIndex, admission.term, this.#nextSequence)
    this.#nextSequence += count
    this.#proposals.seal()
    this.#core.propose(block)
    this.#admission = undefined
    this.#dirty = true
  }

  /** The block that is being gathered is full; false when the core has failed over it. */
  #cutBlock(): boolean {
    try {
      this.propose()
      return true
    } catch (error) {
      this.#failCore(error)
      return false
    }
  }

  // ------------------------------------------------------------------------------------- inputs of the core

  /** Takes in one input; a core that throws stops this partition, never the process. */
  step(input: Input<Message>): void {
    if (this.#fault !== undefined || this.#stopped) return
    try {
      this.propose()
      this.#admission = undefined
      this.#dirty = true
      this.#core.step(input)
    } catch (error) {
      this.#failCore(error)
    }
  }

  /** From the log writer: all writes up to this number are durable. Taken in at the next turn. */
  durable(write: number): void {
    this.#durableWrite = write
    this.#options.events.wake()
  }

  /** The inputs that come from this node's own disk. */
  takeInOwn(now: number): void {
    if (this.#durableWrite > this.#durableSeen) {
      this.#durableSeen = this.#durableWrite
      this.#held.release(this.#durableSeen, (to, bytes) => this.#options.transport.send(to, this.partition, bytes))
      this.step({ type: 'durable', now, write: this.#durableSeen })
    }
    if (this.#reads.length > 0) {
      const reads = this.#reads
      this.#reads = []
      for (const { request, blocks } of reads) this.step({ type: 'read', now, request, blocks })
    }
    // Committed is enough, applied or not: callbacks that are slow or have failed must not cost memory without bound, and
    // the cursor can read back what it still needs.
    if (this.cursor.commit > this.#released) {
      this.#released = this.cursor.commit
      this.step({ type: 'release', now, index: this.#released })
    }
  }

  /** Asks for leadership to move; resolves with whether it did. One at a time: a second one is refused. */
  transfer(to: NodeId | undefined, now: number): Promise<boolean> {
    if (!this.isAlive || this.#transfer !== undefined || this.#role.role !== 'leader') return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#transfer = resolve
      this.step({ type: 'transfer', now, to })
      this.#options.events.wake()
    })
  }

  // ------------------------------------------------------------------------------------ output of the core

  /** End of a turn: carries out what has come of its inputs. */
  finishTurn(): void {
    if (!this.#dirty || this.#fault !== undefined || this.#stopped) return
    try {
      this.propose()
      this.#dirty = false
      this.#readers.close()
      this.#carryOut(this.#core.takeOutput())
    } catch (error) {
      this.#failCore(error)
    }
  }

  #carryOut(output: Output<Message>): void {
    const { partition } = this
    const { writer, protocol, transport } = this.#options
    for (const { number, write } of output.writes) {
      if (write.type === 'block') {
        const { block, truncate } = write
        if (block.index <= this.cursor.commit) {
          throw brokenLaw(2, `partition ${partition} would rewrite ${block.index}, commit is ${this.cursor.commit}`)
        }
        this.#lastIndex = truncate ? lastIndexOf(block) : Math.max(this.#lastIndex, lastIndexOf(block))
        writer.write(this, number, { type: 'block', partition, block, truncate })
      } else writer.write(this, number, { type: 'state', partition, state: write.state })
    }
    let encoded: { readonly message: Message; readonly bytes: Uint8Array } | undefined
    for (const { to, message, after } of output.messages) {
      // A core that has the same to say to several nodes says it with one message.
      if (encoded?.message !== message) encoded = { message, bytes: protocol.encode(message) }
      const { bytes } = encoded
      if (after <= this.#durableSeen) transport.send(to, partition, bytes)
      else this.#held.hold(to, bytes, after)
    }
    for (const { request, from, maxBytes } of output.reads) this.#read(request, from, maxBytes)
    this.#commitTo(output.commit)
    // Before the roles: a transfer that succeeded ends this leadership, and that would end it as aborted.
    for (const result of output.transfers) this.#endTransfer(result === 'done')
    for (const change of output.roles) this.#changeRole(change)
    for (const { request, index } of output.barriers) this.#readers.answered(request, index, () => this.#noLeader())
  }

  #commitTo(commit: number): void {
    const { cursor, partition } = this
    if (commit < cursor.commit)
      throw brokenLaw(1, `commit of partition ${partition} fell from ${cursor.commit} to ${commit}`)
    if (commit > this.#lastIndex) {
      throw brokenLaw(
        1,
        `commit ${commit} of partition ${partition} is beyond its log, which ends at ${this.#lastIndex}`,
      )
    }
    cursor.committed(commit)
  }

  #read(request: number, from: number, maxBytes: number): void {
    const answer = (blocks: readonly Block[]): void => {
      this.#reads.push({ request, blocks })
      this.#options.events.wake()
    }
    this.#options.log.read(this.partition, from, maxBytes).then(answer, (error: unknown) => {
      // The core goes on without these blocks; the damage itself is told to people.
      answer([])
      const text = error instanceof Error ? error.message : String(error)
      this.#options.events.warning(`Partition ${this.partition} cannot be read from entry ${from}: ${text}`)
    })
  }

  #changeRole(change: RoleChange): void {
    const { events } = this.#options
    const before = this.#role
    this.#role = change
    if (change.term !== before.term) events.termChanged(this, change.term)
    if (change.role !== 'leader' || change.term !== before.term) {
      if (this.#announcedTerm !== undefined || (change.role === 'follower' && before.role !== 'follower')) {
        this.#announcedTerm = undefined
        events.deposed(this, change.term)
      }
      if (change.role !== 'leader' && before.role === 'leader') this.#endTransfer(false)
    }
    events.roleChanged(this, change)
  }

  /** Announces leadership once everything of earlier terms is applied. */
  announceIfReady(): void {
    const { role, term, readyIndex } = this.#role
    if (role !== 'leader' || this.#announcedTerm === term || this.fault !== undefined || this.#stopped) return
    if (this.cursor.applied < readyIndex) return
    this.#announcedTerm = term
    this.#options.events.announced(this, term)
  }

  #endTransfer(done: boolean): void {
    this.#transfer?.(done)
    this.#transfer = undefined
  }

  // ----------------------------------------------------------------------------------------------- answers

  /** Resolves when everything that was committed before is applied here. */
  async readBarrier(options: WaitOptions, now: number): Promise<ReadBarrierResult> {
    if (!this.isAlive || this.fault !== undefined) return { status: 'REJECTED', reason: 'faulted' }
    if (this.#readers.isFull) {
      return { status: 'BUSY', reason: 'readers', retryAfterMs: this.#options.limits.retryAfterMs }
    }
    return await this.#readers.wait(options, (request) => {
      this.step({ type: 'read-barrier', now, request })
      this.#options.events.wake()
    })
  }

  /** The cursor has run: readers whose index it has reached may read. */
  settleReaders(): void {
    this.#readers.applied(this.cursor.applied)
  }

  #noLeader(): ReadBarrierResult {
    return { status: 'NOT_LEADER', leaderHint: this.leaderHint }
  }

  /** Reads applied entries again; protocol entries are left out. */
  read(from: number, maxBytes: number): Promise<{ entries: Entry[]; next: number }> {
    return this.#reader.entries(from, this.cursor.applied, maxBytes)
  }

  /** What became of an entry, as far as the log here can tell. Of a batch the last entry counts: it is one answer. */
  async outcomeOf(token: OutcomeToken): Promise<Outcome> {
    if (!(lastIndexOf(token) <= this.cursor.applied)) return { status: 'UNKNOWN', token }
    return await this.#reader.outcomeOf(token)
  }

  status(): PartitionStatus {
    const { partition, cursor } = this
    const core = this.#core.status()
    return {
      partition,
      role: core.role,
      isLeader: this.isLeader,
      term: core.term,
      leaderHint: this.leaderHint,
      commit: cursor.commit,
      applied: cursor.applied,
      lastIndex: core.lastIndex,
      durableIndex: core.durableIndex,
      outstanding: this.#proposals.entries,
      fault: this.fault,
      peers: core.peers.map(({ id, match, silentMs }) => ({ id, match, silentMs })),
    }
  }

  /** The peers by how far they are, for choosing who shall lead. */
  peers(): readonly { readonly id: NodeId; readonly match: number; readonly silentMs: number | undefined }[] {
    return this.#core.status().peers
  }

  /** Settles every open outcome as UNKNOWN, turns readers away, and does nothing any more. */
  stop(reason: 'stopped' | 'faulted'): void {
    if (this.#stopped) return
    this.#stopped = true
    this.cursor.stop()
    this.#held.clear()
    this.#endTransfer(false)
    this.#announcedTerm = undefined
    this.#proposals.giveUp()
    this.#readers.refuse({ status: 'REJECTED', reason })
  }

  #failCore(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    this.#fault =
      error instanceof MakoError
        ? error
        : new MakoError('LAW_BROKEN', `The core of partition ${this.partition} failed: ${text}`, { cause: error })
    const wasLeader = this.#announcedTerm !== undefined
    this.#announcedTerm = undefined
    this.cursor.stop()
    this.#held.clear()
    this.#endTransfer(false)
    this.#proposals.giveUp()
    this.#readers.refuse({ status: 'REJECTED', reason: 'faulted' })
    if (wasLeader) this.#options.events.deposed(this, this.#role.term)
    this.#options.events.faulted(this, undefined, this.#fault)
  }

  #busy(reason: 'entries' | 'bytes' | 'apply-lag' | 'disk' | 'transfer' | 'recovering'): AddLogResult {
    return { status: 'BUSY', reason, retryAfterMs: this.#options.limits.retryAfterMs }
  }
}
