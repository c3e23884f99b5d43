// The transactional key-value store as its users see it: typed tables, serial transactions, speculative results.

import type { BusyReason, LeaderHint, RejectReason } from '@mako/engine'
import type { SafeOutcome, ShardStatus, Stamp } from '@mako/watermark'
import type { KeyOf, RowOf, Table, TableSchema } from './schema.ts'

/** What a transaction function works with; only valid while that function runs. */
export interface Transaction {
  /** The visible row, own writes included. Do not change it: rows are shared between versions. */
  get<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> | undefined
  /** Writes a whole row, whether there was one or not. */
  put<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void
  /** Writes a row that must not be there yet. @throws StoreError `ROW_EXISTS` */
  insert<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void
  /** Changes some columns of a row that must be there; only these are logged. @throws StoreError `ROW_MISSING` */
  update<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, columns: Partial<RowOf<S>>): Readonly<RowOf<S>>
  /** Removes a row; false when there was none. */
  delete<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): boolean
  /**
   * Rows of an ordered table in key order, bounds inclusive. `prefix` gives leading key columns. The transaction may
   * write to the table while it walks.
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
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly versions: number }[]
}

export interface Database {
  /**
   * Runs a synchronous function serially against the newest state and replicates what it wrote. An exception of `fn`
   * undoes its writes and is thrown to the caller.
   */
  transact<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T>
  /** The same during loading, before `finishLoading`. */
  load<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T>
  /** Reads the newest safe state of this replica, on any role; never speculative, possibly behind the leader. */
  read<T>(fn: (t: Pick<Transaction, 'get' | 'scan'>) => T): { readonly value: T; readonly watermark: Stamp }
  finishLoading(): Promise<TransactResult<undefined>>
  drain(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** A digest of the whole visible state: equal on two replicas iff their rows are equal (64 bits, hexadecimal). */
  digest(): string
  stop(): void
  status(): DatabaseStatus
}
