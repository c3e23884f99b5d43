// Makes a failing seed small: which of its faults and which operations of its clients are enough to break the same law.
//
// Always true: what is left breaks the law that the whole seed has broken, at the end of this many virtual seconds or
// before, and does so every time. Faults and operations have randomness of their own, so what is left out changes
// nothing of what stays; but what stays happens in another history, and may or may not break the law there: that is
// tried, one run for each attempt, for as many runs as are allowed.

import type { Violation } from '../laws/book.ts'
import type { InjectedFault } from '../storm/plan.ts'
import { runSeed, type SeedResult, type StormOptions } from '../storm/run.ts'
import { logWorkload } from '../workload/log.ts'
import type { WorkloadFactory } from '../workload/workload.ts'
import { reduce } from './reduce.ts'

export interface ShrinkOptions {
  /** Runs of the seed that may be spent. @default 400 */
  readonly limitRuns?: number
  /** Ends it early; what was reached by then is the result. @default nothing does */
  readonly signal?: AbortSignal
  /** Told after each attempt. A promise is waited for: only meanwhile does a signal of real time come. @default nobody */
  readonly progress?: (progress: ShrinkProgress) => void | Promise<void>
}

export interface ShrinkProgress {
  readonly runs: number
  /** How many are left by now. */
  readonly faults: number
  readonly operations: number
}

/** The settings of `runSeed` that repeat what is left of a seed. */
export type Replay = Required<Pick<StormOptions<never>, 'seconds' | 'skip' | 'skipOperation'>>

export interface ShrunkSeed {
  readonly seed: number
  /** The faults that are left, by time. */
  readonly schedule: readonly InjectedFault[]
  /** The ordinals of the operations that are left, ascending. */
  readonly operations: readonly number[]
  /** Virtual seconds of storm that are left. */
  readonly seconds: number
  readonly violation: Violation
  /** How many faults and operations there were up to the violation, before anything was left out. */
  readonly before: { readonly faults: number; readonly operations: number }
  /** Faults and operations that are left, of those before: 0.1 is a tenth. */
  readonly share: number
  /** How often the seed was run. */
  readonly runs: number
  /** `runSeed(seed, { ...options, ...replay })` repeats it. */
  readonly replay: Replay
}

/** The parts of a seed that an attempt keeps. */
interface Kept {
  readonly faults: readonly InjectedFault[]
  readonly operations: readonly number[]
  readonly durationMs: number
}

/** What is left, and what it does. */
interface Failing extends Kept {
  readonly violation: Violation
}

const LIMIT_RUNS = 400

/** Virtual milliseconds that an attempt may take longer than the shortest history by now: it is another history. */
const PATIENCE_MS = 1000

/**
 * Runs the seed and, when it breaks a law, leaves out faults and operations until what is left is small. Undefined when
 * the seed breaks no law.
 */
export async function shrinkSeed<Message>(
  seed: number,
  options: StormOptions<Message>,
  shrink: ShrinkOptions = {},
): Promise<ShrunkSeed | undefined> {
  const shrinker = new Shrinker(seed, options, shrink)
  return await shrinker.run()
}

class Shrinker<Message> {
  readonly #seed: number
  readonly #options: StormOptions<Message>
  readonly #shrink: ShrinkOptions
  #runs = 0

  constructor(seed: number, options: StormOptions<Message>, shrink: ShrinkOptions) {
    this.#seed = seed
    this.#options = options
    this.#shrink = shrink
  }

  async run(): Promise<ShrunkSeed | undefined> {
    const all = await this.#whole()
    if (all === undefined) return undefined
    const isQuiet = all.violation.atMs >= all.durationMs
    let best: Failing = isQuiet ? all : { ...all, durationMs: endOf(all) }
    const attempt = async (kept: Partial<Kept>): Promise<Failing | undefined> => {
      const tried = await this.#attempt({ ...best, ...kept }, all.violation, isQuiet)
      if (tried !== undefined) best = tried
      return tried
    }
    const isOver = (): boolean => this.#isOver
    const dropFamilies = async (): Promise<void> => {
      for (const family of familiesOf(best.faults)) {
        await attempt({ faults: best.faults.filter((fault) => fault.family !== family) })
      }
    }
    const dropFaults = async (): Promise<void> => {
      await reduce(best.faults, async (faults) => (await attempt({ faults }))?.faults, isOver)
    }
    const dropOperations = async (): Promise<void> => {
      await reduce(best.operations, async (operations) => (await attempt({ operations }))?.operations, isOver)
    }
    if (isQuiet) await this.#shorten(() => best, attempt)
    await dropFamilies()
    for (let size = Number.POSITIVE_INFINITY; size > sizeOf(best) && !this.#isOver; ) {
      size = sizeOf(best)
      await dropOperations()
      await dropFaults()
    }
    if (isQuiet) await this.#shorten(() => best, attempt)
    return this.#result(all, isQuiet ? best : { ...best, durationMs: endOf(best, 0) })
  }

  /** The seed as it is. */
  async #whole(): Promise<Failing | undefined> {
    const durationMs = (this.#options.seconds ?? 10) * 1000
    const { violation, schedule } = await this.#run({ ...this.#options, record: true })
    if (violation === undefined || schedule === undefined) return undefined
    const { skipOperation } = this.#options
    const operations = ordinals(schedule.operations).filter((ordinal) => skipOperation?.(ordinal) !== true)
    return { faults: injectedOf(schedule.faults), operations, durationMs, violation }
  }

  /** What an attempt has come to, when it breaks the law. Faults that did nothing, and what came later, are left out. */
  async #attempt(kept: Kept, wanted: Violation, isQuiet: boolean): Promise<Failing | undefined> {
    if (this.#isOver) return undefined
    const { workload = logWorkload } = this.#options
    const { violation, schedule } = await this.#run({
      ...this.#options,
      ...replayOf(kept),
      record: true,
      ...(isQuiet ? {} : { workload: withoutQuietTime(workload) }),
    })
    const { faults, operations, durationMs } = kept
    await this.#shrink.progress?.({ runs: this.#runs, faults: faults.length, operations: operations.length })
    if (violation === undefined || schedule === undefined) return undefined
    if (violation.law !== wanted.law || violation.message === STORM_IS_OVER) return undefined
    const left: Failing = {
      faults: injectedOf(schedule.faults),
      operations: operations.filter((ordinal) => ordinal < schedule.operations),
      durationMs,
      violation,
    }
    return isQuiet ? left : { ...left, durationMs: Math.min(durationMs, endOf(left)) }
  }

  /** What shows only after the storm may need less of it. */
  async #shorten(best: () => Failing, attempt: (kept: Partial<Kept>) => Promise<Failing | undefined>): Promise<void> {
    for (let isShorter = true; isShorter; ) {
      isShorter = false
      const { durationMs, faults } = best()
      const behindTheLast = Math.ceil((faults.at(-1)?.atMs ?? 0) + 1)
      for (const shorter of [Math.ceil(durationMs / 2), behindTheLast].sort((a, b) => a - b)) {
        if (isShorter || shorter >= durationMs) continue
        isShorter = (await attempt({ durationMs: shorter })) !== undefined
      }
    }
  }

  #result(all: Failing, left: Failing): ShrunkSeed {
    const before = { faults: all.faults.length, operations: all.operations.length }
    return {
      seed: this.#seed,
      schedule: left.faults,
      operations: left.operations,
      seconds: left.durationMs / 1000,
      violation: left.violation,
      before,
      share: sizeOf(left) / Math.max(1, sizeOf(all)),
      runs: this.#runs,
      replay: replayOf(left),
    }
  }

  get #isOver(): boolean {
    return this.#runs >= (this.#shrink.limitRuns ?? LIMIT_RUNS) || this.#shrink.signal?.aborted === true
  }

  async #run(options: StormOptions<Message>): Promise<SeedResult> {
    this.#runs++
    return await runSeed(this.#seed, options)
  }
}

/** The settings of `runSeed` that keep these faults and operations and leave out all others. */
export function replayOf(kept: {
  readonly faults: readonly { readonly ordinal: number }[]
  readonly operations: readonly number[]
  readonly durationMs: number
}): Replay {
  const faults = new Set(kept.faults.map(({ ordinal }) => ordinal))
  const operations = new Set(kept.operations)
  return {
    seconds: kept.durationMs / 1000,
    skip: (ordinal) => !faults.has(ordinal),
    skipOperation: (ordinal) => !operations.has(ordinal),
  }
}

const STORM_IS_OVER = 'the storm is over, and no law was broken in it'

/** The same clients; a storm that has broken no law ends the history, because the quiet time would take longest. */
function withoutQuietTime(make: WorkloadFactory): WorkloadFactory {
  return (world) => {
    const workload = make(world)
    const stop = workload.stop.bind(workload)
    workload.stop = () => {
      stop()
      world.cluster.book.broken('workload', STORM_IS_OVER)
    }
    return workload
  }
}

function injectedOf(faults: readonly InjectedFault[]): readonly InjectedFault[] {
  return faults.filter(({ kind }) => kind !== undefined)
}

/** The families, the most frequent one first. */
function familiesOf(faults: readonly InjectedFault[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { family } of faults) counts.set(family, (counts.get(family) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a).map(([family]) => family)
}

function endOf({ violation }: { readonly violation: Violation }, patienceMs: number = PATIENCE_MS): number {
  return Math.ceil(violation.atMs + 1 + patienceMs)
}

function sizeOf({ faults, operations }: Kept): number {
  return faults.length + operations.length
}

function ordinals(count: number): number[] {
  return Array.from({ length: count }, (_, ordinal) => ordinal)
}
