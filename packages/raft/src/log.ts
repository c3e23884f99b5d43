// What a node knows of its log: the term of every entry, the newest blocks, and how much of it is durable.
//
// Always true: the log is whole blocks, from index 1 without gap. A block is cut once, by the one leader of its term, and
// travels whole; so two logs that differ begin to differ where a block begins, and every index at which a log is
// matched, truncated or committed is the end of a block. Only the search for the place up to which two logs agree may ask
// about the middle of one. Blocks that are not yet durable or not yet released are in memory; older ones only while they
// fit into the bound.

import { type Block, type BlockSpan, lastIndexOf, MakoError } from '@mako/engine'
import type { Position } from './messages.ts'

/** Entries from `first` to the next run's first have this term. */
interface TermRun {
  readonly first: number
  readonly term: number
}

interface PendingWrite {
  readonly number: number
  /** The last index that this write makes durable; what has been truncated since does not count. */
  lastIndex: number
}

export class RaftLog {
  readonly #tailLimit: number
  readonly #runs: TermRun[] = []
  #tail: Block[] = []
  /** Blocks before this place of `#tail` have been evicted; they are cut off now and then. */
  #head = 0
  #tailBytes = 0
  #lastIndex = 0
  #durableIndex = 0
  #released = 0
  /** Where the blocks end that an earlier life has stored, until all of them are released: memory does not tell. */
  #storedEnds: number[] = []
  /** Block writes that are not yet durable, in order. Bounded by what the runtime lets wait for the disk. */
  #pending: PendingWrite[] = []

  /** @throws MakoError `CORRUPT_LOG` when the blocks are no log that Raft can have written. */
  constructor(blocks: readonly BlockSpan[], tailLimit: number) {
    this.#tailLimit = tailLimit
    for (const block of blocks) {
      if (block.index !== this.#lastIndex + 1) {
        throw new MakoError('CORRUPT_LOG', `The log has a gap between ${this.#lastIndex} and ${block.index}.`)
      }
      if (block.term < this.lastTerm) {
        throw new MakoError('CORRUPT_LOG', `The term falls from ${this.lastTerm} to ${block.term} at ${block.index}.`)
      }
      this.#extend(block)
      this.#storedEnds.push(this.#lastIndex)
    }
    this.#durableIndex = this.#lastIndex
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? 0
  }

  get last(): Position {
    return { index: this.#lastIndex, term: this.lastTerm }
  }

  /** Everything up to here is durable on this node. Falls only when it is truncated. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  /** Bytes of the blocks in memory. */
  get tailBytes(): number {
    return this.#tailBytes
  }

  /** The term of the entry at this index; 0 at index 0, undefined beyond the log. */
  termAt(index: number): number | undefined {
    if (index > this.#lastIndex) return undefined
    return this.#runs[this.#runAt(index)]?.term ?? 0
  }

  matches(position: Position): boolean {
    return this.termAt(position.index) === position.term
  }

  /** True when a block ends here. Of what is released and has left memory only the ends of terms are known. */
  endsBlock(index: number): boolean {
    const block = this.blockAt(index)
    if (block) return lastIndexOf(block) === index
    return this.termAt(index + 1) !== this.termAt(index) || this.#storedEnds.includes(index)
  }

  /**
   * The last place at or before `index` whose term is not above `term` (thesis 5.3; both sides of the search use it,
   * so that each round trip skips a whole term on each side).
   */
  floor(index: number, term: number): Position {
    let at = Math.min(index, this.#lastIndex)
    for (let run = this.#runAt(at); run >= 0; run--) {
      const { first, term: runTerm } = this.#runs[run]!
      if (runTerm <= term) return { index: at, term: runTerm }
      at = first - 1
    }
    return { index: 0, term: 0 }
  }

  /** Puts a block at the end of the log; `write` is the number of the write that stores it. */
  append(block: Block, write: number): void {
    if (block.index !== this.#lastIndex + 1 || block.term < this.lastTerm) {
      throw new MakoError('LAW_BROKEN', `A block at ${block.index} does not follow the log's end, ${this.#lastIndex}.`)
    }
    this.#extend(block)
    this.#tail.push(block)
    this.#tailBytes += block.bytes.length
    this.#pending.push({ number: write, lastIndex: this.#lastIndex })
  }

  /**
   * Removes everything at and after `index`, where a block begins. A write that is still on its way no longer counts
   * for what it had there: when it is reported durable, other blocks may be in that place (the ABA problem).
   */
  truncate(index: number): void {
    while (this.#runs.length > 0 && this.#runs.at(-1)!.first >= index) this.#runs.pop()
    while (this.#tail.length > this.#head && lastIndexOf(this.#tail.at(-1)!) >= index) {
      const block = this.#tail.pop()!
      if (block.index < index) throw new MakoError('LAW_BROKEN', `Index ${index} is inside a block and not truncated.`)
      this.#tailBytes -= block.bytes.length
    }
    while (this.#storedEnds.length > 0 && this.#storedEnds.at(-1)! >= index) this.#storedEnds.pop()
    this.#lastIndex = index - 1
    this.#durableIndex = Math.min(this.#durableIndex, this.#lastIndex)
    for (const pending of this.#pending) pending.lastIndex = Math.min(pending.lastIndex, this.#lastIndex)
  }

  /** All writes up to this number are durable. */
  durable(write: number): void {
    let done = 0
    while (done < this.#pending.length && this.#pending[done]!.number <= write) {
      // Truncation has clipped older writes below what newer ones begin with, so this never claims too much.
      this.#durableIndex = Math.max(this.#durableIndex, this.#pending[done]!.lastIndex)
      done++
    }
    if (done === 0) return
    this.#pending.splice(0, done)
    this.#evict()
  }

  /** The number of the write that makes everything up to `index` durable; 0 when it is already. */
  coveringWrite(index: number): number {
    if (index <= this.#durableIndex) return 0
    let at = this.#pending.length - 1
    while (at > 0 && this.#pending[at - 1]!.lastIndex >= index) at--
    const write = this.#pending[at]
    if (!write || write.lastIndex < index) {
      throw new MakoError('LAW_BROKEN', `Index ${index} is neither durable nor on its way to the disk.`)
    }
    return write.number
  }

  /** Everything up to here is final and may leave memory once it is durable. */
  release(index: number): void {
    this.#released = Math.max(this.#released, index)
    if (this.#storedEnds.length > 0 && this.#storedEnds.at(-1)! <= this.#released) this.#storedEnds = []
    this.#evict()
  }

  /** The block that holds this index, when it is in memory. */
  blockAt(index: number): Block | undefined {
    const at = this.#tailAt(index)
    return at < 0 ? undefined : this.#tail[at]
  }

  /**
   * Consecutive blocks from memory, the first of which holds `from`, within these bounds; the first may exceed them.
   * Empty when that block is not in memory.
   */
  blocksFrom(from: number, maxBytes: number, maxEntries: number): Block[] {
    let at = this.#tailAt(from)
    if (at < 0) return []
    const blocks: Block[] = []
    let bytes = 0
    let entries = 0
    for (; at < this.#tail.length; at++) {
      const block = this.#tail[at]!
      bytes += block.bytes.length
      entries += block.count
      if (blocks.length > 0 && (bytes > maxBytes || entries > maxEntries)) break
      blocks.push(block)
    }
    return blocks
  }

  #extend(block: BlockSpan): void {
    if (block.term !== this.lastTerm) this.#runs.push({ first: block.index, term: block.term })
    this.#lastIndex = lastIndexOf(block)
  }

  #evict(): void {
    const safe = Math.min(this.#durableIndex, this.#released)
    while (this.#tailBytes > this.#tailLimit && this.#head < this.#tail.length) {
      const block = this.#tail[this.#head]!
      if (lastIndexOf(block) > safe) break
      this.#tailBytes -= block.bytes.length
      this.#head++
    }
    // Cutting off what has been evicted costs a copy, so it waits until it is half of the array.
    if (this.#head * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#head)
      this.#head = 0
    }
  }

  /** The place in `#runs` of the run that holds `index`, or -1. */
  #runAt(index: number): number {
    let low = 0
    let high = this.#runs.length
    // Most questions are about the end of the log.
    if (high > 0 && this.#runs[high - 1]!.first <= index) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#runs[middle]!.first <= index) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** The place in `#tail` of the block that holds `index`, or -1. */
  #tailAt(index: number): number {
    if (index > this.#lastIndex) return -1
    let low = this.#head
    let high = this.#tail.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#tail[middle]!.index <= index) low = middle + 1
      else high = middle
    }
    return low > this.#head ? low - 1 : -1
  }
}
