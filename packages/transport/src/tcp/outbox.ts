// The outbox of one peer: what was sent to it and has not yet been given to the system.
//
// Always true: bounded by bytes and by messages; messages of one partition leave in order; partitions take turns, one
// message each, so the heartbeat of an idle partition waits for one message of each busy one and not for their queues.

import { MESSAGE_HEADER_BYTES, type OutMessage } from './frame.ts'

export interface OutboxLimits {
  readonly outboxMessages: number
  readonly outboxBytes: number
}

interface Queue {
  readonly partition: number
  messages: Uint8Array[]
  /** Those before it have left. */
  head: number
}

export class Outbox {
  readonly #limits: OutboxLimits
  readonly #queues = new Map<number, Queue>()
  /** The queues that hold something, in the order of their turns, from `#turn` on. */
  #waiting: Queue[] = []
  #messages = 0
  #bytes = 0

  constructor(limits: OutboxLimits) {
    this.#limits = limits
  }

  get messages(): number {
    return this.#messages
  }

  /** False when there is no room. */
  add(partition: number, bytes: Uint8Array): boolean {
    const more = MESSAGE_HEADER_BYTES + bytes.length
    if (this.#messages >= this.#limits.outboxMessages || this.#bytes + more > this.#limits.outboxBytes) return false
    let queue = this.#queues.get(partition)
    if (!queue) {
      queue = { partition, messages: [], head: 0 }
      this.#queues.set(partition, queue)
    }
    if (queue.messages.length === 0) this.#waiting.push(queue)
    queue.messages.push(bytes)
    this.#messages++
    this.#bytes += more
    return true
  }

  /** Takes messages of about `maxBytes`, at least one when there is one. */
  take(maxBytes: number): OutMessage[] {
    const taken: OutMessage[] = []
    let bytes = 0
    let round = this.#waiting
    while (round.length > 0) {
      const again: Queue[] = []
      for (let i = 0; i < round.length; i++) {
        const queue = round[i]!
        const message = queue.messages[queue.head]!
        const more = MESSAGE_HEADER_BYTES + message.length
        if (taken.length > 0 && bytes + more > maxBytes) {
          this.#waiting = round.slice(i).concat(again)
          this.#forget(taken.length, bytes)
          return taken
        }
        taken.push({ partition: queue.partition, bytes: message })
        bytes += more
        queue.head++
        if (queue.head < queue.messages.length) {
          if (queue.head >= 1024) {
            queue.messages = queue.messages.slice(queue.head)
            queue.head = 0
          }
          again.push(queue)
        } else {
          queue.messages = []
          queue.head = 0
        }
      }
      round = again
    }
    this.#waiting = round
    this.#forget(taken.length, bytes)
    return taken
  }

  /** Drops everything; returns how many messages that were. */
  clear(): number {
    const dropped = this.#messages
    this.#queues.clear()
    this.#waiting = []
    this.#messages = 0
    this.#bytes = 0
    return dropped
  }

  #forget(messages: number, bytes: number): void {
    this.#messages -= messages
    this.#bytes -= bytes
  }
}
