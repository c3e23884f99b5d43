// TPC-C's mix of transactions, without keying and think times, one warehouse.

import type { AnyTable, Database, Transaction, TransactResult } from '@mako/store/kv'
import {
  createTerminal,
  execute,
  loadSteps,
  streamOf,
  tables,
  type Terminal,
  unusedItem,
} from '../../../examples/tpcc/src/workload/index.ts'

/** Rows relative to the specification; with it a run takes seconds to load, not minutes. */
export const TPCC_SCALE = 0.05
const SETTING = { scale: TPCC_SCALE, warehouses: 1, seed: 1 } as const
const TERMINALS = 10

export interface Tpcc {
  readonly tables: readonly AnyTable[]
  loadSteps(): Iterable<(t: Transaction) => void>
  /** Executes the next transaction; undefined when it has given up by design, which is no failure. */
  next(database: Database): TransactResult<unknown> | undefined
}

export function tpcc(streams: number): Tpcc {
  const terminals = Array.from(
    { length: TERMINALS },
    (_, i): Terminal => createTerminal({ terminal: i + 1, ...SETTING }),
  )
  let turn = 0
  return {
    tables,
    *loadSteps() {
      for (const step of loadSteps(SETTING)) yield (t: Transaction) => step.run(t)
    },
    next: (database: Database): TransactResult<unknown> | undefined => {
      turn = (turn + 1) % TERMINALS
      const input = terminals[turn]!.next(Date.now())
      const result = database.transact((t) => execute(t, input), { stream: streamOf(input, streams) })
      // One of a hundred new-orders gives up by design; it is not logged and not counted.
      return result.status === 'ABORTED' && result.reason === unusedItem ? undefined : result
    },
  }
}
