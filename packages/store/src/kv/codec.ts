// The encoding of rows and of write sets: what a transaction is in the log.
//
//   write set   u8 version, then for each write: uint (table id * 4 + operation), key, columns; ends with a zero
//   put         every column                   update   a mask of the changed columns, then these
//   key         as `KeyPacker` writes it       null     in a nullable column, each value has a byte before it: 0 or 1
//
// Always true: bytes that a leader wrote give, replayed in stamp order on a state equal to the leader's, a state equal
// to the leader's. Bytes from anywhere else give a StoreError and leave the state as it was.

import type { ByteReader, ByteWriter } from './bytes.ts'
import { StoreError } from './errors.ts'
import type { ColumnPlan, RowMaker, StoredRow } from './rows.ts'
import type { StoredTable, UnsettledWrites, Write } from './table.ts'

const VERSION = 1
const PUT = 1
const UPDATE = 2
const DELETE = 3
const OPERATIONS = 4

/** Encodes the rows of one table. */
export class RowCodec {
  readonly #rows: RowMaker
  readonly #maskBytes: number
  readonly #values: unknown[]
  readonly #others: unknown[]

  constructor(rows: RowMaker) {
    this.#rows = rows
    this.#maskBytes = Math.ceil(rows.columns.length / 8)
    this.#values = rows.columns.map(() => null)
    this.#others = rows.columns.map(() => null)
  }

  writeRow(writer: ByteWriter, row: StoredRow): void {
    const { columns, shape } = this.#rows
    const values = this.#values
    shape.spread(row, values)
    for (let i = 0; i < columns.length; i++) writeValue(writer, columns[i]!, values[i])
  }

  readRow(reader: ByteReader): StoredRow {
    const { columns, shape } = this.#rows
    const values = this.#values
    for (let i = 0; i < columns.length; i++) values[i] = readValue(reader, columns[i]!)
    return shape.make(values)
  }

  /** Are there columns in which these two rows differ? Which ones is remembered for `writeChanges`. */
  differ(before: StoredRow, row: StoredRow): boolean {
    if (before === row) return false
    const { columns, shape } = this.#rows
    shape.spread(row, this.#values)
    shape.spread(before, this.#others)
    for (let i = 0; i < columns.length; i++) if (this.#values[i] !== this.#others[i]) return true
    return false
  }

  /** Writes the difference that `differ` has just found. */
  writeChanges(writer: ByteWriter): void {
    const { columns } = this.#rows
    const mask = writer.length
    for (let i = 0; i < this.#maskBytes; i++) writer.byte(0)
    for (let i = 0; i < columns.length; i++) {
      const value = this.#values[i]
      if (value === this.#others[i]) continue
      writer.setBits(mask + (i >> 3), 1 << (i & 7))
      writeValue(writer, columns[i]!, value)
    }
  }

  readChanges(reader: ByteReader, before: StoredRow): StoredRow {
    const { columns, shape } = this.#rows
    const values = this.#values
    const start = reader.position
    for (let i = 0; i < this.#maskBytes; i++) reader.byte()
    shape.spread(before, values)
    for (let i = 0; i < this.#maskBytes; i++) {
      let bits = reader.peek(start + i)
      while (bits !== 0) {
        const column = i * 8 + 31 - Math.clz32(bits & -bits)
        bits &= bits - 1
        if (column >= columns.length) throw corrupt('change a column that their table does not have')
        values[column] = readValue(reader, columns[column]!)
      }
    }
    return shape.make(values)
  }
}

function writeValue(writer: ByteWriter, column: ColumnPlan, value: unknown): void {
  if (column.nullable) {
    writer.byte(value === null ? 0 : 1)
    if (value === null) return
  }
  switch (column.type) {
    case 'uint':
      writer.uint(value as number)
      return
    case 'int':
      writer.int(value as number)
      return
    case 'float':
      writer.float(value as number)
      return
    case 'text':
      if (!writer.text(value as string)) throw new StoreError('BAD_ROW', `${column.name} has half of a character.`)
      return
    case 'bytes':
      writer.raw(value as Uint8Array)
      return
    case 'boolean':
      writer.byte(value === true ? 1 : 0)
      return
  }
}

function readValue(reader: ByteReader, column: ColumnPlan): unknown {
  if (column.nullable && !readFlag(reader)) return null
  switch (column.type) {
    case 'uint': {
      const value = reader.uint()
      if (value > column.maximum) throw corrupt(`have a ${column.name} above ${column.maximum}`)
      return value
    }
    case 'int':
      return reader.int()
    case 'float': {
      const value = reader.float()
      if (Number.isNaN(value)) throw corrupt(`have a ${column.name} that is not a number`)
      return value
    }
    case 'text':
      return reader.text()
    case 'bytes':
      return reader.raw()
    case 'boolean':
      return readFlag(reader)
  }
}

function readFlag(reader: ByteReader): boolean {
  const byte = reader.byte()
  if (byte > 1) throw corrupt('have a flag that is neither 0 nor 1')
  return byte === 1
}

/**
 * Writes what a transaction has changed: its writes are those from `from` on. False when, all in all, it changed
 * nothing.
 * @throws StoreError `BAD_ROW`, `BAD_KEY` for a text that cannot be encoded
 */
export function writeTransaction(writer: ByteWriter, writes: UnsettledWrites, from: number): boolean {
  writer.restart()
  writer.byte(VERSION)
  let changed = false
  for (let i = from; i < writes.count; i++) if (writeOne(writer, writes.at(i))) changed = true
  writer.byte(0)
  return changed
}

function writeOne(writer: ByteWriter, write: Write): boolean {
  const { table, before } = write
  // The newest write of its slot: transactions run one at a time.
  const { row } = write.slot
  const tag = table.table.id * OPERATIONS
  if (row === undefined) {
    if (before === undefined) return false
    writeKey(writer, write, tag + DELETE)
  } else if (before === undefined) {
    writeKey(writer, write, tag + PUT)
    table.codec.writeRow(writer, row)
  } else {
    if (!table.codec.differ(before, row)) return false
    writeKey(writer, write, tag + UPDATE)
    table.codec.writeChanges(writer)
  }
  return true
}

function writeKey(writer: ByteWriter, write: Write, tag: number): void {
  writer.uint(tag)
  if (write.table.keys.write(writer, write.key)) return
  throw new StoreError('BAD_KEY', `A key of ${write.table.table.name} has half of a character.`)
}

/**
 * Installs what `writeTransaction` wrote.
 * @throws StoreError `CORRUPT_WRITES`; what was installed until then is for the caller to take back
 */
export function replayTransaction(
  reader: ByteReader,
  tables: ReadonlyMap<number, StoredTable>,
  writes: UnsettledWrites,
  stamp: number,
  epoch: number,
): void {
  const version = reader.byte()
  if (version !== VERSION) throw corrupt(`have version ${version}, known is ${VERSION}`)
  for (;;) {
    const tag = reader.uint()
    if (tag === 0) break
    const id = Math.floor(tag / OPERATIONS)
    const table = tables.get(id)
    if (table === undefined) throw corrupt(`are for a table ${id} that this database does not have`)
    const key = table.keys.read(reader)
    const slot = table.find(key)
    const before = slot?.row
    const operation = tag % OPERATIONS
    if ((operation === PUT) !== (before === undefined)) throw corrupt(`do not fit the rows of ${table.table.name}`)
    switch (operation) {
      case PUT:
        writes.install(table, key, slot, table.codec.readRow(reader), stamp, epoch)
        break
      case UPDATE:
        writes.install(table, key, slot, table.codec.readChanges(reader, before!), stamp, epoch)
        break
      case DELETE:
        writes.install(table, key, slot, undefined, stamp, epoch)
        break
      default:
        throw corrupt(`have an unknown operation ${operation}`)
    }
  }
  if (reader.remaining > 0) throw corrupt(`have ${reader.remaining} bytes behind their end`)
}

function corrupt(what: string): StoreError {
  return new StoreError('CORRUPT_WRITES', `The writes of a transaction ${what}.`)
}
