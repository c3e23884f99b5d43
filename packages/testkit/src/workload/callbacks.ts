// What callbacks do besides their work: they are slow, compute for long, throw, propose, or never end.
//
// Always true: what happens at an entry depends on the seed, the node, its life, the entry and the attempt, and on nothing
// else, so that another history around it leaves it as it is.

import { below, seededRandom, type Entry } from '@mako/engine'
import type { LawBook } from '../laws/book.ts'
import { combine } from '../laws/hash.ts'
import { between, chance } from '../world/random.ts'
import type { ApplyContext } from '../world/cluster.ts'
import type { SimProcess } from '../world/process.ts'
import type { CallbackFaults } from './world.ts'

/** What is known of callbacks in one life of a node. */
interface Life {
  readonly number: number
  /** By partition: an entry that fails, and how often it still does. */
  readonly failing: Map<number, { readonly index: number; left: number }>
  isHung: boolean
}

export class UnkindCallbacks {
  readonly #seed: number
  readonly #faults: CallbackFaults
  readonly #book: LawBook
  readonly #lives = new WeakMap<SimProcess, Life>()
  #births = 0

  constructor(seed: number, faults: CallbackFaults, book: LawBook) {
    this.#seed = seed
    this.#faults = faults
    this.#book = book
  }

  isHung(process: SimProcess): boolean {
    return this.#lives.get(process)?.isHung === true
  }

  /** Returns `value` in one way or another, and calls `propose` when this callback is one that proposes. */
  run(entry: Entry, { node, process }: ApplyContext, value: unknown, propose: () => void): unknown {
    const faults = this.#faults
    const life = this.#life(process)
    const failing = life.failing.get(entry.partition)
    const isAgain = failing?.index === entry.index
    const name = node.id.charCodeAt(0) * 4096 + entry.partition
    const mixed = combine(combine(combine(this.#seed, name), life.number), entry.index)
    const random = seededRandom((mixed ^ Math.floor(mixed / 0x1_0000_0000)) | 0)
    if (chance(random, faults.busy)) {
      this.#book.count('fault: busy callback')
      process.burn(below(random, faults.busyMs))
    }
    let throws = chance(random, faults.throws)
    if (throws) {
      const left = isAgain ? failing.left : between(random, 1, faults.throwsInRow)
      life.failing.set(entry.partition, { index: entry.index, left: left - 1 })
      throws = left > 0
      if (throws) this.#book.count(isAgain ? 'fault: callback throwing again' : 'fault: throwing callback')
    }
    if (!isAgain && chance(random, faults.reenters)) {
      this.#book.count('fault: reentrant callback')
      propose()
    }
    if (chance(random, faults.never)) {
      this.#book.count('fault: callback that never ends')
      life.isHung = true
      return new Promise(() => undefined)
    }
    if (!chance(random, faults.async)) {
      if (throws) throw new Error('The callback was told to fail.')
      return value
    }
    this.#book.count('fault: slow callback')
    return new Promise((resolve, reject) => {
      process.clock.setTimer(below(random, faults.slowMs), () => {
        if (throws) reject(new Error('The callback was told to fail.'))
        else resolve(value)
      })
    })
  }

  #life(process: SimProcess): Life {
    let life = this.#lives.get(process)
    if (life === undefined) {
      life = { number: this.#births++, failing: new Map(), isHung: false }
      this.#lives.set(process, life)
    }
    return life
  }
}
