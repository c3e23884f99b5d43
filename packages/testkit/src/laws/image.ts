// What a log holds, reduced to what can be compared: a hash of each entry, and of each prefix.
//
// Always true: two images with the same `chain` at an index hold the same entries up to there, so that whole logs are
// compared in one step. An entry is its value, the term of its first proposal included; in which term this copy was
// accepted is told by `termAt` and makes no difference to the chain. Behind a hole there is no chain.

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
  #facts: (EntryFacts | undefined)[] = []
  #terms: number[] = []
  #chains: (number | undefined)[] = []
  /** By entry, the index at which its block begins; 0 in a hole. */
  #starts: number[] = []

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

  /** Hash of everything up to an index; undefined beyond the end, and behind a hole. */
  chainAt(index: number): number | undefined {
    return index === 0 ? 0 : this.#chains[index - 1]
  }

  /** True when a block ends at this entry. */
  endsBlock(index: number): boolean {
    return this.#starts[index] !== this.#starts[index - 1]
  }

  /**
   * Puts a block, as a log store does: what it overlaps is removed wholly, with `truncate` everything behind it as well.
   * Pass `facts` when they are known already.
   * @throws RangeError when it would truncate and leave a hole
   */
  put(block: Block, truncate: boolean, facts: readonly EntryFacts[] = factsOfBlock(block)): void {
    const { index, term } = block
    if (truncate && index > this.lastIndex + 1) {
      throw new RangeError(`A block at ${index} leaves a hole behind ${this.lastIndex}.`)
    }
    let first = index
    if (truncate) this.truncate(index)
    else for (let at = index; at <= lastIndexOf(block); at++) first = Math.min(first, this.#remove(at))
    for (let at = this.lastIndex; at < index - 1; at++) {
      this.#facts[at] = undefined
      this.#terms[at] = 0
      this.#starts[at] = 0
    }
    for (let i = 0; i < facts.length; i++) {
      this.#facts[index - 1 + i] = facts[i]
      this.#terms[index - 1 + i] = term
      this.#starts[index - 1 + i] = index
    }
    this.#chain(first)
  }

  /** Takes over one entry of another image, behind the last. */
  append(from: LogImage, index: number): void {
    this.#facts.push(from.#facts[index - 1])
    this.#terms.push(from.#terms[index - 1]!)
    this.#starts.push(this.lastIndex)
    this.#chain(this.lastIndex)
  }

  /** Removes everything at and after this index. */
  truncate(index: number): void {
    this.#facts.length = Math.min(this.#facts.length, index - 1)
    this.#terms.length = this.#facts.length
    this.#starts.length = this.#facts.length
    this.#chains.length = this.#facts.length
  }

  clone(): LogImage {
    const copy = new LogImage()
    copy.#facts = this.#facts.slice()
    copy.#terms = this.#terms.slice()
    copy.#chains = this.#chains.slice()
    copy.#starts = this.#starts.slice()
    return copy
  }

  /** Removes the block that holds this index; the index at which it began, or this one when there was none. */
  #remove(index: number): number {
    const start = this.#starts[index - 1] ?? 0
    if (start === 0) return index
    for (let at = start; this.#starts[at - 1] === start; at++) {
      this.#facts[at - 1] = undefined
      this.#terms[at - 1] = 0
      this.#starts[at - 1] = 0
    }
    let last = this.lastIndex
    while (last > 0 && this.#starts[last - 1] === 0) last--
    this.truncate(last + 1)
    return start
  }

  #chain(from: number): void {
    for (let at = from - 1; at < this.#facts.length; at++) {
      const before = at === 0 ? 0 : this.#chains[at - 1]
      const facts = this.#facts[at]
      this.#chains[at] = before === undefined || facts === undefined ? undefined : combine(before, facts.id)
    }
  }
}

/** True when a block begins where an image ends, or inside it. */
export function fits(image: LogImage, block: Block): boolean {
  return block.index <= image.lastIndex + 1 && lastIndexOf(block) >= block.index
}
