// What the transport counts, and what it says to people.
//
// Always true: every connection that is closed for a reason is counted; log lines are bounded by time, so that whoever
// sends garbage in a loop fills a counter and not a disk.

import type { Clock, TransportStats } from '@mako/engine'

/** For each reason at most one line in this time. */
const LOG_PAUSE_MS = 1_000

export class Counters implements TransportStats {
  bytesSent = 0
  bytesReceived = 0
  messagesSent = 0
  messagesReceived = 0
  writes = 0
  dropped = 0
  readonly refused: Record<string, number> = {}
  readonly #clock: Clock
  readonly #log: ((message: string) => void) | undefined
  readonly #silentUntil = new Map<string, number>()

  constructor(clock: Clock, log: ((message: string) => void) | undefined) {
    this.#clock = clock
    this.#log = log
  }

  /** Counts a connection that was closed for a reason, and says so. */
  refuse(reason: string, who: string, detail: string): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1
    const now = this.#clock.monotonicNow()
    if (now < (this.#silentUntil.get(reason) ?? -Infinity)) return
    this.#silentUntil.set(reason, now + LOG_PAUSE_MS)
    this.say(`connection with ${who} closed: ${reason}${detail === '' ? '' : ` (${detail})`}`)
  }

  say(message: string): void {
    this.#log?.(message)
  }

  snapshot(): TransportStats {
    const { bytesSent, bytesReceived, messagesSent, messagesReceived, writes, dropped, refused } = this
    return { bytesSent, bytesReceived, messagesSent, messagesReceived, writes, dropped, refused: { ...refused } }
  }
}
