// How a simulated network behaves, and what it counts.

import type { NodeId } from '@mako/engine'

export interface NetworkOptions {
  /** One-way delay in milliseconds: most messages near the first, some up to the second. */
  readonly delayMs: readonly [number, number]
  /** Probability that one message is lost, arrives twice, or is overtaken by later ones. */
  readonly loss: number
  readonly duplicate: number
  readonly reorder: number
  /** Bytes that may wait for one peer in one turn; what is beyond is dropped. */
  readonly outboxBytes: number
  /** Probability that a message's bytes are damaged: the checksum refuses it, and the connection is reset. @default 0 */
  readonly corrupt?: number
  /** Probability that a delay is drawn from a heavy tail instead, and its longest. @default 0 */
  readonly tail?: number
  readonly tailMs?: number
  /** What one direction of a link carries in a millisecond. @default everything */
  readonly bytesPerMs?: number
  /** Messages of each link that are remembered, to arrive again much later (`replay`). @default 0 */
  readonly remembered?: number
}

export const CALM_NETWORK: NetworkOptions = {
  delayMs: [0.05, 0.5],
  loss: 0,
  duplicate: 0,
  reorder: 0,
  outboxBytes: 64 * 1024 * 1024,
}

export interface NetworkCounters {
  sent: number
  delivered: number
  lost: number
  duplicated: number
  reordered: number
  /** Lost because the link was cut, when sent or on the way. */
  cut: number
  /** Arrived where no process was running. */
  unheard: number
  clogged: number
  /** Refused because of its checksum. */
  corrupted: number
  /** Connections that were reset, and messages that were on them. */
  resets: number
  reset: number
  /** Waited for the bandwidth of a link. */
  queued: number
  /** Delays from the heavy tail. */
  tails: number
  /** Old messages that arrived again, much later. */
  stale: number
  /** Bytes that are no message, handed over as if they were one. */
  garbage: number
}

export function newCounters(): NetworkCounters {
  return {
    sent: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    cut: 0,
    unheard: 0,
    clogged: 0,
    corrupted: 0,
    resets: 0,
    reset: 0,
    queued: 0,
    tails: 0,
    stale: 0,
    garbage: 0,
  }
}

export interface NetworkHooks {
  /** Just before a message leaves its sender. */
  readonly onSend?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
  /** Just before a message is handed over. */
  readonly onDeliver?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
}
