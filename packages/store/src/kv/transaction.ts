// A running transaction: reads and writes the newest state directly.
//
// Always true: a transaction runs alone (functions are synchronous), so what it has written are exactly the newest
// unsettled writes, and taking them back from the new end undoes it. It takes its stamp with its first write: a
// transaction that only reads has none, and is as safe as the newest thing it has seen.

import { MakoError } from '@mako/engine'
import type { Shard } from '@mako/watermark'
import type { ScanRange, Transaction } from './contract.ts'
import { StoreError } from './errors.ts'
import type { PackedKey } from './key.ts'
import type { StoredRow } from './rows.ts'
import { Scan } from './scan.ts'
import type { KeyOf, RowOf, Table, TableSchema } from './schema.ts'
import { rowAt, type Slot, type StoredTable, type TableSet, type UnsettledWrites } from './table.ts'

/** Thrown by `abort` to leave the transaction function. */
export class Aborted extends Error {
  constructor(reason: string) {
    super(`The transaction was given up: ${reason}`)
    this.name = 'Aborted'
  }
}

export class RunningTransaction implements Transaction {
  readonly #tables: TableSet
  readonly #writes: UnsettledWrites
  readonly #shard: Shard
  readonly #stream: number
  readonly #epoch: number
  readonly #scans: Scan[] = []
  #ended = false
  /** Its stamp; 0 until it writes. */
  stamp = 0
  /** The highest stamp among the unsettled writes it has seen, own ones excepted; 0 when all it saw was settled. */
  observed = 0
  abortReason: string | undefined = undefined

  constructor(tables: TableSet, writes: UnsettledWrites, shard: Shard, stream: number, epoch: number) {
    this.#tables = tables
    this.#writes = writes
    this.#shard = shard
    this.#stream = stream
    this.#epoch = epoch
  }

  get<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> | undefined {
    const stored = this.#open(table)
    return this.#seen(stored.find(stored.keys.pack(key))) as RowOf<S> | undefined
  }

  put<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void {
    const stored = this.#open(table)
    const packed = stored.keys.pack(key)
    this.#install(stored, packed, stored.find(packed), stored.rows.row(row))
  }

  insert<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void {
    const stored = this.#open(table)
    const packed = stored.keys.pack(key)
    const slot = stored.find(packed)
    if (this.#seen(slot) !== undefined) {
      throw new StoreError('ROW_EXISTS', `${table.name} already has a row ${JSON.stringify(key)}.`)
    }
    this.#install(stored, packed, slot, stored.rows.row(row))
  }

  update<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, columns: Partial<RowOf<S>>): Readonly<RowOf<S>> {
    const stored = this.#open(table)
    const packed = stored.keys.pack(key)
    const slot = stored.find(packed)
    const before = this.#seen(slot)
    if (before === undefined) {
      throw new StoreError('ROW_MISSING', `${table.name} has no row ${JSON.stringify(key)} to update.`)
    }
    const row = stored.rows.changed(before, columns)
    this.#install(stored, packed, slot, row)
    return row as RowOf<S>
  }

  delete<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): boolean {
    const stored = this.#open(table)
    const packed = stored.keys.pack(key)
    const slot = stored.find(packed)
    if (this.#seen(slot) === undefined) return false
    this.#install(stored, packed, slot, undefined)
    return true
  }

  scan<S extends TableSchema>(
    table: Table<S>,
    range: ScanRange<S> = {},
  ): Iterable<{ key: KeyOf<S>; row: Readonly<RowOf<S>> }> {
    const scan = new Scan(this.#open(table), range, this.#seen)
    this.#scans.push(scan)
    return scan as Iterable<unknown> as Iterable<{ key: KeyOf<S>; row: RowOf<S> }>
  }

  abort(reason: string): never {
    this.#check()
    this.#ended = true
    this.abortReason = reason
    throw new Aborted(reason)
  }

  /** The function has returned or thrown: whoever still has this transaction, or a scan of it, can no longer use it. */
  end(): void {
    this.#ended = true
    for (const scan of this.#scans) scan.return()
  }

  /** The newest row of a slot; remembers of which write it is. A function value, because scans use it as well. */
  readonly #seen = (slot: Slot | undefined): StoredRow | undefined => {
    if (slot === undefined) return undefined
    const { write } = slot
    if (write !== undefined && write.stamp > this.observed && write.stamp !== this.stamp) this.observed = write.stamp
    return slot.row
  }

  #install(table: StoredTable, key: PackedKey, slot: Slot | undefined, row: StoredRow | undefined): void {
    if (this.stamp === 0) this.#takeStamp()
    for (const scan of this.#scans) if (scan.table === table) scan.freeze()
    this.#writes.install(table, key, slot, row, this.stamp, this.#epoch)
  }

  #takeStamp(): void {
    const stamp = this.#shard.take(this.#stream)
    const { newestStamp } = this.#writes
    if (stamp <= newestStamp) {
      this.#shard.release(this.#stream, stamp)
      throw new MakoError('LAW_BROKEN', `The stamp ${stamp} was given out after ${newestStamp}.`)
    }
    this.stamp = stamp
  }

  #open<S extends TableSchema>(table: Table<S>): StoredTable {
    this.#check()
    return this.#tables.of(table)
  }

  #check(): void {
    if (this.#ended) throw endedError()
  }
}

/** Reads the state as of a stamp. */
export class Snapshot implements Pick<Transaction, 'get' | 'scan'> {
  readonly #tables: TableSet
  readonly #rowOf: (slot: Slot) => StoredRow | undefined
  readonly #scans: Scan[] = []
  #ended = false

  constructor(tables: TableSet, stamp: number) {
    this.#tables = tables
    this.#rowOf = (slot) => rowAt(slot, stamp)
  }

  get<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> | undefined {
    const stored = this.#open(table)
    const slot = stored.find(stored.keys.pack(key))
    return slot === undefined ? undefined : (this.#rowOf(slot) as RowOf<S> | undefined)
  }

  scan<S extends TableSchema>(
    table: Table<S>,
    range: ScanRange<S> = {},
  ): Iterable<{ key: KeyOf<S>; row: Readonly<RowOf<S>> }> {
    const scan = new Scan(this.#open(table), range, this.#rowOf)
    this.#scans.push(scan)
    return scan as Iterable<unknown> as Iterable<{ key: KeyOf<S>; row: RowOf<S> }>
  }

  end(): void {
    this.#ended = true
    for (const scan of this.#scans) scan.return()
  }

  #open<S extends TableSchema>(table: Table<S>): StoredTable {
    if (this.#ended) throw endedError()
    return this.#tables.of(table)
  }
}

function endedError(): StoreError {
  return new StoreError('TRANSACTION_ENDED', 'This transaction has ended; use it only while its function runs.')
}
