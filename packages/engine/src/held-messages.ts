// Messages that promise a write and wait for it to be durable (law 3).
//
// Always true: it is bounded. A message that does not fit is dropped, as a network might drop it; every protocol here
// repeats what is not answered.

import type { NodeId } from './entry.ts'

/** Replies that may wait for the disk of one partition. */
const MOST = 16_384

interface HeldMessage {
  readonly to: NodeId
  readonly bytes: Uint8Array
  readonly after: number
}

export class HeldMessages {
  #held: HeldMessage[] = []

  hold(to: NodeId, bytes: Uint8Array, after: number): void {
    if (this.#held.length < MOST) this.#held.push({ to, bytes, after })
  }

  /** Hands over, in order, those whose write is among the first `durable` ones. */
  release(durable: number, send: (to: NodeId, bytes: Uint8Array) => void): void {
    if (this.#held.length === 0) return
    const waiting: HeldMessage[] = []
    for (const held of this.#held) {
      if (held.after <= durable) send(held.to, held.bytes)
      else waiting.push(held)
    }
    this.#held = waiting
  }

  clear(): void {
    this.#held = []
  }
}
