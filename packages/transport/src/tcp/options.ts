// What can be tuned about the TCP transport, and what holds when nothing is said.

import { MakoError } from '@mako/engine'
import type { Clock, Random } from '@mako/engine'

export interface TcpTransportOptions {
  /** Where to listen, `host:port`. @default the address of this node among the members */
  readonly listen?: string
  /**
   * Bytes of the longest frame, sent or received. Larger ones are refused before memory is set aside for them.
   * @default 16 MiB: twice the largest block of the engine's default limits
   */
  readonly maxFrameBytes?: number
  /** Bytes that may wait for one peer; then `send` returns false. @default 64 MiB */
  readonly outboxBytes?: number
  /** Messages that may wait for one peer. @default 65,536 */
  readonly outboxMessages?: number
  /** Milliseconds before a lost or refused connection is tried again, doubled each time. @default 50 */
  readonly minBackoffMs?: number
  /** Milliseconds beyond which they are not doubled. @default 2,000 */
  readonly maxBackoffMs?: number
  /** Milliseconds in which the connection must be made and both sides have said hello. @default 5,000 */
  readonly helloTimeoutMs?: number
  /**
   * Milliseconds after which an idle link is pinged. One on which nothing arrives for five times as long is closed: the
   * system alone would notice a host that has vanished only after many minutes. @default 1,000
   */
  readonly pingMs?: number
  /** Inbound connections that have not yet said hello; further ones are closed at once. @default 64 */
  readonly maxPendingConnections?: number
  /** Is told, in words for people, why connections are refused and which peer cannot be reached. @default nothing */
  readonly log?: (message: string) => void
  /** @default the system's */
  readonly clock?: Clock
  /** Spreads the back-offs. @default the system's */
  readonly random?: Random
}

export interface TcpLimits {
  readonly maxFrameBytes: number
  readonly outboxBytes: number
  readonly outboxMessages: number
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
  readonly helloTimeoutMs: number
  readonly pingMs: number
  readonly maxPendingConnections: number
}

const DEFAULTS: TcpLimits = {
  maxFrameBytes: 16 * 1024 * 1024,
  outboxBytes: 64 * 1024 * 1024,
  outboxMessages: 65_536,
  minBackoffMs: 50,
  maxBackoffMs: 2_000,
  helloTimeoutMs: 5_000,
  pingMs: 1_000,
  maxPendingConnections: 64,
}

/** @throws MakoError `BAD_OPTION` */
export function limitsOf(options: TcpTransportOptions): TcpLimits {
  const limits: { -readonly [Name in keyof TcpLimits]: number } = { ...DEFAULTS }
  for (const name of Object.keys(DEFAULTS) as (keyof TcpLimits)[]) {
    const value = options[name]
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value < 1 || value > 0xffff_ffff) {
      throw new MakoError('BAD_OPTION', `${name} is ${value}, it must be a whole number from 1 to 2^32 - 1.`)
    }
    limits[name] = value
  }
  if (limits.maxBackoffMs < limits.minBackoffMs) {
    throw new MakoError('BAD_OPTION', 'maxBackoffMs is smaller than minBackoffMs.')
  }
  if (limits.maxFrameBytes < 4096) throw new MakoError('BAD_OPTION', 'maxFrameBytes is smaller than 4096.')
  return limits
}
