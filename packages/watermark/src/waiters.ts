// Who waits to learn what became of a transaction, and how many transactions are not yet decided.
//
// Always true: every promise that was given out settles once; deciding one more stamp costs no more than that stamp.

import { MakoError } from '@mako/engine'
import type { SafeOutcome } from './contract.ts'
import type { EpochHistory } from './epoch.ts'

/**
 * Items by ascending stamp. They nearly always come in that order: adding and taking are then O(1); otherwise the next
 * taking sorts once.
 */
export class StampQueue<T> {
  readonly #stampOf: (item: T) => number
  #items: T[] = []
  #head = 0
  #newest = -Infinity
  #sorted = true

  constructor(stampOf: (item: T) => number) {
    this.#stampOf = stampOf
  }

  get size(): number {
    return this.#items.length - this.#head
  }

  add(item: T): void {
    const stamp = this.#stampOf(item)
    if (stamp < this.#newest) this.#sorted = false
    else this.#newest = stamp
    this.#items.push(item)
  }

  /** Removes the item with the lowest stamp when that is at or below `limit`. */
  takeUpTo(limit: number): T | undefined {
    if (this.size === 0) return undefined
    if (!this.#sorted) {
      this.#items = this.#items.slice(this.#head).sort((a, b) => this.#stampOf(a) - this.#stampOf(b))
      this.#head = 0
      this.#sorted = true
    }
    const item = this.#items[this.#head]!
    if (this.#stampOf(item) > limit) return undefined
    this.#head++
    // What was taken is let go of in bulk, so that taking stays O(1) amortised and memory is at most twice the need.
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    if (this.size === 0) {
      this.#items = []
      this.#head = 0
      this.#newest = -Infinity
    }
    return item
  }
}

interface Waiter {
  readonly stamp: number
  readonly resolve: (outcome: SafeOutcome) => void
}

/** Promises of `settled`, by epoch. */
export class OutcomeWaiters {
  readonly #history: EpochHistory
  readonly #queues: Map<number, StampQueue<Waiter>> = new Map<number, StampQueue<Waiter>>()
  #stopped = false

  constructor(history: EpochHistory) {
    this.#history = history
  }

  wait(epoch: number, stamp: number): Promise<SafeOutcome> {
    const known = this.#history.judge(epoch, stamp)
    if (known === 'SAFE') return Promise.resolve({ status: 'SAFE', epoch, stamp: [stamp] })
    if (known === 'ROLLED_BACK') return Promise.resolve(this.#rolledBack(epoch))
    if (this.#stopped) return Promise.resolve({ status: 'UNKNOWN' })
    let queue = this.#queues.get(epoch)
    if (!queue) {
      queue = new StampQueue<Waiter>((waiter) => waiter.stamp)
      this.#queues.set(epoch, queue)
    }
    const waiting = queue
    return new Promise((resolve) => waiting.add({ stamp, resolve }))
  }

  /** Tells all whose answer is known by now. */
  settle(): void {
    for (const [epoch, queue] of this.#queues) {
      const found = this.#history.find(epoch)
      if (found) {
        for (let waiter = queue.takeUpTo(found.watermark); waiter; waiter = queue.takeUpTo(found.watermark)) {
          waiter.resolve({ status: 'SAFE', epoch, stamp: [waiter.stamp] })
        }
      }
      if (queue.size > 0 && this.#history.judge(epoch, Infinity) === 'ROLLED_BACK') {
        const outcome = this.#rolledBack(epoch)
        for (let waiter = queue.takeUpTo(Infinity); waiter; waiter = queue.takeUpTo(Infinity)) waiter.resolve(outcome)
      }
      if (queue.size === 0) this.#queues.delete(epoch)
    }
  }

  stop(): void {
    this.settle()
    this.#stopped = true
    for (const queue of this.#queues.values()) {
      for (let waiter = queue.takeUpTo(Infinity); waiter; waiter = queue.takeUpTo(Infinity)) {
        waiter.resolve({ status: 'UNKNOWN' })
      }
    }
    this.#queues.clear()
  }

  #rolledBack(epoch: number): SafeOutcome {
    return { status: 'ROLLED_BACK', epoch, finalWatermark: [this.#history.find(epoch)?.watermark ?? 0] }
  }
}

/** Counts the transactions of this process: all, safe, rolled back, and the rest, which is open. */
export class TransactionCounter {
  readonly #history: EpochHistory
  readonly #open: Map<number, StampQueue<number>> = new Map<number, StampQueue<number>>()
  #executed = 0
  #safe = 0
  #rolledBack = 0

  constructor(history: EpochHistory) {
    this.#history = history
  }

  get executed(): number {
    return this.#executed
  }

  get safe(): number {
    return this.#safe
  }

  get rolledBack(): number {
    return this.#rolledBack
  }

  get open(): number {
    return this.#executed - this.#safe - this.#rolledBack
  }

  add(epoch: number, stamp: number): void {
    let queue = this.#open.get(epoch)
    if (!queue) {
      queue = new StampQueue<number>((each) => each)
      this.#open.set(epoch, queue)
    }
    queue.add(stamp)
    this.#executed++
  }

  settle(): void {
    for (const [epoch, queue] of this.#open) {
      const found = this.#history.find(epoch)
      if (!found) continue
      while (queue.takeUpTo(found.watermark) !== undefined) this.#safe++
      if (found.finalWatermark === undefined) continue
      this.#rolledBack += queue.size
      this.#open.delete(epoch)
    }
  }
}

/** Promises that wait for a condition of the whole shard: a watermark, a drained state, a marker. */
export class ConditionWaiters {
  readonly #waiting: Set<{ readonly check: () => boolean; readonly reject: (error: Error) => void }> = new Set()
  #closed: Error | undefined

  /** Resolves when `holds` is true; rejects on abort and on `close`. */
  wait(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(reasonOf(signal))
    if (this.#closed) return Promise.reject(this.#closed)
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#waiting.delete(waiter)
        signal?.removeEventListener('abort', aborted)
      }
      const aborted = (): void => {
        done()
        if (signal) reject(reasonOf(signal))
      }
      const waiter = {
        check: (): boolean => {
          if (!holds()) return false
          done()
          resolve()
          return true
        },
        reject: (error: Error): void => {
          done()
          reject(error)
        },
      }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', aborted)
    })
  }

  settle(): void {
    for (const waiter of this.#waiting) waiter.check()
  }

  /** Rejects all, now and later. */
  close(error: Error): void {
    this.#closed = error
    for (const waiter of this.#waiting) waiter.reject(error)
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new MakoError('BAD_STATE', 'The wait was aborted.')
}
