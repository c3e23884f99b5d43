// A table in memory: an index of slots, and the writes that are not yet settled.
//
// Always true: a slot has the newest row and a chain of its unsettled writes, newest first; each write knows the row
// that was there before it. So the newest state costs no search, a settled row costs no history, taking back a write is
// one assignment, and the state as of an earlier stamp is found by walking the chain. A slot without a row (a deleted
// one) stays in the index until the deletion is settled.
//
// Always true of the unsettled writes: they are in ascending order of their stamps over all tables, because execution
// and replay both are. Settling takes from the old end, rolling back from the new end.

import { MakoError } from '@mako/engine'
import { RowCodec } from './codec.ts'
import { StoreError } from './errors.ts'
import { KeyPacker, type PackedKey } from './key.ts'
import { OrderedMap } from './ordered.ts'
import { RowMaker, type StoredRow } from './rows.ts'
import type { AnyTable } from './schema.ts'

/** What the index has for a key. */
export class Slot {
  /** The newest row; undefined when it was deleted. */
  row: StoredRow | undefined = undefined
  /** The newest write, as long as it is not settled. */
  write: Write | undefined = undefined
}

/** A write that is not yet settled. All writes of one transaction to one row are one. */
export class Write {
  readonly table: StoredTable
  readonly key: PackedKey
  readonly slot: Slot
  readonly stamp: number
  readonly epoch: number
  /** The row before this write; undefined when there was none. */
  before: StoredRow | undefined
  /** The write before this one, as long as it is not settled. */
  older: Write | undefined
  settled = false

  constructor(table: StoredTable, key: PackedKey, slot: Slot, stamp: number, epoch: number) {
    this.table = table
    this.key = key
    this.slot = slot
    this.stamp = stamp
    this.epoch = epoch
    this.before = slot.row
    this.older = slot.write
  }
}

/** The row of a slot as it was when everything up to this stamp, and nothing above it, had happened. */
export function rowAt(slot: Slot, stamp: number): StoredRow | undefined {
  let row = slot.row
  let write = slot.write
  while (write !== undefined && write.stamp > stamp) {
    row = write.before
    write = write.older
  }
  return row
}

export class StoredTable {
  readonly table: AnyTable
  readonly keys: KeyPacker
  readonly rows: RowMaker
  readonly codec: RowCodec
  /** Rows of the newest state. */
  rowCount = 0
  /** Writes to this table that are not yet settled. */
  unsettled = 0
  readonly #points = new Map<PackedKey, Slot>()
  readonly #ordered: OrderedMap<PackedKey, Slot> | undefined

  constructor(table: AnyTable) {
    this.table = table
    this.keys = new KeyPacker(table)
    this.rows = new RowMaker(table)
    this.codec = new RowCodec(this.rows)
    this.#ordered = table.ordered ? new OrderedMap() : undefined
  }

  find(key: PackedKey): Slot | undefined {
    return this.#ordered === undefined ? this.#points.get(key) : this.#ordered.get(key)
  }

  add(key: PackedKey, slot: Slot): void {
    if (this.#ordered === undefined) this.#points.set(key, slot)
    else this.#ordered.set(key, slot)
  }

  remove(key: PackedKey): void {
    if (this.#ordered === undefined) this.#points.delete(key)
    else this.#ordered.delete(key)
  }

  /** All slots, deleted ones included, in no particular order; the table must not be written meanwhile. */
  slots(): Iterable<readonly [PackedKey, Slot]> {
    return this.#ordered === undefined ? this.#points : this.#ordered.ascending(undefined)
  }

  /** The slots in key order; undefined when the table is not ordered. */
  get ordered(): OrderedMap<PackedKey, Slot> | undefined {
    return this.#ordered
  }
}

/** The writes that are not yet settled, oldest first. The shard bounds them: it takes no more than it can have in flight. */
export class UnsettledWrites {
  #writes: (Write | undefined)[] = []
  #first = 0

  get count(): number {
    return this.#writes.length - this.#first
  }

  /** The highest stamp of an unsettled write; 0 when there is none. */
  get newestStamp(): number {
    return this.#writes.at(-1)?.stamp ?? 0
  }

  /** From 0, the oldest, to `count - 1`. */
  at(position: number): Write {
    return this.#writes[this.#first + position]!
  }

  /** Makes `row` the newest row of a key, undefined to delete it. */
  install(
    table: StoredTable,
    key: PackedKey,
    found: Slot | undefined,
    row: StoredRow | undefined,
    stamp: number,
    epoch: number,
  ): void {
    let slot = found
    if (slot === undefined) {
      if (row === undefined) return
      slot = new Slot()
      table.add(key, slot)
    }
    const newest = slot.write
    if (newest === undefined || newest.stamp !== stamp || newest.epoch !== epoch) {
      slot.write = new Write(table, key, slot, stamp, epoch)
      this.#writes.push(slot.write)
      table.unsettled++
    }
    replaceRow(table, slot, row)
  }

  /** Takes back the newest writes until only `count` are left. */
  undo(count: number): void {
    while (this.count > count) {
      const { table, key, slot, before, older } = this.#writes.pop()!
      table.unsettled--
      replaceRow(table, slot, before)
      slot.write = older === undefined || older.settled ? undefined : older
      if (slot.write === undefined && before === undefined) table.remove(key)
    }
  }

  /** Takes back every write of this epoch above this stamp. Epochs follow each other: they are the newest ones. */
  rollBack(epoch: number, stamp: number): void {
    let kept = this.count
    while (kept > 0 && this.at(kept - 1).epoch === epoch && this.at(kept - 1).stamp > stamp) kept--
    for (let i = kept - 1; i >= 0 && this.at(i).stamp > stamp; i--) {
      if (this.at(i).epoch !== epoch) continue
      throw new MakoError('LAW_BROKEN', `Epoch ${epoch} is rolled back under writes of a later one.`)
    }
    this.undo(kept)
  }

  /** Everything up to this stamp stays for ever: forgets what was before it. */
  settle(stamp: number): void {
    while (this.#first < this.#writes.length) {
      const write = this.#writes[this.#first]!
      if (write.stamp > stamp) break
      this.#writes[this.#first++] = undefined
      const { table, slot } = write
      table.unsettled--
      // A newer write of the slot may still point here: what hangs on this one must go nevertheless.
      write.settled = true
      write.before = undefined
      write.older = undefined
      if (slot.write === write) {
        slot.write = undefined
        if (slot.row === undefined) table.remove(write.key)
      }
    }
    this.#compact()
  }

  /** Drops the settled half of the array once it is the larger one, so that each write is moved at most once. */
  #compact(): void {
    if (this.#first === this.#writes.length) {
      this.#writes = []
      this.#first = 0
    } else if (this.#first > 1024 && this.#first * 2 > this.#writes.length) {
      this.#writes = this.#writes.slice(this.#first)
      this.#first = 0
    }
  }
}

function replaceRow(table: StoredTable, slot: Slot, row: StoredRow | undefined): void {
  table.rowCount += Number(row !== undefined) - Number(slot.row !== undefined)
  slot.row = row
}

/** The tables of a database. */
export class TableSet {
  /** By id, ascending. */
  readonly byId: ReadonlyMap<number, StoredTable>
  readonly #byTable: ReadonlyMap<AnyTable, StoredTable>

  /** @throws StoreError `BAD_SCHEMA` when there is no table, or two share an id or a name */
  constructor(tables: readonly AnyTable[]) {
    if (tables.length === 0) throw new StoreError('BAD_SCHEMA', 'A database needs at least one table.')
    const names = new Set<string>()
    const byId = new Map<number, StoredTable>()
    for (const table of tables.toSorted((a, b) => a.id - b.id)) {
      if (byId.has(table.id)) throw new StoreError('BAD_SCHEMA', `Two tables have the id ${table.id}.`)
      if (names.has(table.name)) throw new StoreError('BAD_SCHEMA', `Two tables are called ${table.name}.`)
      names.add(table.name)
      byId.set(table.id, new StoredTable(table))
    }
    this.byId = byId
    this.#byTable = new Map([...byId.values()].map((stored) => [stored.table, stored]))
  }

  /** @throws StoreError `UNKNOWN_TABLE` */
  of(table: AnyTable): StoredTable {
    const stored = this.#byTable.get(table)
    if (stored === undefined) {
      throw new StoreError(
        'UNKNOWN_TABLE',
        `${table.name} is not one of the tables that this database was created with.`,
      )
    }
    return stored
  }
}
