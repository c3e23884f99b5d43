// Reading and writing the primitive values of the store's encoding.
//
// Always true of the reader: it checks every length before it looks, so damaged bytes are a typed error and never a
// value that was not written; what it returns keeps no bytes of the log alive.

import { StoreError } from './errors.ts'

const INITIAL_BYTES = 16 * 1024
/** The most bytes that a variable-length integer of 53 bits takes. */
const MAX_INTEGER_BYTES = 8
/** Texts up to this length are decoded by hand when they are ASCII: that is cheaper than a call to TextDecoder. */
const SHORT_TEXT = 64

const TWO_32 = 0x1_0000_0000
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** One array of each length, because `String.fromCharCode` takes all of its arguments. */
const shortTexts: readonly number[][] = Array.from({ length: SHORT_TEXT + 1 }, (_, length) =>
  new Array<number>(length).fill(0),
)

/** Writes one record at a time into a buffer that it uses again for the next. */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  /** Bytes of the record so far. */
  get length(): number {
    return this.#at
  }

  restart(): void {
    this.#at = 0
  }

  /** The record so far: a view that is only good until the next call. */
  record(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  /** Sets bits of a byte of this record. */
  setBits(position: number, bits: number): void {
    this.#bytes[position] = this.#bytes[position]! | bits
  }

  /** A non-negative safe integer: seven bits a byte, least significant first. */
  uint(value: number): void {
    this.#reserve(MAX_INTEGER_BYTES)
    this.#varint(value)
  }

  /** A safe integer: the first byte has the sign and six bits, the following ones are those of `uint`. */
  int(value: number): void {
    this.#reserve(MAX_INTEGER_BYTES + 1)
    const negative = value < 0
    const magnitude = negative ? -value : value
    const first = ((magnitude & 0x3f) << 1) | (negative ? 1 : 0)
    if (magnitude < 0x40) {
      this.#bytes[this.#at++] = first
    } else {
      this.#bytes[this.#at++] = first | 0x80
      this.#varint(Math.floor(magnitude / 0x40))
    }
  }

  float(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  /** A non-negative safe integer in exactly so many bytes, little-endian. */
  fixed(value: number, width: number): void {
    this.#reserve(width)
    let low = value >>> 0
    for (let i = 0; i < width; i++) {
      if (i === 4) low = Math.floor(value / TWO_32)
      this.#bytes[this.#at++] = low & 0xff
      low >>>= 8
    }
  }

  raw(bytes: Uint8Array): void {
    this.uint(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** UTF-8 behind its length. False, with nothing written, when the text has a lone surrogate. */
  text(value: string): boolean {
    const { length } = value
    if (length < 0x80) {
      this.#reserve(1 + length)
      const bytes = this.#bytes
      const at = this.#at + 1
      let i = 0
      for (; i < length; i++) {
        const unit = value.charCodeAt(i)
        if (unit >= 0x80) break
        bytes[at + i] = unit
      }
      if (i === length) {
        bytes[this.#at] = length
        this.#at = at + length
        return true
      }
    }
    const size = utf8Length(value)
    if (size < 0) return false
    this.uint(size)
    this.#reserve(size)
    encoder.encodeInto(value, this.#bytes.subarray(this.#at, this.#at + size))
    this.#at += size
    return true
  }

  #varint(value: number): void {
    const bytes = this.#bytes
    let at = this.#at
    let rest = value
    while (rest >= 0x8000_0000) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.#at = at
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array((this.#at + more) * 2)
    grown.set(this.record())
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads what a ByteWriter wrote. @throws StoreError `CORRUPT_WRITES` in every method */
export class ByteReader {
  #bytes: Uint8Array = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  open(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  get position(): number {
    return this.#at
  }

  /** A byte that was read before. */
  peek(position: number): number {
    return this.#bytes[position]!
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw this.#ended()
    return this.#bytes[this.#at++]!
  }

  uint(): number {
    const first = this.byte()
    return first < 0x80 ? first : this.#continued(first & 0x7f, 0x80)
  }

  int(): number {
    const first = this.byte()
    const low = (first >> 1) & 0x3f
    const magnitude = first < 0x80 ? low : this.#continued(low, 0x40)
    return (first & 1) === 0 || magnitude === 0 ? magnitude : -magnitude
  }

  float(): number {
    if (this.remaining < 8) throw this.#ended()
    const value = this.#view.getFloat64(this.#at, true)
    this.#at += 8
    return value
  }

  fixed(width: number): number {
    if (this.remaining < width) throw this.#ended()
    const at = this.#at
    this.#at += width
    let value = 0
    for (let i = width - 1; i >= 0; i--) value = value * 0x100 + this.#bytes[at + i]!
    return value
  }

  /** A copy: what is read must not keep the log's bytes alive. */
  raw(): Uint8Array {
    const length = this.#length()
    const at = this.#at
    this.#at += length
    return this.#bytes.slice(at, at + length)
  }

  text(): string {
    const length = this.#length()
    const bytes = this.#bytes
    const at = this.#at
    this.#at += length
    if (length <= SHORT_TEXT) {
      const units = shortTexts[length]!
      let i = 0
      for (; i < length; i++) {
        const unit = bytes[at + i]!
        if (unit >= 0x80) break
        units[i] = unit
      }
      if (i === length) return String.fromCharCode.apply(null, units)
    }
    try {
      return decoder.decode(bytes.subarray(at, at + length))
    } catch {
      throw this.#corrupt('is not UTF-8')
    }
  }

  #length(): number {
    const length = this.uint()
    if (length > this.remaining) throw this.#ended()
    return length
  }

  /** The rest of an integer whose first byte said that there is more; `factor` is what the next byte counts for. */
  #continued(low: number, factor: number): number {
    let value = low
    let scale = factor
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER) throw this.#corrupt('is an integer of more than 53 bits')
      if (byte < 0x80) return value
      scale *= 0x80
      if (scale > Number.MAX_SAFE_INTEGER) throw this.#corrupt('is an integer of too many bytes')
    }
  }

  #ended(): StoreError {
    return this.#corrupt('goes beyond the end')
  }

  #corrupt(what: string): StoreError {
    const { length } = this.#bytes
    return new StoreError('CORRUPT_WRITES', `In ${length} bytes of writes, what is before byte ${this.#at} ${what}.`)
  }
}

/** Bytes of a text in UTF-8; -1 when it has a lone surrogate, which UTF-8 cannot express. */
function utf8Length(value: string): number {
  let size = 0
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i)
    if (unit < 0x80) size += 1
    else if (unit < 0x800) size += 2
    else if (unit < 0xd800 || unit > 0xdfff) size += 3
    else {
      const next = value.charCodeAt(i + 1)
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1
      size += 4
      i++
    }
  }
  return size
}
