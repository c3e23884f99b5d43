// What people are told of a seed that has failed: how to repeat it, what of it is enough, and what happened last.
//
// Always true: it is plain text, every line of it no longer than a terminal is wide but for what the law itself says,
// and it grows with what was shrunk, not with how long the seed ran.

import type { Violation } from '../laws/book.ts'
import type { InjectedFault } from '../storm/plan.ts'
import type { SeedResult } from '../storm/run.ts'
import { renderTimeline } from '../trace/timeline.ts'
import type { Trace } from '../trace/event.ts'
import type { ShrunkSeed } from './shrink.ts'

export interface FailureReport {
  readonly result: SeedResult
  /** How to see it again: a line of a shell, or of code. */
  readonly repeat: string
  readonly shrunk?: ShrunkSeed
  /** What the clients did in the run that the trace is of, a line for each operation. */
  readonly clients?: readonly string[]
  readonly trace?: Trace
}

/** Lines of a list that are shown; the last ones are those that matter. */
const MOST_LINES = 40

/** Rows of a timeline, about. */
const MOST_EVENTS = 60

/** Describes a failure; of one that was shrunk, the trace and the clients should be those of what is left. */
export function describeFailure({ result, repeat, shrunk, clients, trace }: FailureReport): string {
  const violation = shrunk?.violation ?? result.violation
  const parts = [`Seed ${result.seed} has broken a law${violation === undefined ? '' : describeViolation(violation)}`]
  parts.push(`Repeat it: ${repeat}`)
  if (shrunk !== undefined) parts.push(describeShrunk(shrunk))
  if (clients !== undefined && clients.length > 0) parts.push(section('What clients did:', clients))
  if (trace !== undefined) parts.push(`What happened last:\n${lastMoments(trace, violation).trimEnd()}`)
  return `${parts.join('\n\n')}\n`
}

/** The faults and operations that are enough. */
export function describeShrunk(shrunk: ShrunkSeed): string {
  const { schedule, operations, before, share, runs, seconds } = shrunk
  const head =
    `Enough of it: ${count(schedule.length, 'fault')} of ${before.faults} and ` +
    `${count(operations.length, 'operation')} of ${before.operations} (${(100 * share).toFixed(1)} %) ` +
    `in ${seconds} virtual seconds; found in ${count(runs, 'run')}.`
  const lines = schedule.map(describeFault)
  if (operations.length > 0) lines.push(...wrapped(`operations ${operations.join(', ')}`))
  return section(head, lines)
}

/** The last events up to the violation, a column for each node; the end of the trace when there was no violation. */
export function lastMoments(trace: Trace, violation?: Violation): string {
  const to = violation?.atMs ?? trace.events.at(-1)?.at ?? 0
  const partition = partitionOf(violation)
  const shown = trace.events.filter(
    (event) =>
      event.at <= to &&
      event.type !== 'tick' &&
      (partition === undefined || !('partition' in event) || event.partition === partition),
  )
  const from = shown.at(-MOST_EVENTS)?.at ?? 0
  return renderTimeline(trace, { from, to, ...(partition === undefined ? {} : { partition }) })
}

function describeViolation({ law, message, atMs }: Violation): string {
  return ` after ${(atMs / 1000).toFixed(3)} virtual seconds: ${law}\n${message}`
}

function describeFault({ ordinal, atMs, kind, family, targets }: InjectedFault): string {
  const on = targets.length === 0 ? '' : ` of ${targets.join(', ')}`
  return `${atMs.toFixed(3).padStart(10)} ms  ${kind ?? family}${on} (fault ${ordinal})`
}

/** The partition that a law speaks of. */
function partitionOf(violation: Violation | undefined): number | undefined {
  const number = /\bpartition (\d+)/.exec(violation?.message ?? '')?.[1]
  return number === undefined ? undefined : Number(number)
}

function section(head: string, lines: readonly string[]): string {
  const left = lines.length - MOST_LINES
  const shown = left > 0 ? [`(${left} before)`, ...lines.slice(left)] : lines
  return [head, ...shown.map((line) => `  ${line}`)].join('\n')
}

function wrapped(text: string, width = 110): string[] {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(`  ${word}`)
  }
  return lines
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
