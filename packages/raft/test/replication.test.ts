// Replication: what is matched, committed, truncated, sent again, and read back.

import { type Block, encodeBlock, lastIndexOf } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { encodeHardState } from '../src/codec.ts'
import { Cluster, key, type TestNode } from './cluster.ts'

/** A log of blocks, given as [term, entries] runs of blocks of `size` entries. */
function makeLog(runs: readonly (readonly [term: number, entries: number])[], size = 10): Block[] {
  const blocks: Block[] = []
  let index = 1
  for (const [term, entries] of runs) {
    for (let left = entries; left > 0; left -= size) {
      const count = Math.min(size, left)
      const list = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(4) }))
      blocks.push(encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, list))
      index += count
    }
  }
  return blocks
}

/** Starts the node anew on this log. */
function install(node: TestNode, blocks: readonly Block[], term: number): void {
  node.blocks = [...blocks]
  node.state = encodeHardState({ term, votedFor: undefined })
  node.start()
}

function logOf(node: TestNode): string[] {
  return node.blocks.map(key)
}

describe('replication', () => {
  it('sends all blocks of a turn in one message for each follower', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.sent.length = 0
    for (let i = 0; i < 10; i++) a.propose(3, 8, false)
    a.drain()
    cluster.deliver()
    const appends = cluster.sent.filter(({ message }) => message.type === 'append')
    expect(appends).toHaveLength(2)
    expect(a.commit).toBe(31)
    cluster.run(20)
    expect(cluster.node('b').commit).toBe(31)
  })

  it('does not send more than the window allows, and goes on as answers come', () => {
    const cluster = new Cluster({ limits: { inflightEntries: 20, messageBytes: 1000 } })
    const a = cluster.elect('a')
    cluster.run(100)
    for (let i = 0; i < 100; i++) a.propose(5, 20, false)
    a.drain()
    const peers = a.core.status().peers
    for (const peer of peers) expect(peer.inflightEntries).toBeLessThanOrEqual(20)
    const bytes = cluster.queue.map(({ message }) =>
      message.type === 'append' ? message.blocks.reduce((sum, block) => sum + block.bytes.length, 0) : 0,
    )
    expect(Math.max(...bytes)).toBeLessThanOrEqual(1000)
    cluster.deliver()
    expect(a.commit).toBe(501)
  })

  it('sends a block that is larger than a message or the window alone', () => {
    const cluster = new Cluster({ limits: { inflightEntries: 4, inflightBytes: 500, messageBytes: 200 } })
    const a = cluster.elect('a')
    for (let i = 0; i < 5; i++) a.propose(10, 300, false)
    a.drain()
    cluster.deliver()
    expect(a.commit).toBe(51)
  })

  it('counts the leader only when its own disk has the entry', () => {
    const cluster = new Cluster({ nodes: 3 })
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('c')
    a.fastDisk = false
    a.propose()
    cluster.deliver()
    expect(cluster.node('b').core.status().durableIndex).toBe(2)
    expect(a.commit).toBe(1)
    a.flush()
    expect(a.commit).toBe(2)
  })

  it('commits without the own disk when a majority of others has the entry', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    a.fastDisk = false
    a.propose()
    cluster.deliver()
    expect(a.commit).toBe(2)
    expect(a.core.status().durableIndex).toBe(1)
  })

  it('answers an append, and a repeated one, only when it is durable', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.isolate('c')
    const b = cluster.node('b')
    b.fastDisk = false
    a.propose()
    const append = cluster.queue.find(({ to }) => to === 'b')!
    cluster.deliver()
    cluster.deliverOne(append)
    expect(cluster.queue).toEqual([])
    expect(b.waitingMessages).toHaveLength(2)
    cluster.run(60)
    expect(a.core.status().peers.find(({ id }) => id === 'b')?.match).toBe(1)
    expect(a.commit).toBe(1)
    b.flush()
    cluster.deliver()
    expect(a.commit).toBe(2)
  })

  it('goes on with heartbeats while every disk stands still', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    for (const node of cluster.all) node.fastDisk = false
    for (let i = 0; i < 500; i++) {
      a.propose()
      cluster.run(10)
    }
    expect(a.role).toBe('leader')
    expect(a.term).toBe(1)
    expect(a.commit).toBe(1)
    for (const node of cluster.all) {
      node.fastDisk = true
      node.flush()
    }
    cluster.run(1000)
    expect(cluster.all.map((node) => node.commit)).toEqual([501, 501, 501])
  })

  it('does not forget what is committed when a follower crashes before or after its disk', () => {
    for (const flush of [false, true]) {
      const cluster = new Cluster()
      const a = cluster.elect('a')
      cluster.run(100)
      cluster.isolate('c')
      const b = cluster.node('b')
      b.fastDisk = false
      a.propose()
      cluster.deliver()
      // The answer is lost with the process in both cases; the entry only in the first.
      cluster.cuts = () => true
      if (flush) b.flush()
      b.crash()
      cluster.queue.length = 0
      b.fastDisk = true
      b.start()
      expect(b.lastIndex).toBe(flush ? 2 : 1)
      expect(a.commit).toBe(1)
      cluster.heal()
      cluster.run(1000)
      expect(cluster.all.map((node) => node.commit)).toEqual([2, 2, 2])
    }
  })

  it('notices what was lost, and sends it again', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    cluster.cuts = ({ message }) => message.type === 'append'
    for (let i = 0; i < 5; i++) a.propose()
    cluster.deliver()
    cluster.heal()
    cluster.run(500)
    expect(cluster.all.map((node) => node.commit)).toEqual([6, 6, 6])
    expect(a.term).toBe(1)
  })

  it('a late, repeated or shorter append truncates nothing', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    const appends = []
    for (let i = 0; i < 20; i++) {
      a.propose(1 + (i % 3))
      appends.push(...cluster.queue.filter(({ message }) => message.type === 'append'))
      cluster.deliver()
    }
    const before = cluster.all.map(logOf)
    const lastIndex = a.lastIndex
    for (const append of [...appends].reverse()) cluster.deliverOne(append)
    cluster.deliver()
    expect(cluster.all.map((node) => node.lastIndex)).toEqual([lastIndex, lastIndex, lastIndex])
    expect(cluster.all.map(logOf)).toEqual(before)
  })

  it('a follower commits only what it has compared with this leader', () => {
    const cluster = new Cluster({ raft: { preVote: false } })
    const common = makeLog([[1, 10]])
    install(
      cluster.node('a'),
      [
        ...common,
        ...makeLog([
          [1, 10],
          [3, 20],
        ]).slice(1),
      ],
      3,
    )
    install(
      cluster.node('b'),
      [
        ...common,
        ...makeLog([
          [1, 10],
          [2, 20],
        ]).slice(1),
      ],
      3,
    )
    const b = cluster.node('b')
    const message = { type: 'heartbeat', term: 4, commit: 30, probe: undefined, round: 0 } as const
    b.step({ type: 'message', now: cluster.now, from: 'a', message })
    expect(b.commit).toBe(0)
    const blocks = common.slice(0, 1)
    const append = { type: 'append', term: 4, previous: { index: 0, term: 0 }, commit: 30, blocks } as const
    b.step({ type: 'message', now: cluster.now, from: 'a', message: append })
    expect(b.commit).toBe(10)
    expect(b.lastIndex).toBe(30)
  })

  it('without a no-op, readers of a new leader wait until it has committed an entry of its own', () => {
    const cluster = new Cluster({ raft: { noopOnElection: false } })
    cluster.elect('a').propose()
    cluster.deliver()
    const b = cluster.node('b')
    cluster.node('a').crash()
    cluster.runUntil(() => b.role === 'leader')
    // It has what the first leader has committed, and cannot know that it is.
    for (const id of ['b', 'c']) cluster.node(id).step({ type: 'read-barrier', now: cluster.now, request: 1 })
    cluster.run(5000)
    expect(b.role).toBe('leader')
    expect([b.barriers, cluster.node('c').barriers]).toEqual([[], []])
    b.propose()
    cluster.run(200)
    expect([b.barriers, cluster.node('c').barriers]).toEqual([[2], [2]])
  })

  it('figure 8: an entry of an earlier term is not committed by counting', () => {
    const build = (): { cluster: Cluster; s1: TestNode; s5: TestNode } => {
      const cluster = new Cluster({ nodes: 5, raft: { preVote: false, noopOnElection: false, checkQuorum: false } })
      const first = makeLog([[1, 1]], 1)
      const two = makeLog(
        [
          [1, 1],
          [2, 1],
        ],
        1,
      )
      const three = makeLog(
        [
          [1, 1],
          [3, 1],
        ],
        1,
      )
      // State (c) of the figure: S1 led term 2 and S5 led term 3; S3 and S4 have only the first entry.
      install(cluster.node('a'), two, 3)
      install(cluster.node('b'), two, 3)
      install(cluster.node('c'), first, 3)
      install(cluster.node('d'), first, 3)
      install(cluster.node('e'), three, 3)
      cluster.node('e').crash()
      return { cluster, s1: cluster.node('a'), s5: cluster.node('e') }
    }
    // Without an entry of its own term the leader commits nothing, whoever has the old ones.
    const d = build()
    d.cluster.elect('a')
    d.cluster.isolate('d', 'e')
    d.cluster.run(300)
    d.s1.step({ type: 'tick', now: d.cluster.now })
    expect(d.cluster.node('c').core.status().durableIndex).toBe(2)
    expect(d.s1.core.status().peers.filter(({ match }) => match === 2)).toHaveLength(3)
    expect(d.s1.commit).toBe(0)
    // (d) S1 dies, S5 is elected by S4 and those who have no newer term, and may replace the entry.
    d.s1.crash()
    d.s5.start()
    d.cluster.heal()
    d.cluster.runUntil(() => d.cluster.leader !== undefined)
    d.cluster.leader!.propose()
    d.cluster.run(500)
    expect(d.cluster.leader!.commit).toBeGreaterThan(2)
    // (e) With an entry of its own on a majority all is committed.
    const e = build()
    e.cluster.elect('a')
    e.s1.propose()
    e.cluster.run(300)
    expect(e.s1.commit).toBe(3)
    e.s1.crash()
    e.s5.start()
    e.cluster.run(5000)
    expect(e.cluster.leader?.id).not.toBe('e')
  })

  it('finds the end of 10,000 divergent entries over 100 terms in a round trip a term', () => {
    const cluster = new Cluster()
    const odd = Array.from({ length: 50 }, (_, i) => [2 * i + 3, 200] as const)
    const even = Array.from({ length: 50 }, (_, i) => [2 * i + 2, 200] as const)
    const leaderLog = makeLog([[1, 10], ...odd])
    install(cluster.node('a'), leaderLog, 103)
    install(cluster.node('b'), leaderLog, 103)
    install(cluster.node('c'), makeLog([[1, 10], ...even]), 103)
    const a = cluster.elect('a')
    cluster.run(2000)
    expect(logOf(cluster.node('c'))).toEqual(logOf(a))
    const questions = cluster.sent.filter(
      ({ to, message }) => to === 'c' && message.type === 'heartbeat' && message.probe !== undefined,
    )
    expect(questions.length).toBeLessThanOrEqual(102)
    expect(questions.length).toBeGreaterThan(0)
    // While it is asked, nothing is sent: all entries that differ travel once, besides the no-op that did not fit.
    const entries = cluster.sent.flatMap(({ to, message }) =>
      to === 'c' && message.type === 'append' ? message.blocks : [],
    )
    expect(entries.reduce((sum, block) => sum + block.count, 0)).toBeLessThanOrEqual(10_002)
  })

  it('begins inside a block when the logs differ there, and sends the whole block', () => {
    const cluster = new Cluster()
    // The follower's log ends inside one of the leader's blocks.
    const leaderLog = [
      ...makeLog([[1, 10]]),
      ...makeLog(
        [
          [1, 10],
          [2, 30],
        ],
        30,
      ).slice(1),
      ...makeLog(
        [
          [1, 40],
          [5, 10],
        ],
        40,
      ).slice(1),
    ]
    const followerLog = [
      ...makeLog([[1, 10]]),
      ...makeLog([
        [1, 10],
        [3, 7],
      ]).slice(1),
    ]
    install(cluster.node('a'), leaderLog, 6)
    install(cluster.node('b'), leaderLog, 6)
    install(cluster.node('c'), followerLog, 6)
    const a = cluster.elect('a')
    cluster.run(1000)
    expect(a.lastIndex).toBe(51)
    expect(logOf(cluster.node('c'))).toEqual(logOf(a))
    expect(cluster.node('c').commit).toBe(51)
  })

  it('evicts what is applied and reads it back for a follower that is far behind', () => {
    const cluster = new Cluster({ limits: { tailBytes: 1000 } })
    const a = cluster.elect('a')
    cluster.run(50)
    cluster.isolate('c')
    for (let i = 0; i < 200; i++) {
      a.propose(2, 50)
      cluster.deliver()
    }
    expect(a.core.blockAt(1)).toBeDefined()
    a.step({ type: 'release', now: cluster.now, index: 100 })
    expect(a.core.blockAt(2)).toBeUndefined()
    expect(a.core.blockAt(102)).toBeDefined()
    a.step({ type: 'release', now: cluster.now, index: a.commit })
    expect(a.core.blockAt(a.lastIndex)).toBeDefined()
    cluster.heal()
    cluster.run(1000)
    expect(a.reads).toBeGreaterThan(0)
    expect(logOf(cluster.node('c'))).toEqual(logOf(a))
    expect(cluster.node('c').commit).toBe(401)
    expect(a.role).toBe('leader')
  })

  it('catches up a node whose process was restarted without its log', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    for (let i = 0; i < 10; i++) a.propose()
    cluster.run(100)
    const c = cluster.node('c')
    c.crash()
    a.step({ type: 'peer-died', now: cluster.now, peer: 'c' })
    expect(a.core.status().peers.find(({ id }) => id === 'c')?.match).toBe(0)
    install(c, [], 1)
    cluster.run(500)
    expect(c.commit).toBe(11)
  })
})

describe('a follower that came back with everything', () => {
  it('is counted again although nothing new is proposed', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.run(100)
    // Both followers store the block, and both die before their answers arrive.
    cluster.cuts = ({ message }) => message.type === 'append-reply'
    a.propose()
    cluster.deliver()
    for (const id of ['b', 'c']) {
      cluster.node(id).crash()
      a.step({ type: 'peer-died', now: cluster.now, peer: id })
      cluster.node(id).start()
    }
    cluster.heal()
    expect(a.commit).toBe(1)
    cluster.run(200)
    expect(a.role).toBe('leader')
    expect(cluster.all.map((node) => node.commit)).toEqual([2, 2, 2])
  })

  it('learns of the commit although a late answer of its earlier life has hidden that it was restarted', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    a.propose()
    cluster.run(100)
    const c = cluster.node('c')
    const { term, lastIndex } = a
    c.crash()
    a.step({ type: 'peer-died', now: cluster.now, peer: 'c' })
    // Sent by the dead process, and overtaken by the news of its death.
    const late = {
      type: 'append-reply',
      term,
      leader: 'a',
      match: lastIndex,
      received: lastIndex,
      hint: undefined,
      round: 0,
    } as const
    a.step({ type: 'message', now: cluster.now, from: 'c', message: late })
    c.start()
    expect(c.commit).toBe(0)
    cluster.run(500)
    expect(a.term).toBe(term)
    expect(c.commit).toBe(lastIndex)
  })
})

describe('the laws', () => {
  it('a leader that would replace what is committed is stopped', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    a.propose()
    cluster.run(100)
    const blocks = [
      encodeBlock({ index: 2, term: 5 }, { node: 'c', incarnation: 1, sequence: 1 }, [
        { kind: 'data', payload: new Uint8Array(0) },
      ]),
    ]
    const message = { type: 'append', term: 5, previous: { index: 1, term: 1 }, commit: 0, blocks } as const
    const step = (): void => cluster.node('b').step({ type: 'message', now: cluster.now, from: 'c', message })
    expect(step).toThrow(expect.objectContaining({ code: 'LAW_BROKEN' }))
  })

  it('two leaders in one term are noticed', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    const message = { type: 'heartbeat', term: 1, commit: 0, probe: undefined, round: 0 } as const
    const step = (): void => a.step({ type: 'message', now: cluster.now, from: 'c', message })
    expect(step).toThrow(expect.objectContaining({ code: 'LAW_BROKEN' }))
  })

  it('a proposal that was not admitted is refused', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    const block = encodeBlock({ index: 9, term: 1 }, { node: 'a', incarnation: 1, sequence: 1 }, [
      { kind: 'data', payload: new Uint8Array(0) },
    ])
    expect(() => a.core.propose(block)).toThrow(expect.objectContaining({ code: 'LAW_BROKEN' }))
    expect(() => cluster.node('b').core.propose(block)).toThrow(expect.objectContaining({ code: 'LAW_BROKEN' }))
  })

  it('a claim beyond the log counts for nothing', () => {
    const cluster = new Cluster()
    const a = cluster.elect('a')
    cluster.isolate('a')
    a.propose()
    const message = {
      type: 'append-reply',
      term: 1,
      leader: 'a',
      match: 99,
      received: 99,
      hint: undefined,
      round: 0,
    } as const
    a.step({ type: 'message', now: cluster.now, from: 'b', message })
    expect(a.commit).toBe(1)
    expect(lastIndexOf(a.core.blockAt(2)!)).toBe(2)
  })

  it('a log that Raft cannot have written is refused', () => {
    const cluster = new Cluster()
    const a = cluster.node('a')
    expect(() =>
      install(
        a,
        makeLog([
          [1, 10],
          [2, 10],
        ]).slice(1),
        5,
      ),
    ).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }))
    expect(() =>
      install(
        a,
        makeLog([
          [2, 10],
          [1, 10],
        ]),
        5,
      ),
    ).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }))
    expect(() => install(a, makeLog([[6, 10]]), 5)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }))
    a.state = new Uint8Array([255, 255])
    expect(() => a.start()).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }))
  })
})
