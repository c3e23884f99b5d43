// Storms over options that the swarm does not draw: who shall lead, who would rather lead, who keeps a leader in office,
// and who learns without a vote.
//
// Always true: a fixed leader that is dead or has lost its data leaves nobody to lead, as documented, and a majority of
// all nodes need not be one of the voters. So these seeds have no disk that is lost, and none whose quiet time asks a bare
// majority to live without the others.

import '@mako/testkit/vitest'
import { paxos, type PaxosMessage, type PaxosOptions } from '@mako/paxos'
import { raft, type RaftMessage, type RaftOptions } from '@mako/raft'
import type { Protocol } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { runSeed, stream, type SeedResult, type StormOptions } from '../src/index.ts'
import { paxosProbe } from '../src/node/paxos.ts'
import { raftProbe } from '../src/node/raft.ts'
import type { ProtocolTuning, Swarm } from '../src/storm/swarm.ts'
import { chance } from '../src/world/random.ts'

const SECONDS = 3

function raftStorm(options: RaftOptions): StormOptions<RaftMessage> {
  return { protocol: (tuning) => raft({ ...tuning, ...options }), probe: raftProbe, seconds: SECONDS }
}

function paxosStorm(options: PaxosOptions): StormOptions<PaxosMessage> {
  const protocol = ({ preVote: probe, ...tuning }: ProtocolTuning): ReturnType<typeof paxos> =>
    paxos({ ...tuning, probe, ...options })
  return { protocol, probe: paxosProbe, seconds: SECONDS }
}

/** Nobody leads while the fixed leader cannot. */
function fit(swarm: Swarm): Swarm {
  const faults = Object.entries(swarm.faults).filter(([family]) => !['diskLoss', 'foreignDisk'].includes(family))
  return { ...swarm, leadTogether: [], faults: Object.fromEntries(faults) }
}

const bringsAllBackAtOnce = (seed: number): boolean => !chance(stream(seed, 'core'), 0.3)

/** Runs so many seeds, each of which must keep the laws; what was counted in all of them. */
async function keepsTheLaws<Message>(storm: StormOptions<Message>, seeds: readonly number[]): Promise<SeedResult[]> {
  const results: SeedResult[] = []
  for (const seed of seeds) {
    const result = await runSeed(seed, storm)
    expect(result).toKeepTheLaws()
    results.push(result)
  }
  return results
}

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
const sum = (results: readonly SeedResult[], what: string): number =>
  results.reduce((total, { counters }) => total + (counters[what] ?? 0), 0)

describe('a fixed leader', () => {
  const chosen = seeds(1, 8).filter(bringsAllBackAtOnce)

  it.each([
    ['raft', (): Promise<SeedResult[]> => keepsTheLaws({ ...raftStorm({ leadership: 'fixed' }), fit }, chosen)],
    ['paxos', (): Promise<SeedResult[]> => keepsTheLaws({ ...paxosStorm({ leadership: 'fixed' }), fit }, chosen)],
  ] as const)('keeps the laws in storms, and leads again when it is back: %s', async (_, run) => {
    const results = await run()
    expect(sum(results, 'a bare majority alone')).toBe(0)
    expect(sum(results, 'a transfer that was told')).toBeGreaterThan(0)
  })
})

/** The last of the nodes learns and does not vote. With 3 or 5 nodes, majorities of the voters are ones of all. */
function withLearner(protocol: Protocol<PaxosMessage>): Protocol<PaxosMessage> {
  const createCore: typeof protocol.createCore = (options) => {
    const learner = options.members.at(-1)!
    return protocol.createCore({ ...options, members: options.members.slice(0, -1), learners: [learner] })
  }
  return { ...protocol, createCore }
}

describe('a learner', () => {
  it.each([3, 5])('keeps the laws in storms, and has everything in the end: %i nodes', async (nodes) => {
    const { protocol, ...storm } = paxosStorm({})
    const learning: typeof protocol = (tuning, node) => withLearner(protocol(tuning, node))
    await keepsTheLaws({ ...storm, fit, nodes, protocol: learning }, seeds(40, 6).filter(bringsAllBackAtOnce))
  })
})

describe('a preferred leader', () => {
  it('costs no safety: raft', async () => {
    await keepsTheLaws(raftStorm({ preferredLeader: 'b' }), seeds(20, 6))
  })

  it('costs no safety, nor do leases: paxos', async () => {
    const results = await keepsTheLaws(paxosStorm({ preferredLeader: 'b', leases: true }), seeds(20, 6))
    expect(sum(results, 'a refused ballot')).toBeGreaterThan(0)
  })
})
