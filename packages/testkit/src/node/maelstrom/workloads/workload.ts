// What a workload is: what clients ask, what is asked in the end, and what must be true of the answers.
//
// Always true: what is asked depends on the seed and on the answers so far, not on the clock; keys are given up after some
// tens of operations, so that checking them stays cheap however long the run is.

import type { Random } from '@mako/engine'
import type { Verdict } from '../checks/findings.ts'
import type { Operation } from '../history.ts'
import type { Body } from '../protocol.ts'

export type WorkloadName =
  | 'echo'
  | 'unique-ids'
  | 'broadcast'
  | 'g-set'
  | 'g-counter'
  | 'pn-counter'
  | 'lin-kv'
  | 'kafka'
  | 'txn-list-append'
  | 'txn-rw-register'

/** How the final phase asks: every node answers, after having been asked again and again if need be. */
export interface FinalReads {
  readonly nodes: readonly string[]
  /** Asks a node until it has answered; undefined when it does not in time. */
  readonly ask: (node: string, request: Body) => Promise<Body | undefined>
  /** Waits a little, for what is still on its way; false when the time for that is over. */
  readonly again: () => Promise<boolean>
}

export interface Workload {
  readonly name: WorkloadName
  /** Whether nodes are told who their neighbours are. */
  readonly topology: boolean
  /** Codes of errors that are answers here. */
  readonly answers: readonly number[]
  /** What a client asks next; clients are numbered from 0. */
  next(random: Random, client: number): Body
  /** A request of `next` is over. */
  ended(operation: Operation, client: number): void
  /** Asks what must be known to judge, when everything has healed. */
  finish(reads: FinalReads, history: readonly Operation[]): Promise<void>
  check(history: readonly Operation[], nodes: readonly string[]): Verdict
  /** The history in lines of JSON. */
  format(history: readonly Operation[]): string
}

export interface WorkloadOptions {
  readonly clients: number
}
