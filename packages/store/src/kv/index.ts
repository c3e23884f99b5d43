/**
 * Transactional key-values: typed tables in memory, serial transactions that run at once and are replicated after, and
 * the same state on every replica.
 *
 * ```ts
 * const accounts = defineTable({ id: 1, name: 'accounts', key: { number: uint(32) }, row: { balance: int() } })
 * const database = createDatabase({ engine, tables: [accounts] }) // before engine.start()
 *
 * const result = database.transact((t) => {
 *   const from = t.get(accounts, { number: 1 })
 *   if (from === undefined || from.balance < 10) return t.abort('not enough')
 *   t.update(accounts, { number: 1 }, { balance: from.balance - 10 })
 *   t.put(accounts, { number: 2 }, { balance: 10 })
 * })
 * if (result.status === 'SUCCESS') console.log(await result.safe) // SAFE: it survives; ROLLED_BACK: it never was
 * ```
 *
 * @packageDocumentation
 */

// Tables.
export {
  type AnyTable,
  boolean,
  bytes,
  type Column,
  defineTable,
  float,
  int,
  type KeyOf,
  nullable,
  type RowOf,
  type Table,
  type TableSchema,
  text,
  uint,
} from './schema.ts'

// Databases.
export { createDatabase } from './database.ts'
export type {
  Database,
  DatabaseOptions,
  DatabaseStatus,
  ScanRange,
  Speculative,
  TableStatus,
  Transaction,
  TransactOptions,
  TransactResult,
} from './contract.ts'
export { StoreError, type StoreErrorCode } from './errors.ts'
