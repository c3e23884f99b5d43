// What this process has proposed to one partition and not yet answered, block by block.
//
// Always true: runs stand in the order in which they were accepted, so their terms never fall and, in a term, their
// indexes rise. Every run is settled exactly once: when its own block is applied (APPLIED), when an entry of a later
// term is applied (LOST: terms in a log never fall, so nothing older can follow) or one of its own term behind it (LOST:
// its place was given to another), or when this process can no longer find out (UNKNOWN). All terms here are those of
// the first proposal: a block that a later leader proposes again is still ours.

import type { Accepted, Outcome } from './contract.ts'
import type { BlockSpan } from './entry.ts'

type Settlement =
  | { readonly status: 'PENDING' }
  | { readonly status: 'APPLIED' }
  | { readonly status: 'LOST'; readonly term: number }
  | { readonly status: 'UNKNOWN' }

const PENDING: Settlement = { status: 'PENDING' }

/** The entries of one block on their way: accepted together, and so committed or lost together. */
class Run implements BlockSpan {
  readonly partition: number
  readonly index: number
  readonly term: number
  count = 0
  bytes = 0
  /** Entries whose callback has finished. */
  applied = 0
  settlement: Settlement = PENDING
  /** What callbacks returned, kept only once one returned something. */
  values: unknown[] | undefined
  /**
   * Those who asked for an outcome before it was known, each in the place of its last entry: no two wait in the same,
   * because entries that were accepted apart end apart.
   */
  waiters: (AcceptedEntries | undefined)[] | undefined

  constructor(partition: number, index: number, term: number) {
    this.partition = partition
    this.index = index
    this.term = term
  }
}

/** SUCCESS, with its outcome made on first use: the hot path creates no promise. */
class AcceptedEntries implements Accepted {
  readonly status = 'SUCCESS'
  readonly count: number
  readonly #run: Run
  readonly #offset: number
  readonly #batch: boolean
  #outcome: Promise<Outcome> | undefined
  #resolve: ((outcome: Outcome) => void) | undefined

  constructor(run: Run, offset: number, count: number, batch: boolean) {
    this.#run = run
    this.#offset = offset
    this.count = count
    this.#batch = batch
  }

  get partition(): number {
    return this.#run.partition
  }

  get index(): number {
    return this.#run.index + this.#offset
  }

  get term(): number {
    return this.#run.term
  }

  get outcome(): Promise<Outcome> {
    this.#outcome ??= new Promise((resolve) => {
      const run = this.#run
      const end = this.#offset + this.count
      if (run.settlement.status !== 'PENDING' || run.applied >= end) resolve(this.#read())
      else {
        this.#resolve = resolve
        ;(run.waiters ??= [])[end - 1] = this
      }
    })
    return this.#outcome
  }

  /** The outcome is known: tells whoever waits for it. */
  settle(): void {
    this.#resolve?.(this.#read())
  }

  #read(): Outcome {
    const { settlement, values, applied } = this.#run
    const end = this.#offset + this.count
    if (applied >= end) {
      const value = this.#batch
        ? Array.from({ length: this.count }, (_, i) => values?.[this.#offset + i])
        : values?.[this.#offset]
      return { status: 'APPLIED', index: this.index, value }
    }
    if (settlement.status === 'LOST') return { status: 'LOST', by: { term: settlement.term } }
    const { partition, index, term, count } = this
    return { status: 'UNKNOWN', token: { partition, index, term, count } }
  }
}

export class Proposals {
  readonly #partition: number
  readonly #runs: Run[] = []
  /** The first unsettled run; the ones before it are removed now and then, not one by one. */
  #head = 0
  /** The run whose block is still being gathered. */
  #open: Run | undefined
  #entries = 0
  #bytes = 0

  constructor(partition: number) {
    this.#partition = partition
  }

  /** Entries that are accepted and not yet answered. */
  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The term of the newest unanswered proposal; 0 when there is none. */
  get newestTerm(): number {
    return this.#head < this.#runs.length ? this.#runs.at(-1)!.term : 0
  }

  /** Notes entries that were just put into the block that starts at `index`. */
  accept(index: number, term: number, count: number, bytes: number, batch: boolean): Accepted {
    let run = this.#open
    if (run === undefined) {
      run = new Run(this.#partition, index, term)
      this.#open = run
      this.#runs.push(run)
    }
    const accepted = new AcceptedEntries(run, run.count, count, batch)
    run.count += count
    run.bytes += bytes
    this.#entries += count
    this.#bytes += bytes
    return accepted
  }

  /** The block that was gathered is proposed; the next entry starts another. */
  seal(): void {
    this.#open = undefined
  }

  /**
   * The committed block at this index, first proposed in this term, is about to be applied: settles what can no longer
   * follow it, and tells whether a proposal with its index and term waits for its answers.
   */
  beginApply(index: number, term: number): boolean {
    for (let run = this.#first(); run !== undefined; run = this.#first()) {
      if (run.term > term || (run.term === term && run.index >= index)) return run.term === term && run.index === index
      this.#settle(run, { status: 'LOST', term })
    }
    return false
  }

  /** The callback has finished with the entry at this offset of the first run. */
  applied(offset: number, value: unknown): void {
    const run = this.#first()
    if (run === undefined) return
    if (value !== undefined) (run.values ??= [])[offset] = value
    run.applied = offset + 1
    this.#entries--
    if (run.applied === run.count) {
      this.#settle(run, { status: 'APPLIED' })
      return
    }
    const { waiters } = run
    const waiter = waiters?.[offset]
    if (waiter === undefined) return
    waiters![offset] = undefined
    waiter.settle()
  }

  /** This process will not learn what becomes of the rest. */
  giveUp(): void {
    for (let run = this.#first(); run !== undefined; run = this.#first()) this.#settle(run, { status: 'UNKNOWN' })
    this.#open = undefined
  }

  #first(): Run | undefined {
    return this.#runs[this.#head]
  }

  #settle(run: Run, settlement: Settlement): void {
    run.settlement = settlement
    this.#entries -= run.count - run.applied
    this.#bytes -= run.bytes
    if (this.#open === run) this.#open = undefined
    this.#head++
    if (this.#head >= 64 && this.#head * 2 >= this.#runs.length) {
      this.#runs.splice(0, this.#head)
      this.#head = 0
    }
    const { waiters } = run
    run.waiters = undefined
    if (waiters !== undefined) for (const waiter of waiters) waiter?.settle()
  }
}
