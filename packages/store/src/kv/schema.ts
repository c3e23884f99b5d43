// Typed schemas: what a table's keys and rows look like. From a schema come the TypeScript types, the order of keys
// (`key.ts`), and the compact encoding of rows (`codec.ts`).
//
// Always true of a table that `defineTable` has returned: ids, names and columns are in range, so that nothing behind
// it has to check a schema again.

import { StoreError } from './errors.ts'

/** Keys whose bits add up to at most this are stored as numbers: what a double holds exactly. */
export const NUMBER_BITS = 53
const MAX_TABLE_ID = 65_535
/** Names become property names of rows; names like `0` would change the order of the columns. */
const COLUMN_NAME = /^[A-Za-z_$][\w$]*$/
const COLUMN_TYPES: ReadonlySet<string> = new Set(['uint', 'int', 'float', 'text', 'bytes', 'boolean'])

/** A column of a key or a row; `Value` is a phantom that only the type checker sees. */
export interface Column<Value> {
  readonly type: 'uint' | 'int' | 'float' | 'text' | 'bytes' | 'boolean'
  /** For `uint` in a key: the number of bits (1 to 53). Keys whose bits add up to at most 53 are stored as numbers. */
  readonly bits?: number
  readonly nullable?: boolean
  readonly value?: Value
}

/** An integer from 0 to 2^bits - 1. @default 53 bits */
export function uint(bits: number = NUMBER_BITS): Column<number> {
  return { type: 'uint', bits }
}
/** A safe integer of either sign. */
export function int(): Column<number> {
  return { type: 'int' }
}
/** A double, not NaN (which is not equal to itself); -0 is stored as 0. Not allowed in keys. */
export function float(): Column<number> {
  return { type: 'float' }
}
/** A string without lone surrogates. In a key its order is that of `<`: by UTF-16 code units. */
export function text(): Column<string> {
  return { type: 'text' }
}
/** Bytes; they are copied when they are written. Not allowed in keys. */
export function bytes(): Column<Uint8Array> {
  return { type: 'bytes' }
}
/** Not allowed in keys. */
export function boolean(): Column<boolean> {
  return { type: 'boolean' }
}
/** The same column, which may also be null; not allowed in keys. */
export function nullable<Value>(column: Column<Value>): Column<Value | null> {
  const { type, bits } = column
  return bits === undefined ? { type, nullable: true } : { type, bits, nullable: true }
}

export interface TableSchema {
  /** Key columns in the order of their significance: `uint` and `text` only. */
  readonly key: Readonly<Record<string, Column<number> | Column<string>>>
  readonly row: Readonly<Record<string, Column<unknown>>>
}

type ValueOf<C> = C extends Column<infer Value> ? Value : never

export type KeyOf<S extends TableSchema> = { readonly [Name in keyof S['key']]: ValueOf<S['key'][Name]> }
export type RowOf<S extends TableSchema> = { readonly [Name in keyof S['row']]: ValueOf<S['row'][Name]> }

export interface Table<S extends TableSchema> {
  /** 1 to 65,535, unique in a database, never reused for another table: it is in the log. */
  readonly id: number
  readonly name: string
  readonly schema: S
  /** True when the table can be scanned in key order. */
  readonly ordered: boolean
}

/** A table of any schema. */
export type AnyTable = Table<TableSchema>

/**
 * Declares a table.
 * @throws StoreError `BAD_SCHEMA` when the id is out of range, a key is empty, a key column is neither uint nor text, or
 *   a column has a name or type that cannot be stored
 */
export function defineTable<const Key extends TableSchema['key'], const Row extends TableSchema['row']>(table: {
  readonly id: number
  readonly name: string
  readonly key: Key
  readonly row: Row
  /** @default false */
  readonly ordered?: boolean
}): Table<{ key: Key; row: Row }> {
  const { id, name } = table
  if (!Number.isInteger(id) || id < 1 || id > MAX_TABLE_ID) {
    throw badSchema(name, `needs an id from 1 to ${MAX_TABLE_ID}, not ${id}`)
  }
  if (name === '') throw badSchema(name, 'needs a name')
  const key = Object.entries<Column<unknown>>(table.key)
  if (key.length === 0) throw badSchema(name, 'needs at least one key column')
  for (const [column, type] of key) {
    checkColumn(name, column, type)
    if (type.nullable === true) throw badSchema(name, `has a key column ${column} that may be null`)
    if (type.type !== 'uint' && type.type !== 'text') {
      throw badSchema(name, `has a key column ${column} of type ${type.type}; keys are made of uint and text`)
    }
  }
  for (const [column, type] of Object.entries<Column<unknown>>(table.row)) checkColumn(name, column, type)
  return { id, name, schema: { key: table.key, row: table.row }, ordered: table.ordered ?? false }
}

function checkColumn(table: string, name: string, column: Column<unknown>): void {
  if (!COLUMN_NAME.test(name) || name === '__proto__') {
    throw badSchema(table, `has a column called ${JSON.stringify(name)}; use letters, digits and _`)
  }
  if (!COLUMN_TYPES.has(column.type)) throw badSchema(table, `has a column ${name} of an unknown type ${column.type}`)
  const { bits } = column
  if (column.type === 'uint' && bits !== undefined && (!Number.isInteger(bits) || bits < 1 || bits > NUMBER_BITS)) {
    throw badSchema(table, `has a column ${name} of ${bits} bits; a uint has 1 to ${NUMBER_BITS}`)
  }
}

function badSchema(table: string, what: string): StoreError {
  return new StoreError('BAD_SCHEMA', `The table ${JSON.stringify(table)} ${what}.`)
}
