// Every seed of Paxos that ever failed, with what it found (see regressions.test.ts).

import { readFileSync } from 'node:fs'
import { runSeed } from '@mako/testkit'
import { expect, it } from 'vitest'
import { paxosProbe, simPaxos } from '../src/node/paxos.ts'

interface Regression {
  readonly seed: number
  readonly found: string
}

const regressions = JSON.parse(
  readFileSync(new URL('../seeds/paxos.json', import.meta.url), 'utf8'),
) as readonly Regression[]

it.each(regressions)('seed $seed: $found', async ({ seed }) => {
  const { violation } = await runSeed(seed, { protocol: simPaxos, probe: paxosProbe, seconds: 3 })
  expect(violation).toBeUndefined()
})
