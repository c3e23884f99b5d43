// The tables of the kv workload, what its transactions do step by step, and a serial machine that does the same.
//
// Always true: the machine knows steps and nothing else. It has no stamps, epochs or watermarks, so what it says about
// an order of transactions does not depend on the code that is under test.

import {
  defineTable,
  int,
  nullable,
  text,
  uint,
  type AnyTable,
  type Column,
  type KeyOf,
  type RowOf,
  type ScanRange,
  type Table,
  type Transaction,
} from '@mako/store/kv'

interface RegisterSchema {
  readonly key: { readonly id: Column<number> }
  readonly row: {
    readonly value: Column<number>
    readonly note: Column<string | null>
    readonly writer: Column<number>
  }
}

interface ListSchema {
  readonly key: { readonly name: Column<string> }
  readonly row: { readonly ids: Column<string>; readonly writer: Column<number> }
}

interface ItemSchema {
  readonly key: { readonly group: Column<number>; readonly name: Column<string> }
  readonly row: { readonly value: Column<number>; readonly writer: Column<number> }
}

interface MarkSchema {
  readonly key: { readonly id: Column<number> }
  readonly row: { readonly mark: Column<string> }
}

/** Points under numeric keys: read, changed as a whole or by column, deleted. */
export const REGISTER: Table<RegisterSchema> = defineTable({
  id: 1,
  name: 'register',
  key: { id: uint(8) },
  row: { value: int(), note: nullable(text()), writer: uint() },
})

/** Points under text keys: transactions append their ids, so that a lost or repeated one is seen. */
export const LIST: Table<ListSchema> = defineTable({
  id: 2,
  name: 'list',
  key: { name: text() },
  row: { ids: text(), writer: uint() },
})

/** An ordered table with much coming and going. */
export const ITEM: Table<ItemSchema> = defineTable({
  id: 3,
  name: 'item',
  key: { group: uint(4), name: text() },
  row: { value: int(), writer: uint() },
  ordered: true,
})

/** One row for each transaction that wrote: which of them are there at all. */
export const MARK: Table<MarkSchema> = defineTable({
  id: 4,
  name: 'mark',
  key: { id: uint(40) },
  row: { mark: text() },
  ordered: true,
})

export const TABLES: readonly AnyTable[] = [REGISTER, LIST, ITEM, MARK]

export const REGISTERS = 6
export const LISTS: readonly string[] = ['p', 'q', 'r']
export const GROUPS = 3
export const ITEM_NAMES: readonly string[] = ['', 'a', 'b', 'ba', 'é']

export type RegisterRow = RowOf<RegisterSchema>
export type ListRow = RowOf<ListSchema>
export type ItemRow = RowOf<ItemSchema>
export type ItemKey = KeyOf<ItemSchema>
export type ItemRange = ScanRange<ItemSchema>

/** What finds a transaction's bytes in an entry: nothing else that is written looks like it. */
export function markOf(id: number): string {
  return `@${String(id).padStart(8, '0')}@`
}

/** The ids of the transactions in the payload of an entry. */
export function marksIn(payload: Uint8Array): number[] {
  const ids: number[] = []
  for (let at = 0; at + 9 < payload.length; at++) {
    if (payload[at] !== 0x40 || payload[at + 9] !== 0x40) continue
    let id = 0
    for (let i = at + 1; i < at + 9 && id >= 0; i++) {
      const digit = payload[i]! - 0x30
      id = digit >= 0 && digit <= 9 ? id * 10 + digit : -1
    }
    if (id < 0) continue
    ids.push(id)
    at += 9
  }
  return ids
}

/** A place in a table, as text: `register 3`, `item 1 ba`. */
export type Place = string

export const placeOf = {
  register: (id: number): Place => `register ${id}`,
  list: (name: string): Place => `list ${name}`,
  item: ({ group, name }: ItemKey): Place => `item ${group} ${name}`,
}

/** A row as text: equal texts, equal rows. */
export const textOf = {
  register: ({ value, note, writer }: RegisterRow): string => JSON.stringify([value, note, writer]),
  list: ({ ids, writer }: ListRow): string => JSON.stringify([ids, writer]),
  item: ({ value, writer }: ItemRow): string => JSON.stringify([value, writer]),
}

/** One thing that a transaction did, with what it saw. */
export type Step =
  | { readonly type: 'read'; readonly place: Place; readonly saw: string | undefined }
  | { readonly type: 'write'; readonly place: Place; readonly row: string | undefined }
  | { readonly type: 'scan'; readonly range: ItemRange; readonly saw: readonly string[] }

/** Executes steps one after the other. */
export class SerialMachine {
  readonly #rows = new Map<Place, string>()
  readonly #items: readonly ItemKey[] = allItems()

  /** Does a step, and tells what it should have seen if it saw something else. */
  take(step: Step): string | undefined {
    switch (step.type) {
      case 'read': {
        const row = this.#rows.get(step.place)
        return row === step.saw ? undefined : `${step.place} was ${String(row)}, it saw ${String(step.saw)}`
      }
      case 'write':
        if (step.row === undefined) this.#rows.delete(step.place)
        else this.#rows.set(step.place, step.row)
        return undefined
      case 'scan': {
        const rows = this.#scan(step.range)
        if (rows.join() === step.saw.join()) return undefined
        return `a scan of ${JSON.stringify(step.range)} was ${rows.join()}, it saw ${step.saw.join()}`
      }
    }
  }

  /** All rows, in an order that depends on the rows alone. */
  dump(): string {
    return dumpOf((place) => this.#rows.get(place))
  }

  #scan({ from, to, prefix, reverse, limit }: ItemRange): string[] {
    const keys = this.#items.filter(
      (key) =>
        this.#rows.has(placeOf.item(key)) &&
        (from === undefined || compare(key, from) >= 0) &&
        (to === undefined || compare(key, to) <= 0) &&
        (prefix?.group === undefined || prefix.group === key.group),
    )
    if (reverse === true) keys.reverse()
    return keys.slice(0, limit).map((key) => scannedText(key, this.#rows.get(placeOf.item(key))!))
  }
}

/** A row as a scan shows it. */
export function scannedText(key: ItemKey, row: string): string {
  return `${key.group} ${key.name}: ${row}`
}

/** Reads every row through a replica: the same text as `SerialMachine.dump` when the rows are the same. */
export function dumpThrough(t: Pick<Transaction, 'get' | 'scan'>, seen: (writer: number) => void): string {
  const items = new Map<Place, string>()
  for (const { key, row } of t.scan(ITEM)) {
    seen(row.writer)
    items.set(placeOf.item(key), textOf.item(row))
  }
  const points = new Map<Place, string>()
  for (let id = 0; id < REGISTERS; id++) {
    const row = t.get(REGISTER, { id })
    if (row === undefined) continue
    seen(row.writer)
    points.set(placeOf.register(id), textOf.register(row))
  }
  for (const name of LISTS) {
    const row = t.get(LIST, { name })
    if (row === undefined) continue
    seen(row.writer)
    points.set(placeOf.list(name), textOf.list(row))
  }
  // The items come from the scan alone: a row that no scan shows is not there.
  return dumpOf((place) => points.get(place) ?? items.get(place))
}

function dumpOf(rowAt: (place: Place) => string | undefined): string {
  const places = [
    ...Array.from({ length: REGISTERS }, (_, id) => placeOf.register(id)),
    ...LISTS.map(placeOf.list),
    ...allItems().map(placeOf.item),
  ]
  return places
    .filter((place) => rowAt(place) !== undefined)
    .map((place) => `${place}: ${rowAt(place)!}`)
    .join('\n')
}

/** In key order. */
function allItems(): ItemKey[] {
  return Array.from({ length: GROUPS }, (_, group) => ITEM_NAMES.map((name) => ({ group, name }))).flat()
}

function compare(a: ItemKey, b: ItemKey): number {
  if (a.group !== b.group) return a.group - b.group
  if (a.name === b.name) return 0
  return a.name < b.name ? -1 : 1
}
