// The proof: given what every process said, what is wrong? Pure functions from findings to violations.
//
// Always true: a violation names the law, the replica, and what differs. No violation means: nothing that was reported
// safe is missing, nothing that was reported undone is there, the replicas are equal and consistent, every committed
// batch was replayed, and every attempt was answered.

import type { NodeFindings } from './control.ts'
import type { Counters } from './terminals.ts'

export interface Replica {
  readonly id: string
  readonly findings: NodeFindings
}

/** The account of one process from its start to its end. */
export interface Life {
  readonly id: string
  /** 1 for the first process of a node. */
  readonly life: number
  /** `killed`: its last figures may be a moment old, and what was open then nobody will ever learn. */
  readonly ended: 'finished' | 'killed'
  readonly counters: Readonly<Counters>
  /** Attempts without an answer at its end. */
  readonly open: number
  readonly executedTwice: number
}

/** What the script did and saw, as far as the proof is concerned. */
export interface Course {
  /** Time between the kill and the first safe transaction after it; undefined when there was none. */
  readonly failoverMs: number | undefined
  /** The killed node, restarted, has seen everything that was safe when it came back. */
  readonly caughtUp: boolean
  /** Another node executed while the leader was paused. */
  readonly tookOver: boolean
  /** Transactions that the paused leader rolled back after it was resumed. */
  readonly rolledBackByPaused: number
}

export interface Violation {
  readonly law: 'safe' | 'rolled-back' | 'digest' | 'consistency' | 'replay' | 'answers' | 'course'
  readonly message: string
}

export interface Evidence {
  readonly replicas: readonly Replica[]
  readonly lives: readonly Life[]
  readonly course: Course
}

export function violationsOf({ replicas, lives, course }: Evidence): Violation[] {
  return [
    ...replicas.flatMap(receiptViolations),
    ...digestViolations(replicas),
    ...replicas.flatMap(consistencyViolations),
    ...replayViolations(replicas),
    ...lives.flatMap(answerViolations),
    ...courseViolations(course),
  ]
}

function receiptViolations({ id, findings: { safe, gone } }: Replica): Violation[] {
  const violations: Violation[] = []
  if (safe.missing > 0) {
    const message = `${safe.missing} transactions that were reported safe are not on ${id}: ${safe.examples.join(', ')}`
    violations.push({ law: 'safe', message })
  }
  if (gone.found > 0) {
    const message = `${gone.found} transactions that were reported undone are on ${id}: ${gone.examples.join(', ')}`
    violations.push({ law: 'rolled-back', message })
  }
  return violations
}

function digestViolations(replicas: readonly Replica[]): Violation[] {
  if (new Set(replicas.map(({ findings }) => findings.digest)).size <= 1) return []
  const first = replicas[0]!.findings
  const differing = first.tables
    .filter(({ name, rows }) => replicas.some(({ findings }) => rowsOf(findings, name) !== rows))
    .map(
      ({ name }) =>
        `${name} has ${replicas.map(({ id, findings }) => `${rowsOf(findings, name)} rows on ${id}`).join(', ')}`,
    )
  const digests = replicas.map(({ id, findings }) => `${id} ${findings.digest}`).join(', ')
  return [{ law: 'digest', message: [`the states differ: ${digests}`, ...differing].join('; ') }]
}

function rowsOf(findings: NodeFindings, table: string): number {
  return findings.tables.find(({ name }) => name === table)?.rows ?? 0
}

function consistencyViolations({ id, findings }: Replica): Violation[] {
  return Object.entries(findings.consistency).flatMap(([condition, finding]) =>
    finding.ok
      ? []
      : [{ law: 'consistency' as const, message: `${condition} does not hold on ${id}: ${finding.message}` }],
  )
}

function replayViolations(replicas: readonly Replica[]): Violation[] {
  const violations: Violation[] = []
  for (const { id, findings } of replicas) {
    const { appliedBatches, committedBatches } = findings.report
    if (appliedBatches === committedBatches) continue
    const message = `${id} has applied ${appliedBatches} of ${committedBatches} committed batches`
    violations.push({ law: 'replay', message })
  }
  if (new Set(replicas.map(({ findings }) => findings.report.committedBatches)).size > 1) {
    const counts = replicas.map(({ id, findings }) => `${findings.report.committedBatches} on ${id}`)
    violations.push({ law: 'replay', message: `different numbers of batches are committed: ${counts.join(', ')}` })
  }
  return violations
}

function answerViolations({ id, life, ended, counters, open, executedTwice }: Life): Violation[] {
  const violations: Violation[] = []
  const who = `${id} (life ${life})`
  const answered = answersOf(counters)
  if (counters.attempts !== answered + open) {
    const message = `${who} made ${counters.attempts} attempts, and ${answered} answered + ${open} open do not add up`
    violations.push({ law: 'answers', message })
  }
  if (ended === 'finished' && open > 0) {
    violations.push({ law: 'answers', message: `${who} was left without an answer to ${open} attempts` })
  }
  if (executedTwice > 0) {
    const message = `${who} was asked ${executedTwice} times to repeat what had been executed after all`
    violations.push({ law: 'answers', message })
  }
  return violations
}

/** Attempts that have their final answer. */
export function answersOf(counters: Readonly<Counters>): number {
  const { safe, rolledBack, aborted, notLeader, busy, rejected, unknown } = counters
  return safe + rolledBack + aborted + notLeader + busy + rejected + unknown
}

function courseViolations(course: Course): Violation[] {
  const violations: Violation[] = []
  const expect = (held: boolean, message: string): void => {
    if (!held) violations.push({ law: 'course', message })
  }
  expect(course.failoverMs !== undefined, 'no transaction became safe after the leader was killed')
  expect(course.caughtUp, 'the killed node did not catch up after its restart')
  expect(course.tookOver, 'no other node took over while the leader was paused')
  expect(course.rolledBackByPaused > 0, 'the paused leader has not rolled back what it had executed on its own')
  return violations
}
