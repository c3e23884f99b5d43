// Random schedules: lost, repeated and reordered messages, slow disks, crashes, partitions, transfers. The cluster of
// the tests checks after every input that nothing is accepted below the promised ballot, that a ballot has one value for
// an index, that at most one value is ever chosen, and that only chosen ones are committed; at the end everything must
// heal.

import { below } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { Cluster, type TestNode } from './cluster.ts'

const SEEDS = 150

function chaos(seed: number): { cluster: Cluster; events: number } {
  const isSwarm = (bit: number): boolean => ((seed >> bit) & 1) === 1
  const cluster = new Cluster({
    seed,
    nodes: isSwarm(0) ? 3 : 5,
    fastDisks: isSwarm(1),
    paxos: { probe: isSwarm(2), checkQuorum: isSwarm(3), noopOnElection: !isSwarm(4), leases: isSwarm(5) },
    limits: isSwarm(6) ? { inflightEntries: 4, messageBytes: 200, tailBytes: 300 } : {},
  })
  const { random, all, queue } = cluster
  const pick = (): TestNode => all[below(random, all.length)]!
  const steps = 2500
  for (let i = 0; i < steps; i++) {
    const choice = below(random, 1000)
    const node = pick()
    if (choice < 550 && queue.length > 0) {
      // Mostly in order, sometimes not, sometimes twice, sometimes never.
      const at = below(random, 4) === 0 ? below(random, Math.min(queue.length, 20)) : 0
      const [envelope] = queue.splice(at, 1)
      const fate = below(random, 20)
      if (fate === 0) queue.push(envelope!)
      if (fate !== 1) cluster.deliverOne(envelope!)
      // And what is past comes again.
      if (fate === 2) cluster.deliverOne(cluster.sent.at(-1 - below(random, Math.min(cluster.sent.length, 300)))!)
      if (queue.length > 200) queue.splice(0, 100)
    } else if (choice < 700) {
      cluster.now += below(random, 12)
      for (const each of all) if (each.isUp) each.step({ type: 'tick', now: cluster.now })
    } else if (choice < 850) {
      if (node.isUp) node.flush(1 + below(random, 3))
    } else if (choice < 940) {
      if (node.isUp) node.propose(1 + below(random, 3))
    } else if (choice < 955) {
      if (node.isUp && all.filter((each) => each.isUp).length > all.length / 2) node.crash()
    } else if (choice < 972) {
      if (!node.isUp) {
        node.start()
        for (const each of all) {
          if (each.isUp && each !== node) each.step({ type: 'peer-died', now: cluster.now, peer: node.id })
        }
      }
    } else if (choice < 982) {
      if (node.isUp) node.step({ type: 'transfer', now: cluster.now, to: below(random, 2) ? pick().id : undefined })
    } else if (choice < 988) {
      if (node.isUp) node.step({ type: 'campaign', now: cluster.now })
    } else if (choice < 992) {
      cluster.isolate(node.id)
    } else if (choice < 996) {
      cluster.heal()
    } else if (node.isUp) {
      node.step({ type: 'release', now: cluster.now, index: node.commit })
    }
  }
  return { cluster, events: cluster.sent.length }
}

describe('random schedules', () => {
  it(`are safe, and heal, over ${SEEDS} seeds`, () => {
    let committed = 0
    let elections = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        const { cluster } = chaos(seed)
        // The quiet phase: everything works, so everything must come to an agreement.
        cluster.heal()
        for (const node of cluster.all) {
          if (!node.isUp) node.start()
          node.fastDisk = true
          node.flush()
        }
        cluster.deliver()
        cluster.runUntil(() => cluster.leader !== undefined, 20_000)
        cluster.run(1500)
        const { leader } = cluster
        leader?.propose()
        cluster.run(1500)
        const commits = new Set(cluster.all.map((node) => node.commit))
        if (commits.size !== 1) throw new Error(`no agreement: ${[...commits].join(', ')}`)
        committed += cluster.committed.length - 1
        elections += cluster.leaders.size
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    // The schedules must have done something, or they prove nothing.
    expect(committed).toBeGreaterThan(20 * SEEDS)
    expect(elections).toBeGreaterThan(2 * SEEDS)
  })

  it('are the same for the same seed', () => {
    const story = (seed: number): string =>
      JSON.stringify(chaos(seed).cluster.sent.map(({ from, to, message }) => [from, to, message.type, message.ballot]))
    expect(story(77)).toBe(story(77))
    expect(story(77)).not.toBe(story(78))
  })
})
