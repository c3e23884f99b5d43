// What one acceptor has accepted: blocks in the order of their indexes, perhaps with holes, and which write keeps each.
//
// Always true: blocks do not overlap; one that is put removes those that it overlaps, wholly (docs/adr/0003).

import { lastIndexOf, type BlockSpan } from '@mako/engine'
import type { TracedBlock } from '../trace/event.ts'

export interface Slot {
  readonly block: TracedBlock
  /** 0 for what an earlier life has written. */
  readonly write: number
}

export class AcceptedBlocks {
  #slots: Slot[]

  constructor(slots: readonly Slot[] = []) {
    this.#slots = [...slots]
  }

  get slots(): readonly Slot[] {
    return this.#slots
  }

  /** The end of what is here without hole, from the beginning. */
  get wholeTo(): number {
    let end = 0
    for (const { block } of this.#slots) {
      if (block.index !== end + 1) break
      end = lastIndexOf(block)
    }
    return end
  }

  /** The slot that holds this index. */
  at(index: number): Slot | undefined {
    const slot = this.#slots[this.#place(index)]
    return slot !== undefined && slot.block.index <= index ? slot : undefined
  }

  /** Slots that begin at this index or behind it. */
  from(index: number): readonly Slot[] {
    const place = this.#place(index)
    const isBefore = (this.#slots[place]?.block.index ?? index) < index
    return this.#slots.slice(isBefore ? place + 1 : place)
  }

  /** Returns what it removes. */
  put(block: TracedBlock, write: number): readonly Slot[] {
    const start = this.#place(block.index)
    let end = start
    while (end < this.#slots.length && this.#slots[end]!.block.index <= lastIndexOf(block)) end++
    return this.#slots.splice(start, end - start, { block, write })
  }

  /** The place of the first slot that ends at this index or behind it. */
  #place(index: number): number {
    let low = 0
    let high = this.#slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastIndexOf(this.#slots[middle]!.block) < index) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The term of the first proposal. */
export function proposedIn({ term, proposed = term }: TracedBlock): number {
  return proposed
}

/** The same entries at the same place, whatever ballot they were accepted in. */
export function isSameValue(one: TracedBlock, other: TracedBlock): boolean {
  return isSamePlace(one, other) && one.value === other.value
}

/** The same copy. */
export function isSameBlock(one: TracedBlock, other: TracedBlock): boolean {
  return one.term === other.term && isSameValue(one, other)
}

function isSamePlace(one: BlockSpan, other: BlockSpan): boolean {
  return one.index === other.index && one.count === other.count
}
