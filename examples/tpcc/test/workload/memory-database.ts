// The `Transaction` contract in its simplest form: sorted arrays and an undo list. For tests of the workload alone.

import { createHash } from 'node:crypto'
import type { KeyOf, RowOf, ScanRange, Table, TableSchema, Transaction } from '@mako/store/kv'

type Values = Readonly<Record<string, unknown>>
interface Entry {
  readonly key: Values
  row: Values
}

export type MemoryResult<T> =
  | { readonly status: 'SUCCESS'; readonly value: T }
  | { readonly status: 'ABORTED'; readonly reason: string }

class Abort extends Error {}

function compareKeys(left: Values, right: Values): number {
  for (const column of Object.keys(right)) {
    const a = left[column] as string | number
    const b = right[column] as string | number
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

export class MemoryDatabase implements Transaction {
  readonly #entries = new Map<string, Entry[]>()
  #undo: (() => void)[] = []

  transact<T>(fn: (t: Transaction) => T): MemoryResult<T> {
    this.#undo = []
    try {
      return { status: 'SUCCESS', value: fn(this) }
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo()
      if (error instanceof Abort) return { status: 'ABORTED', reason: error.message }
      throw error
    }
  }

  get<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> | undefined {
    const { entries, at, isThere } = this.#find(table, key)
    return isThere ? (entries[at]!.row as RowOf<S>) : undefined
  }

  put<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void {
    const { entries, at, isThere } = this.#find(table, key)
    if (isThere) {
      const entry = entries[at]!
      const before = entry.row
      entry.row = row
      this.#undo.push(() => (entry.row = before))
    } else {
      const entry = { key: { ...key }, row }
      entries.splice(at, 0, entry)
      this.#undo.push(() => entries.splice(entries.indexOf(entry), 1))
    }
  }

  insert<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, row: RowOf<S>): void {
    if (this.#find(table, key).isThere) throw new Error(`ROW_EXISTS ${table.name} ${JSON.stringify(key)}`)
    this.put(table, key, row)
  }

  update<S extends TableSchema>(table: Table<S>, key: KeyOf<S>, columns: Partial<RowOf<S>>): Readonly<RowOf<S>> {
    const row = this.get(table, key)
    if (row === undefined) throw new Error(`ROW_MISSING ${table.name} ${JSON.stringify(key)}`)
    const updated = { ...row, ...columns }
    this.put(table, key, updated)
    return updated
  }

  delete<S extends TableSchema>(table: Table<S>, key: KeyOf<S>): boolean {
    const { entries, at, isThere } = this.#find(table, key)
    if (!isThere) return false
    const [entry] = entries.splice(at, 1)
    this.#undo.push(() => entries.splice(at, 0, entry!))
    return true
  }

  *scan<S extends TableSchema>(
    table: Table<S>,
    range: ScanRange<S> = {},
  ): Generator<{ key: KeyOf<S>; row: Readonly<RowOf<S>> }> {
    if (!table.ordered) throw new Error(`${table.name} is not ordered`)
    const { from = {}, to = {}, prefix = {}, reverse = false, limit = Infinity } = range
    const entries = this.#of(table)
    let first = lowerBound(entries, prefix)
    first = Math.max(first, lowerBound(entries, from))
    const rows: Entry[] = []
    for (let at = first; at < entries.length; at++) {
      const entry = entries[at]!
      if (compareKeys(entry.key, prefix) > 0 || compareKeys(entry.key, to) > 0) break
      rows.push(entry)
      if (!reverse && rows.length >= limit) break
    }
    if (reverse) rows.reverse()
    for (const { key, row } of rows.slice(0, limit)) yield { key: key as KeyOf<S>, row: row as RowOf<S> }
  }

  abort(reason: string): never {
    throw new Abort(reason)
  }

  rows(table: Table<TableSchema>): readonly Entry[] {
    return this.#of(table)
  }

  /** Number and digest of the rows of each table, to compare with. */
  contents(): Record<string, string> {
    const contents: Record<string, string> = {}
    for (const [name, entries] of this.#entries) {
      if (entries.length === 0) continue
      contents[name] = `${entries.length} ${createHash('sha256').update(JSON.stringify(entries)).digest('hex')}`
    }
    return contents
  }

  #of(table: { readonly name: string }): Entry[] {
    let entries = this.#entries.get(table.name)
    if (entries === undefined) this.#entries.set(table.name, (entries = []))
    return entries
  }

  #find(table: { readonly name: string }, key: Values): { entries: Entry[]; at: number; isThere: boolean } {
    const entries = this.#of(table)
    const at = lowerBound(entries, key)
    return { entries, at, isThere: at < entries.length && compareKeys(entries[at]!.key, key) === 0 }
  }
}

function lowerBound(entries: readonly Entry[], key: Values): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareKeys(entries[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
