// The workload on the real tables: what one database executes and logs, another one replays. The shard between them is
// the shortest there is, since replication has tests of its own.

import type { ReplicationEngine } from '@mako/engine'
import { createDatabase, type Database } from '@mako/store/kv'
import type { Shard, StateMachine } from '@mako/watermark'
import { describe, expect, it } from 'vitest'
import {
  alreadyExecuted,
  checkConsistency,
  createTerminal,
  execute,
  hasReceipt,
  isReadOnly,
  loadSteps,
  streamOf,
  tables,
  unusedItem,
} from '../../src/workload/index.ts'

const options = { scale: 0.01, warehouses: 2, seed: 41 }
const streams = 4
const consistent = {
  condition1: { ok: true },
  condition2: { ok: true },
  condition3: { ok: true },
  condition4: { ok: true },
}

/** A leader whose transactions are safe when `settle` is called, and the log of what it has written. */
function localDatabase(): { database: Database; machine: StateMachine; log: Map<number, Uint8Array>; settle(): void } {
  let machine: StateMachine | undefined
  let clock = 0
  const log = new Map<number, Uint8Array>()
  const shard: Partial<Shard> = {
    streams: Array.from({ length: streams }, (_, stream) => stream),
    gate: () => ({ status: 'READY', epoch: 1 }),
    take: () => ++clock,
    release: () => undefined,
    log: (_stream, stamp, transaction) => void log.set(stamp, transaction.slice()),
  }
  const database = createDatabase({
    engine: {} as ReplicationEngine,
    tables,
    shard: (given) => {
      machine = given.machine
      return shard as Shard
    },
  })
  return { database, machine: machine!, log, settle: () => machine!.settle(clock) }
}

function load(database: Database): void {
  for (const step of loadSteps(options)) {
    expect(database.load((t) => step.run(t), { stream: streamOf(step, streams) }).status).toBe('SUCCESS')
  }
}

describe('the workload on a database', () => {
  const leader = localDatabase()
  load(leader.database)
  const terminals = [1, 2, 3, 4, 5, 6].map((terminal) => createTerminal({ ...options, terminal }))
  const inputs = Array.from({ length: 6000 }, (_, at) => terminals[at % terminals.length]!.next(at))
  const reasons = new Map<string, number>()
  const written: [terminal: number, sequence: number][] = []
  for (const input of inputs) {
    const result = leader.database.transact((t) => execute(t, input), { stream: streamOf(input, streams) })
    if (result.status === 'ABORTED') reasons.set(result.reason, (reasons.get(result.reason) ?? 0) + 1)
    else if (result.status === 'SUCCESS' && !isReadOnly(input.kind)) written.push([input.terminal, input.sequence])
  }
  leader.settle()

  it('executes everything but the orders of unused items', () => {
    expect([...reasons.keys()]).toEqual([unusedItem])
    expect(reasons.get(unusedItem)).toBeLessThan(60)
    // 45 new-orders, 43 payments and 4 deliveries of each hundred write.
    expect(written.length).toBe((inputs.length / 100) * 92 - reasons.get(unusedItem)!)
  })

  it('is consistent, and has every receipt', () => {
    expect(leader.database.read((reader) => checkConsistency(reader, options.warehouses)).value).toEqual(consistent)
    const missing = leader.database.read((reader) =>
      written.filter(([terminal, at]) => !hasReceipt(reader, terminal, at)),
    )
    expect(missing.value).toEqual([])
  })

  it('is the same on a replica that only replays the log', () => {
    const replica = localDatabase()
    for (const [stamp, transaction] of leader.log) replica.machine.replay(transaction, stamp, 1)
    replica.machine.settle(Math.max(...leader.log.keys()))
    expect(replica.database.digest()).toBe(leader.database.digest())
    expect(replica.database.read((reader) => checkConsistency(reader, options.warehouses)).value).toEqual(consistent)
  })

  it('executes no input twice', () => {
    const digest = leader.database.digest()
    for (const input of inputs.filter(({ kind }) => !isReadOnly(kind)).slice(0, 200)) {
      const result = leader.database.transact((t) => execute(t, input))
      expect(result.status).toBe('ABORTED')
      if (result.status === 'ABORTED') expect([alreadyExecuted, unusedItem]).toContain(result.reason)
    }
    expect(leader.database.digest()).toBe(digest)
  })

  it('loads the same rows again, as after a fail-over in the middle', () => {
    const once = localDatabase()
    load(once.database)
    const again = localDatabase()
    for (const step of [...loadSteps(options)].slice(0, 40)) again.database.load((t) => step.run(t))
    load(again.database)
    expect(again.database.digest()).toBe(once.database.digest())
  })
})
