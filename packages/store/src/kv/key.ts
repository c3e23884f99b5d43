// Keys as one comparable value: a number when all columns are unsigned and fit 53 bits together, else a string.
//
// Always true: packed keys compare (`<`) as their columns do, the first column first; equal keys pack equally and
// different keys differently. So a packed key serves as a Map key and as a position in an ordered table.

import type { ByteReader, ByteWriter } from './bytes.ts'
import { StoreError } from './errors.ts'
import { type ColumnPlan, planColumn, type Shape, shapeOf, shown, type StoredRow } from './rows.ts'
import { type AnyTable, NUMBER_BITS } from './schema.ts'

export type PackedKey = number | string

/** The packed keys from `low` up to and without `end`; without `end`, all from `low` on. */
export interface KeySpan {
  readonly low: PackedKey
  readonly end: PackedKey | undefined
}

const UNIT_BITS = 16
const UNIT = 0x1_0000
const MAX_UNIT = 0xffff

export class KeyPacker {
  /** True when packed keys are numbers. */
  readonly #numeric: boolean
  readonly #table: string
  readonly #columns: readonly ColumnPlan[]
  /** 2^bits of each column. */
  readonly #sizes: readonly number[]
  /** UTF-16 code units of each uint column in a string key. */
  readonly #units: readonly number[]
  /** Number keys are below this, and take so many bytes in the log. */
  readonly #limit: number
  readonly #width: number
  readonly #shape: Shape
  readonly #values: (number | string)[]

  constructor(table: AnyTable) {
    const columns = Object.entries(table.schema.key)
    this.#table = table.name
    this.#columns = columns.map(([name, column]) => planColumn(name, column))
    const bits = columns.map(([, column]) => column.bits ?? NUMBER_BITS)
    const total = bits.reduce((sum, each) => sum + each, 0)
    this.#numeric = total <= NUMBER_BITS && this.#columns.every((column) => column.type === 'uint')
    this.#sizes = bits.map((each) => 2 ** each)
    this.#units = bits.map((each) => Math.ceil(each / UNIT_BITS))
    this.#limit = 2 ** total
    this.#width = Math.ceil(total / 8)
    this.#shape = shapeOf(this.#columns.map((column) => column.name))
    this.#values = this.#columns.map(() => 0)
  }

  /** @throws StoreError `BAD_KEY` */
  pack(key: StoredRow): PackedKey {
    this.#object(key)
    return this.#numeric ? this.#packNumber(key, this.#columns.length) : this.#packString(key, this.#columns.length)
  }

  /** The columns of a packed key, as an object of its own. */
  unpack(packed: PackedKey): StoredRow {
    if (typeof packed === 'number') this.#splitNumber(packed)
    else this.#splitString(packed)
    return this.#shape.make(this.#values)
  }

  /** All keys whose leading columns are these. @throws StoreError `BAD_KEY` when there is a gap before one of them */
  span(prefix: StoredRow): KeySpan {
    this.#object(prefix)
    let count = 0
    while (count < this.#columns.length && prefix[this.#columns[count]!.name] !== undefined) count++
    for (const name in prefix) {
      if (prefix[name] !== undefined && !this.#columns.slice(0, count).some((column) => column.name === name)) {
        throw this.#bad(`has no leading key column ${name}; a prefix gives the first columns of the key`)
      }
    }
    if (this.#numeric) {
      let rest = 1
      for (let i = count; i < this.#columns.length; i++) rest *= this.#sizes[i]!
      const low = this.#packNumber(prefix, count) * rest
      return { low, end: low + rest }
    }
    const low = this.#packString(prefix, count)
    return { low, end: afterAllWith(low) }
  }

  write(writer: ByteWriter, packed: PackedKey): boolean {
    if (typeof packed === 'number') {
      writer.fixed(packed, this.#width)
      return true
    }
    this.#splitString(packed)
    for (const value of this.#values) {
      if (typeof value === 'number') writer.uint(value)
      else if (!writer.text(value)) return false
    }
    return true
  }

  /** @throws StoreError `CORRUPT_WRITES` */
  read(reader: ByteReader): PackedKey {
    if (this.#numeric) {
      const packed = reader.fixed(this.#width)
      if (packed >= this.#limit) throw this.#corrupt()
      return packed
    }
    let packed = ''
    for (let i = 0; i < this.#columns.length; i++) {
      if (this.#columns[i]!.type === 'text') {
        packed += escaped(reader.text())
      } else {
        const value = reader.uint()
        if (value > this.#columns[i]!.maximum) throw this.#corrupt()
        packed += unitsOf(value, this.#units[i]!)
      }
    }
    return packed
  }

  #packNumber(key: StoredRow, count: number): number {
    let packed = 0
    for (let i = 0; i < count; i++) {
      const column = this.#columns[i]!
      packed = packed * this.#sizes[i]! + this.#uint(column, key[column.name])
    }
    return packed
  }

  #packString(key: StoredRow, count: number): string {
    let packed = ''
    for (let i = 0; i < count; i++) {
      const column = this.#columns[i]!
      const value = key[column.name]
      if (column.type === 'uint') packed += unitsOf(this.#uint(column, value), this.#units[i]!)
      else if (typeof value === 'string') packed += escaped(value)
      else throw this.#bad(`has a text ${column.name} in its key, not ${shown(value)}`)
    }
    return packed
  }

  #splitNumber(packed: number): void {
    let rest = packed
    for (let i = this.#columns.length - 1; i >= 0; i--) {
      const size = this.#sizes[i]!
      const higher = Math.floor(rest / size)
      this.#values[i] = rest - higher * size
      rest = higher
    }
  }

  #splitString(packed: string): void {
    let at = 0
    for (let i = 0; i < this.#columns.length; i++) {
      if (this.#columns[i]!.type === 'uint') {
        let value = 0
        for (let n = this.#units[i]!; n > 0; n--) value = value * UNIT + packed.charCodeAt(at++)
        this.#values[i] = value
        continue
      }
      let end = packed.indexOf('\0', at)
      let escapes = false
      while (packed.charCodeAt(end + 1) !== 0) {
        escapes = true
        end = packed.indexOf('\0', end + 2)
      }
      const value = packed.slice(at, end)
      this.#values[i] = escapes ? value.replaceAll('\0\u0001', '\0') : value
      at = end + 2
    }
  }

  #uint(column: ColumnPlan, value: unknown): number {
    if (typeof value === 'number' && value >= 0 && value <= column.maximum && Number.isInteger(value)) return value
    throw this.#bad(`has an integer ${column.name} from 0 to ${column.maximum} in its key, not ${shown(value)}`)
  }

  #object(given: unknown): void {
    if (typeof given === 'object' && given !== null) return
    throw this.#bad(`has keys that are objects of columns, not ${shown(given)}`)
  }

  #bad(what: string): StoreError {
    return new StoreError('BAD_KEY', `${this.#table} ${what}.`)
  }

  #corrupt(): StoreError {
    return new StoreError('CORRUPT_WRITES', `A logged key of ${this.#table} is out of range.`)
  }
}

/** An unsigned integer as code units, the most significant first: strings of equal length compare as the integers do. */
function unitsOf(value: number, units: number): string {
  if (units === 1) return String.fromCharCode(value)
  return unitsOf(Math.floor(value / UNIT), units - 1) + String.fromCharCode(value % UNIT)
}

/**
 * A text that ends where its column ends: the end is two zero units, and a zero in the text is followed by a one. No
 * encoded text is a prefix of another, and a shorter text comes before the ones that continue it.
 */
function escaped(text: string): string {
  return (text.includes('\0') ? text.replaceAll('\0', '\0\u0001') : text) + '\0\0'
}

/** The first string that comes after all strings with this prefix; undefined when there is none. */
function afterAllWith(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const unit = prefix.charCodeAt(i)
    if (unit < MAX_UNIT) return prefix.slice(0, i) + String.fromCharCode(unit + 1)
  }
  return undefined
}
