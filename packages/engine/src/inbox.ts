// What has arrived from the network and waits for the next turn.
//
// Always true: it is bounded in messages and in bytes. What does not fit is dropped and counted, as a network might
// drop it: every protocol here repeats what is not answered.

import type { NodeId } from './entry.ts'
import type { EngineLimits } from './limits.ts'

export type InboxItem =
  | { readonly type: 'message'; readonly from: NodeId; readonly partition: number; readonly bytes: Uint8Array }
  | { readonly type: 'died'; readonly peer: NodeId }

export class Inbox {
  readonly #limits: Pick<EngineLimits, 'inboxMessages' | 'inboxBytes'>
  #items: InboxItem[] = []
  #bytes = 0
  /** Messages that did not fit. */
  dropped = 0
  /** Messages that made no sense. */
  refused = 0

  constructor(limits: Pick<EngineLimits, 'inboxMessages' | 'inboxBytes'>) {
    this.#limits = limits
  }

  message(from: NodeId, partition: number, bytes: Uint8Array): void {
    if (this.#items.length >= this.#limits.inboxMessages || this.#bytes + bytes.length > this.#limits.inboxBytes) {
      this.dropped++
      return
    }
    this.#bytes += bytes.length
    this.#items.push({ type: 'message', from, partition, bytes })
  }

  /** News of a peer's death: there is at most one item for each peer in a row, so it needs no bound. */
  died(peer: NodeId): void {
    const last = this.#items.at(-1)
    if (last?.type === 'died' && last.peer === peer) return
    this.#items.push({ type: 'died', peer })
  }

  /** Everything that has arrived, in order; the inbox is empty afterwards. */
  take(): readonly InboxItem[] {
    const items = this.#items
    this.#items = []
    this.#bytes = 0
    return items
  }
}
