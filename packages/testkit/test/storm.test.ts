// Storms: the production engine and the production Raft, in the worst of weathers.

import { describe, expect, it } from 'vitest'
import { CALM_NETWORK, SimCluster, logWorkload, runSeed, stream, type SeedResult } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
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

  it('has its own history: another seed, another one', async () => {
    const hashes = new Set<string>()
    for (let seed = 20; seed < 26; seed++) hashes.add((await storm(seed, 1)).hash)
    expect(hashes.size).toBe(6)
  })
})

describe('storms', () => {
  it('break no law, and every fault fires', async () => {
    const totals: Record<string, number> = {}
    for (let seed = 100; seed < 125; seed++) {
      const { violation, counters } = await storm(seed)
      expect(violation, `seed ${seed}`).toBeUndefined()
      for (const [name, count] of Object.entries(counters)) totals[name] = (totals[name] ?? 0) + count
    }
    const mustFire = [
      'fault: crash',
      'fault: crash before flush',
      'fault: crash after flush',
      'fault: crash while sending',
      'fault: crash of all',
      'fault: stop',
      'fault: isolated node',
      'fault: deaf node',
      'fault: mute node',
      'fault: bridge',
      'fault: split',
      'fault: clog',
      'fault: pause',
      'fault: stuck disk',
      'fault: failing disk',
      'fault: transfer',
      'fault: wall clock jump',
      'fault: slow callback',
      'fault: busy callback',
      'fault: throwing callback',
      'network: lost',
      'network: duplicated',
      'network: reordered',
      'network: cut',
      'disk: crashPoints',
      'disk: failedAppends',
      'disk: tornAppends',
      'disk: lostAppends',
      'disk: keptAppends',
      'disk: hiccups',
      'addLog NOT_LEADER',
      'addLog BUSY',
      'outcome APPLIED',
      'outcome LOST',
      'outcome UNKNOWN',
      'transfer DONE',
      'transfer ABORTED',
      'truncations',
    ]
    expect(mustFire.filter((name) => (totals[name] ?? 0) === 0)).toEqual([])
  })

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
