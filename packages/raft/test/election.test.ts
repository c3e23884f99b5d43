// Elections: who may lead, when, and who is left in peace.

import { describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'

describe('election', () => {
  it('elects one leader, which commits its no-op everywhere', () => {
    const cluster = new Cluster()
    cluster.runUntil(() => cluster.all.every((node) => node.commit === 1))
    expect(cluster.all.filter((node) => node.role === 'leader')).toHaveLength(1)
    const { leader } = cluster
    for (const node of cluster.all) {
      expect(node.core.status()).toMatchObject({ term: 1, leader: leader?.id, lastIndex: 1, durableIndex: 1 })
    }
    expect(cluster.sent.length).toBeLessThanOrEqual(30)
  })

  it('announces the index at which a leader may be announced', () => {
    const cluster = new Cluster({ nodes: 1 })
    const node = cluster.node('a')
    node.fastDisk = false
    node.core.step({ type: 'campaign', now: cluster.now })
    const output = node.core.takeOutput()
    expect(output.roles.map(({ role }) => role)).toEqual(['pre-candidate', 'candidate'])
    node.carryOut(output)
    node.core.step({ type: 'durable', now: cluster.now, write: 1 })
    expect(node.core.takeOutput().roles).toEqual([{ role: 'leader', term: 1, leader: 'a', readyIndex: 1 }])
  })

  it('leads alone only when its vote is durable, and commits only what is durable', () => {
    const cluster = new Cluster({ nodes: 1, fastDisks: false })
    const node = cluster.node('a')
    cluster.run(100)
    expect(node.role).toBe('candidate')
    node.flush()
    expect(node.role).toBe('leader')
    expect(node.commit).toBe(0)
    node.flush()
    expect(node.commit).toBe(1)
  })

  it('does not count its own vote before it is durable', () => {
    const cluster = new Cluster({ nodes: 3 })
    const a = cluster.node('a')
    a.fastDisk = false
    a.step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
    expect(a.role).toBe('candidate')
    // Not even the requests have left: they tell of a term that is not durable.
    expect(cluster.sent.some(({ message }) => message.type === 'vote-request' && message.election === 'vote')).toBe(
      false,
    )
    a.flush()
    cluster.deliver()
    expect(a.role).toBe('leader')
  })

  it('does not take an older write for that of its vote', () => {
    const cluster = new Cluster({ nodes: 1, fastDisks: false })
    const node = cluster.node('a')
    cluster.runUntil(() => node.term === 3)
    node.flush(1)
    expect(node.role).not.toBe('leader')
    node.flush()
    expect(node.role).toBe('leader')
  })

  it('leaves a leader in peace whom only one follower cannot hear', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.cuts = ({ from, to }) => (from === 'a' && to === 'c') || (from === 'c' && to === 'a')
    cluster.run(10_000)
    expect(cluster.leader).toBe(a)
    expect(cluster.all.map((node) => node.term)).toEqual([1, 1, 1])
  })

  it('a vote leaves when it is durable, and a crash before that takes it back', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    const b = cluster.node('b')
    b.fastDisk = false
    cluster.isolate('c')
    cluster.node('a').step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
    expect(b.term).toBe(1)
    expect(cluster.node('a').role).toBe('candidate')
    b.crash()
    b.start()
    expect(b.term).toBe(0)
    b.fastDisk = true
    cluster.isolate('a')
    cluster.node('c').step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
    expect(cluster.node('c').role).toBe('leader')
    expect(cluster.leaders.get(1)).toBe('c')
  })

  it('remembers its vote over a crash after it was durable', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    cluster.isolate('c')
    cluster.elect('a')
    const b = cluster.node('b')
    b.crash()
    b.start()
    cluster.node('a').crash()
    cluster.heal()
    cluster.node('c').step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
    expect(cluster.node('c').role).not.toBe('leader')
    expect(cluster.leaders.get(1)).toBe('a')
  })

  it('remembers, over a crash, whom it has voted for and which term it has heard of', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    const b = cluster.node('b')
    const ask = (from: string, term: number, last = { index: 0, term: 0 }): boolean => {
      cluster.queue.length = 0
      b.step({
        type: 'message',
        now: cluster.now,
        from,
        message: { type: 'vote-request', term, election: 'vote', last },
      })
      const [answer] = cluster.queue.map(({ message }) => message)
      return answer?.type === 'vote-reply' && answer.granted
    }
    const restart = (): void => {
      b.crash()
      b.start()
    }
    expect(ask('a', 1)).toBe(true)
    restart()
    expect(ask('c', 1)).toBe(false)
    expect(ask('a', 1)).toBe(true)
    // A term that comes with no vote, because the log of the one who asks is behind.
    cluster.queue.length = 0
    cluster.elect('b')
    cluster.now += 5000
    expect(ask('c', 7)).toBe(false)
    restart()
    expect(b.term).toBe(7)
  })

  it('raises no term when a lagging node that was cut off comes back', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = new Cluster({ seed })
      const leader = cluster.elect('a')
      cluster.isolate('c')
      for (let i = 0; i < 5; i++) {
        leader.propose()
        cluster.run(1000)
      }
      cluster.heal()
      cluster.run(2000)
      expect(cluster.leader).toBe(leader)
      expect(leader.term).toBe(1)
      expect(cluster.node('c').commit).toBe(6)
    }
  })

  it('takes back a node that is ahead in terms', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    cluster.elect('a')
    cluster.isolate('c')
    cluster.run(5000)
    expect(cluster.node('c').term).toBeGreaterThan(2)
    cluster.heal()
    cluster.runUntil(() => new Set(cluster.all.map((node) => node.term)).size === 1 && cluster.leader !== undefined)
    cluster.leader!.propose()
    cluster.run(200)
    expect(new Set(cluster.all.map((node) => node.commit)).size).toBe(1)
  })

  it.each([2, 3, 4, 5, 6])('of %i nodes, half of them choose neither a leader nor an entry', (nodes) => {
    const cluster = new Cluster({ nodes, raft: { checkQuorum: false } })
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

  it('resolves split votes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const cluster = new Cluster({ seed, nodes: 4 })
      for (const node of cluster.all) node.step({ type: 'campaign', now: cluster.now })
      cluster.runUntil(() => cluster.leader !== undefined, 10_000)
    }
  })

  it('refuses a vote to a log that is behind', () => {
    const cluster = new Cluster()
    cluster.isolate('c')
    const a = cluster.elect('a')
    a.propose()
    cluster.deliver()
    a.crash()
    cluster.heal()
    cluster.runUntil(() => cluster.leader !== undefined)
    expect(cluster.leader?.id).toBe('b')
  })

  it('refuses a vote to a log that is longer, but older', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    const a = cluster.elect('a')
    cluster.isolate('a')
    for (let i = 0; i < 3; i++) a.propose()
    cluster.runUntil(() => ['b', 'c'].some((id) => cluster.node(id).commit === 2))
    const { commit, lastIndex } = cluster.leader!
    expect(a.lastIndex).toBeGreaterThan(lastIndex)
    const other = cluster.all.find((node) => node !== a && node !== cluster.leader)!
    cluster.leader!.crash()
    cluster.heal()
    // Nobody protects the dead leader any more; the first attempt only shows `a` the newer term.
    cluster.now += 5000
    for (let attempt = 0; attempt < 3; attempt++) {
      a.step({ type: 'campaign', now: cluster.now })
      cluster.deliver()
      expect(a.role).not.toBe('leader')
    }
    expect(a.term).toBe(other.term)
    cluster.runUntil(() => other.role === 'leader')
    cluster.run(200)
    expect(a.commit).toBeGreaterThan(commit)
  })

  it('starts an election at once when the process of the leader has died', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const cluster = new Cluster({ seed })
      cluster.elect('a')
      cluster.run(100)
      cluster.node('a').crash()
      const at = cluster.now
      for (const id of ['b', 'c']) cluster.node(id).step({ type: 'peer-died', now: cluster.now, peer: 'a' })
      cluster.runUntil(() => cluster.leader !== undefined)
      // The next in line, within two ticks, and in the very next term: nobody collided with it.
      expect(cluster.leader?.id).toBe('b')
      expect(cluster.leader?.term).toBe(2)
      expect(cluster.now - at).toBeLessThanOrEqual(20)
    }
  })

  it('goes down the line of succession when the next one cannot win', () => {
    const cluster = new Cluster({ nodes: 5 })
    cluster.elect('a')
    cluster.run(100)
    // b lags: it must not win, and those behind it in the line must not wait for it.
    cluster.isolate('b')
    cluster.node('a').propose()
    cluster.run(30)
    cluster.heal()
    cluster.node('a').crash()
    for (const id of ['b', 'c', 'd', 'e']) cluster.node(id).step({ type: 'peer-died', now: cluster.now, peer: 'a' })
    cluster.runUntil(() => cluster.leader !== undefined, 500)
    expect(cluster.leader?.id).not.toBe('b')
  })

  it('waits for the election timeout when the leader is merely silent', () => {
    const cluster = new Cluster()
    cluster.elect('a')
    cluster.run(100)
    cluster.isolate('a')
    cluster.run(400)
    expect(cluster.node('b').role).toBe('follower')
    expect(cluster.node('c').role).toBe('follower')
    cluster.runUntil(() => ['b', 'c'].some((id) => cluster.node(id).role === 'leader'), 3000)
  })

  it('a leader whose followers are silent steps down and gives no hint', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.isolate('a')
    cluster.run(700)
    expect(a.role).not.toBe('leader')
    expect(a.core.admit()).toEqual({ status: 'NOT_LEADER', leader: undefined, term: 1 })
    const free = new Cluster({ raft: { checkQuorum: false } })
    free.elect('a')
    free.isolate('a')
    free.run(3000)
    expect(free.node('a').role).toBe('leader')
  })

  it('a process that stood still looks at its messages before it concludes anything', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.now += 5000
    for (const node of cluster.all) node.step({ type: 'tick', now: cluster.now })
    cluster.deliver()
    cluster.run(500)
    expect(a.role).toBe('leader')
    expect(a.term).toBe(1)
  })

  it('prefers the preferred leader', () => {
    let wins = 0
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = new Cluster({ seed, raft: { preferredLeader: 'c' } })
      cluster.runUntil(() => cluster.leader !== undefined)
      if (cluster.leader?.id === 'c') wins++
    }
    expect(wins).toBe(20)
  })

  it('ignores strangers', () => {
    const cluster = new Cluster()
    const a = cluster.node('a')
    const last = { index: 9, term: 9 }
    a.step({
      type: 'message',
      now: 2000,
      from: 'x',
      message: { type: 'vote-request', term: 9, election: 'vote', last },
    })
    expect(a.term).toBe(0)
    expect(cluster.queue).toEqual([])
  })
})

describe('transfer', () => {
  it('brings the target up to date, hands over, and refuses proposals meanwhile', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('c')
    for (let i = 0; i < 10; i++) a.propose()
    cluster.deliver()
    cluster.heal()
    a.step({ type: 'transfer', now: cluster.now, to: 'c' })
    expect(a.core.admit()).toEqual({ status: 'TRANSFERRING' })
    cluster.run(400)
    expect(cluster.leader?.id).toBe('c')
    expect(cluster.leader?.term).toBe(2)
    expect(a.transfers).toEqual(['done'])
  })

  it('chooses the furthest follower itself', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('b')
    a.propose()
    cluster.deliver()
    cluster.heal()
    a.step({ type: 'transfer', now: cluster.now, to: undefined })
    cluster.run(100)
    expect(cluster.leader?.id).toBe('c')
  })

  it('gives up after an election timeout and leads on', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.isolate('c')
    a.step({ type: 'transfer', now: cluster.now, to: 'c' })
    cluster.run(490)
    expect(a.transfers).toEqual([])
    cluster.run(30)
    expect(a.transfers).toEqual(['aborted'])
    expect(a.core.admit().status).toBe('LEADER')
  })

  it('refuses what makes no sense', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    for (const to of ['a', 'x']) a.step({ type: 'transfer', now: cluster.now, to })
    cluster.node('b').step({ type: 'transfer', now: cluster.now, to: 'c' })
    expect(a.transfers).toEqual(['aborted', 'aborted'])
    expect(cluster.node('b').transfers).toEqual(['aborted'])
    expect(a.role).toBe('leader')
  })
})
