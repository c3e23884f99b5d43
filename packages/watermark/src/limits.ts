// Every bound of a shard in one place. Reaching one that concerns new transactions has a BUSY reason.

export interface ShardLimits {
  /** Bytes of transactions that are not yet accepted by the engine; then BUSY 'bytes'. */
  readonly pendingBytes: number
  /** Transactions executed here that are neither safe nor rolled back; then BUSY 'entries'. */
  readonly speculativeTransactions: number
  /** Bytes of one transaction; `log` refuses more. Must fit, with 64 bytes for the batch, what the engine takes. */
  readonly transactionBytes: number
  /** Bytes of recorded batches of one stream that wait in memory for replay; further ones are read again later. */
  readonly replayQueueBytes: number
  /** Bytes that are read again at once. */
  readonly replayReadBytes: number
  /** Milliseconds for which replay may run before the event loop has its turn. */
  readonly replayBudgetMs: number
  /** What BUSY suggests as a pause when the engine has no say in it, in milliseconds. */
  readonly retryAfterMs: number
}

export const DEFAULT_SHARD_LIMITS: ShardLimits = {
  pendingBytes: 16 * 1024 * 1024,
  speculativeTransactions: 262_144,
  transactionBytes: 4 * 1024 * 1024,
  replayQueueBytes: 16 * 1024 * 1024,
  replayReadBytes: 1024 * 1024,
  replayBudgetMs: 5,
  retryAfterMs: 5,
}
