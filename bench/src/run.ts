// Runs the cases. Always true: rounds alternate (every case once, then every case again), so that a machine that is
// slower for a while is so for all of them; a round is never left out.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BenchCase, Sample } from './case.ts'
import { WARM_UP } from './measure.ts'
import type { CaseResult } from './report.ts'

/** Enough for a median that one bad round does not move. */
export const ROUNDS = 5

export async function runCases(
  cases: readonly BenchCase[],
  seconds: number,
  progress: (round: number, benchCase: BenchCase) => void,
): Promise<CaseResult[]> {
  const results = cases.map((benchCase) => ({ benchCase, samples: [] as Sample[] }))
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { benchCase, samples } of results) {
      progress(round, benchCase)
      samples.push(await benchCase.run(seconds / ROUNDS))
      // What a round has left behind (closed sockets, timers) is not the next one's burden.
      await nextTurn()
    }
  }
  return results
}

/** How long it will take, roughly. */
export function estimateSeconds(cases: readonly BenchCase[], seconds: number): number {
  return cases.reduce((sum, { setupSeconds }) => sum + seconds * (1 + WARM_UP) + ROUNDS * setupSeconds, 0)
}
