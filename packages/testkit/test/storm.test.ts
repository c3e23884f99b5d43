// Storms: the production engine and the production Raft, in the worst of weathers.

import { describe, expect, it } from 'vitest'
import { CALM_NETWORK, SimCluster, logWorkload, runSeed, stream, type SeedResult } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import { mustReach } from '../src/storm/reached.ts'
import { KIND_CALLBACKS } from '../src/workload/world.ts'

function storm(seed: number, seconds = 3): Promise<SeedResult> {
  return runSeed(seed, { protocol: simRaft, probe: raftProbe, seconds })
}

const TUNING = {
  heartbeatMs: 20,
  electionTimeoutMs: 150,
  tickMs: 5,
  preVote: true,
  checkQuorum: true,
  noopOnElection: true,
}

describe('a seed', () => {
  it('has one history: the same each time', async () => {
    for (const seed of [3, 4, 5]) {
      const first = await storm(seed)
      const second = await storm(seed)
      expect(second).toEqual(first)
    }
  })

  it('says what it has injected, action by action', async () => {
    const { schedule } = await runSeed(3, { protocol: simRaft, probe: raftProbe, seconds: 2, record: true })
    const { faults, operations } = schedule!
    expect(faults.map(({ ordinal }) => ordinal)).toEqual(faults.map((_, i) => i))
    expect(faults.length).toBeGreaterThan(3)
    expect(operations).toBeGreaterThan(5)
    for (const { kind, targets, atMs } of faults) {
      expect(atMs).toBeLessThan(2000)
      if (kind === undefined) expect(targets).toEqual([])
      for (const id of targets) expect(['a', 'b', 'c', 'd', 'e']).toContain(id)
    }
    const without = await runSeed(3, { protocol: simRaft, probe: raftProbe, seconds: 2 })
    expect(without.schedule).toBeUndefined()
  })

  it('leaves faults and operations out on demand, and keeps the others', async () => {
    const options = { protocol: simRaft, probe: raftProbe, seconds: 2, record: true }
    const all = await runSeed(3, options)
    const even = (ordinal: number): boolean => ordinal % 2 === 0
    const half = await runSeed(3, { ...options, skip: even })
    const times = ({ schedule }: SeedResult): (readonly [number, string, number])[] =>
      schedule!.faults.map(({ ordinal, family, atMs }) => [ordinal, family, atMs])
    expect(times(half)).toEqual(times(all).filter(([ordinal]) => !even(ordinal)))
    expect(half.violation).toBeUndefined()
    expect(half.schedule!.operations).toBe(all.schedule!.operations)
    const calm = await runSeed(3, { ...options, skip: () => true, skipOperation: () => true })
    expect(calm.schedule).toEqual({ faults: [], operations: all.schedule!.operations })
    expect(calm.violation).toBeUndefined()
    // What is left is what the quiet time itself asks for.
    expect(calm.counters['addLog SUCCESS']).toBeLessThan(200)
    expect(await runSeed(3, { ...options, skip: even })).toEqual(half)
  })

  it('has its own history: another seed, another one', async () => {
    const hashes = new Set<string>()
    for (let seed = 20; seed < 26; seed++) hashes.add((await storm(seed, 1)).hash)
    expect(hashes.size).toBe(6)
  })
})

describe('storms', () => {
  it('break no law, and go almost everywhere', async () => {
    const totals: Record<string, number> = {}
    for (let seed = 100; seed < 125; seed++) {
      const { violation, counters } = await storm(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      for (const [name, count] of Object.entries(counters)) totals[name] = (totals[name] ?? 0) + count
    }
    // 25 short storms get most of the way; `pnpm sim` demands all of it of hundreds (`storm/reached.ts`).
    const names = mustReach('raft', 'log')
    const reached = names.filter((name) => (totals[name] ?? 0) > 0)
    expect(reached.length).toBeGreaterThan(0.75 * names.length)
  }, 60_000)

  it('are gentle when asked to be', async () => {
    const result = await runSeed(1, { protocol: simRaft, probe: raftProbe, seconds: 3, profile: 'gentle', nodes: 3 })
    expect(result.violation).toBeUndefined()
    expect(result.counters['network: lost']).toBe(0)
  })
})

describe('a cluster', () => {
  it('can be led through a story: a leader is cut off, another follows, the log goes on', async () => {
    const cluster = new SimCluster({ seed: 1, nodes: 3, protocol: () => simRaft(TUNING), probe: raftProbe })
    cluster.startAll()
    expect(await cluster.runUntil(() => cluster.leader() !== undefined, 5000)).toBe(true)
    const first = cluster.leader()!
    const result = first.engine!.addLog(Uint8Array.of(1))
    expect(result.status).toBe('SUCCESS')
    const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== first.id)
    const join = cluster.partition([first.id], others)
    expect(await cluster.runUntil(() => others.includes(cluster.leader()?.id ?? ''), 5000)).toBe(true)
    const second = cluster.leader()!
    expect(second.engine!.addLog(Uint8Array.of(2)).status).toBe('SUCCESS')
    join()
    const applied = (): number[] => cluster.nodes.map(({ engine }) => engine!.status().partitions[0]!.applied)
    expect(await cluster.runUntil(() => new Set(applied()).size === 1 && applied()[0]! >= 3, 5000)).toBe(true)
    cluster.crash(second.id)
    expect(cluster.up).toHaveLength(2)
    cluster.start(second.id)
    await cluster.runFor(2000)
    void cluster.stop(first.id)
    expect(await cluster.runUntil(() => cluster.node(first.id).engine === undefined, 1000)).toBe(true)
    expect(cluster.book.violation).toBeUndefined()
  })

  it('elects a new leader soon after a crash, because the news of it travels', async () => {
    const cluster = new SimCluster({ seed: 2, nodes: 5, protocol: () => simRaft(TUNING), network: CALM_NETWORK })
    cluster.startAll()
    await cluster.runUntil(() => cluster.leader() !== undefined, 5000)
    await cluster.runFor(500)
    const before = cluster.time.nowMs
    cluster.crash(cluster.leader()!.id)
    expect(await cluster.runUntil(() => cluster.leader() !== undefined, 5000)).toBe(true)
    expect(cluster.time.nowMs - before).toBeLessThan(TUNING.electionTimeoutMs)
  })

  it('says so when a node or a partition is unknown', () => {
    const cluster = new SimCluster({ seed: 1, nodes: 3, protocol: () => simRaft(TUNING) })
    expect(() => cluster.node('z')).toThrow(RangeError)
    expect(() => cluster.book.partition(9)).toThrow(RangeError)
  })

  it('runs a workload of its own', async () => {
    const cluster = new SimCluster({
      seed: 5,
      nodes: 3,
      protocol: () => simRaft(TUNING),
      apply: (entry, context) => workload.apply?.(entry, context),
    })
    const workload = logWorkload({ seed: 5, random: stream(5, 'workload'), cluster, callbacks: KIND_CALLBACKS })
    cluster.startAll()
    workload.start()
    await cluster.runFor(3000)
    workload.stop()
    expect(await cluster.runUntil(() => workload.settled(), 5000)).toBe(true)
    await workload.check()
    expect(cluster.book.violation).toBeUndefined()
    expect(cluster.book.counters['outcome APPLIED']).toBeGreaterThan(10)
  })
})
