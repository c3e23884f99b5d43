// The ports: what an engine is given. Everything that touches time, randomness, a disk or a network comes in here,
// so that the same engine runs on a server, in a browser tab, and in the simulator.

import type { Block, BlockSpan, NodeId } from './entry.ts'

/** A timer that was set; only good for `clearTimer`. */
export type Timer = unknown

/** Time and turns. Never blocks, never throws. */
export interface Clock {
  /** Milliseconds since some fixed point; never goes back. All intervals are measured with it. */
  monotonicNow(): number
  /** Milliseconds since 1970; may jump. Used for log lines and measurements only. */
  wallNow(): number
  /** Calls `fn` once, not earlier than `delayMs` from now, never from inside this call. */
  setTimer(delayMs: number, fn: () => void): Timer
  clearTimer(timer: Timer): void
  /** Calls `fn` at the end of this turn: after whatever has already arrived, before any timer that is not yet due. */
  defer(fn: () => void): void
}

/** Randomness. Need not be cryptographic: it spreads elections and back-offs. */
export interface Random {
  /** An integer, uniform in 0 to 2^32 - 1. */
  u32(): number
}

/** One step of an ordered write. */
export type LogWrite =
  /**
   * Puts a block at its index. Blocks that it overlaps are removed first, each of them wholly; with `truncate` everything
   * behind them as well (Raft, on a real conflict). What is committed is never overlapped. Places in between may stay
   * empty (Paxos).
   */
  | { readonly type: 'block'; readonly partition: number; readonly block: Block; readonly truncate: boolean }
  /** Replaces the partition's hard state: what the protocol must remember (term and vote), opaque here. */
  | { readonly type: 'state'; readonly partition: number; readonly state: Uint8Array }

/** What a log store kept of one partition. */
export interface RecoveredPartition {
  /** The newest durable hard state, or undefined when none was ever written. */
  readonly state: Uint8Array | undefined
  /** The blocks there are, ascending by index, without overlap. */
  readonly blocks: readonly BlockSpan[]
}

export interface RecoveredLog {
  /** 1 at the first start in this store, one more at each later start; durable before `recover` resolves. */
  readonly incarnation: number
  /** One for each partition that was asked for. */
  readonly partitions: ReadonlyMap<number, RecoveredPartition>
  /** What was mended on the way, for people: a torn tail that was dropped, with segment and offset. */
  readonly warnings: readonly string[]
}

export interface LogIdentity {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly partitions: readonly number[]
}

export interface LogStoreStats {
  /** Flushes that have finished; each made everything before it durable. */
  readonly flushes: number
  /** Bytes written, with headers and checksums. */
  readonly bytes: number
  /** Sum of the time between start and end of all flushes, in milliseconds. */
  readonly flushMs: number
}

/** Where a node keeps its log. One store serves all partitions of an engine. */
export interface LogStore {
  /**
   * Binds the store to a node and tells what it kept. Called once, before anything else.
   * @throws MakoError `LOG_MISMATCH`, `CORRUPT_LOG`, `LOG_IO`
   */
  recover(identity: LogIdentity): Promise<RecoveredLog>
  /**
   * Writes all of these, in order, and resolves when all are durable. The engine has one append in flight at a time.
   * After a rejection nothing may be assumed about any of them, and the store refuses every later append: a failed
   * flush is never tried again, because the system may have dropped the pages. A store may keep the blocks that it is given,
   * because nobody changes one that was made; the bytes of a hard state are the caller's again.
   * @throws MakoError `LOG_IO`
   */
  append(writes: readonly LogWrite[]): Promise<void>
  /**
   * Reads whole blocks, ascending and without gap, the first of which holds index `from`; at least one when there is
   * one, and no more than `maxBytes` unless the first alone is larger. Empty when nothing is stored at `from`. Sees
   * every append that has resolved; may run while an append is in flight.
   * @throws MakoError `CORRUPT_LOG`, `LOG_IO`
   */
  read(partition: number, from: number, maxBytes: number): Promise<readonly Block[]>
  stats(): LogStoreStats
  /** Waits for the append in flight and gives up the store (its lock, its files). */
  close(): Promise<void>
}

export interface Member {
  readonly id: NodeId
  /** `host:port` for TCP; whatever the transport understands. */
  readonly address: string
  /**
   * True for a member that receives and applies everything that is committed, and neither votes nor leads nor counts in
   * any majority. Not every protocol has learners.
   * @default a voter
   */
  readonly learner?: true
}

export interface TransportHandlers {
  /**
   * A message has arrived. The bytes belong to the receiver from now on: the transport neither changes nor reuses them.
   */
  message(from: NodeId, partition: number, bytes: Uint8Array): void
  /** A connection to this peer is up, in either direction. */
  connected(peer: NodeId): void
  /**
   * The last connection to this peer is gone. `died` is true when the peer's side closed or reset an established
   * connection (its process has ended), false when it merely cannot be reached.
   */
  closed(peer: NodeId, died: boolean): void
}

export interface TransportIdentity {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly incarnation: number
  readonly members: readonly Member[]
}

export interface TransportStats {
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly messagesSent: number
  readonly messagesReceived: number
  /** Writes to the network: one for each peer and turn when all goes well. */
  readonly writes: number
  /** Messages that were dropped because an outbox was full or its peer away. */
  readonly dropped: number
  /** Connections that were closed for a reason, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

/**
 * Moves bytes between nodes. May lose, repeat, delay and reorder messages; never changes them and never invents one.
 * Never blocks and never throws once started.
 */
export interface Transport {
  /** @throws MakoError `ADDRESS_IN_USE`, `NETWORK`, `BAD_OPTION` */
  start(identity: TransportIdentity, handlers: TransportHandlers): Promise<void>
  /**
   * Puts a message into the outbox of a peer; false when it was dropped (outbox full, peer unknown, not started).
   * The bytes must not be changed afterwards.
   */
  send(to: NodeId, partition: number, bytes: Uint8Array): boolean
  /** End of a turn: what was sent since the last flush leaves now, in one write for each peer. */
  flush(): void
  stats(): TransportStats
  /** Closes everything; no handler is called afterwards. */
  stop(): Promise<void>
}
