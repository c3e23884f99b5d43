// A walk over the rows of an ordered table.
//
// Always true: it shows the table as it was when the walk was made. It reads ahead only when somebody is about to write
// to the table (`freeze`), so walking the first few rows of a long range costs no more than these.

import { MakoError } from '@mako/engine'
import { StoreError } from './errors.ts'
import type { PackedKey } from './key.ts'
import type { StoredRow } from './rows.ts'
import type { Slot, StoredTable } from './table.ts'

/** The bounds of a walk, as `ScanRange` has them, for any table. */
export interface AnyRange {
  readonly from?: StoredRow
  readonly to?: StoredRow
  readonly prefix?: StoredRow
  readonly reverse?: boolean
  readonly limit?: number
}

export interface ScannedRow {
  readonly key: StoredRow
  readonly row: StoredRow
}

export class Scan implements IterableIterator<ScannedRow> {
  readonly table: StoredTable
  readonly #rowOf: (slot: Slot) => StoredRow | undefined
  readonly #reverse: boolean
  /** Inclusive. */
  #low: PackedKey | undefined = undefined
  /** Inclusive. */
  #high: PackedKey | undefined = undefined
  /** Exclusive. */
  #end: PackedKey | undefined = undefined
  #left: number
  #source: Iterator<readonly [PackedKey, Slot]> | undefined
  /** What was read ahead, the next one last. */
  #ahead: ScannedRow[] | undefined = undefined

  /** @throws StoreError `NOT_ORDERED`, `BAD_KEY`; MakoError `BAD_OPTION` for a limit that is not a natural number */
  constructor(table: StoredTable, range: AnyRange, rowOf: (slot: Slot) => StoredRow | undefined) {
    const { ordered } = table
    if (ordered === undefined) throw new StoreError('NOT_ORDERED', `${table.table.name} is not an ordered table.`)
    const { from, to, prefix, reverse = false, limit = Infinity } = range
    if (limit !== Infinity && (!Number.isInteger(limit) || limit < 0)) {
      throw new MakoError('BAD_OPTION', `The limit of a scan is 0, 1, 2, ..., not ${limit}.`)
    }
    this.table = table
    this.#rowOf = rowOf
    this.#reverse = reverse
    this.#left = limit
    if (prefix !== undefined) {
      const span = table.keys.span(prefix)
      this.#low = span.low
      this.#end = span.end
    }
    if (from !== undefined) {
      const low = table.keys.pack(from)
      if (this.#low === undefined || low > this.#low) this.#low = low
    }
    if (to !== undefined) this.#high = table.keys.pack(to)
    this.#source = reverse ? ordered.descending(this.#highest()) : ordered.ascending(this.#low)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<ScannedRow, undefined> {
    const value = this.#ahead === undefined ? this.#advance() : this.#ahead.pop()
    return value === undefined ? { done: true, value } : { done: false, value }
  }

  return(): IteratorResult<ScannedRow, undefined> {
    this.#source = undefined
    this.#ahead = undefined
    return { done: true, value: undefined }
  }

  /** Reads the rest of the range now: the table is about to change. */
  freeze(): void {
    if (this.#source === undefined) return
    const ahead: ScannedRow[] = []
    for (let row = this.#advance(); row !== undefined; row = this.#advance()) ahead.push(row)
    this.#ahead = ahead.reverse()
  }

  #advance(): ScannedRow | undefined {
    while (this.#source !== undefined && this.#left > 0) {
      const next = this.#source.next()
      if (next.done === true) break
      const [key, slot] = next.value
      const position = this.#place(key)
      if (position === 'before') continue
      if (position === 'after') break
      const row = this.#rowOf(slot)
      if (row === undefined) continue
      this.#left--
      return { key: this.table.keys.unpack(key), row }
    }
    this.#source = undefined
    return undefined
  }

  /** Where a key lies, seen in the direction of the walk. */
  #place(key: PackedKey): 'before' | 'inside' | 'after' {
    if (this.#low !== undefined && key < this.#low) return this.#reverse ? 'after' : 'before'
    const above = (this.#high !== undefined && key > this.#high) || (this.#end !== undefined && key >= this.#end)
    if (above) return this.#reverse ? 'before' : 'after'
    return 'inside'
  }

  /** Where a walk downwards starts: the end itself may be there, and is passed over. */
  #highest(): PackedKey | undefined {
    if (this.#high === undefined) return this.#end
    if (this.#end === undefined) return this.#high
    return this.#high < this.#end ? this.#high : this.#end
  }
}
