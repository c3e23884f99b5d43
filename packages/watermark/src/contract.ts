// What a shard is: many streams that are replicated independently, and one rule that says what may be exposed.
//
// Always true: whatever made a result safe can be recomputed from committed entries alone, so that no successor can
// roll back what a client was told is safe (DESIGN section 6).

import type { AddLogResult, BusyReason, LeaderHint, MakoError, RejectReason, ReplicationEngine } from '@mako/engine'
import type { ShardLimits } from './limits.ts'

/** The logical time of a transaction, one element for each shard; elements are non-negative integers. */
export type Stamp = readonly number[]

/** What became of a transaction that was executed speculatively. */
export type SafeOutcome =
  /** Replicated, and so is everything it read or overwrote: it will survive every tolerated failure. */
  | { readonly status: 'SAFE'; readonly epoch: number; readonly stamp: Stamp }
  /** Its epoch was closed below it: it never happened, on any replica, for ever. */
  | { readonly status: 'ROLLED_BACK'; readonly epoch: number; readonly finalWatermark: Stamp }
  /** This process stopped before it could know. */
  | { readonly status: 'UNKNOWN' }

/** May this node execute transactions now? Everything but READY means: nothing was executed. */
export type ExecuteGate =
  | { readonly status: 'READY'; readonly epoch: number }
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }
  | { readonly status: 'BUSY'; readonly reason: BusyReason; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: RejectReason }

/**
 * The state that the streams replicate. The shard calls it; it never calls back into the shard from inside a call.
 * Every method is synchronous and must be deterministic. One that throws stops the replay (`faulted`), nothing is skipped.
 */
export interface StateMachine {
  /**
   * Installs one transaction of another process (or of an earlier life of this one). Calls come in ascending stamp
   * order over all streams and epochs, and only for what is safe. The bytes are only lent for the call.
   */
  replay(transaction: Uint8Array, stamp: number, epoch: number): void
  /**
   * The epoch is closed: undo every transaction of this epoch whose stamp is above `finalWatermark`. Called once for
   * every epoch on every replica, after the last `replay` of it and before anything of the next one.
   */
  rollBack(epoch: number, finalWatermark: number): void
  /**
   * Everything up to this stamp is safe *and* in this state: it may be shown, older versions are no longer needed.
   * Never goes back, also not over epochs.
   */
  settle(watermark: number): void
}

export interface ShardOptions {
  /** Not started yet: the shard registers its callbacks first. */
  readonly engine: ReplicationEngine
  readonly machine: StateMachine
  /** Partitions of the engine; one node must lead them together. @default all of them */
  readonly streams?: readonly number[]
  /** When a batch leaves before the end of the turn. */
  readonly batch?: {
    /** @default 128: the header of a batch is then well below a byte for each transaction */
    readonly transactions?: number
    /** @default 65536: large enough for one write, small enough for many streams to share a connection fairly */
    readonly bytes?: number
  }
  readonly limits?: Partial<ShardLimits>
}

/**
 * `following`: another node executes. `recovering`: this node leads all streams and closes the last epoch.
 * `leading`: this node executes. `faulted`, `stopped`: no more progress here.
 */
export type ShardRole = 'following' | 'recovering' | 'leading' | 'faulted' | 'stopped'

export interface ShardStatus {
  readonly role: ShardRole
  /** True until the `advancer` is recorded on all streams: initial data is being loaded. */
  readonly loading: boolean
  readonly epoch: number
  /** The newest stamp that was given out or seen. */
  readonly clock: number
  readonly watermark: Stamp
  /** Transactions that this process executed, and of those the safe and the rolled back ones. */
  readonly executed: number
  readonly safe: number
  readonly rolledBack: number
  /** Batches that were committed (recorded here), and those whose transactions are all replayed or dropped. */
  readonly committedBatches: number
  readonly appliedBatches: number
  readonly replayedTransactions: number
  /** Transactions of others that were recorded above the final watermark of their epoch, and so never installed. */
  readonly droppedTransactions: number
  /** Batches that are recorded and wait for the watermark. */
  readonly waitingBatches: number
  /** Closed epochs and what they ended with, oldest first. */
  readonly closedEpochs: readonly { readonly epoch: number; readonly finalWatermark: Stamp }[]
  /** Why the role is `faulted`. */
  readonly fault: MakoError | undefined
}

/** Many streams of one engine seen as one speculative log. */
export interface Shard {
  readonly streams: readonly number[]
  readonly role: ShardRole
  readonly epoch: number
  readonly loading: boolean
  /** The stamp up to which everything is safe in the current epoch. Monotone in an epoch. */
  readonly watermark: Stamp

  /** Asked before each transaction; with `load`, also while loading. Cheap when the answer is READY. */
  gate(load?: boolean): ExecuteGate
  /**
   * Takes the next stamp for a transaction that will log to this stream. Until `log` or `release` it holds the
   * watermark back. Only after `gate` said READY and in the same turn, or for an interactive transaction that checks
   * the epoch again before it logs.
   * @throws MakoError `BAD_STATE` when this node does not lead, `BAD_OPTION` for an unknown stream
   */
  take(stream: number): number
  /**
   * Hands over the write set of a transaction. It leaves with its batch: at a count, at a size, or at the end of the
   * turn. The bytes are copied.
   * @throws MakoError `BAD_STATE` when the stamp is not one that was taken in this epoch, `BAD_PAYLOAD` when it is
   * not bytes or too large: then nothing was logged and the stamp is still held
   */
  log(stream: number, stamp: number, transaction: Uint8Array): void
  /** The transaction wrote nothing or was given up: its stamp no longer holds anything back. */
  release(stream: number, stamp: number): void

  /** What is known of a transaction of this epoch and stamp now. */
  safe(epoch: number, stamp: number): 'SAFE' | 'PENDING' | 'ROLLED_BACK'
  /** Settles when it is known; UNKNOWN only after `stop`; never rejects. */
  settled(epoch: number, stamp: number): Promise<SafeOutcome>
  /** Resolves when the watermark of the current (or a later) epoch has reached this stamp; rejects on abort and `stop`. */
  reached(stamp: Stamp, options?: { readonly signal?: AbortSignal }): Promise<void>

  /**
   * Ends loading: writes the `advancer` on all streams, resolves when it is recorded on all of them here, or when its
   * epoch was closed without it (NOT_LEADER: loading goes on).
   */
  finishLoading(): Promise<AddLogResult>
  /** Ends all streams: nothing more will be executed in this epoch; the watermark rises to everything there is. */
  end(): Promise<AddLogResult>
  /**
   * Resolves when nothing that this process executed is open and everything recorded is replayed; rejects on abort, on
   * `stop` and when the shard is faulted.
   */
  drain(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Stops executing and replaying; what is still open becomes UNKNOWN. May be called more than once. */
  stop(): void
  status(): ShardStatus
}
