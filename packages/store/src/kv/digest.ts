// A digest of rows: 64 bits that two replicas compare instead of their rows.
//
// Always true: it depends on the newest rows and their keys alone, not on how they came about (versions, stamps,
// epochs) nor on the order in which a table hands them out: the hashes of the rows are added up.

import { ByteWriter } from './bytes.ts'
import type { StoredTable } from './table.ts'

/** Two lanes of 32 bits. The multipliers are those of MurmurHash3 (Austin Appleby, public domain). */
class Hash {
  high = 0
  low = 0

  /** Puts the hash of what was written into `high` and `low`; what was written can be told apart from zeros behind it. */
  of(writer: ByteWriter): void {
    while (writer.length % 4 !== 0) writer.byte(0)
    const bytes = writer.record()
    let high = 0x9747b28c
    let low = 0x5bd1e995
    const { length } = bytes
    for (let at = 0; at < length; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      const mixed = Math.imul(word, 0xcc9e2d51)
      high ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
      high = (Math.imul((high << 13) | (high >>> 19), 5) + 0xe6546b64) | 0
      const other = Math.imul(word, 0x38b34ae5)
      low ^= Math.imul((other << 17) | (other >>> 15), 0xa1e38b93)
      low = (Math.imul((low << 11) | (low >>> 21), 5) + high) | 0
    }
    this.high = finished(high ^ length ^ Math.imul(low, 0x2ab9c8d5))
    this.low = finished(low ^ Math.imul(this.high, 0x239b961b))
  }
}

/** The last step of MurmurHash3: every bit of the input changes every bit of the output half of the time. */
function finished(lane: number): number {
  let mixed = lane
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Computes digests; keeps a buffer between rows. */
export class Digester {
  readonly #writer = new ByteWriter()
  readonly #hash = new Hash()

  /** Of the newest rows of all tables: 16 hexadecimal digits. Empty tables do not count. */
  ofTables(tables: Iterable<StoredTable>): string {
    const digests = [...tables].filter((table) => table.rowCount > 0).map((table) => this.#add(table))
    const writer = this.#writer
    writer.restart()
    for (const { id, count, high, low } of digests) {
      writer.uint(id)
      writer.uint(count)
      writer.fixed(high, 4)
      writer.fixed(low, 4)
    }
    this.#hash.of(writer)
    return hexadecimal(this.#hash.high) + hexadecimal(this.#hash.low)
  }

  #add(table: StoredTable): { id: number; count: number; high: number; low: number } {
    const writer = this.#writer
    const hash = this.#hash
    let high = 0
    let low = 0
    for (const [key, slot] of table.slots()) {
      if (slot.row === undefined) continue
      writer.restart()
      table.keys.write(writer, key)
      table.codec.writeRow(writer, slot.row)
      hash.of(writer)
      high = (high + hash.high) | 0
      low = (low + hash.low) | 0
    }
    return { id: table.table.id, count: table.rowCount, high: high >>> 0, low: low >>> 0 }
  }
}

function hexadecimal(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0')
}
