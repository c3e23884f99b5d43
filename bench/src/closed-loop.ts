// A closed loop: so many clients, each of which asks again as soon as it has its answer.
//
// Always true: every answer is checked, so that a rate is one of operations that have succeeded; latency is from the
// call to the turn in which its caller goes on.

import { createHistogram } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import type { Figure } from './case.ts'
import { type Cost, Stopwatch, WARM_UP } from './measure.ts'

export interface LoopOptions {
  readonly outstanding: number
  readonly seconds: number
  /** Starts one operation; undefined when it is to be tried again later. */
  readonly start: () => Promise<{ readonly status: string }> | undefined
  /** The only good answer. */
  readonly expected: string
}

export interface LoopResult extends Cost {
  /** Warming up included. */
  readonly allOperations: number
  readonly p50Us: number
  readonly p99Us: number
}

/** @throws Error for an answer that is not the expected one */
export async function closedLoop({ outstanding, seconds, start, expected }: LoopOptions): Promise<LoopResult> {
  const histogram = createHistogram()
  let running = true
  let all = 0
  const client = async (): Promise<void> => {
    while (running) {
      const from = performance.now()
      const answer = start()
      if (answer === undefined) {
        await nextTurn()
        continue
      }
      const { status } = await answer
      if (status !== expected) throw new Error(`An operation ended ${status}.`)
      histogram.record(Math.max(1, Math.round((performance.now() - from) * 1e6)))
      all++
    }
  }
  const clients = Promise.all(Array.from({ length: outstanding }, client)).catch((error: unknown) => {
    running = false
    throw error
  })
  const watch = new Stopwatch()
  const time = async (): Promise<Omit<LoopResult, 'allOperations'>> => {
    await after(seconds * WARM_UP * 1000)
    histogram.reset()
    const before = all
    watch.start()
    await after(seconds * 1000)
    // A rate and quantiles of nothing would say nothing: on a busy machine a short round takes longer.
    while (running && all === before) await after(1)
    watch.stop()
    running = false
    const { wallMs, cpuUs } = watch
    const [p50Us, p99Us] = [histogram.percentile(50) / 1000, histogram.percentile(99) / 1000]
    return { operations: all - before, wallMs, cpuUs, p50Us, p99Us }
  }
  const [result] = await Promise.all([time(), clients])
  return { ...result, allOperations: all }
}

export function quantiles({ p50Us, p99Us }: Pick<LoopResult, 'p50Us' | 'p99Us'>): Figure[] {
  return [
    { name: 'p50', unit: 'us', value: p50Us },
    { name: 'p99', unit: 'us', value: p99Us },
  ]
}
