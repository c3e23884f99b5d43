// What the suites need of a test runner, and how they hand their tests to it.
//
// Always true: each test of a suite is known by its name; one that is skipped is still there, with the reason in its
// title; a skip that names a test that does not exist is a mistake, so that a list of skips cannot go stale.

import { MakoError, systemClock, type Clock } from '@mako/engine'

/** The part of an assertion that the suites use. */
export interface Expectation {
  readonly not: Expectation
  toBe(expected: unknown): void
  toBeDefined(): void
  toBeGreaterThan(expected: number): void
  toBeGreaterThanOrEqual(expected: number): void
  toBeLessThan(expected: number): void
  toBeLessThanOrEqual(expected: number): void
  toContain(expected: unknown): void
  toEqual(expected: unknown): void
  toHaveLength(expected: number): void
  toMatchObject(expected: object): void
}

/** `describe`, `it` and `expect` of Vitest; `import * as vitest from 'vitest'` is one. */
export interface TestRunner {
  readonly describe: (name: string, fn: () => void) => unknown
  readonly it: ((name: string, fn: () => Promise<void>, timeoutMs?: number) => unknown) & {
    readonly skip: (name: string, fn: () => void) => unknown
    readonly concurrent: (name: string, fn: () => Promise<void>, timeoutMs?: number) => unknown
  }
  readonly expect: (value: unknown, message?: string) => Expectation
}

/** Tests that an implementation need not, or cannot yet, pass. */
export interface Skip {
  readonly reason: string
  /** The names of the tests as the runner shows them. */
  readonly tests: readonly string[]
}

/** What all suites have in common. */
export interface SuiteOptions {
  /** What is tested; the title of the suite. */
  readonly name: string
  readonly skip?: readonly Skip[]
}

/** Work that is done when a test has ended, last come first served. */
export class CleanUp {
  readonly #work: (() => unknown)[] = []

  add(work: () => unknown): void {
    this.#work.push(work)
  }

  async run(): Promise<void> {
    for (const work of this.#work.splice(0).reverse()) await work()
  }
}

/** A test; what it adds to `cleanUp` is done afterwards, whether it passed or not. */
export type Case = (cleanUp: CleanUp) => void | Promise<void>
export type Cases = Readonly<Record<string, Case>>

export interface RunOptions {
  /** Tests may run at the same time: each has a world of its own. @default false */
  readonly concurrent?: boolean
  /** Milliseconds for one test. @default what the runner is set to */
  readonly timeoutMs?: number
}

/**
 * Hands all tests to the runner.
 * @throws MakoError `BAD_OPTION` when a skip names no test of this suite, names one twice, or has no reason
 */
export function runCases(
  { describe, it }: TestRunner,
  title: string,
  cases: Cases,
  skip: readonly Skip[] = [],
  options: RunOptions = {},
): void {
  const reasons = new Map<string, string>()
  for (const { reason, tests } of skip) {
    if (reason.trim() === '') throw new MakoError('BAD_OPTION', `${title}: a test is skipped for a reason; say which.`)
    for (const name of tests) {
      if (!Object.hasOwn(cases, name)) {
        throw new MakoError('BAD_OPTION', `${title} has no test '${name}' that could be skipped.`)
      }
      if (reasons.has(name)) throw new MakoError('BAD_OPTION', `${title}: the test '${name}' is skipped twice.`)
      reasons.set(name, reason)
    }
  }
  describe(title, () => {
    for (const [name, test] of Object.entries(cases)) {
      const reason = reasons.get(name)
      if (reason !== undefined) {
        it.skip(`${name} [skipped: ${reason}]`, () => undefined)
        continue
      }
      const run = async (): Promise<void> => {
        const cleanUp = new CleanUp()
        try {
          await test(cleanUp)
        } finally {
          await cleanUp.run()
        }
      }
      if (options.concurrent === true) it.concurrent(name, run, options.timeoutMs)
      else it(name, run, options.timeoutMs)
    }
  })
}

/** How a suite lets time pass. */
export interface TestTime {
  readonly clock: Clock
  /** Lets a few milliseconds pass, in which everything that is due happens. */
  readonly pass: () => Promise<void>
}

/** Real time. */
export const REAL_TIME: TestTime = {
  clock: systemClock,
  pass: () => new Promise((resolve) => void systemClock.setTimer(2, () => resolve())),
}

/** Waiting, with a limit: for a machine that hangs, not as a measure. */
export class Waiter {
  readonly #time: TestTime
  readonly #limitMs: number

  constructor(time: TestTime = REAL_TIME, limitMs = 20_000) {
    this.#time = time
    this.#limitMs = limitMs
  }

  /** Waits until this is so. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const { clock, pass } = this.#time
    const end = clock.monotonicNow() + this.#limitMs
    while (!holds()) {
      if (clock.monotonicNow() > end) throw new Error(`Waited ${this.#limitMs} ms in vain: ${what}.`)
      await pass()
    }
  }

  /** What a promise gives, while time goes on. */
  async of<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false
    const note = (): void => {
      isSettled = true
    }
    promise.then(note, note)
    await this.until(what, () => isSettled)
    return await promise
  }

  /** Lets some time pass: for what must not happen. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#time.pass()
  }
}

/** The code of the MakoError with which this fails, or 'none'. Other errors are passed on. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof MakoError) return error.code
    throw error
  }
}

/** The code of the MakoError that this throws, or 'none'. Other errors are passed on. */
export function thrownBy(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    if (error instanceof MakoError) return error.code
    throw error
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
