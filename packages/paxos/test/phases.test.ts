// The two phases, message by message: what is promised, accepted, counted, filled, sent again, and never done.

import { encodeBlock, lastIndexOf, proposedTermOf, restamp } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { encodeHardState } from '../src/codec.ts'
import { Cluster, type TestNode, valueOf } from './cluster.ts'

function block(index: number, count: number, ballot: number): ReturnType<typeof encodeBlock> {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(8) }))
  return encodeBlock({ index, term: ballot }, { node: 'a', incarnation: 1, sequence: index }, entries)
}

/** Starts the node anew on what an earlier life has stored. */
function install(node: TestNode, promised: number, commit: number, blocks: TestNode['blocks']): void {
  node.blocks = blocks
  node.state = encodeHardState({ promised, commit })
  node.start()
}

const accepts = (cluster: Cluster, to: string): number =>
  cluster.sent.filter((each) => each.to === to && each.message.type === 'accept').length

describe('phase 1', () => {
  it('asks only when its own ballot is durable, and uses no ballot twice', () => {
    const cluster = new Cluster({ paxos: { probe: false } })
    const a = cluster.node('a')
    a.fastDisk = false
    a.step({ type: 'campaign', now: cluster.now })
    expect(cluster.queue).toEqual([])
    a.flush()
    expect(cluster.queue.map(({ message }) => message.type)).toEqual(['prepare', 'prepare'])
    a.crash()
    a.start()
    a.step({ type: 'campaign', now: cluster.now })
    expect(a.term).toBe(128)
  })

  it('is answered only when the promise is durable, and then nothing lower is accepted', () => {
    const cluster = new Cluster({ paxos: { probe: false } })
    const a = cluster.elect('a')
    const b = cluster.node('b')
    b.fastDisk = false
    cluster.sent.length = 0
    cluster.node('c').step({ type: 'campaign', now: cluster.now })
    cluster.isolate('a')
    cluster.deliver()
    expect(cluster.sent.some(({ from, message }) => from === 'b' && message.type === 'promise')).toBe(false)
    b.flush()
    cluster.deliver()
    expect(cluster.node('c').role).toBe('leader')
    cluster.heal()
    a.propose()
    cluster.deliver()
    expect(a.role).toBe('follower')
    expect(b.blocks.every(({ term }) => term !== a.term || a.term === b.term)).toBe(true)
  })

  it('brings a candidate that is far behind up to date in parts, over losses', () => {
    const cluster = new Cluster({ limits: { messageBytes: 200, tailBytes: 100 } })
    const a = cluster.elect('a')
    cluster.isolate('c')
    for (let i = 0; i < 50; i++) {
      a.propose(2)
      cluster.deliver()
    }
    const { commit } = a
    a.crash()
    let turn = 0
    cluster.cuts = () => ++turn % 4 === 0
    cluster.node('c').step({ type: 'campaign', now: cluster.now })
    cluster.runUntil(() => cluster.node('c').role === 'leader' || cluster.node('b').role === 'leader', 60_000)
    cluster.heal()
    cluster.run(3000)
    expect(cluster.node('c').commit).toBeGreaterThan(commit)
    expect(cluster.node('c').blocks.slice(0, 20).map(valueOf)).toEqual(a.blocks.slice(0, 20).map(valueOf))
  })

  it('fills holes with no-ops and proposes again what is behind them', () => {
    const cluster = new Cluster()
    install(cluster.node('b'), 64, 0, [block(1, 1, 64), block(4, 2, 64)])
    const b = cluster.elect('b')
    expect(b.blocks.map(({ index, count, term }) => [index, count, term])).toEqual([
      [1, 1, 65],
      [2, 2, 65],
      [4, 2, 65],
      [6, 1, 65],
    ])
    expect(b.blocks.map(proposedTermOf)).toEqual([64, 64, 64, 65])
    expect(b.commit).toBe(6)
  })

  it('discards what contradicts a higher ballot, and never sends it on', () => {
    const cluster = new Cluster({ limits: { messageBytes: 4000, tailBytes: 1 } })
    // Entry 4 was accepted by a alone in ballot 64; in ballot 65 another block was, by b, at 2.
    install(cluster.node('a'), 66, 0, [block(1, 1, 64), block(4, 3, 64)])
    install(cluster.node('b'), 66, 0, [block(1, 1, 64), block(2, 1, 65)])
    cluster.isolate('c')
    const a = cluster.elect('a')
    cluster.run(50)
    expect(a.commit).toBe(3)
    a.step({ type: 'release', now: cluster.now, index: a.commit })
    expect(a.blocks.at(-1)).toMatchObject({ index: 4, count: 3, term: 64 })
    cluster.heal()
    cluster.run(3000)
    const c = cluster.node('c')
    expect(c.commit).toBe(3)
    expect(c.blocks.map(({ index, count }) => [index, count])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ])
  })

  it('of two that duel is won in the end', () => {
    const cluster = new Cluster({ nodes: 5, paxos: { probe: false, checkQuorum: false } })
    for (let i = 0; i < 20; i++) {
      for (const id of ['a', 'e']) cluster.node(id).step({ type: 'campaign', now: cluster.now })
      cluster.run(cluster.protocol.tickMs)
    }
    cluster.runUntil(() => cluster.leader !== undefined && cluster.leader.commit > 0)
    const ballot = cluster.leader!.term
    cluster.run(5000)
    expect(cluster.leader!.term).toBe(ballot)
  })

  it('is not begun by a node that was cut off and comes back, nor against a lease', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.isolate('c')
    cluster.run(5000)
    cluster.heal()
    cluster.run(2000)
    expect([a.role, a.term]).toEqual(['leader', 64])
    const leased = new Cluster({ paxos: { probe: false, leases: true } })
    const leader = leased.elect('a')
    leased.run(100)
    leased.node('c').step({ type: 'campaign', now: leased.now })
    leased.deliver()
    expect([leader.role, leased.node('b').term]).toEqual(['leader', 64])
  })
})

describe('phase 2', () => {
  it('accepts behind a hole, and commits when the hole is filled', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('c')
    a.propose()
    cluster.queue.splice(0)
    a.propose()
    cluster.deliver()
    const b = cluster.node('b')
    expect(b.blocks.map(({ index }) => index)).toEqual([1, 3])
    expect([a.commit, b.commit]).toEqual([1, 1])
    cluster.run(1000)
    expect([a.commit, b.commit]).toEqual([3, 3])
  })

  it('counts each index by itself: no acceptor but the leader need have them all', () => {
    const cluster = new Cluster({ nodes: 5 })
    const a = cluster.elect('a')
    cluster.run(100)
    const first = a.propose()!
    cluster.queue.splice(0).forEach((each) => 'bc'.includes(each.to) && cluster.deliverOne(each))
    a.propose()
    cluster.queue.splice(0).forEach((each) => ('de'.includes(each.to) || each.to === 'a') && cluster.deliverOne(each))
    cluster.deliver()
    expect(cluster.node('d').blocks.map(({ index }) => index)).not.toContain(first)
    expect(a.commit).toBe(first + 1)
  })

  it('counts the leader only when its own disk has the entry', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('c')
    a.fastDisk = false
    a.propose()
    cluster.deliver()
    expect(a.commit).toBe(1)
    a.flush()
    expect(a.commit).toBe(2)
  })

  it('tells a follower that has restarted older entries again', () => {
    const cluster = new Cluster({ limits: { inflightEntries: 2, messageBytes: 100 } })
    const a = cluster.elect('a')
    for (let i = 0; i < 30; i++) a.propose(2)
    cluster.run(300)
    const c = cluster.node('c')
    expect(c.commit).toBe(61)
    c.crash()
    // What it stored of its commit is old: it has everything and knows little.
    c.state = encodeHardState({ promised: 64, commit: 1 })
    c.blocks = c.blocks.map((each, at) => (at < 20 ? { ...restamp(each, 64) } : each))
    const before = accepts(cluster, 'c')
    c.start()
    a.step({ type: 'peer-died', now: cluster.now, peer: 'c' })
    a.propose()
    cluster.run(2000)
    expect(c.commit).toBe(62)
    expect(accepts(cluster, 'c')).toBeGreaterThan(before)
  })

  it('stores how far it knows values to be chosen, so that a later phase 1 is short', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    for (let i = 0; i < 30; i++) a.propose()
    cluster.run(2000)
    for (const node of cluster.all) node.crash()
    for (const node of cluster.all) node.start()
    for (const node of cluster.all) node.drain()
    expect(cluster.all.map(({ commit }) => commit)).toEqual([31, 31, 31])
    cluster.sent.length = 0
    cluster.elect('b')
    const asked = cluster.sent.flatMap(({ message }) => (message.type === 'prepare' ? [message.from] : []))
    expect(asked).toEqual([32, 32])
  })

  it('refuses to begin on a log that lacks what was chosen, or has a ballot that was never promised', () => {
    const cluster = new Cluster()
    const a = cluster.node('a')
    for (const [promised, commit, blocks] of [
      [64, 3, [block(1, 1, 64), block(3, 1, 64)]],
      [64, 2, [block(1, 3, 64)]],
      [64, 0, [block(1, 1, 128)]],
      [64, 0, [block(1, 3, 64), block(lastIndexOf(block(1, 3, 64)), 1, 64)]],
    ] as const) {
      expect(() => install(a, promised, commit, [...blocks])).toThrow(
        expect.objectContaining({ code: 'CORRUPT_LOG' }) as Error,
      )
    }
  })
})

describe('a majority', () => {
  it.each([2, 3, 4, 5, 6])('of %i nodes, half of them choose neither a leader nor an entry', (nodes) => {
    const cluster = new Cluster({ nodes, paxos: { checkQuorum: false } })
    const half = cluster.ids.slice(0, Math.floor(nodes / 2))
    cluster.isolate(...half)
    cluster.run(5000)
    expect(half.filter((id) => cluster.node(id).role === 'leader')).toEqual([])
    cluster.heal()
    cluster.run(2000)
    const leader = cluster.leader!
    const { commit } = leader
    const others = cluster.ids.filter((id) => id !== leader.id)
    cluster.isolate(leader.id, ...others.slice(0, half.length - 1))
    leader.propose()
    cluster.run(100)
    expect(leader.commit).toBe(commit)
    cluster.isolate(leader.id, ...others.slice(0, half.length))
    cluster.run(300)
    expect(leader.commit).toBe(commit + 1)
  })
})
