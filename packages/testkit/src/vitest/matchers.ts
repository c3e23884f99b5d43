// The matchers as plain functions, for a test runner of any kind.
//
// Always true: they say why in the words of the checkers. An unknown verdict is a mistake of the test, not an answer:
// it throws, so that `.not` does not make a success of it.

import { checkAppends } from '../checkers/appends.ts'
import type { IsolationLevel } from '../checkers/anomaly.ts'
import type { History, TimedOperation, TransactionEvent } from '../checkers/history.ts'
import { checkLinearizable, type LinearizabilityOptions } from '../checkers/linearizable.ts'
import type { Model } from '../checkers/model.ts'
import { registerModel } from '../checkers/register-model.ts'
import { checkSerializable } from '../checkers/serializable.ts'
import type { SeedsResult } from '../app/run-seeds.ts'
import type { SeedResult } from '../storm/run.ts'

export interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

export interface HistoryMatchers {
  toBeLinearizable(
    history: readonly TimedOperation[],
    model?: Model<unknown>,
    options?: LinearizabilityOptions,
  ): MatcherResult
  toBeStrictSerializable(history: readonly TransactionEvent[]): MatcherResult
  toBeIsolated(history: readonly TransactionEvent[], level: IsolationLevel): MatcherResult
  toKeepAppends(history: History): MatcherResult
  toKeepTheLaws(result: SeedResult | SeedsResult): MatcherResult
}

export const matchers: HistoryMatchers = {
  toBeLinearizable: (history, model = registerModel, options = {}) =>
    judge(checkLinearizable(history, model, options), `linearizable (${model.name})`),
  toBeStrictSerializable: (history) => judge(checkSerializable(history), 'strict-serializable'),
  toBeIsolated: (history, level) => judge(checkSerializable(history, { level }), level),
  toKeepAppends: (history) => judge(checkAppends(history), 'a history that keeps its appends'),
  toKeepTheLaws: (result) => toKeepTheLaws(result, 'report' in result ? result.report : undefined),
}

function toKeepTheLaws({ seed, violation, hash }: SeedResult, report: string | undefined): MatcherResult {
  return {
    pass: violation === undefined,
    message: () =>
      violation === undefined
        ? `Seed ${seed} was expected to break a law, and has broken none (hash ${hash}).`
        : (report ??
          `Seed ${seed} has broken a law after ${violation.atMs} virtual ms: ${violation.law}: ${violation.message}`),
  }
}

type Verdict = { readonly verdict: 'valid' } | { readonly verdict: 'invalid' | 'unknown'; readonly explanation: string }

function judge(result: Verdict, what: string): MatcherResult {
  switch (result.verdict) {
    case 'valid':
      return { pass: true, message: () => `The history was expected not to be ${what}, and is.` }
    case 'invalid':
      return { pass: false, message: () => result.explanation }
    case 'unknown':
      throw new Error(`Nobody can tell whether the history is ${what}. ${result.explanation}`)
  }
}
