// What a database is asked to do: its tables, the rows that it begins with, and endless sequences of transactions.

import type { AnyTable, Database, Transaction, TransactResult } from '@mako/store/kv'
import { tpcc } from './tpcc.ts'
import { Ycsb, ycsbLoadSteps, type YcsbName, ycsbTables } from './ycsb.ts'

export type WorkloadName = 'tpcc' | 'ycsb'

export interface DatabaseWorkload {
  readonly tables: readonly AnyTable[]
  /** Steps that put the first rows there, each one transaction. */
  loadSteps(): Iterable<(t: Transaction) => void>
  /** Executes the next transaction; undefined when it has given up by design, which is no failure. */
  next(database: Database, mix: Mix): TransactResult<unknown> | undefined
}

/** Which transactions: TPC-C has one mix. */
export type Mix = 'tpcc' | YcsbName

export function workloadOf(name: WorkloadName, streams: number): DatabaseWorkload {
  if (name === 'tpcc') return tpcc(streams)
  const state = new Ycsb()
  return {
    tables: ycsbTables,
    loadSteps: ycsbLoadSteps,
    next: (database, mix) => state.next(mix as YcsbName, database),
  }
}
