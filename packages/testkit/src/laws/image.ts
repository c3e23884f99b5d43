// What a log holds, reduced to what can be compared: a hash of each entry, and of each prefix.
//
// Always true: two images with the same `chain` at an index hold the same entries up to there, so that whole logs are
// compared in one step.

import { entriesOf, lastIndexOf, type Block, type Entry } from '@mako/engine'
import { combine, hashBytes, hashText } from './hash.ts'

/** An entry, reduced. */
export interface EntryFacts {
  /** Of everything an entry consists of. */
  readonly id: number
  /** Of the payload alone: what a workload knows an entry by. */
  readonly key: number
  readonly noop: boolean
}

export function factsOfEntry(entry: Entry): EntryFacts {
  const key = hashBytes(entry.payload)
  const { node, incarnation, sequence } = entry.origin
  let id = combine(key, entry.term)
  id = combine(id, nameHash(node) + nameHash(entry.kind))
  id = combine(id, incarnation)
  id = combine(id, sequence)
  return { id, key, noop: entry.kind === 'noop' }
}

/** Hashes of the few names there are: nodes and kinds. */
const names = new Map<string, number>()

function nameHash(name: string): number {
  let hash = names.get(name)
  if (hash === undefined) {
    hash = hashText(name)
    names.set(name, hash)
  }
  return hash
}

export function factsOfBlock(block: Block): readonly EntryFacts[] {
  return entriesOf(block, 0).map(factsOfEntry)
}

export class LogImage {
  #facts: EntryFacts[] = []
  #terms: number[] = []
  #chains: number[] = []

  /** Index of the last entry; 0 when there is none. */
  get lastIndex(): number {
    return this.#facts.length
  }

  factsAt(index: number): EntryFacts | undefined {
    return this.#facts[index - 1]
  }

  /** Term of an entry; 0 where there is none. */
  termAt(index: number): number {
    return this.#terms[index - 1] ?? 0
  }

  /** Hash of everything up to an index; undefined beyond the end. */
  chainAt(index: number): number | undefined {
    return index === 0 ? 0 : this.#chains[index - 1]
  }

  /**
   * Puts a block, as a log store does. Without `truncate` what follows the block stays. Pass `facts` when they
   * are known already.
   * @throws RangeError when this would leave a hole
   */
  put(block: Block, truncate: boolean, facts: readonly EntryFacts[] = factsOfBlock(block)): void {
    const { index, term } = block
    if (index > this.lastIndex + 1) {
      throw new RangeError(`A block at ${index} leaves a hole behind ${this.lastIndex}.`)
    }
    if (truncate) this.truncate(index)
    for (let i = 0; i < facts.length; i++) {
      this.#facts[index - 1 + i] = facts[i]!
      this.#terms[index - 1 + i] = term
    }
    this.#chain(index)
  }

  /** Takes over one entry of another image, behind the last. */
  append(from: LogImage, index: number): void {
    this.#facts.push(from.#facts[index - 1]!)
    this.#terms.push(from.#terms[index - 1]!)
    this.#chain(this.lastIndex)
  }

  /** Removes everything at and after this index. */
  truncate(index: number): void {
    this.#facts.length = Math.min(this.#facts.length, index - 1)
    this.#terms.length = this.#facts.length
    this.#chains.length = this.#facts.length
  }

  clone(): LogImage {
    const copy = new LogImage()
    copy.#facts = this.#facts.slice()
    copy.#terms = this.#terms.slice()
    copy.#chains = this.#chains.slice()
    return copy
  }

  #chain(from: number): void {
    for (let at = from - 1; at < this.#facts.length; at++) {
      const before = at === 0 ? 0 : this.#chains[at - 1]!
      this.#chains[at] = combine(combine(before, this.#facts[at]!.id), this.#terms[at]!)
    }
  }
}

/** True when a block begins where an image ends, or inside it. */
export function fits(image: LogImage, block: Block): boolean {
  return block.index <= image.lastIndex + 1 && lastIndexOf(block) >= block.index
}
