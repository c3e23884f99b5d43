// The batch codec: the transactions of one stream that leave together, little-endian.
//
//   0 u8  version       8 f64 sequence      32 f64 bound
//   1 3 zero bytes     16 f64 first stamp   40 u32 count
//   4 u32 epoch        24 f64 last stamp    44 per transaction: f64 stamp, u32 length, bytes
//
// Always true: stamps ascend strictly from `first` to `last`, and `bound >= last` promises that everything of this
// stream and epoch up to `bound` is in the log up to and including this batch. Lengths are checked before use.

import { MakoError } from '@mako/engine'

const VERSION = 1
const HEADER_BYTES = 44
const TRANSACTION_HEADER_BYTES = 12

export interface BatchHeader {
  readonly epoch: number
  /** 1, 2, 3, ... over all entries of one stream in one epoch. */
  readonly sequence: number
  readonly first: number
  readonly last: number
  readonly bound: number
  readonly count: number
}

/** Gathers transactions and seals them into one payload. The bytes of a transaction are copied on `add`. */
export class BatchBuilder {
  #bytes: Uint8Array
  #view: DataView
  #length = HEADER_BYTES
  #count = 0
  #first = 0
  #last = 0
  readonly #initialBytes: number

  constructor(initialBytes = 4096) {
    this.#initialBytes = Math.max(initialBytes, HEADER_BYTES)
    this.#bytes = new Uint8Array(this.#initialBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch as it would be sealed now. */
  get byteLength(): number {
    return this.#length
  }

  add(stamp: number, transaction: Uint8Array): void {
    const start = this.#length + TRANSACTION_HEADER_BYTES
    this.#reserve(start + transaction.length)
    this.#view.setFloat64(this.#length, stamp, true)
    this.#view.setUint32(this.#length + 8, transaction.length, true)
    this.#bytes.set(transaction, start)
    if (this.#count === 0) this.#first = stamp
    this.#last = stamp
    this.#length = start + transaction.length
    this.#count++
  }

  /** Makes the payload and starts the next batch. There must be at least one transaction. */
  seal(epoch: number, sequence: number, bound: number): Uint8Array {
    const view = this.#view
    const sealed = this.#bytes.subarray(0, this.#length)
    sealed[0] = VERSION
    view.setUint32(4, epoch, true)
    view.setFloat64(8, sequence, true)
    view.setFloat64(16, this.#first, true)
    view.setFloat64(24, this.#last, true)
    view.setFloat64(32, bound, true)
    view.setUint32(40, this.#count, true)
    this.#bytes = new Uint8Array(this.#initialBytes)
    this.#view = new DataView(this.#bytes.buffer)
    this.#length = HEADER_BYTES
    this.#count = 0
    return sealed
  }

  #reserve(need: number): void {
    if (need <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/**
 * Reads what the recorder needs; costs the same for a batch of any size.
 * @throws MakoError `CORRUPT_BLOCK`
 */
export function decodeBatchHeader(bytes: Uint8Array): BatchHeader {
  if (bytes.length < HEADER_BYTES) throw corrupt(`of ${bytes.length} bytes is shorter than a header`)
  if (bytes[0] !== VERSION) throw corrupt(`has version ${bytes[0] ?? 0}, known is ${VERSION}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const epoch = view.getUint32(4, true)
  const sequence = view.getFloat64(8, true)
  const first = view.getFloat64(16, true)
  const last = view.getFloat64(24, true)
  const bound = view.getFloat64(32, true)
  const count = view.getUint32(40, true)
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw corrupt('has a sequence that is not a positive integer')
  if (![first, last, bound].every(Number.isSafeInteger) || first < 1) throw corrupt('has a damaged stamp')
  if (last < first || bound < last) throw corrupt('has stamps in the wrong order')
  if (count < 1 || HEADER_BYTES + count * TRANSACTION_HEADER_BYTES > bytes.length) {
    throw corrupt('has an impossible number of transactions')
  }
  return { epoch, sequence, first, last, bound, count }
}

/** Walks over the transactions of one batch in ascending stamp order. Starts at the first one. */
export class BatchReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #header: BatchHeader
  #at = HEADER_BYTES
  #end = HEADER_BYTES
  #read = 0
  #stamp = 0

  /** @throws MakoError `CORRUPT_BLOCK` */
  constructor(bytes: Uint8Array, header: BatchHeader = decodeBatchHeader(bytes)) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#header = header
    this.next()
    if (this.#stamp !== header.first) throw corrupt('does not begin with its first stamp')
  }

  get stamp(): number {
    return this.#stamp
  }

  /** A view into the batch. */
  get transaction(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end)
  }

  /** Transactions from the present one to the last one. */
  get remaining(): number {
    return this.#header.count - this.#read + 1
  }

  /**
   * Goes to the next transaction; false when there is none.
   * @throws MakoError `CORRUPT_BLOCK`
   */
  next(): boolean {
    const { count, last } = this.#header
    const at = this.#end
    if (this.#read === count) {
      if (at !== this.#bytes.length) throw corrupt('has bytes behind its last transaction')
      if (this.#stamp !== last) throw corrupt('does not end with its last stamp')
      return false
    }
    const start = at + TRANSACTION_HEADER_BYTES
    if (start > this.#bytes.length) throw corrupt(`ends before transaction ${this.#read} of ${count}`)
    const stamp = this.#view.getFloat64(at, true)
    const end = start + this.#view.getUint32(at + 8, true)
    if (end > this.#bytes.length) throw corrupt(`ends inside transaction ${this.#read} of ${count}`)
    const isNext = Number.isSafeInteger(stamp) && stamp > this.#stamp && stamp <= last
    if (!isNext) throw corrupt('has stamps that do not ascend')
    this.#stamp = stamp
    this.#at = start
    this.#end = end
    this.#read++
    return true
  }
}

function corrupt(what: string): MakoError {
  return new MakoError('CORRUPT_BLOCK', `A batch of transactions ${what}.`)
}
