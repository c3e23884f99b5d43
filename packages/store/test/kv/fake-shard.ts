// A shard without an engine: it keeps what is logged, and the test decides what is safe and what is rolled back.
//
// Always true: every stamp that was taken is logged or released before the next one is taken (`held` is then empty).

import type { Outcome, ReplicationEngine } from '@mako/engine'
import type { ExecuteGate, SafeOutcome, Shard, ShardOptions, ShardStatus, StateMachine } from '@mako/watermark'
import { createDatabase, type Database, type AnyTable } from '../../src/kv/index.ts'

export interface Logged {
  readonly stream: number
  readonly stamp: number
  readonly epoch: number
  readonly bytes: Uint8Array
}

export interface FakeShard extends Shard {
  readonly machine: StateMachine
  readonly logged: Logged[]
  readonly held: Set<number>
  clock: number
  epoch: number
  loading: boolean
  answer: ExecuteGate | undefined
  refuse: Error | undefined
  /** What `settled` was asked for. */
  readonly asked: (readonly [epoch: number, stamp: number])[]
}

export function fakeDatabase(
  tables: readonly AnyTable[],
  streams: readonly number[] = [0, 1],
): { readonly database: Database; readonly shard: FakeShard } {
  let made: FakeShard | undefined
  const database: Database = createDatabase({
    engine: {} as ReplicationEngine,
    tables,
    streams,
    shard: (options) => (made = fakeShard(options)),
  })
  return { database, shard: made! }
}

function fakeShard(options: ShardOptions): FakeShard {
  const shard: FakeShard = {
    machine: options.machine,
    streams: options.streams ?? [0],
    role: 'leading',
    epoch: 1,
    loading: false,
    watermark: [0],
    logged: [],
    held: new Set(),
    clock: 0,
    answer: undefined,
    refuse: undefined,
    asked: [],
    gate(load = false) {
      if (shard.answer !== undefined) return shard.answer
      if (shard.loading && !load) return { status: 'BUSY', reason: 'recovering', retryAfterMs: 5 }
      return { status: 'READY', epoch: shard.epoch }
    },
    take() {
      if (shard.held.size > 0) throw new Error('a stamp is still held')
      shard.held.add(++shard.clock)
      return shard.clock
    },
    log(stream, stamp, transaction) {
      if (shard.refuse !== undefined) throw shard.refuse
      if (!shard.held.delete(stamp)) throw new Error('this stamp was not taken')
      shard.logged.push({ stream, stamp, epoch: shard.epoch, bytes: transaction.slice() })
    },
    release(_, stamp) {
      if (!shard.held.delete(stamp)) throw new Error('this stamp was not taken')
    },
    safe: () => 'PENDING',
    settled(epoch, stamp) {
      shard.asked.push([epoch, stamp])
      return Promise.resolve<SafeOutcome>({ status: 'SAFE', epoch, stamp: [stamp] })
    },
    reached: () => Promise.resolve(),
    finishLoading() {
      shard.loading = false
      return Promise.resolve({
        status: 'SUCCESS',
        partition: 0,
        index: 1,
        count: 1,
        term: 1,
        outcome: Promise.resolve<Outcome>({ status: 'APPLIED', index: 1, value: undefined }),
      })
    },
    end: () => Promise.reject(new Error('not in this fake')),
    drain: () => Promise.resolve(),
    stop: () => undefined,
    status: () => ({ role: shard.role, epoch: shard.epoch }) as ShardStatus,
  }
  return shard
}
