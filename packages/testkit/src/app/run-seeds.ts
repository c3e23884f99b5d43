// Many seeds, one after the other, until one fails; that one is made small and described.
//
// Always true: seeds run in their order, and nothing that one does changes another. The report of a failure is of the
// shrunk seed; the result itself is of the seed as it was.

import { MakoError } from '@mako/engine'
import { describeFailure } from '../shrink/report.ts'
import { shrinkSeed, type ShrinkOptions, type ShrunkSeed } from '../shrink/shrink.ts'
import { runSeed, type SeedResult, type StormOptions } from '../storm/run.ts'
import { TraceRecorder } from '../trace/recorder.ts'
import { logWorkload } from '../workload/log.ts'
import type { Workload } from '../workload/workload.ts'
import { isDescribed } from './workload.ts'

export interface SeedsOptions<Message> extends StormOptions<Message> {
  /** How many seeds. */
  readonly seeds: number
  /** The first of them. @default 1 */
  readonly first?: number
  /** How many logs there are; a state machine that knows of no partitions needs one. @default 1 to 4, drawn */
  readonly partitions?: number
  /** How hard a failing seed is shrunk; `false` leaves it as it is. @default up to 400 runs */
  readonly shrink?: ShrinkOptions | false
  /** Told after each seed. A promise is waited for: it lets a test runner breathe. @default nobody */
  readonly onSeed?: (result: SeedResult) => void | Promise<void>
}

/** The result of the seed that has failed, or else of the last one. */
export interface SeedsResult extends SeedResult {
  /** How many seeds have run. */
  readonly seeds: number
  /** What of the failing seed is enough. */
  readonly shrunk?: ShrunkSeed
  /** What to tell people: how to repeat it, what of it is enough, what happened last. Undefined when all is well. */
  readonly report: string | undefined
}

/**
 * Runs seeds until one breaks a law. Never rejects because of what nodes, machines and clients do: that is in the result.
 * @throws MakoError `BAD_OPTION` when there are no seeds to run
 */
export async function runSeeds<Message>(options: SeedsOptions<Message>): Promise<SeedsResult> {
  const { seeds, first = 1, partitions, shrink = {}, onSeed, ...given } = options
  if (!Number.isInteger(seeds) || seeds < 1) {
    throw new MakoError('BAD_OPTION', `seeds must be a whole number above 0, not ${seeds}.`)
  }
  const storm: StormOptions<Message> = partitions === undefined ? given : withPartitions(given, partitions)
  for (let seed = first; ; seed++) {
    const result = await runSeed(seed, storm)
    await onSeed?.(result)
    const count = seed - first + 1
    if (result.violation !== undefined) return await failureOf(result, storm, count, shrink)
    if (count === seeds) return { ...result, seeds: count, report: undefined }
  }
}

async function failureOf<Message>(
  result: SeedResult,
  storm: StormOptions<Message>,
  seeds: number,
  shrink: ShrinkOptions | false,
): Promise<SeedsResult> {
  const { seed } = result
  const shrunk = shrink === false ? undefined : await shrinkSeed(seed, storm, shrink)
  const trace = new TraceRecorder()
  const made: { workload?: Workload } = {}
  await runSeed(seed, {
    ...storm,
    ...shrunk?.replay,
    trace,
    workload: (world) => (made.workload = (storm.workload ?? logWorkload)(world)),
  })
  const report = describeFailure({
    result,
    repeat: `runSeeds({ ...options, first: ${seed}, seeds: 1 })`,
    trace: trace.trace(),
    ...(shrunk === undefined ? {} : { shrunk }),
    ...(isDescribed(made.workload) ? { clients: made.workload.describe() } : {}),
  })
  return { ...result, seeds, report, ...(shrunk === undefined ? {} : { shrunk }) }
}

/** The same storm over logs 0, 1, ... */
function withPartitions<Message>(storm: StormOptions<Message>, count: number): StormOptions<Message> {
  if (!Number.isInteger(count) || count < 1) {
    throw new MakoError('BAD_OPTION', `partitions must be a whole number above 0, not ${count}.`)
  }
  const partitions = Array.from({ length: count }, (_, partition) => partition)
  return {
    ...storm,
    fit: (swarm) => {
      const fitted = storm.fit?.(swarm) ?? swarm
      return { ...fitted, partitions, leadTogether: fitted.leadTogether.length > 0 && count > 1 ? [partitions] : [] }
    },
  }
}
