// Stopwatches and loops. Always true: what is prepared or warmed up is not in a figure; processor time is that of this
// process, which other work on the machine changes far less than the wall's time.

import type { Figure, Sample } from './case.ts'

/** Adds up wall and processor time while it runs. */
export class Stopwatch {
  wallMs = 0
  cpuUs = 0
  #wall = 0
  #cpu: NodeJS.CpuUsage = { user: 0, system: 0 }

  start(): void {
    this.#cpu = process.cpuUsage()
    this.#wall = performance.now()
  }

  stop(): void {
    this.wallMs += performance.now() - this.#wall
    const { user, system } = process.cpuUsage(this.#cpu)
    this.cpuUs += user + system
  }
}

/** What some operations have cost. */
export interface Cost {
  readonly operations: number
  readonly wallMs: number
  readonly cpuUs: number
}

/** A rate in operations per second. */
export function rate(cost: Cost, figures: readonly Figure[] = []): Sample {
  return {
    value: (cost.operations / cost.wallMs) * 1000,
    cpuUsPerOperation: cost.cpuUs / cost.operations,
    figures,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Part of a round's time that is spent once more, before it, to warm up. */
export const WARM_UP = 0.25

/** Repeats a synchronous step of so many operations; a step should take well over a microsecond. */
export function repeat(seconds: number, operations: number, step: () => void): Cost {
  times(seconds * WARM_UP, step)
  const watch = new Stopwatch()
  watch.start()
  const count = times(seconds, step)
  watch.stop()
  return { operations: count * operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs }
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
export async function repeatAsync(seconds: number, operations: number, step: () => Promise<unknown>): Promise<Cost> {
  const watch = new Stopwatch()
  watch.start()
  const end = performance.now() + seconds * 1000
  let count = 0
  do {
    await step()
    count++
  } while (performance.now() < end)
  watch.stop()
  return { operations: count * operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs }
}

/**
 * Measures a subject and the plain thing it is compared with in turns (plain, subject, subject, plain), so that what
 * else goes on on the machine meets both alike.
 */
export async function sideBySide(
  seconds: number,
  plainName: string,
  plain: (seconds: number) => Promise<Cost>,
  subject: (seconds: number) => Promise<Cost>,
): Promise<Sample> {
  await plain((seconds * WARM_UP) / 2)
  await subject((seconds * WARM_UP) / 2)
  const slice = seconds / 4
  const first = await plain(slice)
  const ours = sum(await subject(slice), await subject(slice))
  const theirs = sum(first, await plain(slice))
  const ourRate = rate(ours)
  const theirRate = rate(theirs)
  return rate(ours, [
    { name: plainName, unit: '/s', value: theirRate.value },
    { name: 'ratio', unit: 'x', value: ourRate.value / theirRate.value },
  ])
}

function sum(a: Cost, b: Cost): Cost {
  return { operations: a.operations + b.operations, wallMs: a.wallMs + b.wallMs, cpuUs: a.cpuUs + b.cpuUs }
}
