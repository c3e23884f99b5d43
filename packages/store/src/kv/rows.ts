// Rows in memory: plain objects with the columns of their table, all of one hidden class, never changed.
//
// Always true: a row that is in a table was made here, from checked values, with every column in the schema's order.
// That makes rows small (no spare slots) and every access to them fast; versions share rows freely.

import { StoreError } from './errors.ts'
import { type AnyTable, type Column, NUMBER_BITS } from './schema.ts'

/** A row of any table. */
export type StoredRow = Readonly<Record<string, unknown>>

/** A column with everything that is asked of it on each access. */
export interface ColumnPlan {
  readonly name: string
  readonly type: Column<unknown>['type']
  readonly nullable: boolean
  /** For `uint`: the highest value. */
  readonly maximum: number
}

export function planColumn(name: string, column: Column<unknown>): ColumnPlan {
  return {
    name,
    type: column.type,
    nullable: column.nullable ?? false,
    maximum: 2 ** (column.bits ?? NUMBER_BITS) - 1,
  }
}

/** Makes an object of values and takes it apart again. */
export interface Shape {
  make(values: readonly unknown[]): StoredRow
  /** Writes the columns of a row into `values`. */
  spread(row: StoredRow, values: unknown[]): void
}

/**
 * A shape for these names. Functions that are compiled for it are five times as fast as a loop over names, because each
 * table's objects then have inline caches of their own; where code may not be made at run time (a browser page with
 * a strict content policy) the loop does the same.
 */
export function shapeOf(names: readonly string[], compile: boolean = true): Shape {
  if (compile) {
    try {
      return compiledShape(names)
    } catch (error) {
      if (!(error instanceof EvalError)) throw error
    }
  }
  return {
    make: (values) => {
      const row: Record<string, unknown> = {}
      for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]
      return row
    },
    spread: (row, values) => {
      for (let i = 0; i < names.length; i++) values[i] = row[names[i]!]
    },
  }
}

function compiledShape(names: readonly string[]): Shape {
  // Names are identifiers (see `defineTable`) and quoted nevertheless: no schema can smuggle code in.
  const properties = names.map((name, i) => `${JSON.stringify(name)}: values[${i}]`)
  const assignments = names.map((name, i) => `values[${i}] = row[${JSON.stringify(name)}]`)
  return {
    make: Reflect.construct(Function, ['values', `return { ${properties.join(', ')} }`]) as Shape['make'],
    spread: Reflect.construct(Function, ['row', 'values', assignments.join('; ')]) as Shape['spread'],
  }
}

/** Checks rows of one table and makes them. */
export class RowMaker {
  readonly columns: readonly ColumnPlan[]
  readonly shape: Shape
  readonly #table: string
  readonly #positions: ReadonlyMap<string, number>
  readonly #values: unknown[]

  constructor(table: AnyTable) {
    this.#table = table.name
    this.columns = Object.entries(table.schema.row).map(([name, column]) => planColumn(name, column))
    this.shape = shapeOf(this.columns.map((column) => column.name))
    this.#positions = new Map(this.columns.map((column, i) => [column.name, i]))
    this.#values = this.columns.map(() => null)
  }

  /** A row of the table with the values of a user's object. @throws StoreError `BAD_ROW` */
  row(given: StoredRow): StoredRow {
    const { columns } = this
    const values = this.#values
    this.#object(given)
    const count = Object.keys(given).length
    this.shape.spread(given, values)
    for (let i = 0; i < columns.length; i++) values[i] = this.#checked(columns[i]!, values[i])
    if (count !== columns.length) for (const name in given) if (!this.#positions.has(name)) throw this.#unknown(name)
    return this.shape.make(values)
  }

  /** A copy of `row` with some columns changed. @throws StoreError `BAD_ROW` */
  changed(row: StoredRow, changes: StoredRow): StoredRow {
    const values = this.#values
    this.#object(changes)
    this.shape.spread(row, values)
    for (const name in changes) {
      const i = this.#positions.get(name)
      if (i === undefined) throw this.#unknown(name)
      values[i] = this.#checked(this.columns[i]!, changes[name])
    }
    return this.shape.make(values)
  }

  /** The value as it is stored: -0 as 0, because replicas must agree and an encoded 0 has no sign; bytes as a copy. */
  #checked(column: ColumnPlan, value: unknown): unknown {
    switch (column.type) {
      case 'uint':
        if (typeof value === 'number' && value >= 0 && value <= column.maximum && Number.isInteger(value)) {
          return value + 0
        }
        break
      case 'int':
        if (Number.isSafeInteger(value)) return (value as number) + 0
        break
      case 'float':
        if (typeof value === 'number' && !Number.isNaN(value)) return value + 0
        break
      case 'text':
        if (typeof value === 'string') return value
        break
      case 'bytes':
        if (value instanceof Uint8Array) return value.slice()
        break
      case 'boolean':
        if (typeof value === 'boolean') return value
        break
    }
    if (value === null && column.nullable) return null
    throw new StoreError('BAD_ROW', `${this.#table}.${column.name} is ${wanted(column)}, not ${shown(value)}.`)
  }

  #object(given: unknown): void {
    if (typeof given === 'object' && given !== null) return
    throw new StoreError('BAD_ROW', `A row of ${this.#table} is an object of columns, not ${shown(given)}.`)
  }

  #unknown(name: string): StoreError {
    return new StoreError('BAD_ROW', `${this.#table} has no column ${JSON.stringify(name)}.`)
  }
}

function wanted(column: ColumnPlan): string {
  const { type, maximum } = column
  const kind = type === 'uint' ? `an integer from 0 to ${maximum}` : type === 'int' ? 'a safe integer' : `a ${type}`
  return column.nullable ? `${kind} or null` : kind
}

/** A value for people, short. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  return `a value of type ${typeof value}`
}
