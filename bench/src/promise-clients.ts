// Clients that wait for a promise each: so many are open at any time, and each asks again as soon as it has its answer.
//
// Always true: every answer is checked, so that a rate is one of operations that have succeeded; whoever asks does so in
// slices of a few milliseconds, so that heartbeats and disks have their turn.

import { createHistogram } from 'node:perf_hooks'
import { setTimeout as after } from 'node:timers/promises'
import { type Figure, type Sample, sample } from './cell.ts'
import { type Cost, Stopwatch } from './stopwatch.ts'

export interface PromiseClientsOptions {
  readonly inFlight: number
  /** Starts one operation; undefined when it is to be tried again in a later turn. */
  readonly start: () => Promise<{ readonly status: string }> | undefined
  /** The only good answer. */
  readonly expected: string
}

export interface PromiseResult extends Cost {
  /** Operations that were started in the measured time. */
  readonly started: number
  readonly p50Us: number
  readonly p99Us: number
}

const SLICE_MS = 4
const WARM_UP = 0.25

export class PromiseClients {
  readonly #options: PromiseClientsOptions
  readonly #histogram = createHistogram()
  #running = false
  #open = 0
  #started = 0
  #answered = 0
  #scheduled = false
  /** Until then may be asked at once. Answers that are there at once, as those of reads, come without end in between. */
  #sliceEnd = 0
  #failure: Error | undefined

  constructor(options: PromiseClientsOptions) {
    this.#options = options
  }

  begin(): void {
    this.#running = true
    this.#schedule()
  }

  /** Measures, and ends the load. @throws Error for an answer that is not the expected one */
  async measure(seconds: number): Promise<PromiseResult> {
    const watch = new Stopwatch()
    this.#histogram.reset()
    const [started, answered] = [this.#started, this.#answered]
    watch.start()
    await after(seconds * 1000)
    // A rate and quantiles of nothing would say nothing: on a busy machine a short round takes longer.
    while (this.#running && this.#answered === answered) await after(1)
    watch.stop()
    const result = {
      operations: this.#answered - answered,
      started: this.#started - started,
      wallMs: watch.wallMs,
      cpuUs: watch.cpuUs,
      p50Us: this.#histogram.percentile(50) / 1000,
      p99Us: this.#histogram.percentile(99) / 1000,
    }
    this.#running = false
    while (this.#failure === undefined && this.#open > 0) await after(1)
    if (this.#failure !== undefined) throw this.#failure
    return result
  }

  /** Warms up and measures when all that takes part is in this process. */
  async sample(seconds: number): Promise<Sample> {
    this.begin()
    await after(seconds * WARM_UP * 1000)
    const result = await this.measure(seconds)
    return promiseSample(result, result.cpuUs)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#sliceEnd = performance.now() + SLICE_MS
      this.#slice()
    })
  }

  #slice(): void {
    const { inFlight, start } = this.#options
    while (this.#running && this.#open < inFlight) {
      const from = performance.now()
      const answer = from < this.#sliceEnd ? start() : undefined
      if (answer === undefined) {
        this.#schedule()
        return
      }
      this.#open++
      this.#started++
      answer.then(
        ({ status }) => this.#settled(from, status),
        (error: unknown) => this.#settled(from, String(error)),
      )
    }
  }

  #settled(from: number, status: string): void {
    this.#open--
    if (status === this.#options.expected) {
      this.#answered++
      this.#histogram.record(Math.max(1, Math.round((performance.now() - from) * 1e6)))
      // At once, as the code behind an `await` would.
      if (this.#running) this.#slice()
    } else {
      this.#failure ??= new Error(`An operation ended ${status}.`)
      this.#running = false
    }
  }
}

/** `allCpuUs`: of all processes that took part. */
export function promiseSample(result: PromiseResult, allCpuUs: number, figures: readonly Figure[] = []): Sample {
  const { operations, wallMs, cpuUs, p50Us, p99Us } = result
  return sample({
    rate: (operations / wallMs) * 1000,
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
    cpuUsPerOp: allCpuUs / operations,
    leaderCpuUsPerOp: cpuUs / operations,
    figures,
  })
}
