// Every seed that ever failed, with what it found. Settings of the swarm may have moved on since, so a seed need not
// reach the same bug again; it costs a second, and it stays.

import { readFileSync } from 'node:fs'
import { runSeed } from '@mako/testkit'
import { expect, it } from 'vitest'
import { raftProbe, simRaft } from '../src/node/raft.ts'

interface Regression {
  readonly seed: number
  /** @default 10 */
  readonly seconds?: number
  readonly found: string
}

const regressions = JSON.parse(
  readFileSync(new URL('../seeds/raft.json', import.meta.url), 'utf8'),
) as readonly Regression[]

it.each(regressions)('seed $seed: $found', async ({ seed, seconds }) => {
  const { violation } = await runSeed(seed, { protocol: simRaft, probe: raftProbe, seconds: seconds ?? 10 })
  expect(violation).toBeUndefined()
})
