// The faults of a storm, one by one: the plan they follow, and what each does to a cluster.

import { seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { SimCluster, runSeed, type FaultFamily, type SeedResult } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import { planFaults } from '../src/storm/plan.ts'
import { mustReach, ReachedTable } from '../src/storm/reached.ts'
import { drawSwarm, type Swarm } from '../src/storm/swarm.ts'

describe('a plan', () => {
  const rates = { crash: 50, cut: 80, pause: 30 }

  it('is the same each time, in the order of time, and numbered', () => {
    const plan = planFaults(7, rates, 2000)
    expect(planFaults(7, rates, 2000)).toEqual(plan)
    expect(plan.map(({ ordinal }) => ordinal)).toEqual(plan.map((_, i) => i))
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b))
    expect(plan.length).toBeGreaterThan(60)
    expect(planFaults(8, rates, 2000)).not.toEqual(plan)
  })

  it('of a longer storm begins like that of a shorter one', () => {
    const short = planFaults(7, rates, 500)
    expect(planFaults(7, rates, 2000).slice(0, short.length)).toEqual(short)
  })

  it('of one family does not depend on the others', () => {
    const crashes = (families: Partial<Record<FaultFamily, number>>): number[] =>
      planFaults(7, families, 2000)
        .filter(({ family }) => family === 'crash')
        .map(({ atMs }) => atMs)
    expect(crashes({ crash: 50 })).toEqual(crashes(rates))
  })

  it('is bounded, however fast a fault is asked for', () => {
    expect(planFaults(7, { crash: 0 }, 100).length).toBeLessThan(200)
    expect(planFaults(7, {}, 1000)).toEqual([])
  })
})

/** A seed with nothing but one family of faults, in otherwise calm weather. */
function only(family: FaultFamily, seed: number, more: Partial<Swarm> = {}): Promise<SeedResult> {
  return runSeed(seed, {
    protocol: simRaft,
    probe: raftProbe,
    seconds: 2,
    record: true,
    fit: (swarm) => ({
      ...swarm,
      nodes: 5,
      tuning: { ...swarm.tuning, heartbeatMs: 10, electionTimeoutMs: 60, tickMs: 5, noopOnElection: true },
      limits: {},
      faults: { [family]: 150 },
      throwingListeners: false,
      ...more,
    }),
  })
}

describe('each family of faults', () => {
  const families: readonly (readonly [FaultFamily, readonly string[]])[] = [
    ['crashLoop', ['fault: crash loop']],
    ['stop', ['fault: stop']],
    ['stall', ['fault: event loop stall']],
    ['drift', ['fault: clock drift', 'fault: wild clock drift']],
    ['wallJump', ['fault: wall clock jump', 'fault: wall clock at 1970']],
    ['flap', ['fault: flapping link', 'network: cut']],
    ['swizzle', ['fault: swizzled clogs']],
    ['burst', ['fault: burst loss', 'network: lost']],
    ['slowLink', ['fault: slow link']],
    ['reset', ['fault: connection reset']],
    ['garbage', ['fault: garbage', 'network: garbage']],
    ['diskSlow', ['fault: slow disk']],
    ['diskFull', ['fault: full disk', 'disk: fullAppends', 'fault LOG_IO']],
    ['diskError', ['fault: failing write', 'fault: failing flush', 'fault LOG_IO']],
    ['diskLoss', ['replaced disks']],
    ['foreignDisk', ['fault: disk of another node', 'start refused LOG_MISMATCH']],
    ['transferStorm', ['fault: flapping leadership']],
  ]
  for (const [family, names] of families) {
    it(`${family} is survived, and does what it says`, async () => {
      const counters: Record<string, number> = {}
      for (const seed of [1, 2]) {
        const result = await only(family, seed)
        expect(result.violation, `seed ${seed}`).toBeUndefined()
        expect(new Set(result.schedule!.faults.map((fault) => fault.family))).toEqual(new Set([family]))
        for (const [name, count] of Object.entries(result.counters)) counters[name] = (counters[name] ?? 0) + count
      }
      expect(names.filter((name) => (counters[name] ?? 0) === 0)).toEqual([])
    })
  }

  it('damage of a disk keeps its node down until the disk is replaced', async () => {
    for (let seed = 1; seed < 40; seed++) {
      const { violation, counters } = await only('diskLoss', seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      if ((counters['fault: bit rot'] ?? 0) === 0) continue
      expect(counters['start refused CORRUPT_LOG']).toBeGreaterThan(0)
      expect(counters['replaced disks']).toBeGreaterThan(0)
      return
    }
    expect.fail('no seed had a damaged disk')
  })

  it('a cluster of one, two and four nodes survives them too', async () => {
    for (const nodes of [1, 2, 4]) {
      for (let seed = 50; seed < 54; seed++) {
        const { violation } = await runSeed(seed, { protocol: simRaft, probe: raftProbe, seconds: 2, nodes })
        expect(violation, `${nodes} nodes, seed ${seed}`).toBeUndefined()
      }
    }
  })
})

describe('a cluster', () => {
  const tuning = drawSwarm(seededRandom(1), seededRandom(2), 'gentle', 3).tuning

  it('does not start a node on the disk of another, and starts it on its own', async () => {
    const refused: string[] = []
    const cluster = new SimCluster({
      seed: 1,
      nodes: 3,
      protocol: () => simRaft(tuning),
      onRefusedStart: ({ id }, error) => refused.push(`${id} ${error.code}`),
    })
    cluster.startAll()
    expect(await cluster.runUntil(() => cluster.leader() !== undefined, 10_000)).toBe(true)
    cluster.crash('b')
    cluster.start('b', 'a')
    await cluster.runFor(100)
    expect(refused).toEqual(['b LOG_MISMATCH'])
    expect(cluster.node('b').engine).toBeUndefined()
    cluster.start('b')
    await cluster.runFor(100)
    expect(cluster.node('b').engine?.status().state).toBe('running')
    expect(() => cluster.replaceDisk('b')).toThrow(RangeError)
    expect(cluster.book.violation).toBeUndefined()
  })

  it('calls it a violation when a node does not start for no reason that a disk has given', async () => {
    const cluster = new SimCluster({
      seed: 1,
      nodes: 1,
      protocol: () => ({
        ...simRaft(tuning),
        createCore: () => {
          throw new Error('a bug')
        },
      }),
    })
    cluster.startAll()
    await cluster.runFor(100)
    expect(cluster.book.violation?.law).toBe('engine-fault')
  })
})

describe('what must be reached', () => {
  it('is added up over seeds, and told by name when it is missing', () => {
    const table = new ReachedTable()
    table.add({ 'fault: crash': 3, 'fault: cut': 0 })
    table.add({ 'fault: crash': 1, 'fault: pause': 2 })
    expect(table.rows()).toEqual([
      { name: 'fault: crash', total: 4, seeds: 2 },
      { name: 'fault: pause', total: 2, seeds: 1 },
    ])
    expect(table.missing(['fault: crash', 'fault: cut', 'fault: clog'])).toEqual(['fault: cut', 'fault: clog'])
    expect(table.seeds).toBe(2)
  })

  it('has no name twice, and knows what only some workloads and protocols do', () => {
    const names = mustReach('raft', 'log')
    expect(new Set(names).size).toBe(names.length)
    expect(mustReach('other', 'kv').length).toBeLessThan(names.length)
    expect(mustReach('other', 'kv')).toContain('fault: bit rot')
  })
})
