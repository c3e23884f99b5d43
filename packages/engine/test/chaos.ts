// Random schedules for a cluster of cores: lost, repeated and reordered messages, slow disks, crashes, partitions,
// transfers. The cluster checks its laws after every input, and at the end everything must heal.

import { below } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { CoreCluster, CoreNode } from './cores.ts'

const STEPS = 2500
const CHECK_EVERY = 50

export interface Schedules<Message> {
  readonly seeds: number
  /** A fresh cluster; each bit of the seed says whether one of its options is as usual. */
  readonly build: (seed: number, bit: (place: number) => boolean) => CoreCluster<Message>
  /** Laws that cost too much for every input. */
  readonly check?: (cluster: CoreCluster<Message>) => void
}

/** The tests: the schedules of these seeds. */
export function randomSchedules<Message>(schedules: Schedules<Message>): void {
  const { seeds, build, check } = schedules
  const schedule = (seed: number): CoreCluster<Message> => {
    const cluster = build(seed, (place) => ((seed >> place) & 1) === 1)
    chaos(cluster, () => check?.(cluster))
    return cluster
  }
  describe('random schedules', () => {
    it(`are safe, and heal, over ${seeds} seeds`, () => {
      let committed = 0
      let elections = 0
      for (let seed = 1; seed <= seeds; seed++) {
        try {
          const cluster = schedule(seed)
          quiet(cluster)
          check?.(cluster)
          committed += cluster.committed.length - 1
          elections += cluster.leaders.size
        } catch (cause) {
          throw new Error(`seed ${seed}`, { cause })
        }
      }
      // The schedules must have done something, or they prove nothing.
      expect(committed).toBeGreaterThan(20 * seeds)
      expect(elections).toBeGreaterThan(2 * seeds)
    })

    it('are the same for the same seed', () => {
      const story = (seed: number): string => JSON.stringify(schedule(seed).sent)
      expect(story(77)).toBe(story(77))
      expect(story(77)).not.toBe(story(78))
    })
  })
}

/** Does what the cluster's random numbers say, and calls `check` now and then. */
function chaos<Message>(cluster: CoreCluster<Message>, check: () => void): void {
  const { random, all, queue, sent } = cluster
  const pick = (): CoreNode<Message> => all[below(random, all.length)]!
  // In some schedules as much comes again as comes.
  const repeats = below(random, 2) === 0 ? 1 : 10
  for (let i = 0; i < STEPS; i++) {
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
      if (fate >= 2 && fate < 2 + repeats) cluster.deliverOne(sent.at(-1 - below(random, Math.min(sent.length, 300)))!)
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
    if (i % CHECK_EVERY === 0) check()
  }
}

/** Everything works again, so everything must come to an agreement. */
function quiet<Message>(cluster: CoreCluster<Message>): void {
  cluster.heal()
  for (const node of cluster.all) {
    if (!node.isUp) node.start()
    node.fastDisk = true
    node.flush()
  }
  cluster.deliver()
  cluster.runUntil(() => cluster.leader !== undefined, 20_000)
  cluster.run(1500)
  cluster.leader?.propose()
  cluster.run(1500)
  const commits = new Set(cluster.all.map((node) => node.commit))
  if (commits.size !== 1) throw new Error(`no agreement: ${[...commits].join(', ')}`)
}
