// What Raft costs, in messages, bytes, round trips and virtual time, against fixed bounds. Nothing here depends on the
// speed of the machine: everything is counted on a simulated cluster.

import { type Block, type CoreWrite, encodeBlock } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { SimCluster } from '@mako/testkit'
import { describe, expect, it } from 'vitest'
import { GoldenCluster } from '../../testkit/src/golden/cluster.ts'
import type { GoldenNode } from '../../testkit/src/golden/node.ts'
import { createLab, type Lab, type LabOptions } from '../../testkit/src/lab/index.ts'
import { encodeHardState } from '../src/codec.ts'
import { describeRaft } from './describe.ts'

/** Three nodes with a heartbeat of 100 ms, as the bounds below want them. */
async function labOfThree(seed: number, isCall: LabOptions<RaftMessage>['isCall']): Promise<Lab> {
  const lab = createLab<RaftMessage>({
    seed,
    nodes: 3,
    protocol: (tuning) => raft(tuning),
    exactIndexes: false,
    ...(isCall === undefined ? {} : { isCall }),
  })
  lab.cluster.startAll()
  await lab.oneLeader()
  return lab
}

type Node = GoldenNode<RaftMessage>

const isAppendEntries = ({ type }: RaftMessage): boolean => type === 'append' || type === 'heartbeat'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

describe('counts, three nodes', () => {
  it('at most 30 messages until there is a leader', async () => {
    for (const seed of SEEDS) {
      const lab = await labOfThree(seed, undefined)
      expect(lab.calls, `seed ${seed}`).toBeLessThanOrEqual(30)
    }
  })

  it('at most 42 AppendEntries for eleven commands that come one by one', async () => {
    for (const seed of SEEDS) {
      const lab = await labOfThree(seed, isAppendEntries)
      await lab.run(500)
      const leader = await lab.oneLeader()
      const before = lab.calls
      const commands = Array.from({ length: 11 }, (_, i) => `command ${i}`)
      for (const command of commands) {
        lab.mustStart(leader, command)
        await lab.run(1)
      }
      await lab.until(() => commands.every((command) => lab.applied(command) === 3), 1000, 'all on all')
      expect(lab.calls - before, `seed ${seed}`).toBeGreaterThanOrEqual(22)
      expect(lab.calls - before, `seed ${seed}`).toBeLessThanOrEqual(42)
    }
  })

  it('two AppendEntries for each follower and command when each waits for the one before on all nodes', async () => {
    const lab = await labOfThree(1, isAppendEntries)
    await lab.run(500)
    const before = lab.calls
    for (let i = 1; i <= 20; i++) await lab.agree(`command ${i}`, 3)
    // The second one tells of the commit; a few heartbeats are among them.
    expect(lab.calls - before).toBeLessThanOrEqual(20 * 2 * 2 + 10)
  })

  it('at most 60 messages in a second without work', async () => {
    for (const seed of SEEDS) {
      const lab = await labOfThree(seed, undefined)
      await lab.run(500)
      const before = lab.calls
      await lab.run(1000)
      expect(lab.calls - before, `seed ${seed}`).toBeLessThanOrEqual(60)
    }
  })

  it('no more than three times the bytes of ten commands of 5,000 bytes, and 50 kB', async () => {
    for (const seed of SEEDS) {
      const lab = await labOfThree(seed, undefined)
      const before = lab.bytesSent
      for (let i = 0; i < 10; i++) await lab.agree(String(i).repeat(5000), 3)
      // Each entry goes to two followers, so anything below that would mean that the bytes are not counted.
      expect(lab.bytesSent - before, `seed ${seed}`).toBeGreaterThan(2 * 50_000)
      expect(lab.bytesSent - before, `seed ${seed}`).toBeLessThanOrEqual(3 * 50_000 + 50_000)
    }
  })
})

describe('conflicts', () => {
  const ENTRIES = 10_000
  const TERMS = 100

  /** A log of 10,000 entries in blocks of ten: a hundred terms, of which every one is odd or every one even. */
  function divergentLog(node: string, firstTerm: number): Block[] {
    const blocks: Block[] = []
    for (let index = 1; index <= ENTRIES; index += 10) {
      const term = firstTerm + 2 * Math.floor(((index - 1) * TERMS) / ENTRIES)
      const entries = Array.from({ length: 10 }, () => ({ kind: 'data' as const, payload: new Uint8Array(4) }))
      blocks.push(encodeBlock({ index, term }, { node, incarnation: 1, sequence: index }, entries))
    }
    return blocks
  }

  /** Puts this log on a node's disk and starts the node anew. */
  function install(node: Node, blocks: readonly Block[]): void {
    node.crash('durable')
    const state = encodeHardState({ term: 300, votedFor: undefined })
    const writes = blocks.map((block): CoreWrite['write'] => ({ type: 'block', block, truncate: false }))
    node.disk.write([{ type: 'state', state } as const, ...writes].map((write, i) => ({ number: i + 1, write })))
    node.disk.flush(Number.POSITIVE_INFINITY)
    node.disk.crash('durable')
    node.start()
  }

  it.each([
    ['older', 1, 2],
    ['newer', 2, 1],
  ])('10,000 entries over 100 %s terms give way in at most 120 round trips', (_, follower, leader) => {
    const cluster = new GoldenCluster<RaftMessage>({ protocol: () => raft(), describe: describeRaft })
    cluster.report.detail = 'none'
    cluster.addNodes({ count: 3, seed: 1, limits: {}, protocol: {} })
    const [a, b, c] = cluster.nodes as [Node, Node, Node]
    install(a, divergentLog('a', leader))
    install(b, divergentLog('b', follower))
    install(c, divergentLog('a', leader))
    cluster.network.partition([['a', 'c'], ['b']])
    a.step({ type: 'campaign' }, '', false)
    cluster.stabilize(cluster.nodes)
    expect(a.commit).toBe(ENTRIES + 1)
    cluster.network.heal()
    let asked = 0
    for (let ticks = 0; b.commit < a.commit && ticks < 100; ticks++) {
      cluster.tick(cluster.nodes)
      let isBusy = true
      while (isBusy) {
        const letter = cluster.network.oldest(new Set(cluster.members))
        if (letter?.to === 'b' && isAppendEntries(letter.message)) asked++
        if (letter) cluster.deliver(letter)
        isBusy = letter !== undefined || a.answerRead('blocks') || cluster.nodes.some((node) => node.flush())
      }
    }
    expect(b.disk.blocks.map(({ bytes }) => bytes)).toEqual(a.disk.blocks.map(({ bytes }) => bytes))
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(120)
  })
})

describe('elections', () => {
  const ELECTION_TIMEOUT_MS = 500
  const KILLS = 200

  function clusterOfThree(seed: number): SimCluster<RaftMessage> {
    const cluster = new SimCluster<RaftMessage>({
      seed,
      nodes: 3,
      protocol: () => raft({ electionTimeoutMs: ELECTION_TIMEOUT_MS }),
    })
    cluster.startAll()
    return cluster
  }

  function percentile(values: readonly number[], share: number): number {
    const sorted = [...values].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
  }

  async function leaderOf(cluster: SimCluster<RaftMessage>): Promise<string> {
    expect(await cluster.runUntil(() => cluster.leader() !== undefined, 20 * ELECTION_TIMEOUT_MS)).toBe(true)
    return cluster.leader()!.id
  }

  it.each([
    ['whose connections are reset', false],
    ['who vanishes without a word', true],
  ])('a leader %s is replaced soon, 200 times', async (_, silently) => {
    const cluster = clusterOfThree(21)
    const tookMs: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const leader = await leaderOf(cluster)
      cluster.crash(leader, silently)
      const killedAt = cluster.time.nowMs
      await leaderOf(cluster)
      tookMs.push(cluster.time.nowMs - killedAt)
      cluster.start(leader)
      await cluster.runFor(300)
    }
    expect(cluster.book.violation).toBeUndefined()
    expect(tookMs).toHaveLength(KILLS)
    expect(percentile(tookMs, 0.5)).toBeLessThanOrEqual(2 * ELECTION_TIMEOUT_MS)
    expect(percentile(tookMs, 0.99)).toBeLessThanOrEqual(5 * ELECTION_TIMEOUT_MS)
  })

  it('with pre-vote a node that comes back raises no term, 200 times of 200', async () => {
    const cluster = clusterOfThree(22)
    const leader = await leaderOf(cluster)
    const { term } = cluster.node(leader).engine!.status().partitions[0]!
    const followers = cluster.nodes.map(({ id }) => id).filter((id) => id !== leader)
    for (let round = 0; round < KILLS; round++) {
      const isolated = followers[round % 2]!
      const heal = cluster.partition([isolated], [leader, followers[(round + 1) % 2]!])
      await cluster.runFor(2.5 * ELECTION_TIMEOUT_MS)
      expect(cluster.node(isolated).engine!.status().partitions[0]!.role).toBe('pre-candidate')
      heal()
      await cluster.runFor(ELECTION_TIMEOUT_MS)
      for (const { engine } of cluster.nodes) {
        expect(engine!.status().partitions[0], `round ${round}`).toMatchObject({ term, leaderHint: { nodeId: leader } })
      }
    }
    expect(cluster.book.violation).toBeUndefined()
  })
})
