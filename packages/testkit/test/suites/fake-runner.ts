// A test runner that notes the tests of a suite and runs them when it is told to: for testing the suites themselves.

import { expect } from 'vitest'
import type { TestRunner } from '@mako/testkit/suites'

export interface FakeRunner {
  readonly runner: TestRunner
  readonly titles: string[]
  readonly skipped: string[]
  readonly tests: Map<string, () => Promise<void>>
  /** Runs these tests, or all; the names of those that have failed. */
  failures(...names: string[]): Promise<string[]>
}

export function fakeRunner(): FakeRunner {
  const titles: string[] = []
  const skipped: string[] = []
  const tests = new Map<string, () => Promise<void>>()
  const note = (name: string, fn: () => Promise<void>): void => void tests.set(name, fn)
  const it = Object.assign(note, { skip: (name: string) => skipped.push(name), concurrent: note })
  const describe = (name: string, fn: () => void): void => {
    titles.push(name)
    fn()
  }
  return {
    runner: { describe, it, expect },
    titles,
    skipped,
    tests,
    async failures(...names) {
      const failed: string[] = []
      for (const name of names.length > 0 ? names : tests.keys()) {
        try {
          await tests.get(name)!()
        } catch {
          failed.push(name)
        }
      }
      return failed
    },
  }
}
