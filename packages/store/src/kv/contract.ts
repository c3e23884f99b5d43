// The transactional key-value store as its users see it: typed tables, serial transactions, speculative results.
//
// Always true: a transaction is a synchronous function that runs alone. It sees everything that was executed here
// before it; what it wrote is kept as a whole or not at all, on all replicas alike.

import type { BusyReason, LeaderHint, RejectReason, ReplicationEngine } from '@mako/engine'
import type { SafeOutcome, Shard, ShardOptions, ShardStatus, Stamp } from '@mako/watermark'
import type { AnyTable, KeyOf, RowOf, Table, TableSchema } from './schema.ts'

/**
 * What a transaction function works with; only valid while that function runs. Every method throws a StoreError
 * (`UNKNOWN_TABLE`, `BAD_KEY`, `BAD_ROW`, `TRANSACTION_ENDED`, and what it says itself) for a mistake; a method that
 * has thrown has changed nothing.
 */
export interface Transaction {
  /** The visible row, own writes included. Do not change it: rows are shared between versions. */
  get<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> | undefined
  /** Writes a whole row, whether there was one or not. The row is copied, here and everywhere. */
  put<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void
  /** Writes a row that must not be there yet. @throws StoreError `ROW_EXISTS` */
  insert<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void
  /** Changes some columns of a row that must be there; only these are logged. @throws StoreError `ROW_MISSING` */
  update<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, columns: Partial<RowOf<S>>): Readonly<RowOf<S>>
  /** Removes a row; false when there was none. */
  delete<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): boolean
  /**
   * Rows of an ordered table in key order, bounds inclusive. `prefix` gives leading key columns. The walk shows the
   * table as it is when `scan` is called: the transaction may write to the table while it walks, which reads the rest
   * of the range at once. It is walked once, and only while the transaction runs.
   * @throws StoreError `NOT_ORDERED`, `BAD_KEY`
   */
  scan<S extends TableSchema>(
    table: Table<S>,
    range?: ScanRange<S>,
  ): Iterable<{ key: KeyOf<S>; row: Readonly<RowOf<S>> }>
  /** Gives up: nothing of this transaction is kept, and `transact` answers ABORTED with this reason. */
  abort(reason: string): never
}

export interface ScanRange<S extends TableSchema> {
  readonly from?: KeyOf<S>
  readonly to?: KeyOf<S>
  readonly prefix?: Partial<KeyOf<S>>
  readonly reverse?: boolean
  readonly limit?: number
}

export interface DatabaseOptions {
  /** Not started yet: the database registers its callbacks first. */
  readonly engine: ReplicationEngine
  /** The same on all nodes. */
  readonly tables: readonly AnyTable[]
  /** Partitions that carry the write sets; one node must lead them together. @default all of the engine */
  readonly streams?: readonly number[]
  /** When a batch of write sets leaves before the end of the turn. @default the shard's */
  readonly batch?: NonNullable<ShardOptions['batch']>
  /** @default the shard's */
  readonly limits?: NonNullable<ShardOptions['limits']>
  /** Makes the shard that replicates the transactions. @default `createShard` of `@mako/watermark` */
  readonly shard?: (options: ShardOptions) => Shard
}

export interface TransactOptions {
  /** The stream that carries the write set. @default chosen in turn */
  readonly stream?: number
}

/** Executed here at once, and not yet safe: `safe` tells what becomes of it. */
export interface Speculative<T> {
  readonly status: 'SUCCESS'
  readonly epoch: number
  readonly stamp: Stamp
  readonly value: T
  readonly speculative: true
  /** Made on first use; always settles, never rejects. */
  readonly safe: Promise<SafeOutcome>
}

/** The answer of `transact`. Everything but SUCCESS means: nothing of it is or will be kept. */
export type TransactResult<T> =
  | Speculative<T>
  | { readonly status: 'ABORTED'; readonly reason: string }
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }
  | { readonly status: 'BUSY'; readonly reason: BusyReason; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: RejectReason }

export interface DatabaseStatus {
  readonly shard: ShardStatus
  readonly tables: readonly TableStatus[]
}

export interface TableStatus {
  readonly name: string
  /** Rows of the newest state. */
  readonly rows: number
  /** Writes that are not yet settled; each keeps the row that was there before it. */
  readonly versions: number
}

export interface Database {
  /**
   * Runs a synchronous function serially against the newest state and replicates what it wrote. An exception of `fn`
   * undoes its writes and is thrown to the caller. A transaction that changed nothing is not logged: its stamp is the
   * newest one among what it read, and it is safe when that is.
   * @throws StoreError `NESTED_TRANSACTION`, `ASYNC_TRANSACTION`; MakoError `BAD_OPTION` for an unknown stream,
   *   `BAD_PAYLOAD` when the writes are more bytes than one transaction may have
   */
  transact<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T>
  /** The same during loading, before `finishLoading`. */
  load<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T>
  /**
   * Reads the newest safe state of this replica, on any role: a prefix of the serial history, everything up to
   * `watermark` and nothing else. Never speculative, possibly behind the leader.
   * @throws StoreError `ASYNC_TRANSACTION`
   */
  read<T>(fn: (t: Pick<Transaction, 'get' | 'scan'>) => T): { readonly value: T; readonly watermark: Stamp }
  /** Ends loading on all replicas: from then on `transact` answers. */
  finishLoading(): Promise<TransactResult<undefined>>
  /** Resolves when nothing that was executed here is open and everything recorded is replayed; rejects on abort. */
  drain(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * A digest of the newest rows: equal on two replicas iff their rows are equal (64 bits, hexadecimal). Compare it after
   * `drain`. Takes about a second for a million rows, in which nothing else runs.
   */
  digest(): string
  /** The same of one table, to find where two replicas differ. */
  digestOf(table: AnyTable): string
  /** Executes and replays no more; what is open becomes UNKNOWN. The rows stay readable. */
  stop(): void
  status(): DatabaseStatus
}
