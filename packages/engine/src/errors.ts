// The one error class of Mako. Codes are stable and meant for programs, messages are for people.
//
// Always true: operating conditions of a running engine are values (`AddLogResult`, `Outcome`), not errors. A
// MakoError is a programmer's mistake, a wrong configuration, or a store or peer that cannot be used.

export type MakoErrorCode =
  /** An option is missing, contradictory or out of range; the message names it. */
  | 'BAD_OPTION'
  /** A cluster file cannot be read or does not describe a cluster; the message has path and reason. */
  | 'BAD_CONFIG'
  /** A payload is not a Uint8Array. */
  | 'BAD_PAYLOAD'
  /** A method was called in a state in which it has no meaning (for example `onApply` after `start`). */
  | 'BAD_STATE'
  /** Bytes that should be a block are not. */
  | 'CORRUPT_BLOCK'
  /** Bytes that should be a message of the protocol are not. */
  | 'CORRUPT_MESSAGE'
  /** The log on disk is damaged in a place where it may have been promised; the message names segment and offset. */
  | 'CORRUPT_LOG'
  /** The data folder is in use by another process. */
  | 'LOG_LOCKED'
  /** The data folder belongs to another cluster or node, or was written by another version. */
  | 'LOG_MISMATCH'
  /** A user's apply callback threw or rejected; `cause` has what it threw. */
  | 'CALLBACK_FAILED'
  /** Reading or writing the log failed; `cause` has the system's error. */
  | 'LOG_IO'
  /** The listening address is taken. */
  | 'ADDRESS_IN_USE'
  /** The network cannot be used as configured; `cause` has the system's error. */
  | 'NETWORK'
  /** A law of DESIGN section 4 was broken: a bug in Mako; the engine stops that partition before harm is done. */
  | 'LAW_BROKEN'

export class MakoError extends Error {
  readonly code: MakoErrorCode

  constructor(code: MakoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MakoError'
    this.code = code
  }
}
