// TPC-C's new-order at scale 0.05, without replication: execution with encoding, replay, and the digest of all tables.

import type { Database } from '@mako/store/kv'
import {
  createTerminal,
  execute,
  loadSteps,
  tables,
  type TransactionInput,
  unusedItem,
} from '../../../examples/tpcc/src/workload/index.ts'
import { type MicroCase, microCase, repeat } from './case.ts'
import { executeAndReplay, standIn, type Workload } from './stand-in.ts'

const setting = { scale: 0.05, warehouses: 1, seed: 1 } as const
const STARTED_AT = 1_800_000_000_000

function load(database: Database): void {
  for (const step of loadSteps(setting)) database.transact((t) => step.run(t))
}

function newOrders(): Workload {
  const terminal = createTerminal({ terminal: 1, ...setting })
  const nextInput = (): TransactionInput => {
    for (;;) {
      const input = terminal.next(STARTED_AT)
      if (input.kind === 'new-order') return input
    }
  }
  return {
    tables,
    load,
    next: () => {
      const input = nextInput()
      return (database) => {
        const result = database.transact((t) => execute(t, input))
        // One of a hundred gives up by design; its work is done, but it is not logged and not counted.
        if (result.status === 'SUCCESS' || (result.status === 'ABORTED' && result.reason === unusedItem)) return
        throw new Error(`A new-order was ${result.status}.`)
      }
    },
  }
}

export const tpccCases: readonly MicroCase[] = [
  microCase({
    name: 'tpcc-new-order',
    about: 'execute and encode new-orders at scale 0.05, without replication',
    unit: 'transactions/s',
    overheadSeconds: 0.5,
    run: (seconds) => executeAndReplay(newOrders(), 'execute', seconds),
  }),
  microCase({
    name: 'tpcc-replay',
    about: 'replay them on another replica',
    unit: 'transactions/s',
    overheadSeconds: 0.5,
    run: (seconds) => executeAndReplay(newOrders(), 'replay', seconds),
  }),
  microCase({
    name: 'tpcc-digest',
    about: 'digest of all tables at scale 0.05',
    unit: 'rows/s',
    overheadSeconds: 0.3,
    run: (seconds) => {
      const { database, machine, log } = standIn(tables)
      load(database)
      machine.settle(log.length)
      const rows = database.status().tables.reduce((sum, table) => sum + table.rows, 0)
      return repeat(seconds, rows, () => void database.digest())
    },
  }),
]
