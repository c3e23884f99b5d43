// The end of the demo in figures: one object for programs, some lines for people. Pure.

import type { DemoOptions } from './args.ts'
import type { ConditionFinding } from './control.ts'
import type { Life, Violation } from './proof.ts'
import { type Result, unknownOf } from './script.ts'
import { table } from './view.ts'

/** What `--json` prints as the last line. */
export interface Summary {
  readonly ok: boolean
  readonly protocol: string
  /** How long the terminals ran. */
  readonly seconds: number
  readonly transactions: {
    readonly speculative: number
    readonly safe: number
    readonly rolledBack: number
    readonly safePerSecond: number
  }
  /** Attempts that were answered so: definitely not executed. */
  readonly notLeader: number
  readonly busy: number
  /** Receipts of transactions that were reported safe and are missing, over all replicas. */
  readonly lost: number
  /** Attempts of which nobody knows: their connection or their process was killed. */
  readonly unknown: number
  /** Between the kill and the first safe transaction after it. */
  readonly failoverMs: number | null
  readonly replicas: readonly {
    readonly id: string
    readonly appliedBatches: number
    readonly committedBatches: number
    readonly replayedTransactions: number
    readonly digest: string
  }[]
  /** True when the condition holds on every replica. */
  readonly consistency: Readonly<Record<string, boolean>>
}

export function summarize(options: DemoOptions, result: Result, violations: readonly Violation[]): Summary {
  const { evidence, lives } = result
  const sum = (figure: (life: Life) => number): number => lives.reduce((total, life) => total + figure(life), 0)
  const safe = sum(({ counters }) => counters.safe)
  return {
    ok: violations.length === 0,
    protocol: options.protocol,
    seconds: Math.round(result.seconds * 10) / 10,
    transactions: {
      speculative: sum(({ counters }) => counters.speculative),
      safe,
      rolledBack: sum(({ counters }) => counters.rolledBack),
      safePerSecond: Math.round(safe / result.seconds),
    },
    notLeader: sum(({ counters }) => counters.notLeader),
    busy: sum(({ counters }) => counters.busy),
    lost: evidence.replicas.reduce((total, { findings }) => total + findings.safe.missing, 0),
    unknown: sum(unknownOf),
    failoverMs: evidence.course.failoverMs ?? null,
    replicas: evidence.replicas.map(({ id, findings: { report, digest } }) => ({
      id,
      appliedBatches: report.appliedBatches,
      committedBatches: report.committedBatches,
      replayedTransactions: report.replayedTransactions,
      digest,
    })),
    consistency: allHold(evidence.replicas.map(({ findings }) => findings.consistency)),
  }
}

function allHold(replicas: readonly Readonly<Record<string, ConditionFinding>>[]): Record<string, boolean> {
  const names = new Set(replicas.flatMap((conditions) => Object.keys(conditions)))
  return Object.fromEntries(
    [...names].map((name) => [name, replicas.every((conditions) => conditions[name]?.ok === true)]),
  )
}

export function summaryLines(summary: Summary, violations: readonly Violation[]): string[] {
  const { transactions } = summary
  const conditions = Object.entries(summary.consistency).map(
    ([name, holds]) => `${name} ${holds ? 'holds' : 'IS BROKEN'}`,
  )
  return [
    '',
    ...table([
      ['replica', 'applied', 'committed', 'replayed transactions', 'digest'],
      ...summary.replicas.map((replica) => [
        replica.id,
        String(replica.appliedBatches),
        String(replica.committedBatches),
        String(replica.replayedTransactions),
        replica.digest,
      ]),
    ]),
    '',
    `${transactions.safe} transactions safe in ${summary.seconds} s (${transactions.safePerSecond}/s), ` +
      `${transactions.speculative} executed, ${transactions.rolledBack} rolled back`,
    `answers: ${summary.notLeader} NOT_LEADER, ${summary.busy} BUSY, ${summary.unknown} UNKNOWN; lost: ${summary.lost}`,
    `fail-over: ${summary.failoverMs === null ? 'none' : `${summary.failoverMs} ms from the kill to the next safe transaction`}`,
    `consistency: ${conditions.join(', ')}`,
    '',
    ...violations.map(({ law, message }) => `VIOLATION (${law}): ${message}`),
    summary.ok ? 'Nothing that was reported safe is missing, on any of the three replicas.' : 'NOT OK',
  ]
}
