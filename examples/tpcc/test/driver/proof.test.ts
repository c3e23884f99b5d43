// The proof: sound evidence has no violation, and every planted violation is found and named.

import { describe, expect, it } from 'vitest'
import type { NodeFindings, NodeReport } from '../../src/control.ts'
import { type Evidence, type Life, type Replica, type Violation, violationsOf } from '../../src/proof.ts'
import { noCounters } from '../../src/terminals.ts'

const report: NodeReport = {
  role: 'following',
  loading: false,
  term: 3,
  leader: 'n2',
  epoch: 3,
  clock: 900,
  watermark: 900,
  executed: 0,
  safe: 0,
  rolledBack: 0,
  committedBatches: 50,
  appliedBatches: 50,
  waitingBatches: 0,
  replayedTransactions: 900,
  applyLag: 0,
  flushes: 10,
  bytesWritten: 1000,
  bytesSent: 1000,
  open: 0,
  counters: noCounters(),
  executedTwice: 0,
}

const findings: NodeFindings = {
  report,
  digest: '00ff',
  consistency: { condition1: { ok: true }, condition2: { ok: true } },
  safe: { found: 800, missing: 0, examples: [] },
  gone: { found: 0, missing: 12, examples: [] },
  tables: [{ name: 'orders', rows: 10 }],
}

const replicas: readonly Replica[] = ['n1', 'n2', 'n3'].map((id) => ({ id, findings }))

const counters = {
  ...noCounters(),
  attempts: 36,
  speculative: 12,
  safe: 8,
  rolledBack: 3,
  unknown: 1,
  aborted: 4,
  notLeader: 15,
  busy: 3,
  rejected: 2,
}

const life: Life = { id: 'n1', life: 1, ended: 'finished', counters, open: 0, executedTwice: 0 }

const sound: Evidence = {
  replicas,
  lives: [life, { ...life, id: 'n2', ended: 'killed', counters: { ...counters, attempts: 41 }, open: 5 }],
  course: { failoverMs: 480, caughtUp: true, tookOver: true, rolledBackByPaused: 7 },
}

/** The evidence with other findings of n3. */
function withFindings(change: Partial<NodeFindings>): Evidence {
  return { ...sound, replicas: [...replicas.slice(0, 2), { id: 'n3', findings: { ...findings, ...change } }] }
}

function withLife(change: Partial<Life>): Evidence {
  return { ...sound, lives: [{ ...life, ...change }] }
}

function withCourse(change: Partial<Evidence['course']>): Evidence {
  return { ...sound, course: { ...sound.course, ...change } }
}

describe('violationsOf', () => {
  it('finds nothing wrong with sound evidence', () => {
    expect(violationsOf(sound)).toEqual([])
  })

  const planted: [string, Evidence, Violation['law'], string][] = [
    [
      'a safe transaction that is missing',
      withFindings({ safe: { found: 799, missing: 1, examples: ['4/17'] } }),
      'safe',
      '1 transactions that were reported safe are not on n3: 4/17',
    ],
    [
      'a transaction that was rolled back and is visible',
      withFindings({ gone: { found: 2, missing: 10, examples: ['4/18'] } }),
      'rolled-back',
      'n3: 4/18',
    ],
    [
      'a state that differs',
      withFindings({ digest: '00fe', tables: [{ name: 'orders', rows: 9 }] }),
      'digest',
      'orders has 10 rows on n1, 10 rows on n2, 9 rows on n3',
    ],
    [
      'a condition that does not hold',
      withFindings({
        consistency: { condition1: { ok: true }, condition2: { ok: false, message: 'next order is 7' } },
      }),
      'consistency',
      'condition2 does not hold on n3: next order is 7',
    ],
    [
      'a batch that was not replayed',
      withFindings({ report: { ...report, appliedBatches: 49 } }),
      'replay',
      'n3 has applied 49 of 50',
    ],
    [
      'a replica that has not heard of a batch',
      withFindings({ report: { ...report, appliedBatches: 49, committedBatches: 49 } }),
      'replay',
      '49 on n3',
    ],
    [
      'an attempt without an answer',
      withLife({ counters: { ...counters, attempts: 37 }, open: 1 }),
      'answers',
      'n1 (life 1) was left without an answer to 1',
    ],
    [
      'an attempt that nobody counted',
      withLife({ counters: { ...counters, attempts: 37 } }),
      'answers',
      '37 attempts, and 36 answered + 0 open',
    ],
    [
      'an attempt that was answered twice',
      withLife({ counters: { ...counters, attempts: 35 } }),
      'answers',
      '35 attempts',
    ],
    ['a refusal that was a lie', withLife({ executedTwice: 1 }), 'answers', 'n1 (life 1) was asked 1 times'],
    ['a fail-over that did not happen', withCourse({ failoverMs: undefined }), 'course', 'killed'],
    ['a node that stayed behind', withCourse({ caughtUp: false }), 'course', 'catch up'],
    ['a pause that nobody noticed', withCourse({ tookOver: false }), 'course', 'took over'],
    ['a paused leader that kept everything', withCourse({ rolledBackByPaused: 0 }), 'course', 'rolled back'],
  ]

  it.each(planted)('finds %s', (_, evidence, law, message) => {
    const violations = violationsOf(evidence)
    expect(violations.map((violation) => violation.law)).toEqual([law])
    expect(violations[0]!.message).toContain(message)
  })

  it('expects an open attempt of a killed process to be no violation', () => {
    expect(violationsOf(withLife({ ended: 'killed', counters: { ...counters, attempts: 40 }, open: 4 }))).toEqual([])
  })
})
