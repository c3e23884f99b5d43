// How the file log says what went wrong: typed errors whose messages name the file and, where there is one, the offset.

import { MakoError } from '@mako/engine'

export function corruptLog(file: string, offset: number, what: string): MakoError {
  return new MakoError('CORRUPT_LOG', `The log is damaged: ${what}, in ${file} at offset ${offset}.`)
}

/** Wraps an error of the system; a MakoError stays what it is. */
export function logIo(what: string, cause: unknown): MakoError {
  if (cause instanceof MakoError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new MakoError('LOG_IO', `${what} failed: ${reason}`, { cause })
}
