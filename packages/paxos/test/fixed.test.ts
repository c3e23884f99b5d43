// Fixed leadership: one node leads, the others wait for it and name it.

import { MakoError } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'

function fixed(options: { fixedLeader?: string; nodes?: number } = {}): Cluster {
  const { fixedLeader, nodes = 3 } = options
  return new Cluster({ nodes, paxos: { leadership: 'fixed', ...(fixedLeader === undefined ? {} : { fixedLeader }) } })
}

describe('fixed leadership', () => {
  it('is the first member by default, at once, and others name it before they have heard of it', () => {
    const cluster = fixed()
    const admission = cluster.node('b').core.admit()
    expect(admission).toMatchObject({ status: 'NOT_LEADER', leader: 'a' })
    cluster.run(30)
    expect(cluster.node('a').role).toBe('leader')
    expect(cluster.node('a').term).toBe(64)
  })

  it('can be another node', () => {
    const cluster = fixed({ fixedLeader: 'c' })
    cluster.run(30)
    expect(cluster.node('c').role).toBe('leader')
  })

  it('is taken over by nobody while that node is down, and by it when it is back', () => {
    const cluster = fixed()
    cluster.run(100)
    const a = cluster.node('a')
    a.propose()
    cluster.run(50)
    a.crash()
    for (const id of ['b', 'c']) cluster.node(id).step({ type: 'peer-died', now: cluster.now, peer: 'a' })
    for (const id of ['b', 'c']) cluster.node(id).step({ type: 'campaign', now: cluster.now })
    cluster.run(10_000)
    expect(cluster.leader).toBeUndefined()
    expect(cluster.node('b').core.admit()).toMatchObject({ status: 'NOT_LEADER', leader: 'a' })
    expect(cluster.node('b').term).toBe(64)
    a.start()
    cluster.run(1200)
    expect(a.role).toBe('leader')
  })

  it('moves by hand, stays moved, and returns when the other has stopped leading', () => {
    const cluster = fixed()
    cluster.run(100)
    cluster.node('a').step({ type: 'transfer', now: cluster.now, to: 'b' })
    cluster.run(5000)
    const b = cluster.node('b')
    expect(b.role).toBe('leader')
    expect(cluster.node('c').core.admit()).toMatchObject({ leader: 'b' })
    b.crash()
    b.start()
    cluster.run(3000)
    expect(cluster.node('a').role).toBe('leader')
    expect(b.role).toBe('follower')
  })

  it('comes to a node that lags behind at once: phase 1 tells it what it lacks', () => {
    const cluster = fixed()
    cluster.run(100)
    const a = cluster.node('a')
    a.step({ type: 'transfer', now: cluster.now, to: 'b' })
    cluster.run(200)
    const b = cluster.node('b')
    cluster.isolate('a')
    for (let i = 0; i < 10; i++) b.propose()
    cluster.run(400)
    const { commit } = b
    expect(commit).toBeGreaterThan(10)
    b.crash()
    a.crash()
    cluster.heal()
    a.start()
    cluster.run(2000)
    expect(a.role).toBe('leader')
    expect(a.commit).toBeGreaterThan(commit)
  })

  it('needs options that make sense', () => {
    expect(() => paxos({ leadership: 'chosen' as never })).toThrow(MakoError)
    expect(() => paxos({ fixedLeader: 'a' })).toThrow(MakoError)
    expect(() => paxos({ leadership: 'fixed', fixedLeader: '' })).toThrow(MakoError)
    expect(() => fixed({ fixedLeader: 'z' })).toThrow(MakoError)
  })
})
