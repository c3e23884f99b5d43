// The anomalies of transactions: what they are called, and which of them a level of isolation forbids.
//
// Always true: a level forbids everything that a weaker one forbids. Names are those of Adya ("Weak Consistency", 1999)
// and of Elle (Kingsbury and Alvaro, 2020).

import type { Transaction } from './transactions.ts'

export type AnomalyKind =
  // What no level allows: a list that is none.
  /** A read has a value that nobody has appended. */
  | 'phantom'
  /** A read has one value twice. */
  | 'duplicate'
  // What a single read shows.
  /** Two reads of one key are not one the beginning of the other, or a transaction's appends are not in its order. */
  | 'incompatible-order'
  /** Adya's aborted read: of a transaction that has failed. */
  | 'G1a'
  /** Adya's intermediate read: of a transaction that went on to append to that key. */
  | 'G1b'
  /** A transaction does not see its own appends, or two different lists without having appended. */
  | 'internal'
  // Cycles of dependencies.
  /** A cycle of appends. */
  | 'G0'
  /** A cycle of appends and of reads of what was appended. */
  | 'G1c'
  /** A cycle with one read that has missed an append: lost updates, read skew. */
  | 'G-single'
  /** A cycle with several such reads, no two of them in a row: long forks. */
  | 'G-nonadjacent'
  /** A cycle with several such reads: write skew. */
  | 'G2'
  // The same, when it also takes the order of real time to close the cycle.
  | 'G0-realtime'
  | 'G1c-realtime'
  | 'G-single-realtime'
  | 'G-nonadjacent-realtime'
  | 'G2-realtime'

export type IsolationLevel =
  | 'read-uncommitted'
  | 'read-committed'
  | 'snapshot-isolation'
  | 'serializable'
  | 'strict-serializable'

/** Why one transaction must come before another. */
export interface Edge {
  readonly type: 'ww' | 'wr' | 'rw' | 'realtime'
  readonly from: Transaction
  readonly to: Transaction
  readonly reason: string
}

export interface Anomaly {
  readonly kind: AnomalyKind
  /** For people; of a cycle all transactions and why each must come before the next. */
  readonly explanation: string
  readonly transactions: readonly Transaction[]
  /** The cycle, where it is one. */
  readonly cycle: readonly Edge[]
}

/** By level, what it forbids that no weaker level does. */
const FORBIDDEN: readonly (readonly [IsolationLevel, readonly AnomalyKind[]])[] = [
  ['read-uncommitted', ['phantom', 'duplicate', 'G0']],
  ['read-committed', ['incompatible-order', 'G1a', 'G1b', 'G1c']],
  ['snapshot-isolation', ['internal', 'G-single', 'G-nonadjacent']],
  ['serializable', ['G2']],
  [
    'strict-serializable',
    ['G0-realtime', 'G1c-realtime', 'G-single-realtime', 'G-nonadjacent-realtime', 'G2-realtime'],
  ],
]

export const LEVELS: readonly IsolationLevel[] = FORBIDDEN.map(([level]) => level)

/** Everything that a level forbids. */
export function forbiddenBy(level: IsolationLevel): ReadonlySet<AnomalyKind> {
  return new Set(FORBIDDEN.slice(0, LEVELS.indexOf(level) + 1).flatMap(([, kinds]) => kinds))
}
