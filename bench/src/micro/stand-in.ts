// A database without replication: the shard is a stand-in that only keeps what is logged. What remains is what the
// store itself costs.

import type { ReplicationEngine } from '@mako/engine'
import { type AnyTable, createDatabase, type Database } from '@mako/store/kv'
import type { Shard, ShardOptions, StateMachine } from '@mako/watermark'
import { figure, type Sample } from '../cell.ts'
import { Stopwatch } from '../stopwatch.ts'
import { rateOf, WARM_UP } from './case.ts'

export interface StandIn {
  readonly database: Database
  readonly machine: StateMachine
  /** Write sets in the order of their stamps, of which the first is 1. */
  readonly log: Uint8Array[]
  /** The stamp of the newest transaction. */
  readonly newestStamp: number
}

export function standIn(tables: readonly AnyTable[]): StandIn {
  const shard = new RecordingShard()
  const database = createDatabase({
    engine: {} as ReplicationEngine,
    tables,
    shard: (options: ShardOptions) => {
      shard.machine = options.machine
      return shard as unknown as Shard
    },
  })
  return {
    database,
    machine: shard.machine!,
    log: shard.logged,
    get newestStamp() {
      return shard.clock
    },
  }
}

const CHUNK_BYTES = 2 ** 20

/** As much of a shard as a database needs to execute. */
class RecordingShard {
  readonly streams: readonly number[] = [0]
  readonly logged: Uint8Array[] = []
  machine: StateMachine | undefined
  clock = 0
  /** Where copies of write sets go, many to a chunk, as in the batches of a real shard. */
  #chunk = new Uint8Array(CHUNK_BYTES)
  #filled = 0

  gate(): { readonly status: 'READY'; readonly epoch: number } {
    return { status: 'READY', epoch: 1 }
  }

  take(): number {
    return ++this.clock
  }

  log(_stream: number, _stamp: number, bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#chunk.length) {
      this.#chunk = new Uint8Array(Math.max(CHUNK_BYTES, bytes.length))
      this.#filled = 0
    }
    this.#chunk.set(bytes, this.#filled)
    this.#filled += bytes.length
    this.logged.push(this.#chunk.subarray(this.#filled - bytes.length, this.#filled))
  }

  release(): void {
    this.clock--
  }

  status(): object {
    return {}
  }
}

/** How many transactions are executed in one go. */
const CHUNK = 256
/** Transactions that are executed before the earlier ones are safe. */
const LAG = 2048

export interface Workload {
  readonly tables: readonly AnyTable[]
  load(database: Database): void
  /** Makes the next transaction; not measured. Each must write. */
  next(): (database: Database) => void
}

/**
 * Executes transactions on one database and replays them on another, chunk by chunk, and measures one of the two; also
 * gives the mean length of a write set.
 */
export function executeAndReplay(workload: Workload, measured: 'execute' | 'replay', seconds: number): Sample {
  const leader = standIn(workload.tables)
  const follower = standIn(workload.tables)
  const watches = { execute: new Stopwatch(), replay: new Stopwatch() }
  let stamp = 0
  let bytes = 0
  const replay = (): void => {
    for (const writes of leader.log) {
      bytes += writes.length
      follower.machine.replay(writes, ++stamp, 1)
    }
    leader.log.length = 0
    follower.machine.settle(stamp)
    leader.machine.settle(Math.max(0, stamp - LAG))
  }
  workload.load(leader.database)
  replay()
  const chunk = (): void => {
    const transactions = Array.from({ length: CHUNK }, () => workload.next())
    watches.execute.start()
    for (const transaction of transactions) transaction(leader.database)
    watches.execute.stop()
    watches.replay.start()
    replay()
    watches.replay.stop()
  }
  const run = (limitMs: number): number => {
    watches.execute = new Stopwatch()
    watches.replay = new Stopwatch()
    const first = stamp
    bytes = 0
    do chunk()
    while (watches[measured].wallMs < limitMs)
    return stamp - first
  }
  run(seconds * WARM_UP * 1000)
  const operations = run(seconds * 1000)
  const { wallMs, cpuUs } = watches[measured]
  return rateOf({ operations, wallMs, cpuUs }, [figure('logBytes', bytes / operations)])
}
