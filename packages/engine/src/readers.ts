// Those who wait until they may read what is here: everything that was committed anywhere before they asked is applied.
//
// Always true: all who ask in one turn share one request to the core, and who asks later never shares an earlier one; each
// is answered once, with an index that is applied by then or with the reason why there is none. How many may wait is bounded.

import type { ReadBarrierResult, WaitOptions } from './contract.ts'

/** Answers one reader; it knows whether it has been answered already. */
type Reader = (result: ReadBarrierResult) => void

interface Ready {
  readonly index: number
  readonly readers: readonly Reader[]
}

export class Readers {
  readonly #limit: number
  #waiting = 0
  #lastRequest = 0
  /** The request that those who ask in this turn share. */
  #open: Reader[] | undefined
  /** By request: who waits for its answer. */
  readonly #asked = new Map<number, readonly Reader[]>()
  /** Answered, and not yet applied so far. */
  #ready: Ready[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#waiting >= this.#limit
  }

  /** Waits with those who ask in this turn. `ask` is called with a new request when this is the first of them. */
  wait({ signal }: WaitOptions, ask: (request: number) => void): Promise<ReadBarrierResult> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error)
        return
      }
      this.#waiting++
      let isOpen = true
      const end = (): boolean => {
        if (!isOpen) return false
        isOpen = false
        this.#waiting--
        signal?.removeEventListener('abort', abort)
        return true
      }
      const abort = (): void => {
        if (end()) reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', abort)
      const reader = (result: ReadBarrierResult): void => {
        if (end()) resolve(result)
      }
      if (this.#open !== undefined) {
        this.#open.push(reader)
        return
      }
      this.#open = [reader]
      this.#asked.set(++this.#lastRequest, this.#open)
      ask(this.#lastRequest)
    })
  }

  /** The turn is over: what was asked in it is on its way, and others must ask anew. */
  close(): void {
    this.#open = undefined
  }

  /** The core has answered. */
  answered(request: number, index: number | undefined, refusal: () => ReadBarrierResult): void {
    const readers = this.#asked.get(request)
    if (readers === undefined) return
    this.#asked.delete(request)
    if (index !== undefined) this.#ready.push({ index, readers })
    else for (const reader of readers) reader(refusal())
  }

  /** Everything up to here is applied. */
  applied(index: number): void {
    if (this.#ready.length === 0) return
    const due = this.#ready.filter((each) => each.index <= index)
    if (due.length === 0) return
    this.#ready = this.#ready.filter((each) => each.index > index)
    for (const { readers } of due) for (const reader of readers) reader({ status: 'READY', index })
  }

  /** None of those who wait will ever be ready. */
  refuse(result: ReadBarrierResult): void {
    const readers = [...this.#asked.values(), ...this.#ready.map((each) => each.readers)].flat()
    this.#open = undefined
    this.#asked.clear()
    this.#ready = []
    for (const reader of readers) reader(result)
  }
}
