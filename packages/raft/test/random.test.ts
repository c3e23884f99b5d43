// Random schedules: lost, repeated and reordered messages, slow disks, crashes, partitions, transfers. The cluster of
// the tests checks election safety, state machine safety and law 2 after every input; here the logs are compared as
// well, and at the end everything must heal.

import { below } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { Cluster, key, type TestNode } from './cluster.ts'

const SEEDS = 300

/** Log Matching (thesis 3.5): the same term at the same index means the same log up to there. */
function checkLogMatching(cluster: Cluster): void {
  for (const one of cluster.all) {
    for (const two of cluster.all) {
      if (one.id >= two.id) continue
      let isSame = false
      for (let at = Math.min(one.blocks.length, two.blocks.length) - 1; at >= 0; at--) {
        const left = one.blocks[at]!
        const right = two.blocks[at]!
        if (left.index === right.index && left.term === right.term) isSame = true
        if (isSame && key(left) !== key(right))
          throw new Error(`log matching: ${one.id} and ${two.id} at ${left.index}`)
      }
    }
  }
}

/** Leader Completeness (thesis 3.6.3): the leader of the newest term has all that was ever committed. */
function checkLeaderCompleteness(cluster: Cluster, newestTerm: number): void {
  for (const node of cluster.all) {
    const { role, term, lastIndex } = node.core.status()
    if (!node.isUp || role !== 'leader' || term < newestTerm) continue
    if (lastIndex < cluster.committed.length - 1) throw new Error(`leader completeness: ${node.id} lacks entries`)
    const last = cluster.committed.length - 1
    const block = node.core.blockAt(last)
    if (block && key(block) !== cluster.committed[last]) throw new Error(`leader completeness: ${node.id} at ${last}`)
  }
}

function chaos(seed: number): { cluster: Cluster; events: number } {
  const isSwarm = (bit: number): boolean => ((seed >> bit) & 1) === 1
  const cluster = new Cluster({
    seed,
    nodes: isSwarm(0) ? 3 : 5,
    fastDisks: isSwarm(1),
    raft: { preVote: isSwarm(2), checkQuorum: isSwarm(3), noopOnElection: !isSwarm(4) || isSwarm(5) },
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
    if (i % 50 === 0) {
      checkLogMatching(cluster)
      checkLeaderCompleteness(cluster, Math.max(...all.map((each) => each.term)))
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
        checkLogMatching(cluster)
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
      JSON.stringify(chaos(seed).cluster.sent.map(({ from, to, message }) => [from, to, message.type, message.term]))
    expect(story(77)).toBe(story(77))
    expect(story(77)).not.toBe(story(78))
  })
})
