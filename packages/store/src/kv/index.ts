/**
 * Transactional key-values: typed tables in memory, serial transactions that run at once and are replicated after, and
 * the same state on every replica.
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
