// The contract: what a user of any replication engine sees. Nothing here knows a protocol.

import type { Protocol, Role } from './core.ts'
import type { Entry, EntryKind, NodeId } from './entry.ts'
import type { MakoError } from './errors.ts'
import type { EngineLimits } from './limits.ts'
import type { Clock, LogStore, LogStoreStats, Member, Random, Transport, TransportStats } from './ports.ts'

/** Who leads, as far as this node knows. The term lets a client refuse to follow an older hint backwards. */
export interface LeaderHint {
  readonly nodeId: NodeId
  readonly address: string
  readonly term: number
}

/** Why an engine cannot take a write just now. */
export type BusyReason = 'entries' | 'bytes' | 'apply-lag' | 'disk' | 'transfer' | 'recovering'

/** Why an engine does not take a write at all. */
export type RejectReason =
  | 'unknown-partition'
  /** Above a limit that no waiting could help with. */
  | 'too-large'
  /** The write asked for a term in which this node no longer leads. */
  | 'fenced'
  | 'read-only'
  | 'stopped'
  | 'faulted'

/** Accepted, in order, at this index; what becomes of it is told by `outcome`. */
export interface Accepted {
  readonly status: 'SUCCESS'
  readonly partition: number
  /** Index of the (first) entry. */
  readonly index: number
  /** Number of entries: 1, or as many as `addLogs` was given. They have consecutive indexes. */
  readonly count: number
  readonly term: number
  /** Made on first use; always settles, never rejects. For `addLogs`: of all of them, `value` is an array. */
  readonly outcome: Promise<Outcome>
}

/** The answer of `addLog`. Everything but SUCCESS means: definitely not executed. */
export type AddLogResult =
  | Accepted
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }
  | { readonly status: 'BUSY'; readonly reason: BusyReason; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: RejectReason }

/** What became of an accepted entry. */
export type Outcome =
  /** Committed, and the callback here has finished with it. */
  | { readonly status: 'APPLIED'; readonly index: number; readonly value: unknown }
  /** Another entry is committed at that place: definitely not executed. */
  | { readonly status: 'LOST'; readonly by: { readonly term: number } }
  /** May or may not be executed; ask `outcomeOf(token)` later. */
  | { readonly status: 'UNKNOWN'; readonly token: OutcomeToken }

/** Names an accepted entry for ever; plain data, may be stored and sent. */
export interface OutcomeToken {
  readonly partition: number
  readonly index: number
  readonly count: number
  readonly term: number
}

export interface AddLogOptions {
  /** @default the first partition of the engine */
  readonly partition?: number
  /** @default 'data' */
  readonly kind?: Exclude<EntryKind, 'noop'>
  /** Refuse the write (REJECTED 'fenced') unless this node leads in exactly this term. */
  readonly term?: number
}

/**
 * Handles one committed entry. May return a promise; the next entry of that partition waits for it. When it throws or
 * rejects, that partition stops at this entry and says so (`fault`).
 */
export type ApplyCallback = (entry: Entry) => unknown

export interface ApplyCallbacks {
  /** Entries that this very process proposed. */
  readonly leader: ApplyCallback
  /** Entries that anyone else proposed, an earlier life of this node included. */
  readonly follower: ApplyCallback
}

export interface EngineOptions<Message> {
  readonly protocol: Protocol<Message>
  readonly nodeId: NodeId
  /** All members, this node among them. */
  readonly members: readonly Member[]
  /** Nodes of different clusters never talk to each other. @default 'mako' */
  readonly clusterId?: string
  /** @default [0] */
  readonly partitions?: readonly number[]
  /** Groups of partitions that one node must lead together (DESIGN section 6). @default none */
  readonly leadTogether?: readonly (readonly number[])[]
  readonly log: LogStore
  readonly transport: Transport
  /** @default the system's */
  readonly clock?: Clock
  /** @default the system's */
  readonly random?: Random
  readonly limits?: Partial<EngineLimits>
}

export interface EngineEvents {
  /** This node leads the partition and has applied everything of earlier terms. */
  leader: (event: { partition: number; term: number }) => void
  /** This node no longer leads (or never did) in this term. */
  follower: (event: { partition: number; term: number; leaderHint: LeaderHint | undefined }) => void
  term: (event: { partition: number; term: number }) => void
  /** A partition, or the whole node when `partition` is undefined, has stopped; nothing was skipped. */
  fault: (event: { partition: number | undefined; index: number | undefined; error: MakoError }) => void
  /** A callback has not finished for this long. */
  stalled: (event: { partition: number; index: number; forMs: number }) => void
  /** A partition that lagged has applied everything that is known to be committed. */
  caughtUp: (event: { partition: number; applied: number }) => void
  /** Something worth a log line. */
  warning: (event: { message: string }) => void
}

export interface PartitionStatus {
  readonly partition: number
  readonly role: Role
  /** True from the `leader` event until leadership ends. */
  readonly isLeader: boolean
  readonly term: number
  readonly leaderHint: LeaderHint | undefined
  readonly commit: number
  readonly applied: number
  readonly lastIndex: number
  readonly durableIndex: number
  /** Accepted here and not yet answered; never negative. */
  readonly outstanding: number
  readonly fault: MakoError | undefined
  readonly peers: readonly { readonly id: NodeId; readonly match: number; readonly silentMs: number | undefined }[]
}

export type EngineState = 'new' | 'starting' | 'running' | 'faulted' | 'stopping' | 'stopped'

export interface EngineStatus {
  readonly nodeId: NodeId
  readonly state: EngineState
  readonly incarnation: number
  readonly partitions: readonly PartitionStatus[]
  readonly log: LogStoreStats
  readonly transport: TransportStats
  /** Messages that did not fit into the inbox, and messages that made no sense. */
  readonly inbox: { readonly dropped: number; readonly refused: number }
}

export type TransferResult =
  | { readonly status: 'DONE' }
  /** The target did not take over in time, or another transfer was under way; this node goes on leading for now. */
  | { readonly status: 'ABORTED' }
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }

/** The answer of `readBarrier`. */
export type ReadBarrierResult =
  /** Everything that was committed anywhere before the call is applied here, and everything up to `index`. */
  | { readonly status: 'READY'; readonly index: number }
  /** No leader could tell: there is none, or it did not answer before it was replaced. Ask again, or ask the hinted one. */
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }
  | { readonly status: 'BUSY'; readonly reason: 'readers' | 'recovering'; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: 'unknown-partition' | 'stopped' | 'faulted' }

export interface WaitOptions {
  readonly signal?: AbortSignal
}

/** A running replica. */
export interface ReplicationEngine extends AsyncDisposable {
  readonly nodeId: NodeId
  readonly partitions: readonly number[]
  /** The clock that this engine was given: what is built on top should use the same one. */
  readonly clock: Clock

  /**
   * Registers what is done with committed entries, for one partition or for all. Before `start`.
   * @throws MakoError `BAD_STATE` after `start`, `BAD_OPTION` for an unknown partition
   */
  onApply(callbacks: ApplyCallbacks, partition?: number): void

  /** Recovers the log, opens the network, and takes part from then on. */
  start(): Promise<void>

  /**
   * Proposes one entry. A local call: answers at once and never silently.
   * @throws MakoError `BAD_PAYLOAD` when the payload is not a Uint8Array, or its kind is none; nothing else.
   */
  addLog(payload: Uint8Array, options?: AddLogOptions): AddLogResult

  /** Proposes many entries at once: all are accepted at consecutive indexes, or none. */
  addLogs(payloads: readonly Uint8Array[], options?: AddLogOptions): AddLogResult

  /** What became of an entry, as far as it can be told now. */
  outcomeOf(token: OutcomeToken): Promise<Outcome>

  /**
   * Waits until everything that was committed anywhere before this call is applied here: then what is read from local
   * state is linearizable. On any node: the leader asks a majority whether it still leads, one round of messages for all
   * who wait (Raft thesis 6.4); others ask the leader. It writes nothing. A node that lags, or whose callbacks are slow, may
   * take long: give it a signal. Rejects only with the reason of that signal.
   */
  readBarrier(partition?: number, options?: WaitOptions): Promise<ReadBarrierResult>

  isLeader(partition?: number): boolean
  leaderHint(partition?: number): LeaderHint | undefined

  /** Entries that were accepted here and not yet answered. */
  outstanding(partition?: number): number

  /**
   * Reads applied entries again, ascending from `from`, protocol entries left out; whole blocks up to about
   * `maxBytes`. `next` is where to go on.
   */
  read(
    partition: number,
    from: number,
    maxBytes: number,
  ): Promise<{ readonly entries: readonly Entry[]; readonly next: number }>

  /** Hands leadership over, to `to` or to the node that is furthest along, after it was brought up to date. */
  transferLeadership(partition: number, to?: NodeId): Promise<TransferResult>

  /** Lets a partition go on after a callback has failed: the same entry is tried again. */
  resume(partition: number): void

  /**
   * Resolves when nothing is outstanding and everything known to be committed is applied. Rejects on abort, when the
   * engine stops, and with the fault of a partition that cannot get there without `resume`. A node that is cut off
   * from the others may wait for ever: give it a signal.
   */
  drain(options?: WaitOptions): Promise<void>

  /**
   * Stops; every outcome that is still open becomes UNKNOWN at once. May be called in any state, from a callback too,
   * and more than once. Resolves when the disk has finished what it was given, and the ports are closed.
   */
  stop(): Promise<void>

  status(): EngineStatus

  on<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this
  off<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this
}
