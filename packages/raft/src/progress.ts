// What a leader knows of one follower, and what is on its way there.
//
// Always true: `match` is durable there and agrees with the leader's log; `match < next`. In state `replicate` blocks
// are sent ahead of their answers, within a window of entries and bytes; in state `probe` nothing but questions is
// sent until the place is found up to which the logs agree. What is lost is noticed by an answer that does not fit, or by an
// answer that shows, after a while, that something sent before has not arrived.

import type { Block, NodeId } from '@mako/engine'
import { lastIndexOf } from '@mako/engine'

/** One append that has been sent and not been answered. */
interface Flight {
  readonly first: number
  readonly last: number
  readonly bytes: number
  readonly sentAt: number
}

export class Progress {
  readonly id: NodeId
  state: 'replicate' | 'probe' = 'replicate'
  match = 0
  /** The index that is sent next; in state `probe` the question is about the one before. */
  next: number
  /** When a message last came from there; undefined before the first in this term. */
  heardAt: number | undefined
  /** When an append, and when a heartbeat, last left for there. */
  appendedAt: number = Number.NEGATIVE_INFINITY
  heartbeatAt: number = Number.NEGATIVE_INFINITY
  /** The highest commit that was told. */
  commitSent = 0
  /** The read from the log store that is under way for this follower: one at a time. */
  read: number | undefined
  /** Not before this time another read is asked for, after one that found nothing. */
  readNotBefore: number = Number.NEGATIVE_INFINITY
  /** What that read has brought and is not yet sent. */
  fetched: readonly Block[] = []

  #flights: Flight[] = []
  #inflightEntries = 0
  #inflightBytes = 0
  #received = 0
  #receivedAt: number

  constructor(id: NodeId, next: number, now: number) {
    this.id = id
    this.next = next
    this.#receivedAt = now
  }

  get inflightEntries(): number {
    return this.#inflightEntries
  }

  get inflightBytes(): number {
    return this.#inflightBytes
  }

  /** Blocks have been sent: go on behind them without waiting (thesis 10.2.1, pipelining). */
  sent(blocks: readonly Block[], now: number): void {
    let bytes = 0
    for (const block of blocks) bytes += block.bytes.length
    const flight: Flight = { first: blocks[0]!.index, last: lastIndexOf(blocks.at(-1)!), bytes, sentAt: now }
    this.#flights.push(flight)
    this.#inflightEntries += flight.last - flight.first + 1
    this.#inflightBytes += bytes
    this.next = flight.last + 1
    this.appendedAt = now
  }

  /** Everything up to here is durable there; true when that is news. */
  acknowledge(match: number): boolean {
    if (match <= this.match) return false
    this.match = match
    while (this.#flights.length > 0 && this.#flights[0]!.last <= match) this.#forget(this.#flights.shift()!)
    // What agrees up to the place of the question, or beyond it, needs no answer any more.
    if (this.state === 'probe' && match >= this.next - 1) this.state = 'replicate'
    this.next = Math.max(this.next, match + 1)
    return true
  }

  /**
   * The follower has told what it has received of this leader in its present life and role; true when something older
   * than `patienceMs` must have been lost, or when it does not know that what it has is what the leader has: it has
   * forgotten (a restart, a pre-vote) what an answer of before has told us.
   */
  lost(received: number, now: number, patienceMs: number): boolean {
    if (received > this.#received) {
      this.#received = received
      this.#receivedAt = now
    }
    if (this.state !== 'replicate') return false
    const missing = this.#flights.find((flight) => flight.last > received)
    const since = Math.max(missing?.sentAt ?? this.appendedAt, this.#receivedAt)
    if (received >= this.next - 1 || now - since < patienceMs) return false
    this.probe(missing?.first ?? this.next)
    return true
  }

  /** True when an append that follows `previous` is still unanswered. */
  awaits(previous: number): boolean {
    return this.#flights.some((flight) => flight.first === previous + 1)
  }

  /** Nothing is known any more about what was sent: ask about the place before `next`. */
  probe(next: number): void {
    this.#reset(next)
    this.state = 'probe'
  }

  /** The logs agree up to the place before `next`. */
  replicate(next: number): void {
    this.#reset(next)
    this.state = 'replicate'
  }

  /** The follower's process has ended: nothing is on its way any more, and what it has will be asked. */
  restart(): void {
    this.match = 0
    this.#received = 0
    this.probe(this.next)
  }

  /** True when not even one more block may be sent. */
  isFull(maxEntries: number, maxBytes: number): boolean {
    return this.#inflightEntries >= maxEntries || this.#inflightBytes >= maxBytes
  }

  #reset(next: number): void {
    this.next = Math.max(next, this.match + 1)
    this.#flights = []
    this.#inflightEntries = 0
    this.#inflightBytes = 0
    this.fetched = []
  }

  #forget(flight: Flight): void {
    this.#inflightEntries -= flight.last - flight.first + 1
    this.#inflightBytes -= flight.bytes
  }
}
