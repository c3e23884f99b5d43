/**
 * Matchers for vitest: importing this module is all that is needed.
 *
 * @packageDocumentation
 */

// Always true: a verdict that is `unknown` fails a test, whichever way it is asked, because nothing was shown.

import { expect } from 'vitest'
import type { IsolationLevel } from '../checkers/anomaly.ts'
import type { TimedOperation } from '../checkers/history.ts'
import type { LinearizabilityOptions } from '../checkers/linearizable.ts'
import type { Model } from '../checkers/model.ts'
import type { SeedResult } from '../storm/run.ts'
import { matchers } from './matchers.ts'

declare module 'vitest' {
  interface Matchers<T> {
    /** The history has an order in which each operation takes effect between its call and its return. */
    toBeLinearizable<State, Operation extends TimedOperation>(
      model?: Model<State, Operation>,
      options?: LinearizabilityOptions,
    ): void

    /** The transactions have an order, which is that of real time where they do not overlap. */
    toBeStrictSerializable(): void

    /** The transactions have none of the anomalies that the level forbids. */
    toBeIsolated(level: IsolationLevel): void

    /** Each acknowledged append is there exactly once, none that failed is, and all reads tell one order. */
    toKeepAppends(): void

    /** The result of `runSeed` or `runSeeds` has no violation; of `runSeeds` the message is the whole report. */
    toKeepTheLaws(this: Matchers<T extends SeedResult ? T : never>): void
  }
}

expect.extend({ ...matchers })

export { matchers, type HistoryMatchers, type MatcherResult } from './matchers.ts'
