// Messages that come late, or from somebody who may not send them: each counts for nothing. And what may not leave before
// the disk has it.

import { encodeBlock } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { PaxosMessage } from '@mako/paxos'
import { Cluster, type TestNode } from './cluster.ts'

function tell(cluster: Cluster, to: TestNode, from: string, message: PaxosMessage): void {
  to.step({ type: 'message', now: cluster.now, from, message })
}

/** A leader whose ballot is not the first one, and which nobody answers any more. */
function lonelyLeader(): { cluster: Cluster; leader: TestNode; peer: TestNode; earlier: number } {
  const cluster = new Cluster({ nodes: 3 })
  const earlier = cluster.elect('a').term
  cluster.run(100)
  cluster.isolate('a')
  cluster.runUntil(() => (cluster.leader?.term ?? 0) > earlier)
  cluster.run(100)
  const leader = cluster.leader!
  const peer = cluster.all.find((node) => node !== leader && node.id !== 'a')!
  cluster.cuts = () => true
  return { cluster, leader, peer, earlier }
}

describe('a stray message', () => {
  it('an acceptance of an earlier ballot counts for nothing, however much it claims', () => {
    const { cluster, leader, peer, earlier } = lonelyLeader()
    const { commit } = leader
    const index = leader.propose()!
    const span = { first: index, last: index }
    tell(cluster, leader, peer.id, { type: 'accepted', ballot: earlier, match: index, received: index, span, round: 0 })
    expect(leader.commit).toBe(commit)
    expect(leader.core.status().peers.find(({ id }) => id === peer.id)?.match).toBe(commit)
  })

  it('an acceptance of more than was ever proposed counts for nothing', () => {
    const { cluster, leader, peer } = lonelyLeader()
    const { commit, term: ballot } = leader
    const match = leader.propose()! + 1
    tell(cluster, leader, peer.id, { type: 'accepted', ballot, match, received: match, span: undefined, round: 0 })
    expect(leader.commit).toBe(commit)
  })

  it('what is said in a ballot of another counts for nothing, and is not answered', () => {
    const { cluster, leader, peer } = lonelyLeader()
    const before = peer.core.status()
    // The next ballot of `peer` itself, and the present one, which is the leader's.
    for (const ballot of [before.term + 64 * 64, before.term]) {
      const owner = cluster.ids[ballot % 64]!
      const stranger = cluster.all.find((node) => node.id !== owner && node !== peer)!.id
      const index = before.lastIndex + 1
      const entry = { kind: 'data' as const, payload: new Uint8Array(1) }
      const block = encodeBlock({ index, term: ballot }, { node: stranger, incarnation: 1, sequence: 1 }, [entry])
      const messages: PaxosMessage[] = [
        { type: 'prepare', ballot, from: 1, handover: false },
        { type: 'accept', ballot, commit: index, blocks: [block] },
        { type: 'heartbeat', ballot, commit: before.commit, round: 0 },
        { type: 'handover', ballot },
      ]
      for (const message of messages) {
        cluster.queue.length = 0
        tell(cluster, peer, stranger, message)
        expect(cluster.queue).toEqual([])
        expect(peer.core.status()).toEqual(before)
      }
    }
    expect(leader.role).toBe('leader')
  })

  it('a promise of an earlier ballot counts for nothing', () => {
    const cluster = new Cluster({ nodes: 3, paxos: { probe: false } })
    cluster.cuts = () => true
    const a = cluster.node('a')
    a.step({ type: 'campaign', now: cluster.now })
    const earlier = a.term
    cluster.runUntil(() => a.term > earlier)
    expect(a.role).toBe('candidate')
    const promise = { type: 'promise', asked: 1, chosen: 0, blocks: [], next: undefined } as const
    tell(cluster, a, 'b', { ...promise, ballot: earlier })
    expect(a.role).toBe('candidate')
    tell(cluster, a, 'b', { ...promise, ballot: a.term })
    expect(a.role).toBe('leader')
  })

  it('only the leader may hand over, not everybody who owns the ballot', () => {
    const cluster = new Cluster({ nodes: 3, paxos: { probe: false } })
    const b = cluster.node('b')
    cluster.node('c').step({ type: 'campaign', now: cluster.now })
    cluster.deliverOne(cluster.queue.find(({ to }) => to === 'b')!)
    const { term: ballot } = b
    expect(ballot).toBe(cluster.node('c').term)
    tell(cluster, b, 'c', { type: 'handover', ballot })
    expect(b.role).toBe('follower')
    cluster.deliver()
    tell(cluster, b, 'a', { type: 'handover', ballot })
    expect(b.role).toBe('follower')
    tell(cluster, b, 'c', { type: 'handover', ballot })
    expect(b.role).toBe('candidate')
  })

  it('who tells of a higher ballot does not thereby tell who leads it', () => {
    const cluster = new Cluster({ nodes: 3 })
    const b = cluster.node('b')
    // 66 is a ballot of c.
    tell(cluster, b, 'a', { type: 'refusal', ballot: 66, leader: 'a', refused: 65 })
    expect(b.core.status()).toMatchObject({ term: 66, leader: undefined })
    tell(cluster, b, 'a', { type: 'refusal', ballot: 130, leader: 'c', refused: 65 })
    expect(b.core.status()).toMatchObject({ term: 130, leader: 'c' })
  })

  it('a probe that is granted promises nothing: no ballot moves, nothing is written', () => {
    const cluster = new Cluster({ nodes: 3 })
    const b = cluster.node('b')
    for (const from of ['a', 'c']) tell(cluster, b, from, { type: 'probe', ballot: 640 })
    expect(b.term).toBe(0)
    expect(b.state).toBeUndefined()
    expect(cluster.queue.map(({ message }) => message)).toMatchObject([
      { type: 'probe-reply', ballot: 0, asked: 640, granted: true },
      { type: 'probe-reply', ballot: 0, asked: 640, granted: true },
    ])
  })
})

describe('a proposer', () => {
  it('asks for promises when a restart would no longer use its ballot again, not before', () => {
    const cluster = new Cluster({ nodes: 3, fastDisks: false, paxos: { probe: false } })
    const a = cluster.node('a')
    a.step({ type: 'campaign', now: cluster.now })
    expect(a.role).toBe('candidate')
    expect(cluster.queue).toEqual([])
    a.flush()
    expect(cluster.queue.map(({ message }) => message.type)).toEqual(['prepare', 'prepare'])
    const { term: ballot } = a
    a.crash()
    a.start()
    a.step({ type: 'campaign', now: cluster.now })
    expect(a.term).toBeGreaterThan(ballot)
  })

  it('leads when its own promise is durable, not before, alone as well', () => {
    const cluster = new Cluster({ nodes: 1, fastDisks: false })
    const a = cluster.node('a')
    a.step({ type: 'campaign', now: cluster.now })
    expect(a.role).toBe('candidate')
    a.flush()
    expect(a.role).toBe('leader')
  })
})
