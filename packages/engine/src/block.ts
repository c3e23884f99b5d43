// The block codec: a fixed little-endian header, the origin's name, then `kind, length, payload` for each entry.
//
//   0 u8  version        4 u32 count          16 f64 term              32 f64 origin's first sequence
//   1 u8  name length    8 f64 first index    24 f64 incarnation       40 u32 bytes of the whole block
//   44 f64 term in which it was first proposed
//   52 name (UTF-8), then per entry: u8 kind, u32 length, payload
//
// A block has two terms. `term` is the one in which this copy was accepted: it decides between copies. The one in which
// the block was first proposed belongs to its value, like its origin and its entries: it is the same on every replica for
// ever, and it is what the entries tell. A protocol that never proposes a value again in a later term (Raft) has both equal.
//
// Always true: decoding checks every length against the block before it looks at the bytes behind it, so a damaged
// block is a typed error and never a wrong entry.

import type { Block, Entry, EntryKind, NodeId, Origin } from './entry.ts'
import { MakoError } from './errors.ts'

const VERSION = 1
const HEADER_BYTES = 52
const MAX_NAME_BYTES = 64
const ENTRY_HEADER_BYTES = 5

/**
 * Blocks are cut out of slabs, one behind the other, so that making one costs neither a buffer nor a copy. A block keeps
 * its slab alive, and so do its neighbours, which live about as long. Slabs grow with what goes through a partition:
 * from the first size to the second, and for large blocks to four of them, up to the third.
 */
const FIRST_SLAB_BYTES = 4 * 1024
const SLAB_BYTES = 64 * 1024
const LARGE_SLAB_BYTES = 1024 * 1024

const KINDS: readonly EntryKind[] = ['noop', 'data', 'advancer', 'ending', 'bound', 'noop-barrier']
const KIND_CODES: Readonly<Record<EntryKind, number>> = {
  noop: 0,
  data: 1,
  advancer: 2,
  ending: 3,
  bound: 4,
  'noop-barrier': 5,
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Bytes that an entry with this payload adds to a block. */
export function entryBytes(payloadBytes: number): number {
  return ENTRY_HEADER_BYTES + payloadBytes
}

/**
 * Gathers the entries of one partition that are accepted in one turn, and seals them into a block. The payload is
 * copied on `add`, so the caller may reuse its buffer at once.
 */
export class BlockBuilder {
  readonly #name: Uint8Array
  readonly #incarnation: number
  #slab: Uint8Array<ArrayBuffer>
  #view: DataView
  /** Where the block that is being gathered begins in the slab: behind all that were sealed. */
  #start = 0
  #length: number
  #count = 0
  /** Bytes of the block that was sealed last: the next ones will be like it. */
  #lastLength = 0

  constructor(node: NodeId, incarnation: number, initialBytes: number = FIRST_SLAB_BYTES) {
    this.#name = encoder.encode(node)
    this.#incarnation = incarnation
    this.#length = HEADER_BYTES + this.#name.length
    this.#slab = new Uint8Array(Math.max(initialBytes, this.#length))
    this.#view = new DataView(this.#slab.buffer)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the block as it would be sealed now. */
  get byteLength(): number {
    return this.#length
  }

  add(kind: EntryKind, payload: Uint8Array): void {
    const length = this.#length + ENTRY_HEADER_BYTES + payload.length
    if (this.#start + length > this.#slab.length) this.#moveToNewSlab(length)
    const slab = this.#slab
    const at = this.#start + this.#length
    slab[at] = KIND_CODES[kind]
    this.#view.setUint32(at + 1, payload.length, true)
    slab.set(payload, at + ENTRY_HEADER_BYTES)
    this.#length = length
    this.#count++
  }

  /** Makes the block and starts the next one. There must be at least one entry. */
  seal(index: number, term: number, firstSequence: number): Block {
    const start = this.#start
    const end = start + this.#length
    const slab = this.#slab
    const view = this.#view
    slab[start] = VERSION
    slab[start + 1] = this.#name.length
    view.setUint32(start + 4, this.#count, true)
    view.setFloat64(start + 8, index, true)
    view.setFloat64(start + 16, term, true)
    view.setFloat64(start + 24, this.#incarnation, true)
    view.setFloat64(start + 32, firstSequence, true)
    view.setUint32(start + 40, this.#length, true)
    view.setFloat64(start + 44, term, true)
    slab.set(this.#name, start + HEADER_BYTES)
    const block: Block = { index, term, count: this.#count, bytes: slab.subarray(start, end) }
    this.#start = end
    this.#lastLength = this.#length
    this.#length = HEADER_BYTES + this.#name.length
    this.#count = 0
    return block
  }

  /** Takes along what is gathered; `length` is what the block needs by now. */
  #moveToNewSlab(length: number): void {
    const usual = Math.min(this.#slab.length * 2, SLAB_BYTES)
    const forLarge = Math.min(this.#lastLength * 4, LARGE_SLAB_BYTES)
    // Twice what is needed, so that each byte of a block that grows and grows is moved but a few times.
    const slab = new Uint8Array(Math.max(usual, forLarge, length * 2))
    slab.set(this.#slab.subarray(this.#start, this.#start + this.#length))
    this.#slab = slab
    this.#view = new DataView(slab.buffer)
    this.#start = 0
  }
}

/** Encodes a block of its own, for entries that a protocol proposes itself (a no-op at election). */
export function encodeBlock(
  position: { index: number; term: number },
  origin: Origin,
  entries: readonly { kind: EntryKind; payload: Uint8Array }[],
): Block {
  const entriesLength = entries.reduce((sum, { payload }) => sum + entryBytes(payload.length), 0)
  const builder = new BlockBuilder(origin.node, origin.incarnation, HEADER_BYTES + MAX_NAME_BYTES + entriesLength)
  for (const entry of entries) builder.add(entry.kind, entry.payload)
  return builder.seal(position.index, position.term, origin.sequence)
}

/**
 * Reads the header of an encoded block.
 * @throws MakoError `CORRUPT_BLOCK` when it is not a whole, well-formed block.
 */
export function decodeBlock(bytes: Uint8Array): Block {
  if (bytes.length < HEADER_BYTES) throw corrupt(`of ${bytes.length} bytes is shorter than a header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] !== VERSION) throw corrupt(`has version ${bytes[0] ?? 0}, known is ${VERSION}`)
  const count = view.getUint32(4, true)
  const index = view.getFloat64(8, true)
  const term = view.getFloat64(16, true)
  if (view.getUint32(40, true) !== bytes.length) throw corrupt('has another length than its header says')
  if (!Number.isSafeInteger(index) || index < 1) throw corrupt('has an index that is not a positive integer')
  if (!Number.isSafeInteger(term) || term < 1) throw corrupt('has a term that is not a positive integer')
  const proposedTerm = view.getFloat64(44, true)
  if (!Number.isSafeInteger(proposedTerm) || proposedTerm < 1 || proposedTerm > term) {
    throw corrupt('was first proposed in an impossible term')
  }
  if (count < 1 || count * ENTRY_HEADER_BYTES > bytes.length) throw corrupt('has an impossible number of entries')
  if (index > Number.MAX_SAFE_INTEGER - count) throw corrupt('goes beyond the highest index')
  return { index, term, count, bytes }
}

/** The term in which a block was first proposed: part of its value, whatever term this copy was accepted in. */
export function proposedTermOf({ bytes }: Block): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(44, true)
}

/**
 * The same value for a later term: a copy of the block that is accepted in `term`. Index, entries, origin and the term
 * of its first proposal stay. The block itself when it is of that term already.
 */
export function restamp(block: Block, term: number): Block {
  if (term === block.term) return block
  if (term < proposedTermOf(block)) throw corrupt('cannot be accepted before it was first proposed')
  const bytes = block.bytes.slice()
  new DataView(bytes.buffer).setFloat64(16, term, true)
  return { index: block.index, count: block.count, term, bytes }
}

/** The origin of a block's first entry; the following entries have the following sequence numbers. */
export function originOf(block: Block): Origin {
  const { bytes } = block
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const nameEnd = HEADER_BYTES + bytes[1]!
  if (nameEnd > bytes.length) throw corrupt('has an origin beyond its end')
  const incarnation = view.getFloat64(24, true)
  const sequence = view.getFloat64(32, true)
  if (!Number.isSafeInteger(incarnation) || !Number.isSafeInteger(sequence)) throw corrupt('has a damaged origin')
  try {
    return { node: decoder.decode(bytes.subarray(HEADER_BYTES, nameEnd)), incarnation, sequence }
  } catch {
    throw corrupt('has an origin that is not UTF-8')
  }
}

/**
 * Decodes the entries of a block.
 * @throws MakoError `CORRUPT_BLOCK` when the lengths do not add up.
 */
export function entriesOf(block: Block, partition: number): Entry[] {
  const { bytes, index, count } = block
  const { buffer, byteOffset } = bytes
  const term = proposedTermOf(block)
  const view = new DataView(buffer, byteOffset, bytes.byteLength)
  const { node, incarnation, sequence } = originOf(block)
  const entries: Entry[] = new Array<Entry>(count)
  let at = HEADER_BYTES + bytes[1]!
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_HEADER_BYTES > bytes.length) throw corrupt(`ends before entry ${i} of ${count}`)
    const kind = KINDS[bytes[at]!]
    if (kind === undefined) throw corrupt(`has an entry of unknown kind ${bytes[at]!}`)
    const start = at + ENTRY_HEADER_BYTES
    const end = start + view.getUint32(at + 1, true)
    if (end > bytes.length) throw corrupt(`ends inside entry ${i} of ${count}`)
    entries[i] = {
      partition,
      index: index + i,
      term,
      kind,
      origin: { node, incarnation, sequence: sequence === 0 ? 0 : sequence + i },
      // Half the time of `subarray`, for each entry on each node.
      payload: new Uint8Array(buffer, byteOffset + start, end - start),
    }
    at = end
  }
  if (at !== bytes.length) throw corrupt('has bytes behind its last entry')
  return entries
}

function corrupt(what: string): MakoError {
  return new MakoError('CORRUPT_BLOCK', `A block ${what}.`)
}
