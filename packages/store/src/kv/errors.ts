// What can be wrong with a use of the store. Codes are stable and meant for programs, messages are for people.
//
// Always true: whatever is thrown, nothing of the failed call was kept.

export type StoreErrorCode =
  /** A table was declared in a way that cannot be stored; the message names table and column. */
  | 'BAD_SCHEMA'
  /** A value does not fit its column, a column is missing, or there is no such column. */
  | 'BAD_ROW'
  /** A key, a bound or a prefix does not fit the key columns of its table. */
  | 'BAD_KEY'
  | 'ROW_EXISTS'
  | 'ROW_MISSING'
  /** The table is not one of those that the database was created with. */
  | 'UNKNOWN_TABLE'
  /** Only tables that are declared `ordered` can be scanned. */
  | 'NOT_ORDERED'
  /** A transaction was started inside another one. */
  | 'NESTED_TRANSACTION'
  /** The transaction function returned a promise; transactions are synchronous. */
  | 'ASYNC_TRANSACTION'
  /** A transaction was used after its function had returned or had called `abort`. */
  | 'TRANSACTION_ENDED'
  /** Bytes that should be the writes of a transaction are not, or do not fit the state they are replayed on. */
  | 'CORRUPT_WRITES'

/** A mistake in the use of the store, or a log that was not written by it. */
export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
