// Virtual time: one queue of events for a whole cluster.
//
// Always true: events run one at a time, in the order of their times and, at one time, in the order in which they were
// scheduled; time moves only between events. Promises that an event has settled run their continuations before the
// next event, in the order that the language prescribes, so equal inputs give equal histories.

/** An event that was scheduled; only good for `cancel`. */
export interface ScheduledEvent {
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

/**
 * Microtask hops after each event. One event reaches code that awaits it in 1 to 3 hops (an `async` function that
 * returns a promise needs 3); a longer chain continues between later events, just as deterministically.
 */
const HOPS = 4

/** Events at one instant beyond which time is taken to stand still: something wakes itself for ever. */
const MOST_AT_ONE_TIME = 1_000_000

const settled: Promise<void> = Promise.resolve()

export class VirtualTime {
  #nowMs = 0
  #order = 0
  #events = 0
  readonly #heap: ScheduledEvent[] = []
  /** Events of this very instant, in order: half of all events are of this kind, and need no heap. */
  readonly #now: ScheduledEvent[] = []
  #nextNow = 0

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have run. */
  get events(): number {
    return this.#events
  }

  /** Runs `run` once, `delayMs` from now; never from inside this call. */
  schedule(delayMs: number, run: () => void): ScheduledEvent {
    const event: ScheduledEvent = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run }
    if (delayMs > 0) this.#push(event)
    else this.#now.push(event)
    return event
  }

  cancel(event: ScheduledEvent): void {
    event.run = undefined
  }

  /**
   * Runs events until the condition holds or this much time has passed; tells whether it holds. The condition is asked
   * after each event.
   * @throws RangeError when time stands still: events that make events of the same time, for ever
   */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs
    let atOneTime = 0
    await settleAll()
    while (!condition()) {
      const event = this.#next(endMs)
      if (event === undefined) {
        this.#nowMs = endMs
        return condition()
      }
      const { run } = event
      if (run === undefined) continue
      atOneTime = event.atMs > this.#nowMs ? 0 : atOneTime + 1
      if (atOneTime > MOST_AT_ONE_TIME) throw new RangeError(`Time stands still at ${this.#nowMs} ms.`)
      this.#nowMs = event.atMs
      this.#events++
      event.run = undefined
      run()
      for (let hop = 0; hop < HOPS; hop++) await settled
    }
    return true
  }

  /** Runs everything that happens in this much time. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(() => false, durationMs)
  }

  /** Takes the next event that is due by then. */
  #next(endMs: number): ScheduledEvent | undefined {
    const now = this.#now[this.#nextNow]
    const later = this.#heap[0]
    if (now !== undefined && (later === undefined || before(now, later))) {
      this.#nextNow++
      if (this.#nextNow === this.#now.length) {
        this.#now.length = 0
        this.#nextNow = 0
      }
      return now
    }
    if (later === undefined || later.atMs > endMs) return undefined
    this.#pop()
    return later
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]!
      if (!before(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    const length = heap.length
    if (length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Lets longer chains of promises run: what was started outside of an event (a start, a stop). */
async function settleAll(): Promise<void> {
  for (let hop = 0; hop < 16; hop++) await settled
}
