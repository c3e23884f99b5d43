// Messages that come late, or from somebody who may not send them: each counts for nothing.

import { encodeBlock } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { ElectionKind } from '../src/messages.ts'
import { Cluster } from './cluster.ts'

describe('a stray message', () => {
  it('an answer of an earlier term counts for nothing, however much it claims', () => {
    const cluster = new Cluster()
    cluster.elect('a')
    cluster.run(100)
    cluster.isolate('a')
    cluster.runUntil(() => (cluster.leader?.term ?? 0) > 1)
    const leader = cluster.leader!
    cluster.run(100)
    expect(leader.term).toBeGreaterThan(1)
    const peer = cluster.all.find((node) => node !== leader && node.id !== 'a')!
    // Nobody answers any more, and what is proposed now stays where it is.
    cluster.cuts = () => true
    const { commit } = leader
    leader.propose()
    leader.step({
      type: 'message',
      now: cluster.now,
      from: peer.id,
      message: {
        type: 'append-reply',
        term: 1,
        leader: 'a',
        match: commit + 1,
        received: commit + 1,
        hint: undefined,
        round: 0,
      },
    })
    expect(leader.commit).toBe(commit)
    expect(leader.core.status().peers.find(({ id }) => id === peer.id)?.match).toBe(commit)
  })

  it('an answer that has more than there is counts for nothing', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.cuts = () => true
    a.propose()
    const { commit, lastIndex } = a
    const match = lastIndex + 1
    for (const received of [match, 1e6]) {
      const message = {
        type: 'append-reply',
        term: 1,
        leader: 'a',
        match,
        received,
        hint: undefined,
        round: 0,
      } as const
      a.step({ type: 'message', now: cluster.now, from: 'b', message })
    }
    expect(a.commit).toBe(commit)
    expect(a.core.status().peers.find(({ id }) => id === 'b')).toMatchObject({ match: commit, next: lastIndex + 1 })
  })

  it('a leader of an earlier term is told of ours, and neither followed nor believed', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('a')
    cluster.runUntil(() => (cluster.leader?.term ?? 0) > 1)
    cluster.run(100)
    const { leader } = cluster
    const other = cluster.all.find((node) => node !== leader && node !== a)!
    const { lastIndex, commit, term } = other.core.status()
    const entry = { kind: 'data' as const, payload: new Uint8Array(1) }
    const origin = { node: 'a', incarnation: 1, sequence: 9 }
    const blocks = [encodeBlock({ index: lastIndex + 1, term: 1 }, origin, [entry])]
    for (const message of [
      { type: 'append', term: 1, previous: { index: lastIndex, term }, commit: lastIndex + 1, blocks },
      { type: 'heartbeat', term: 1, commit: lastIndex, probe: { index: lastIndex, term }, round: 0 },
    ] as const) {
      cluster.queue.length = 0
      other.step({ type: 'message', now: cluster.now, from: 'a', message })
      expect(other.core.status()).toMatchObject({ term, leader: leader?.id, lastIndex, commit })
      expect(cluster.queue).toMatchObject([{ to: 'a', message: { type: 'append-reply', term, match: 0 } }])
    }
    cluster.heal()
    cluster.deliver()
    expect(a.role).toBe('follower')
  })

  it('a vote counts in the election that it was given in, and in no other', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    cluster.cuts = () => true
    const a = cluster.node('a')
    cluster.runUntil(() => a.term === 2)
    const answer = (requestedTerm: number, election: ElectionKind): void => {
      const message = {
        type: 'vote-reply',
        term: 1,
        leader: undefined,
        election,
        requestedTerm,
        granted: true,
      } as const
      a.step({ type: 'message', now: cluster.now, from: 'b', message })
    }
    answer(1, 'vote')
    answer(2, 'pre-vote')
    answer(2, 'transfer')
    expect(a.role).toBe('candidate')
    answer(2, 'vote')
    expect(a.role).toBe('leader')
  })

  it('only the leader of the term may hand it over', () => {
    const cluster = new Cluster()
    cluster.elect('a')
    cluster.run(100)
    const b = cluster.node('b')
    b.step({ type: 'message', now: cluster.now, from: 'c', message: { type: 'timeout-now', term: b.term } })
    expect(b.role).toBe('follower')
    expect(b.term).toBe(1)
    b.step({ type: 'message', now: cluster.now, from: 'a', message: { type: 'timeout-now', term: b.term } })
    expect(b.role).toBe('candidate')
  })

  it('a pre-vote that is granted promises nothing: no term moves, no vote is given', () => {
    const cluster = new Cluster()
    const b = cluster.node('b')
    const last = { index: 0, term: 0 }
    for (const from of ['a', 'c']) {
      const message = { type: 'vote-request', term: 7, election: 'pre-vote', last } as const
      b.step({ type: 'message', now: cluster.now, from, message })
    }
    expect(b.term).toBe(0)
    expect(b.state).toBeUndefined()
    const answers = cluster.queue.map(({ message }) => message)
    expect(answers).toMatchObject([
      { type: 'vote-reply', term: 0, granted: true },
      { type: 'vote-reply', term: 0, granted: true },
    ])
  })
})
