// Every bound of an engine in one place. Each queue has one, and reaching it has a BUSY or REJECTED reason.

export interface EngineLimits {
  /** Entries of one partition accepted here and not yet answered; then BUSY 'entries'. */
  readonly outstandingEntries: number
  /** Their bytes; then BUSY 'bytes'. */
  readonly outstandingBytes: number
  /** Bytes of one payload; above it REJECTED 'too-large'. */
  readonly payloadBytes: number
  /** Bytes of one block, headers included, and so of one `addLogs`; above it REJECTED 'too-large'. */
  readonly blockBytes: number
  /** Entries by which `applied` may be behind `commit` on a leader; then BUSY 'apply-lag'. */
  readonly applyLagEntries: number
  /** Bytes that wait for the disk over all partitions; then BUSY 'disk'. */
  readonly diskQueueBytes: number
  /** Milliseconds that one append may take before a leader steps aside. */
  readonly diskStallMs: number
  /** Messages that may wait to be taken in; further ones are dropped and counted (the protocol repeats them). */
  readonly inboxMessages: number
  /** Their bytes. */
  readonly inboxBytes: number
  /** Milliseconds for which callbacks may run before the event loop has its turn. */
  readonly applyBudgetMs: number
  /** Milliseconds after which an unfinished callback is reported as `stalled`, again after each further such time. */
  readonly stalledMs: number
  /** Bytes that the apply cursor reads from the log store at once. */
  readonly applyReadBytes: number
  /** Entries and bytes on their way to one follower in one partition. */
  readonly inflightEntries: number
  readonly inflightBytes: number
  /** Bytes of blocks in one message. */
  readonly messageBytes: number
  /** Bytes of durable and committed blocks of one partition kept in memory. */
  readonly tailBytes: number
  /** Calls of `readBarrier` of one partition that may wait; then BUSY 'readers'. */
  readonly waitingReaders: number
  /** What BUSY suggests as a pause, in milliseconds. */
  readonly retryAfterMs: number
}

export const DEFAULT_LIMITS: EngineLimits = {
  outstandingEntries: 65_536,
  outstandingBytes: 64 * 1024 * 1024,
  payloadBytes: 8 * 1024 * 1024,
  blockBytes: 8 * 1024 * 1024 + 1024,
  applyLagEntries: 262_144,
  diskQueueBytes: 128 * 1024 * 1024,
  diskStallMs: 10_000,
  inboxMessages: 65_536,
  inboxBytes: 256 * 1024 * 1024,
  applyBudgetMs: 5,
  stalledMs: 1_000,
  applyReadBytes: 1024 * 1024,
  inflightEntries: 65_536,
  inflightBytes: 16 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  tailBytes: 16 * 1024 * 1024,
  waitingReaders: 65_536,
  retryAfterMs: 5,
}
