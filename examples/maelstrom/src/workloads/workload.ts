// What a replicated workload is: requests that are checked, and a state machine that executes them.
//
// Always true: `parse` is the only judge of what a request may look like, on the way in and again when the command comes
// out of the log; `execute` is deterministic, never throws, and changes nothing for a READ.

import type { Body, Json, Reply } from '../message.ts'

export type ParsedOperation<Operation> =
  /** Goes through the log. */
  | { readonly status: 'WRITE'; readonly operation: Operation }
  /** Is answered from the state, behind a read barrier. */
  | { readonly status: 'READ'; readonly operation: Operation }
  | { readonly status: 'MALFORMED'; readonly text: string }

export interface Workload<Operation> {
  /** Checks a request of one of its types. */
  parse(body: Body): ParsedOperation<Operation>
  execute(operation: Operation): Reply
}

export function malformed(text: string): { readonly status: 'MALFORMED'; readonly text: string } {
  return { status: 'MALFORMED', text }
}

/** A non-negative integer. */
export function isCount(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isJsonObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
