// Isolation of transactions: whether a history of transactions on lists has an order, and if not, which cycle forbids it
// (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", 2020).
//
// Always true: an anomaly that is reported is one in every order in which the transactions can have happened. The check
// is also complete: a history that is valid has such an order (for snapshot isolation: where every append was read).

import { MakoError } from '@mako/engine'
import { forbiddenBy, LEVELS, type Anomaly, type AnomalyKind, type IsolationLevel } from './anomaly.ts'
import { findCycles, type Cycle } from './cycles.ts'
import { dependenciesOf, edgeOf, type DependencyGraph } from './dependencies.ts'
import type { TransactionEvent } from './history.ts'
import { checkReads } from './reads.ts'
import { describeTransaction, keyOrdersOf, transactionsOf, type Transaction } from './transactions.ts'

export interface SerializabilityOptions {
  /** @default 'strict-serializable' */
  readonly level?: IsolationLevel
}

export type SerializabilityResult =
  | { readonly verdict: 'valid'; readonly transactions: number; readonly allowed: readonly AnomalyKind[] }
  | {
      readonly verdict: 'invalid'
      /** What the level forbids and the history has, at most a few of each kind, the plainest first. */
      readonly anomalies: readonly Anomaly[]
      /** The anomalies in words, with the transactions of each and the reason of each edge. */
      readonly explanation: string
    }
  /** Nothing forbidden was found, and the search for cycles ended at its bound. */
  | { readonly verdict: 'unknown'; readonly explanation: string }

/** Anomalies of one kind that are kept. */
const KEPT_OF_A_KIND = 5

/**
 * Checks a history of transactions that append unique values to lists and read them.
 * @throws MakoError `BAD_OPTION` for a history that contradicts itself, and for an unknown level
 */
export function checkSerializable(
  history: readonly TransactionEvent[],
  options: SerializabilityOptions = {},
): SerializabilityResult {
  const { level = 'strict-serializable' } = options
  if (!LEVELS.includes(level)) {
    throw new MakoError('BAD_OPTION', `level must be one of ${LEVELS.join(', ')}, not ${level}.`)
  }
  const transactions = transactionsOf(history)
  const orders = keyOrdersOf(transactions)
  const found = new Map<AnomalyKind, Anomaly[]>()
  const report = (anomaly: Anomaly): void => {
    const same = found.get(anomaly.kind)
    if (same === undefined) found.set(anomaly.kind, [anomaly])
    else if (same.length < KEPT_OF_A_KIND) same.push(anomaly)
  }
  checkReads(transactions, orders, report)
  const cyclesAre = (realtime: boolean): boolean => {
    const graph = dependenciesOf(transactions, orders, realtime)
    const { cycles, complete } = findCycles(graph)
    for (const cycle of cycles) report(anomalyOf(graph, cycle))
    return complete
  }
  const forbidden = forbiddenBy(level)
  const isForbidden = (): boolean => [...found.keys()].some((kind) => forbidden.has(kind))
  let complete = cyclesAre(false)
  if (level === 'strict-serializable' && !isForbidden()) complete = cyclesAre(true)

  const anomalies = [...found.values()].flat().filter(({ kind }) => forbidden.has(kind))
  if (anomalies.length > 0) {
    const explanation = [`The history is not ${level}.`, ...anomalies.map((anomaly) => anomaly.explanation)].join('\n')
    return { verdict: 'invalid', anomalies, explanation }
  }
  if (!complete) return { verdict: 'unknown', explanation: 'There are cycles, and too many to tell their kinds.' }
  return { verdict: 'valid', transactions: transactions.length, allowed: [...found.keys()] }
}

function anomalyOf(graph: DependencyGraph, { kind, edges }: Cycle): Anomaly {
  const cycle = edges.map((edge) => edgeOf(graph, edge))
  const transactions: readonly Transaction[] = [...new Set(cycle.map(({ from }) => from))]
  const explanation = [
    `${kind}: each of these transactions must come before the next, and the last before the first`,
    ...transactions.map((transaction) => `  ${describeTransaction(transaction)}`),
    ...cycle.map(({ type, from, to, reason }) => `  T${from.id} before T${to.id} (${type}): ${reason}`),
  ].join('\n')
  return { kind, explanation, transactions, cycle }
}
