// Storms over the production file log: its segments, rotation, metadata and recovery, on simulated files in virtual
// time. The laws see what it promises, and each recovery is held against everything that was ever written.

import { expect, it } from 'vitest'
import { runSeed, type SeedResult } from '../src/index.ts'
import { fileDisk } from '../src/node/file-disk.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 20)
const FIRST = Number(process.env['SEED'] ?? 1)

function storm(seed: number, seconds = 2): Promise<SeedResult> {
  return runSeed(seed, {
    protocol: simRaft,
    probe: raftProbe,
    seconds,
    makeDisk: fileDisk,
    // Without a no-op a leader answers what its predecessor accepted only when it is given something more.
    fit: (swarm) => ({ ...swarm, tuning: { ...swarm.tuning, noopOnElection: true } }),
  })
}

it('storms over the file log break no law', { timeout: 600_000 }, async () => {
  const totals: Record<string, number> = {}
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { violation, counters } = await storm(seed)
    expect(violation, `seed ${seed}`).toBeUndefined()
    for (const [name, count] of Object.entries(counters)) totals[name] = (totals[name] ?? 0) + count
  }
  const disk = Object.fromEntries(Object.entries(totals).filter(([name]) => name.startsWith('disk: ')))
  if (SEEDS >= 20) {
    const never = ['keptAppends', 'lostAppends', 'failedAppends', 'failedFlushes', 'crashPoints', 'blocksRead']
    expect(never.filter((name) => (disk[`disk: ${name}`] ?? 0) === 0)).toEqual([])
  }
  console.log(JSON.stringify(disk))
})

it('a seed has one history', async () => {
  expect(await storm(7, 2)).toEqual(await storm(7, 2))
})
