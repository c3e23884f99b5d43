// The database: tables, the shard that replicates what is written to them, and the transactions between the two.
//
// Always true: rows change in two ways only, by a transaction that runs here while this node leads, or by replay of one
// that is safe. Both go the same way into the tables, in ascending order of stamps; so every replica passes through
// the same states.

import { type AddLogResult, MakoError } from '@mako/engine'
import { createShard, type SafeOutcome, type Shard, type Stamp, type StateMachine } from '@mako/watermark'
import { ByteReader, ByteWriter } from './bytes.ts'
import { replayTransaction, writeTransaction } from './codec.ts'
import type {
  Database,
  DatabaseOptions,
  DatabaseStatus,
  Speculative,
  TransactOptions,
  Transaction,
  TransactResult,
} from './contract.ts'
import { Digester } from './digest.ts'
import { StoreError } from './errors.ts'
import type { AnyTable } from './schema.ts'
import { TableSet, UnsettledWrites } from './table.ts'
import { Aborted, RunningTransaction, Snapshot } from './transaction.ts'

/**
 * Makes a database over an engine that has not been started yet.
 * @throws StoreError `BAD_SCHEMA` when two tables share an id or a name; MakoError `BAD_OPTION`, `BAD_STATE`
 */
export function createDatabase(options: DatabaseOptions): Database {
  return new ReplicatedDatabase(options)
}

class ReplicatedDatabase implements Database {
  readonly #tables: TableSet
  readonly #writes = new UnsettledWrites()
  readonly #shard: Shard
  readonly #writer = new ByteWriter()
  readonly #reader = new ByteReader()
  /** The stamp up to which everything is safe and in the tables. */
  #settled = 0
  /** A function of the user is running. */
  #running = false
  #turn = 0

  constructor(options: DatabaseOptions) {
    const { engine, tables, streams, batch, limits, shard = createShard } = options
    this.#tables = new TableSet(tables)
    this.#shard = shard({
      engine,
      machine: this.#machine(),
      ...(streams === undefined ? {} : { streams }),
      ...(batch === undefined ? {} : { batch }),
      ...(limits === undefined ? {} : { limits }),
    })
  }

  transact<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T> {
    return this.#execute(fn, options, false)
  }

  load<T>(fn: (t: Transaction) => T, options?: TransactOptions): TransactResult<T> {
    return this.#execute(fn, options, true)
  }

  read<T>(fn: (t: Pick<Transaction, 'get' | 'scan'>) => T): { readonly value: T; readonly watermark: Stamp } {
    const snapshot = new Snapshot(this.#tables, this.#settled)
    const outer = this.#running
    this.#running = true
    try {
      return { value: synchronous(fn(snapshot)), watermark: [this.#settled] }
    } finally {
      this.#running = outer
      snapshot.end()
    }
  }

  async finishLoading(): Promise<TransactResult<undefined>> {
    const result: AddLogResult = await this.#shard.finishLoading()
    if (result.status !== 'SUCCESS') return result
    return new SafeResult(this.#shard.epoch, this.#settled, undefined)
  }

  drain(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#shard.drain(options)
  }

  digest(): string {
    return new Digester().ofTables(this.#tables.byId.values())
  }

  digestOf(table: AnyTable): string {
    return new Digester().ofTables([this.#tables.of(table)])
  }

  stop(): void {
    this.#shard.stop()
  }

  status(): DatabaseStatus {
    const tables = [...this.#tables.byId.values()].map((stored) => ({
      name: stored.table.name,
      rows: stored.rowCount,
      versions: stored.unsettled,
    }))
    return { shard: this.#shard.status(), tables }
  }

  #execute<T>(fn: (t: Transaction) => T, options: TransactOptions | undefined, load: boolean): TransactResult<T> {
    if (this.#running) {
      throw new StoreError('NESTED_TRANSACTION', 'A transaction cannot be started while another function runs.')
    }
    const stream = this.#streamOf(options)
    const gate = this.#shard.gate(load)
    if (gate.status !== 'READY') return gate
    const from = this.#writes.count
    const transaction = new RunningTransaction(this.#tables, this.#writes, this.#shard, stream, gate.epoch)
    let value: T
    this.#running = true
    try {
      value = synchronous(fn(transaction))
      if (transaction.abortReason === undefined && this.#log(transaction, stream, from)) {
        return new PendingResult(this.#shard, gate.epoch, transaction.stamp, value)
      }
    } catch (error) {
      this.#undo(transaction, stream, from)
      if (transaction.abortReason === undefined || !(error instanceof Aborted)) throw error
      return { status: 'ABORTED', reason: transaction.abortReason }
    } finally {
      this.#running = false
      transaction.end()
    }
    this.#undo(transaction, stream, from)
    // Only when the function itself has caught what `abort` throws.
    if (transaction.abortReason !== undefined) return { status: 'ABORTED', reason: transaction.abortReason }
    const { observed } = transaction
    return observed === 0
      ? new SafeResult(gate.epoch, this.#settled, value)
      : new PendingResult(this.#shard, gate.epoch, observed, value)
  }

  /** Hands the writes to the shard; false when there is nothing to log. */
  #log(transaction: RunningTransaction, stream: number, from: number): boolean {
    if (transaction.stamp === 0 || !writeTransaction(this.#writer, this.#writes, from)) return false
    this.#shard.log(stream, transaction.stamp, this.#writer.record())
    return true
  }

  #undo(transaction: RunningTransaction, stream: number, from: number): void {
    this.#writes.undo(from)
    if (transaction.stamp !== 0) this.#shard.release(stream, transaction.stamp)
  }

  #streamOf(options: TransactOptions | undefined): number {
    const { streams } = this.#shard
    if (options?.stream !== undefined) {
      if (streams.includes(options.stream)) return options.stream
      throw new MakoError('BAD_OPTION', `${options.stream} is not one of the streams ${streams.join(', ')}.`)
    }
    this.#turn = (this.#turn + 1) % streams.length
    return streams[this.#turn]!
  }

  /** What the shard does to the tables. */
  #machine(): StateMachine {
    const writes = this.#writes
    return {
      replay: (transaction, stamp, epoch) => {
        const newest = Math.max(this.#settled, writes.newestStamp)
        if (stamp <= newest) {
          throw new MakoError('LAW_BROKEN', `A transaction of stamp ${stamp} is replayed after one of ${newest}.`)
        }
        const from = writes.count
        try {
          this.#reader.open(transaction)
          replayTransaction(this.#reader, this.#tables.byId, writes, stamp, epoch)
        } catch (error) {
          writes.undo(from)
          throw error
        }
      },
      rollBack: (epoch, finalWatermark) => writes.rollBack(epoch, finalWatermark),
      settle: (watermark) => {
        this.#settled = Math.max(this.#settled, watermark)
        writes.settle(this.#settled)
      },
    }
  }
}

/** A result whose fate the shard will know. */
class PendingResult<T> implements Speculative<T> {
  readonly status = 'SUCCESS'
  readonly speculative = true
  readonly epoch: number
  readonly stamp: Stamp
  readonly value: T
  readonly #shard: Shard
  #safe: Promise<SafeOutcome> | undefined = undefined

  constructor(shard: Shard, epoch: number, stamp: number, value: T) {
    this.#shard = shard
    this.epoch = epoch
    this.stamp = [stamp]
    this.value = value
  }

  get safe(): Promise<SafeOutcome> {
    this.#safe ??= this.#shard.settled(this.epoch, this.stamp[0]!)
    return this.#safe
  }
}

/** A result of which everything is safe already. */
class SafeResult<T> implements Speculative<T> {
  readonly status = 'SUCCESS'
  readonly speculative = true
  readonly epoch: number
  readonly stamp: Stamp
  readonly value: T

  constructor(epoch: number, stamp: number, value: T) {
    this.epoch = epoch
    this.stamp = [stamp]
    this.value = value
  }

  get safe(): Promise<SafeOutcome> {
    return Promise.resolve({ status: 'SAFE', epoch: this.epoch, stamp: this.stamp })
  }
}

/** The value of a user's function, which must not be a promise: what it does later would be outside of its transaction. */
function synchronous<T>(value: T): T {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function') {
    return value
  }
  // It will fail when it goes on, with TRANSACTION_ENDED; what is wrong is said here and once.
  void Promise.resolve(value).catch(() => undefined)
  throw new StoreError('ASYNC_TRANSACTION', 'A transaction is a synchronous function; this one returned a promise.')
}
