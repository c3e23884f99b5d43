// A small thing that is measured by itself. Always true: one call of `run` is one round, complete in itself: it builds
// what it needs, warms it up, measures, and takes everything down again.

import { type Figure, type Sample, sample } from '../cell.ts'
import { type Cost, Stopwatch } from '../stopwatch.ts'

export interface MicroCase {
  /** Behind `micro/`. */
  readonly name: string
  readonly about: string
  readonly unit: string
  /** `mako`, or the plain thing that stands beside it. */
  readonly system: string
  readonly inFlight: number | null
  readonly bytes: number | null
  readonly peers: readonly string[]
  /** What building and taking down costs in one round. */
  readonly overheadSeconds: number
  run(seconds: number): Sample | Promise<Sample>
}

/** A case of ours that is compared with nothing. */
export function microCase(parts: Pick<MicroCase, 'name' | 'about' | 'unit' | 'run'> & Partial<MicroCase>): MicroCase {
  return { system: 'mako', inFlight: null, bytes: null, peers: [], overheadSeconds: 0.02, ...parts }
}

/** Part of a round's time that is spent once more, before it, to warm up. */
export const WARM_UP = 0.25

/** A rate in operations per second. */
export function rateOf({ operations, wallMs, cpuUs }: Cost, figures: readonly Figure[] = []): Sample {
  return sample({ rate: (operations / wallMs) * 1000, cpuUsPerOp: cpuUs / operations, figures })
}

/** Repeats a synchronous step of so many operations; a step should take well over a microsecond. */
export function repeat(seconds: number, operations: number, step: () => void): Sample {
  times(seconds * WARM_UP, step)
  const watch = new Stopwatch()
  watch.start()
  const count = times(seconds, step)
  watch.stop()
  return rateOf({ operations: count * operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs })
}

function times(seconds: number, step: () => void): number {
  const end = performance.now() + seconds * 1000
  let count = 0
  do {
    step()
    count++
  } while (performance.now() < end)
  return count
}

/** The same for a step that is waited for. */
export async function repeatAsync(seconds: number, operations: number, step: () => Promise<unknown>): Promise<Sample> {
  await timesAsync(seconds * WARM_UP, step)
  const watch = new Stopwatch()
  watch.start()
  const count = await timesAsync(seconds, step)
  watch.stop()
  return rateOf({ operations: count * operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs })
}

async function timesAsync(seconds: number, step: () => Promise<unknown>): Promise<number> {
  const end = performance.now() + seconds * 1000
  let count = 0
  do {
    await step()
    count++
  } while (performance.now() < end)
  return count
}
