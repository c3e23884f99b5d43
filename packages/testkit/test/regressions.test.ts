// Every seed that ever failed, with what it found. Settings of the swarm may have moved on since, so a seed need not
// reach the same bug again; it costs a second, and it stays.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/node/arguments.ts'
import { seedRunner } from '../src/node/registry.ts'

interface Regression {
  readonly seed: number
  /** @default log */
  readonly workload?: string
  /** @default 10 */
  readonly seconds?: number
  readonly found: string
}

describe.each(['raft', 'paxos'])('%s', (protocol) => {
  const file = new URL(`../seeds/${protocol}.json`, import.meta.url)
  const regressions = JSON.parse(readFileSync(file, 'utf8')) as readonly Regression[]

  it.each(regressions)('seed $seed: $found', async ({ seed, workload = 'log', seconds = 10 }) => {
    const line = ['--protocol', protocol, '--workload', workload, '--seconds', String(seconds)]
    const { violation } = await seedRunner(parseArguments(line)!)(seed)
    expect(violation).toBeUndefined()
  })
})
