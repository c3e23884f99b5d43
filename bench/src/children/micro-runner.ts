// Runs the small cases, in a process of their own that was translated ahead of time.

import type { Sample } from '../cell.ts'
import { keyOf, microCases } from '../micro/index.ts'
import { serve } from './child.ts'

export interface MicroRunnerCalls {
  readonly run: (what: { readonly key: string; readonly seconds: number }) => Promise<Sample>
  readonly stop: () => void
}

export function microRunner(): void {
  const cases = new Map(microCases.map((each) => [keyOf(each), each]))
  serve<MicroRunnerCalls>({
    run: async ({ key, seconds }) => await cases.get(key)!.run(seconds),
    stop: () => undefined,
  })
}
