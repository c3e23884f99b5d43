// Runs the cells, stage by stage. Always true: rounds alternate (every cell of a stage once, then every cell again, in
// turns forwards and backwards), so that a machine that is slower for a while is so for all of them; a subject that
// fails is noted and left out from then on, and the others go on.

import type { Cell, Sample, Stage, Subject } from './cell.ts'

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
  /** Something failed, and what that means for the rest; whether it is ours or a peer. */
  failed(message: string, ofOurs: boolean): void
}

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
  observer.stage(cells)
  const results = cells.map((cell) => ({ cell, samples: Array<Sample | undefined>(rounds).fill(undefined) }))
  const failed = new Set<Subject>()
  const fail = (subject: Subject, when: string, error: unknown): void => {
    failed.add(subject)
    observer.failed(
      `${subject.title} has failed ${when} and is left out from there on: ${messageOf(error)}`,
      subject.isOurs,
    )
  }
  const subjects = [...new Set(cells.map(({ subject }) => subject))]
  try {
    await Promise.all(
      subjects.map((subject) => subject.open().catch((error: unknown) => fail(subject, 'at its start', error))),
    )
    for (let round = 0; round < rounds; round++) {
      for (const { cell, samples } of round % 2 === 0 ? results : results.toReversed()) {
        if (failed.has(cell.subject)) continue
        observer.measuring(cell, round)
        const share = seconds / rounds
        const limitMs = (share * 2 + cell.overheadSeconds) * 1000 + PATIENCE_MS
        try {
          samples[round] = await within(limitMs, cell.measure(share))
        } catch (error) {
          const load = cell.inFlight === null ? '' : ` with ${cell.inFlight} x ${cell.bytes ?? 0} B in flight`
          fail(cell.subject, `in ${cell.name}${load}`, error)
        }
      }
    }
  } finally {
    await Promise.all(
      subjects.map((subject) =>
        within(CLOSE_LIMIT_MS, subject.close()).catch((error: unknown) =>
          observer.failed(`${subject.title} did not go away: ${messageOf(error)}`, subject.isOurs),
        ),
      ),
    )
  }
  return results
}

/** How long it will take, roughly. */
export function estimateSeconds(stages: readonly Stage[], { rounds, seconds }: RunOptions): number {
  return stages.reduce(
    (sum, { cells, setupSeconds }) =>
      cells.reduce((all, { overheadSeconds }) => all + seconds * 1.25 + rounds * overheadSeconds, sum + setupSeconds),
    0,
  )
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
  return error instanceof Error ? error.message : String(error)
}
