// A log as a specification needs it: the term of each entry, where its block begins, and which write has put it there.
//
// Always true: two logs with the same `chainAt` an index have the same terms up to there; by Log Matching (thesis 3.5)
// they then have the same entries. Later indexes come from later writes, so a write that covers an index covers all before it.

import type { BlockSpan } from '@mako/engine'
import { combine } from '../laws/hash.ts'

export interface Place {
  readonly index: number
  readonly term: number
}

export class SpecLog {
  #terms: number[] = []
  #chains: number[] = []
  #writes: number[] = []
  #starts: number[] = []

  get lastIndex(): number {
    return this.#terms.length
  }

  get last(): Place {
    return { index: this.lastIndex, term: this.termAt(this.lastIndex) ?? 0 }
  }

  /** The term of an entry; 0 before the first, undefined beyond the end. */
  termAt(index: number): number | undefined {
    return index === 0 ? 0 : this.#terms[index - 1]
  }

  chainAt(index: number): number | undefined {
    return index === 0 ? 0 : this.#chains[index - 1]
  }

  /** The write that makes everything up to this index durable; 0 when it was durable from the beginning. */
  writeOf(index: number): number {
    return this.#writes[index - 1] ?? 0
  }

  has(place: Place): boolean {
    return this.termAt(place.index) === place.term
  }

  /** True when a block ends at this index. */
  endsBlock(index: number): boolean {
    return this.#starts[index] !== this.#starts[index - 1]
  }

  /** True when every entry of this block is here, by its term. */
  holds({ index, count, term }: BlockSpan): boolean {
    for (let i = index; i < index + count; i++) if (this.termAt(i) !== term) return false
    return true
  }

  /** Puts a block where it belongs and removes what was there and behind it. */
  put({ index, count, term }: BlockSpan, write: number): void {
    this.truncate(index)
    for (let i = 0; i < count; i++) {
      this.#chains.push(combine(this.#chains.at(-1) ?? 0, term))
      this.#terms.push(term)
      this.#writes.push(write)
      this.#starts.push(index)
    }
  }

  truncate(index: number): void {
    const length = Math.min(this.#terms.length, index - 1)
    this.#terms.length = length
    this.#chains.length = length
    this.#writes.length = length
    this.#starts.length = length
  }

  /** The same entries; `durable` forgets the writes, as a restart does. */
  copy(durable = false): SpecLog {
    const copy = new SpecLog()
    copy.#terms = this.#terms.slice()
    copy.#chains = this.#chains.slice()
    copy.#starts = this.#starts.slice()
    copy.#writes = durable ? this.#writes.map(() => 0) : this.#writes.slice()
    return copy
  }

  /** True when the other log has the same terms up to this index, and both reach it. */
  agrees(other: SpecLog, index: number): boolean {
    const chain = this.chainAt(index)
    return chain !== undefined && chain === other.chainAt(index)
  }
}

/** A log of these blocks, durable; undefined when they leave a hole. */
export function logOf(blocks: readonly BlockSpan[]): SpecLog | undefined {
  const log = new SpecLog()
  for (const block of blocks) {
    if (block.index !== log.lastIndex + 1) return undefined
    log.put(block, 0)
  }
  return log
}
