// YCSB's six core workloads (Cooper et al., SoCC 2010, section 4.1): rows of ten fields of 100 bytes; each operation is
// a transaction of its own.

import { below, seededRandom } from '@mako/engine'
import {
  type AnyTable,
  type Column,
  type Database,
  defineTable,
  type RowOf,
  type Table,
  text,
  type Transaction,
  type TransactResult,
  uint,
} from '@mako/store/kv'
import { scrambled, Zipf } from './zipf.ts'

export type YcsbName = 'A' | 'B' | 'C' | 'D' | 'E' | 'F'

/** Parts of a hundred operations. */
interface Mix {
  readonly about: string
  readonly read?: number
  readonly update?: number
  readonly insert?: number
  readonly scan?: number
  readonly readModifyWrite?: number
}

export const YCSB: Readonly<Record<YcsbName, Mix>> = {
  A: { about: '50 % reads, 50 % updates, zipfian', read: 50, update: 50 },
  B: { about: '95 % reads, 5 % updates, zipfian', read: 95, update: 5 },
  C: { about: 'reads only, zipfian', read: 100 },
  D: { about: '95 % reads of what is new, 5 % inserts', read: 95, insert: 5 },
  E: { about: '95 % scans of up to 100 rows, 5 % inserts, zipfian', scan: 95, insert: 5 },
  F: { about: '50 % reads, 50 % read-modify-writes, zipfian', read: 50, readModifyWrite: 50 },
}

const RECORDS = 10_000
const LOAD_STEP = 50
const MAX_SCAN = 100
const FIELD_BYTES = 100

type Fields = Record<`field${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`, string>
type Schema = {
  readonly key: { readonly number: Column<number> }
  readonly row: { readonly [Name in keyof Fields]: Column<string> }
}

const userTable: Table<Schema> = defineTable({
  id: 1,
  name: 'usertable',
  key: { number: uint(32) },
  row: {
    field0: text(),
    field1: text(),
    field2: text(),
    field3: text(),
    field4: text(),
    field5: text(),
    field6: text(),
    field7: text(),
    field8: text(),
    field9: text(),
  },
  ordered: true,
})
const FIELDS = Object.keys(userTable.schema.row) as (keyof Fields)[]

/** A field's value; they differ, and are made once. */
const VALUES = Array.from({ length: 64 }, (_, i) =>
  String(i)
    .padStart(2, '0')
    .repeat(FIELD_BYTES / 2),
)

function rowOf(number: number): RowOf<Schema> {
  return Object.fromEntries(FIELDS.map((field, i) => [field, VALUES[(number + i) % VALUES.length]!])) as Fields
}

export const ycsbTables: readonly AnyTable[] = [userTable]

/** Steps that put the first rows there, each one transaction. */
export function* ycsbLoadSteps(): Iterable<(t: Transaction) => void> {
  for (let from = 0; from < RECORDS; from += LOAD_STEP) {
    yield (t) => {
      for (let number = from; number < from + LOAD_STEP; number++) t.put(userTable, { number }, rowOf(number))
    }
  }
}

/** All workloads over one table: what one inserts, the others know of. */
export class Ycsb {
  readonly #random = seededRandom(1)
  readonly #zipf = new Zipf(this.#random, RECORDS)
  #records = RECORDS
  #turn = 0

  /** Executes the next transaction of a workload. */
  next(name: YcsbName, database: Database): TransactResult<unknown> {
    const mix = YCSB[name]
    const { read = 0, update = 0, insert = 0, scan = 0 } = mix
    const number = name === 'D' ? this.#recent() : this.#popular()
    let draw = below(this.#random, 100)
    if ((draw -= read) < 0) return database.transact((t) => this.#read(t, number))
    if ((draw -= update) < 0) return database.transact((t) => this.#update(t, number))
    if ((draw -= insert) < 0) return database.transact((t) => this.#insert(t))
    if ((draw -= scan) < 0) return database.transact((t) => this.#scan(t, number))
    return database.transact((t) => this.#readModifyWrite(t, number))
  }

  #popular(): number {
    return scrambled(this.#zipf.next(), RECORDS)
  }

  #recent(): number {
    return this.#records - 1 - this.#zipf.next()
  }

  #field(): keyof Fields {
    return FIELDS[below(this.#random, FIELDS.length)]!
  }

  #value(): string {
    return VALUES[(this.#turn = (this.#turn + 1) % VALUES.length)]!
  }

  #read(t: Transaction, number: number): void {
    if (t.get(userTable, { number }) === undefined) throw new Error(`Row ${number} is missing.`)
  }

  #update(t: Transaction, number: number): void {
    t.update(userTable, { number }, { [this.#field()]: this.#value() })
  }

  #insert(t: Transaction): void {
    t.insert(userTable, { number: this.#records }, rowOf(this.#records))
    this.#records++
  }

  #scan(t: Transaction, number: number): void {
    let rows = 0
    for (const { row } of t.scan(userTable, { from: { number }, limit: 1 + below(this.#random, MAX_SCAN) })) {
      if (row.field0 !== '') rows++
    }
    if (rows === 0) throw new Error('A scan was empty.')
  }

  #readModifyWrite(t: Transaction, number: number): void {
    const field = this.#field()
    const before = t.get(userTable, { number })![field]
    t.update(userTable, { number }, { [field]: before === VALUES[0] ? VALUES[1]! : VALUES[0]! })
  }
}
