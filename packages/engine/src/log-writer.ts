// The one ordered writer of a node: group commit over all partitions.
//
// Always true: at most one append is in flight; what is queued meanwhile leaves together in the next one. Writes
// become durable in the order in which they were queued. After a failed append nothing is ever written again: the
// system may have dropped the pages, so trying again could acknowledge what is not there (Rebello et al., "Can
// Applications Recover from fsync Failures?", ATC 2020).

import { MakoError } from './errors.ts'
import type { Clock, LogStore, LogWrite } from './ports.ts'

/** Someone who waits for his writes: told the number of the newest one that is durable. */
export interface WriteOwner {
  durable(write: number): void
}

interface Queued {
  readonly owner: WriteOwner
  /** The owner's number of this write. */
  readonly number: number
}

/** Bytes that a write is counted with; the frame around it is the store's affair. */
function bytesOf(write: LogWrite): number {
  return write.type === 'block' ? write.block.bytes.length : write.state.length
}

export class LogWriter {
  readonly #log: LogStore
  readonly #clock: Clock
  readonly #onFailure: (error: MakoError) => void
  #writes: LogWrite[] = []
  #queued: Queued[] = []
  #queuedBytes = 0
  #inFlightBytes = 0
  /** When the append in flight began; undefined when there is none. */
  #began: number | undefined
  #state: 'open' | 'failed' | 'closed' = 'open'
  #idle: (() => void)[] = []

  constructor(log: LogStore, clock: Clock, onFailure: (error: MakoError) => void) {
    this.#log = log
    this.#clock = clock
    this.#onFailure = onFailure
  }

  /** Bytes that are not yet durable. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#inFlightBytes
  }

  /** Milliseconds since the append in flight began; 0 when there is none. */
  stalledMs(now: number): number {
    return this.#began === undefined ? 0 : now - this.#began
  }

  /** Queues a write; it leaves with `flush`, or when the append in flight has finished. */
  write(owner: WriteOwner, number: number, write: LogWrite): void {
    if (this.#state !== 'open') return
    this.#writes.push(write)
    this.#queued.push({ owner, number })
    this.#queuedBytes += bytesOf(write)
  }

  /** End of a turn: starts the next append unless one is in flight. */
  flush(): void {
    if (this.#began !== undefined || this.#writes.length === 0 || this.#state === 'failed') return
    const writes = this.#writes
    const queued = this.#queued
    this.#writes = []
    this.#queued = []
    this.#inFlightBytes = this.#queuedBytes
    this.#queuedBytes = 0
    this.#began = this.#clock.monotonicNow()
    // In a function of its own so that a store that throws instead of rejecting is a failed store like any other.
    const append = async (): Promise<void> => await this.#log.append(writes)
    append().then(
      () => {
        this.#finished()
        // The newest number of each owner covers its earlier ones.
        const newest = new Map<WriteOwner, number>()
        for (const { owner, number } of queued) newest.set(owner, number)
        this.flush()
        for (const [owner, number] of newest) owner.durable(number)
        this.#settleIdle()
      },
      (error: unknown) => {
        this.#state = 'failed'
        this.#finished()
        this.#writes = []
        this.#queued = []
        this.#queuedBytes = 0
        this.#onFailure(
          error instanceof MakoError ? error : new MakoError('LOG_IO', 'The log cannot be written.', { cause: error }),
        )
        this.#settleIdle()
      },
    )
  }

  /** Takes no further writes and resolves when what was queued is written, or has failed. */
  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed'
    this.flush()
    if (this.#began !== undefined) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #finished(): void {
    this.#began = undefined
    this.#inFlightBytes = 0
  }

  #settleIdle(): void {
    if (this.#began !== undefined) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}
