// Runs the cells, stage by stage. Always true: rounds alternate (every cell of a stage once, then every cell again, in
// turns forwards and backwards), so that a machine that is slower for a while is so for all of them; a subject that
// fails is noted and begins anew, or is left out from then on, and the others go on.

import { type Cell, pathOf, type Sample, type Stage, type Subject } from './cell.ts'

export interface CellResult {
  readonly cell: Cell
  /** One for each round; undefined where there is none. */
  readonly samples: readonly (Sample | undefined)[]
}

export interface RunOptions {
  readonly rounds: number
  /** Measured time of a cell, over all its rounds. */
  readonly seconds: number
}

export interface RunObserver {
  stage(cells: readonly Cell[]): void
  measuring(cell: Cell, round: number): void
  /** Something failed, and what that means for the rest; `isFatal` when one of ours is given up. */
  failed(message: string, isFatal: boolean): void
}

/** On a busy machine a leader may lose its office for want of processor time, which says nothing about the next round. */
const MAX_RESTARTS = 1
/** For so many times what a cell is measured a subject works before. */
const WARM_UP = 8
/** Long enough, however long is measured. */
const MAX_WARM_UP_SECONDS = 5
/** How long a subject may take to go away. */
const CLOSE_LIMIT_MS = 15_000
/** A measurement that takes this much longer than it should is given up, if its system has not done so by itself. */
const PATIENCE_MS = 60_000

export async function runStages(
  stages: readonly Stage[],
  options: RunOptions,
  observer: RunObserver,
): Promise<CellResult[]> {
  const results: CellResult[] = []
  for (const { cells } of stages) results.push(...(await runStage(cells, options, observer)))
  return results
}

async function runStage(cells: readonly Cell[], options: RunOptions, observer: RunObserver): Promise<CellResult[]> {
  const { rounds, seconds } = options
  const share = seconds / rounds
  const warmUpSeconds = warmUpOf(seconds)
  observer.stage(cells)
  const results = cells.map((cell) => ({ cell, samples: Array<Sample | undefined>(rounds).fill(undefined) }))
  const lives = new Map(
    [...new Set(cells.map(({ subject }) => subject))].map((each) => [each, new Life(each, warmUpSeconds, observer)]),
  )
  try {
    await Promise.all([...lives.values()].map((life) => life.open()))
    // One after the other: who shares the processors while it warms up is still cold when it is measured.
    for (const life of lives.values()) await life.warmUp()
    for (let round = 0; round < rounds; round++) {
      for (const { cell, samples } of round % 2 === 0 ? results : results.toReversed()) {
        const life = lives.get(cell.subject)!
        if (!life.isOpen) continue
        observer.measuring(cell, round)
        const limitMs = (share * 2 + cell.overheadSeconds) * 1000 + PATIENCE_MS
        try {
          samples[round] = await within(limitMs, cell.measure(share))
        } catch (error) {
          await life.failed(`in ${pathOf(cell)}`, error)
        }
      }
    }
  } finally {
    await Promise.all([...lives.values()].map((life) => life.end()))
  }
  return results
}

/** A subject while it is measured: it may fail and begin anew once, and is left out after that. */
class Life {
  readonly #subject: Subject
  readonly #warmUpSeconds: number
  readonly #observer: RunObserver
  #failures = 0
  #isOpen = false
  #mustClose = false

  constructor(subject: Subject, warmUpSeconds: number, observer: RunObserver) {
    this.#subject = subject
    this.#warmUpSeconds = warmUpSeconds
    this.#observer = observer
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  async open(): Promise<void> {
    this.#mustClose = true
    try {
      await this.#subject.open()
      this.#isOpen = true
    } catch (error) {
      await this.failed('at its start', error)
    }
  }

  async warmUp(): Promise<void> {
    if (!this.#isOpen) return
    try {
      await this.#subject.warmUp?.(this.#warmUpSeconds)
    } catch (error) {
      await this.failed('while it warmed up', error)
    }
  }

  async failed(where: string, error: unknown): Promise<void> {
    this.#isOpen = false
    const isLast = ++this.#failures > MAX_RESTARTS
    const then = isLast ? 'is left out from there on' : 'begins anew'
    this.#tell(`${this.#subject.title} has failed ${where} and ${then}: ${messageOf(error)}`, isLast)
    await this.end()
    if (isLast) return
    await this.open()
    await this.warmUp()
  }

  async end(): Promise<void> {
    if (!this.#mustClose) return
    this.#mustClose = false
    this.#isOpen = false
    try {
      await within(CLOSE_LIMIT_MS, this.#subject.close())
    } catch (error) {
      this.#tell(`${this.#subject.title} did not go away: ${messageOf(error)}`, true)
    }
  }

  #tell(message: string, isFinal: boolean): void {
    this.#observer.failed(message, isFinal && this.#subject.isOurs)
  }
}

/** How long it will take, roughly. */
export function estimateSeconds(stages: readonly Stage[], { rounds, seconds }: RunOptions): number {
  return stages.reduce((sum, { cells, setupSeconds }) => {
    const subjects = new Set(cells.map(({ subject }) => subject))
    const warmUps = [...subjects].filter((subject) => 'warmUp' in subject).length * warmUpOf(seconds)
    return cells.reduce(
      (all, { overheadSeconds }) => all + seconds * 1.25 + rounds * overheadSeconds,
      sum + setupSeconds + warmUps,
    )
  }, 0)
}

function warmUpOf(seconds: number): number {
  return Math.min(MAX_WARM_UP_SECONDS, WARM_UP * seconds)
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${Math.round(limitMs / 1000)} s`)), limitMs)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

function messageOf(error: unknown): string {
  // What a child has thrown comes with its stack, which nobody needs in a note.
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
}
