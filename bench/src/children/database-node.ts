// One node of three processes with a database on one shard, and on request the clients beside the leader.

import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import { createDatabase, type Database } from '@mako/store/kv'
import { PromiseClients, type PromiseResult } from '../promise-clients.ts'
import { ownCpuUs } from '../stopwatch.ts'
import { type DatabaseWorkload, type Mix, type WorkloadName, workloadOf } from '../workloads/workload.ts'
import { serve } from './child.ts'
import type { NodeCalls } from './engine-node.ts'
import { leading, type NodeOptions, openEngine } from './open-engine.ts'
import { sharedNowMs } from './shared-clock.ts'

export interface DatabaseNodeOptions extends NodeOptions {
  readonly workload: WorkloadName
}

export interface DatabaseLoad {
  readonly mix: Mix
  /** Transactions that are executed and not yet safe. */
  readonly inFlight: number
  readonly warmUpSeconds: number
}

export interface DatabaseProgress {
  readonly atMs: number
  /** Transactions that wrote, executed here or replayed here. */
  readonly executed: number
  readonly replayed: number
}

export interface DatabaseNodeCalls extends NodeCalls {
  /** Puts the first rows there; false when this node does not lead, or no longer: then another one is to be asked. */
  readonly load: () => Promise<boolean>
  readonly begin: (load: DatabaseLoad) => Promise<void>
  readonly measure: (seconds: number) => Promise<PromiseResult>
  readonly progress: () => DatabaseProgress
}

export async function databaseNode(options: DatabaseNodeOptions): Promise<void> {
  const engine = await openEngine(options)
  const workload = workloadOf(options.workload, options.partitions.length)
  const database = createDatabase({ engine, tables: workload.tables })
  await engine.start()
  let clients: PromiseClients | undefined
  serve<DatabaseNodeCalls>({
    leading: () => leading(engine),
    cpuUs: ownCpuUs,
    load: () => load(database, workload),
    begin: async ({ mix, inFlight, warmUpSeconds }) => {
      clients = new PromiseClients({ inFlight, expected: 'SAFE', start: () => execute(database, workload, mix) })
      clients.begin()
      await after(warmUpSeconds * 1000)
    },
    measure: (seconds) => clients!.measure(seconds),
    progress: () => {
      const { executed, replayedTransactions: replayed } = database.status().shard
      return { atMs: sharedNowMs(), executed, replayed }
    },
    stop: async () => {
      database.stop()
      await engine.stop()
    },
  })
}

/** Undefined when it is to be tried again in a later turn. */
function execute(
  database: Database,
  workload: DatabaseWorkload,
  mix: Mix,
): Promise<{ readonly status: string }> | undefined {
  for (;;) {
    const result = workload.next(database, mix)
    if (result === undefined) continue
    if (result.status === 'BUSY') return undefined
    return result.status === 'SUCCESS' ? result.safe : Promise.resolve(result)
  }
}

async function load(database: Database, workload: DatabaseWorkload): Promise<boolean> {
  while (database.status().shard.role === 'recovering') await after(5)
  for (const step of workload.loadSteps()) {
    for (;;) {
      const result = database.load(step)
      if (result.status === 'SUCCESS') break
      if (result.status === 'NOT_LEADER') return false
      if (result.status !== 'BUSY') throw new Error(`Loading was ${result.status}.`)
      await after(result.retryAfterMs)
    }
    // Between two steps heartbeats have their turn.
    await nextTurn()
  }
  const { status } = await database.finishLoading()
  return status === 'SUCCESS'
}
