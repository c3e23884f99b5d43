// Typed schemas: what a table's keys and rows look like. From a schema come the TypeScript types, the order of keys,
// and the compact encoding of rows (see `codec.ts`).

/** A column of a key or a row; `Value` is a phantom that only the type checker sees. */
export interface Column<Value> {
  readonly type: 'uint' | 'int' | 'float' | 'text' | 'bytes' | 'boolean'
  /** For `uint` in a key: the number of bits (1 to 53). Keys whose bits add up to at most 53 are stored as numbers. */
  readonly bits?: number
  readonly nullable?: boolean
  readonly value?: Value
}

/** An integer from 0 to 2^bits - 1. @default 53 bits */
export function uint(bits = 53): Column<number> {
  return { type: 'uint', bits }
}
/** A safe integer of either sign. */
export function int(): Column<number> {
  return { type: 'int' }
}
/** A double; not allowed in keys. */
export function float(): Column<number> {
  return { type: 'float' }
}
export function text(): Column<string> {
  return { type: 'text' }
}
export function bytes(): Column<Uint8Array> {
  return { type: 'bytes' }
}
export function boolean(): Column<boolean> {
  return { type: 'boolean' }
}
/** The same column, which may also be null; not allowed in keys. */
export function nullable<Value>(column: Column<Value>): Column<Value | null> {
  const { value: _, ...rest } = column
  return { ...rest, nullable: true }
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

/**
 * Declares a table.
 * @throws StoreError `BAD_SCHEMA` when the id is out of range, a key is empty, or a key column is neither uint nor text
 */
export function defineTable<const Key extends TableSchema['key'], const Row extends TableSchema['row']>(table: {
  readonly id: number
  readonly name: string
  readonly key: Key
  readonly row: Row
  /** @default false */
  readonly ordered?: boolean
}): Table<{ key: Key; row: Row }> {
  const schema = { key: table.key, row: table.row }
  return { id: table.id, name: table.name, schema, ordered: table.ordered ?? false }
}
