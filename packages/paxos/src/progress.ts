// What a leader knows of one follower, and what is on its way there.
//
// Always true: up to `match` everything is chosen or accepted in this ballot, and durable there; what is beyond and held
// nevertheless is in `ahead`. Blocks are sent before their predecessors are answered, within a window of entries and
// bytes. What a follower turns out to lack is sent again from `next`, which may be below `match`: a follower that has
// restarted no longer knows that what it has is chosen, and must be told.

import { type Block, type BlockSpan, lastIndexOf } from '@mako/engine'

/** One accept that has been sent and not been answered. */
interface Flight {
  readonly first: number
  readonly last: number
  readonly bytes: number
  readonly sentAt: number
}

export interface Span {
  readonly first: number
  readonly last: number
}

export class Progress {
  readonly id: string
  match = 0
  /** The index that is sent next. */
  next: number
  /** When a message last came from there; undefined before the first in this ballot. */
  heardAt: number | undefined
  /** When an accept, and when a heartbeat, last left for there. */
  acceptedAt: number = Number.NEGATIVE_INFINITY
  heartbeatAt: number = Number.NEGATIVE_INFINITY
  /** The highest commit that was told. */
  commitSent = 0
  /** The read from the log store that is under way for this follower: one at a time. */
  read: number | undefined
  /** Not before this time another read is asked for, after one that found nothing. */
  readNotBefore: number = Number.NEGATIVE_INFINITY
  /** What that read has brought and is not yet sent. */
  fetched: readonly Block[] = []

  /** Durable beyond `match`, behind a hole. */
  #ahead: Span[] = []
  #flights: Flight[] = []
  #inflightEntries = 0
  #inflightBytes = 0
  #received = 0
  #receivedAt: number
  /** The lowest index that was sent since this follower was last found to lack something. */
  #sentFrom: number

  constructor(id: string, next: number, now: number) {
    this.id = id
    this.next = next
    this.#sentFrom = next
    this.#receivedAt = now
  }

  get inflightEntries(): number {
    return this.#inflightEntries
  }

  get inflightBytes(): number {
    return this.#inflightBytes
  }

  /** True when this block of our ballot is durable there. */
  has(block: BlockSpan): boolean {
    const last = lastIndexOf(block)
    return last <= this.match || this.#ahead.some((span) => span.first <= block.index && last <= span.last)
  }

  /** Blocks have been sent: go on behind them without waiting. */
  sent(blocks: readonly Block[], now: number): void {
    let bytes = 0
    for (const block of blocks) bytes += block.bytes.length
    const flight: Flight = { first: blocks[0]!.index, last: lastIndexOf(blocks.at(-1)!), bytes, sentAt: now }
    this.#flights.push(flight)
    this.#inflightEntries += flight.last - flight.first + 1
    this.#inflightBytes += bytes
    this.next = flight.last + 1
    this.fetched = []
    this.acceptedAt = now
  }

  /** What is durable there; true when that is news. */
  acknowledge(match: number, span: Span | undefined): boolean {
    let isNews = match > this.match
    if (isNews) {
      this.match = match
      this.#ahead = this.#ahead.filter(({ last }) => last > match)
      this.next = Math.max(this.next, match + 1)
    }
    if (span !== undefined && span.last > this.match && !this.#ahead.some(({ last }) => last === span.last)) {
      this.#ahead.push(span)
      isNews = true
    }
    // What was sent again may be below what was known before the follower restarted: the answer itself counts here.
    while (this.#flights.length > 0 && this.#flights[0]!.last <= match) this.#forget(this.#flights.shift()!)
    if (span !== undefined && span.last > match) {
      const at = this.#flights.findIndex(({ first, last }) => span.first <= first && last <= span.last)
      if (at >= 0) this.#forget(this.#flights.splice(at, 1)[0]!)
    }
    return isNews
  }

  /**
   * The follower has told up to where it has everything. When something is missing there that is not on its way, or
   * should have arrived long ago, all from there on is sent again: true.
   */
  lacks(received: number, now: number, patienceMs: number): boolean {
    const isSame = received === this.#received
    if (!isSame) {
      this.#received = received
      this.#receivedAt = now
    }
    if (received + 1 >= this.next) return false
    if (received + 1 < this.#sentFrom) {
      this.resend(received + 1)
      return true
    }
    const missing = this.#flights.find((flight) => flight.last > received)
    const since = Math.max(this.#receivedAt, missing?.sentAt ?? Number.NEGATIVE_INFINITY)
    if (!isSame || now - since < patienceMs) return false
    this.resend(received + 1)
    return true
  }

  /** Sends everything from here on again, save what is known to be there. */
  resend(from: number): void {
    this.next = from
    this.#sentFrom = from
    this.#flights = []
    this.#inflightEntries = 0
    this.#inflightBytes = 0
    this.fetched = []
  }

  /** The follower's process has ended: nothing is on its way any more, and what it lacks it will say. */
  restarted(): void {
    const { next } = this
    this.resend(next)
    this.#received = 0
  }

  /** True when not even one more block may be sent. */
  isFull(maxEntries: number, maxBytes: number): boolean {
    return this.#inflightEntries >= maxEntries || this.#inflightBytes >= maxBytes
  }

  #forget(flight: Flight): void {
    this.#inflightEntries -= flight.last - flight.first + 1
    this.#inflightBytes -= flight.bytes
  }
}
