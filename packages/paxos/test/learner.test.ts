// Learners: they receive everything that is chosen, from a voter that does not lead, and count for nothing.

import { MakoError } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { Cluster, type TestNode, valueOf } from './cluster.ts'

function led(options: { nodes?: number; limits?: object } = {}): {
  cluster: Cluster
  a: TestNode
  x: TestNode
} {
  const cluster = new Cluster({ ...options, learners: ['x'] })
  const a = cluster.elect('a')
  cluster.run(200)
  return { cluster, a, x: cluster.node('x') }
}

const feeders = (cluster: Cluster): string[] => [
  ...new Set(cluster.sent.flatMap(({ from, message }) => (message.type === 'learn' ? [from] : []))),
]

describe('a learner', () => {
  it('receives what is committed, from a voter that does not lead', () => {
    const { cluster, a, x } = led()
    for (let i = 0; i < 20; i++) a.propose(3)
    cluster.run(300)
    expect(a.commit).toBe(61)
    expect(x.commit).toBe(61)
    expect(x.blocks.map(valueOf)).toEqual(a.blocks.map(valueOf))
    cluster.sent.length = 0
    a.propose()
    cluster.run(300)
    expect(feeders(cluster)).toHaveLength(1)
    expect(feeders(cluster)).not.toContain('a')
    expect(cluster.sent.filter(({ to, message }) => to === 'x' && message.type !== 'learn')).toEqual([])
  })

  it('counts in no majority, never campaigns, and is not handed leadership', () => {
    const { cluster, a, x } = led()
    cluster.isolate('a', 'x')
    a.propose()
    cluster.run(400)
    expect(a.commit).toBe(1)
    cluster.heal()
    cluster.run(3000)
    const { leader } = cluster
    leader!.step({ type: 'transfer', now: cluster.now, to: 'x' })
    expect(leader!.transfers.at(-1)).toBe('aborted')
    for (const id of ['a', 'b', 'c']) cluster.node(id).crash()
    x.step({ type: 'campaign', now: cluster.now })
    cluster.run(5000)
    expect(x.role).toBe('follower')
    expect(x.core.admit()).toMatchObject({ status: 'NOT_LEADER', leader: undefined })
  })

  it('knows who leads', () => {
    const { x } = led()
    expect(x.core.admit()).toMatchObject({ status: 'NOT_LEADER', leader: 'a' })
  })

  it('is fed by another when its feeder falls silent, and by the leader when there is no other', () => {
    const { cluster, a, x } = led({ nodes: 5 })
    for (const survivors of [4, 3]) {
      cluster.sent.length = 0
      a.propose()
      cluster.run(300)
      const [feeder] = feeders(cluster)
      expect(feeders(cluster)).toHaveLength(1)
      cluster.node(feeder!).crash()
      a.propose()
      cluster.run(3000)
      expect(cluster.all.filter(({ isUp }) => isUp)).toHaveLength(survivors + 1)
      expect(x.commit).toBe(a.commit)
    }
    // Voters live and reach the leader, but nobody of them reaches the learner.
    cluster.cuts = ({ from, to }) => (from === 'x' && to !== 'a') || (to === 'x' && from !== 'a')
    a.propose()
    cluster.run(10_000)
    expect(x.commit).toBe(a.commit)
    const pair = new Cluster({ nodes: 1, learners: ['x'] })
    pair.run(50)
    pair.leader!.propose()
    pair.run(500)
    expect(pair.node('x').commit).toBe(2)
  })

  it('catches up from nothing, over losses, restarts and slow disks, with what is no longer in memory', () => {
    const { cluster, a, x } = led({ limits: { messageBytes: 300, inflightEntries: 8, tailBytes: 200 } })
    x.crash()
    for (let i = 0; i < 200; i++) {
      a.propose(2)
      if (i % 20 === 0) cluster.run(10)
    }
    cluster.run(200)
    for (const node of cluster.all) if (node.isUp) node.step({ type: 'release', now: cluster.now, index: node.commit })
    x.fastDisk = false
    x.start()
    let turn = 0
    cluster.cuts = ({ to, from }) => (to === 'x' || from === 'x') && ++turn % 5 === 0
    for (let i = 0; i < 300 && x.commit < a.commit; i++) {
      cluster.run(50)
      x.flush(1 + (i % 7))
      if (i % 60 === 59) {
        x.crash()
        x.start()
      }
    }
    cluster.heal()
    x.fastDisk = true
    x.flush()
    cluster.run(10_000)
    expect(x.commit).toBe(a.commit)
    expect(x.blocks.map(valueOf)).toEqual(a.blocks.map(valueOf))
  })

  it('goes on under the next leader', () => {
    const { cluster, a, x } = led()
    a.propose()
    cluster.run(200)
    a.crash()
    cluster.runUntil(() => cluster.leader !== undefined)
    cluster.leader!.propose()
    cluster.run(2000)
    expect(x.commit).toBe(cluster.leader!.commit)
    expect(x.core.admit()).toMatchObject({ leader: cluster.leader!.id })
  })

  it('is not a voter as well', () => {
    expect(() => new Cluster({ learners: ['a'] })).toThrow(MakoError)
    expect(paxos().name).toBe('paxos')
  })
})
