// What a node has accepted: block by block, with holes, and how much of it is chosen and durable.
//
// Always true: blocks ascend and do not overlap; everything up to `commit` is there, chosen, and never changes; a newer
// block removes those that it overlaps wholly, because they were not chosen (ADR 3). Blocks that are not yet durable, not
// yet chosen or not yet released are in memory, unless an earlier life of this node has accepted them; older ones only
// while they fit into the bound.

import { type Block, type BlockSpan, lastIndexOf, MakoError, proposedTermOf } from '@mako/engine'

interface Slot extends BlockSpan {
  /** Undefined for what an earlier life has accepted: it is in the store. */
  readonly block: Block | undefined
  /** The write that stores it; 0 for what an earlier life has stored. */
  readonly write: number
}

/** What is held from a place on: some blocks from memory and where to go on, or where to read in the store first. */
export type Held =
  | { readonly type: 'blocks'; readonly blocks: readonly Block[]; readonly next: number | undefined }
  | { readonly type: 'stored'; readonly index: number }

export class PaxosLog {
  readonly #tailLimit: number
  /** Ascending. Chosen blocks in front of it are in the store only. */
  #slots: Slot[] = []
  /** Slots before this place have been evicted; they are cut off now and then. */
  #head = 0
  #tailBytes = 0
  #commit: number
  #commitTerm: number | undefined
  #durableIndex: number
  #durableWrite = 0
  #released = 0
  /** Slots whose block is not in memory. */
  #stored = 0
  #matchedBallot = 0
  #matched = 0

  /** @throws MakoError `CORRUPT_LOG` when the blocks are no log that Paxos can have written. */
  constructor(blocks: readonly BlockSpan[], commit: number, tailLimit: number) {
    this.#tailLimit = tailLimit
    this.#commit = commit
    let end = 0
    let contiguous = 0
    let isBlockEnd = commit === 0
    for (const { index, count, term } of blocks) {
      if (index <= end) throw new MakoError('CORRUPT_LOG', `The log has two blocks at ${index}.`)
      end = index + count - 1
      if (index === contiguous + 1) contiguous = end
      if (end === commit) isBlockEnd = true
      if (end > commit) this.#slots.push({ index, count, term, block: undefined, write: 0 })
    }
    if (commit > contiguous || !isBlockEnd) {
      throw new MakoError('CORRUPT_LOG', `The log lacks entries up to ${commit}, which were chosen.`)
    }
    this.#stored = this.#slots.length
    this.#durableIndex = contiguous
    this.#commitTerm = commit === 0 ? 0 : undefined
  }

  /** Everything up to here is chosen. */
  get commit(): number {
    return this.#commit
  }

  /** The term in which the block that ends at `commit` was first proposed; undefined when only the store knows it. */
  get commitTerm(): number | undefined {
    return this.#commitTerm
  }

  /** The highest index of any accepted block, holes before it or not. */
  get lastIndex(): number {
    const newest = this.#slots.at(-1)
    return newest === undefined ? this.#commit : Math.max(this.#commit, lastIndexOf(newest))
  }

  /** Everything up to here has been accepted without hole and is durable. May fall above `commit`, never below it. */
  get durableIndex(): number {
    for (let at = this.#endingAt(this.#durableIndex + 1); at < this.#slots.length; at++) {
      const slot = this.#slots[at]!
      if (slot.index !== this.#durableIndex + 1 || slot.write > this.#durableWrite) break
      this.#durableIndex = lastIndexOf(slot)
    }
    return this.#durableIndex
  }

  /** Bytes of the blocks in memory. */
  get tailBytes(): number {
    return this.#tailBytes
  }

  /** Everything up to here is chosen or accepted in this very ballot, without hole. */
  matched(ballot: number): number {
    if (ballot !== this.#matchedBallot) {
      this.#matchedBallot = ballot
      this.#matched = 0
    }
    this.#matched = Math.max(this.#matched, this.#commit)
    for (let at = this.#endingAt(this.#matched + 1); at < this.#slots.length; at++) {
      const slot = this.#slots[at]!
      if (slot.index !== this.#matched + 1 || slot.term !== ballot) break
      this.#matched = lastIndexOf(slot)
    }
    return this.#matched
  }

  /**
   * Up to here everything that is accepted can be read: it is in memory, or durable with all before it. What an earlier
   * life has accepted is not in memory, and behind a block that is not durable yet the store is not to be believed.
   */
  get readable(): number {
    if (this.#stored === 0) return this.lastIndex
    let index = this.durableIndex
    for (let at = this.#endingAt(index + 1); at < this.#slots.length; at++) {
      const slot = this.#slots[at]!
      if (slot.block === undefined) break
      index = lastIndexOf(slot)
    }
    return index
  }

  /** True when this very block, as far as a span tells it, is accepted. */
  holds({ index, count, term }: BlockSpan): boolean {
    const slot = this.#slots[this.#endingAt(index)]
    return slot?.index === index && slot.count === count && slot.term === term
  }

  /** Accepts a block; `write` is the number of the write that stores it. */
  put(block: Block, write: number): void {
    if (block.index <= this.#commit) {
      throw new MakoError('LAW_BROKEN', `A block at ${block.index} would change what is chosen up to ${this.#commit}.`)
    }
    const slots = this.#slots
    const start = this.#endingAt(block.index)
    let end = start
    for (; end < slots.length && slots[end]!.index <= lastIndexOf(block); end++) {
      const slot = slots[end]!
      if (slot.term >= block.term) {
        throw new MakoError('LAW_BROKEN', `Blocks at ${slot.index} and ${block.index} of ballot ${block.term} overlap.`)
      }
      if (slot.block) this.#tailBytes -= slot.block.bytes.length
      else this.#stored--
      this.#durableIndex = Math.min(this.#durableIndex, slot.index - 1)
    }
    const { index, count, term } = block
    slots.splice(start, end - start, { index, count, term, block, write })
    this.#tailBytes += block.bytes.length
  }

  /** Everything up to here, where a block ends, is chosen. */
  commitTo(index: number): void {
    const slot = this.#slots[this.#endingAt(index)]
    if (slot === undefined || lastIndexOf(slot) !== index) {
      throw new MakoError('LAW_BROKEN', `Commit ${index} is not where a block ends.`)
    }
    this.#commit = index
    this.#commitTerm = slot.block && proposedTermOf(slot.block)
    this.#evict()
  }

  /** The store has told what `commitTerm` is; good when nothing has been committed meanwhile. */
  learnCommitTerm(block: Block): void {
    if (lastIndexOf(block) === this.#commit) this.#commitTerm ??= proposedTermOf(block)
  }

  /** All writes up to this number are durable. */
  durable(write: number): void {
    this.#durableWrite = Math.max(this.#durableWrite, write)
    this.#evict()
  }

  /** The write that must be durable before anybody may be told of this block; 0 when it is durable. */
  writeOf(index: number): number {
    const slot = this.#slots[this.#endingAt(index)]
    return slot !== undefined && slot.index <= index && slot.write > this.#durableWrite ? slot.write : 0
  }

  /** Everything up to here is final and may leave memory once it is durable. */
  release(index: number): void {
    this.#released = Math.max(this.#released, index)
    this.#evict()
  }

  /** The span of the block that holds this index; undefined in a hole, and where only the store knows. */
  spanAt(index: number): BlockSpan | undefined {
    const slot = this.#slots[this.#endingAt(index)]
    return slot !== undefined && slot.index <= index ? slot : undefined
  }

  /** The block that holds this index, when it is in memory. */
  blockAt(index: number): Block | undefined {
    const slot = this.#slots[this.#endingAt(index)]
    return slot !== undefined && slot.index <= index ? slot.block : undefined
  }

  /**
   * Consecutive blocks from memory, the first of which holds `from`, up to `end` and within these bounds; the first may
   * exceed them. Empty when that block is not in memory.
   */
  blocksFrom(from: number, end: number, maxBytes: number, maxEntries: number): Block[] {
    const blocks: Block[] = []
    let next = from
    let bytes = 0
    let entries = 0
    for (let at = this.#endingAt(from); at < this.#slots.length; at++) {
      const slot = this.#slots[at]!
      const { block } = slot
      if (slot.index > next || block === undefined || lastIndexOf(slot) > end) break
      bytes += block.bytes.length
      entries += block.count
      if (blocks.length > 0 && (bytes > maxBytes || entries > maxEntries)) break
      blocks.push(block)
      next = lastIndexOf(slot) + 1
    }
    return blocks
  }

  /** What is accepted at and behind `from`, holes left out, up to about `maxBytes`. */
  heldFrom(from: number, maxBytes: number): Held {
    let at = this.#endingAt(from)
    const first = this.#slots[at]
    if (from <= this.#commit && (first === undefined || first.index > from)) return { type: 'stored', index: from }
    // A block that begins before that place and ends behind it is not what was asked for: it was not chosen.
    if (first !== undefined && first.index < from) at++
    const blocks: Block[] = []
    let bytes = 0
    for (; at < this.#slots.length; at++) {
      const { block, index } = this.#slots[at]!
      if (block === undefined && blocks.length === 0) return { type: 'stored', index }
      bytes += block?.bytes.length ?? 0
      if (block === undefined || (blocks.length > 0 && bytes > maxBytes)) return { type: 'blocks', blocks, next: index }
      blocks.push(block)
    }
    return { type: 'blocks', blocks, next: undefined }
  }

  /** The first accepted index at or behind this one; undefined when there is none. */
  nextHeld(index: number): number | undefined {
    if (index <= this.#commit) return index
    let at = this.#endingAt(index)
    if ((this.#slots[at]?.index ?? index) < index) at++
    return this.#slots[at]?.index
  }

  /** What a read that begins now may be believed of, whatever happens meanwhile. */
  get final(): number {
    return Math.min(this.durableIndex, this.#commit)
  }

  /**
   * Of blocks that the store has returned, those that are part of this log: what was final when the read began, and what
   * is accepted now in the very same ballot. Anything else may be an older block whose successor was on its way.
   */
  believed(blocks: readonly Block[], final: number): Block[] {
    const believed: Block[] = []
    for (const block of blocks) {
      if (lastIndexOf(block) > final && !this.holds(block)) break
      believed.push(block)
    }
    return believed
  }

  #evict(): void {
    const safe = Math.min(this.durableIndex, this.#commit)
    for (; this.#head < this.#slots.length; this.#head++) {
      const slot = this.#slots[this.#head]!
      if (lastIndexOf(slot) > safe) break
      if (slot.block) {
        if (this.#tailBytes <= this.#tailLimit || lastIndexOf(slot) > this.#released) break
        this.#tailBytes -= slot.block.bytes.length
      } else this.#stored--
    }
    // Cutting off what has been evicted costs a copy, so it waits until it is half of the array.
    if (this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#head = 0
    }
  }

  /** The place of the first slot that ends at or behind this index; the length when there is none. */
  #endingAt(index: number): number {
    const slots = this.#slots
    let low = this.#head
    let high = slots.length
    // Most questions are about the end of the log.
    if (high > low && lastIndexOf(slots[high - 1]!) < index) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastIndexOf(slots[middle]!) < index) low = middle + 1
      else high = middle
    }
    return low
  }
}
