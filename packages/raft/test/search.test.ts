// The search for the place up to which two logs agree (thesis 3.5): logs of many terms and of blocks of many lengths, a
// network that brings anything again at any time, and a follower that forgets all but its disk.

import { below, type Block, encodeBlock, lastIndexOf, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { encodeHardState } from '../src/codec.ts'
import { Cluster, type Envelope, key } from './cluster.ts'

const SEEDS = 1000
const TERMS = 6

type Random = ReturnType<typeof seededRandom>

/**
 * The logs that leaders of some terms may have left behind: each has begun with what some earlier one had, up to the end
 * of one of its blocks, and has appended blocks of its own.
 */
function histories(random: Random): Block[][] {
  const logs: Block[][] = [[]]
  for (let term = 1; term <= TERMS; term++) {
    const before = logs[below(random, logs.length)]!
    const log = before.slice(0, below(random, before.length + 1))
    for (let count = 1 + below(random, 3); count > 0; count--) {
      const last = log.at(-1)
      const index = last === undefined ? 1 : lastIndexOf(last) + 1
      const entries = Array.from({ length: 1 + below(random, 4) }, () => ({
        kind: 'data' as const,
        payload: new Uint8Array(1),
      }))
      log.push(encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, entries))
    }
    logs.push(log)
  }
  return logs
}

/** a leads with one of these logs, and b, which has another, is brought up to date. How much a has asked. */
function story(seed: number): number {
  const random = seededRandom(seed)
  const logs = histories(random)
  // Half of the leaders keep nothing in memory that they need not.
  const limits = seed % 2 === 0 ? { tailBytes: 1 } : {}
  const cluster = new Cluster({ seed, limits, raft: { preVote: false, checkQuorum: false } })
  const [a, b] = [cluster.node('a'), cluster.node('b')]
  a.blocks = logs[below(random, logs.length)]!.slice()
  b.blocks = logs[below(random, logs.length)]!.slice()
  for (const node of cluster.all) {
    node.state = encodeHardState({ term: TERMS, votedFor: undefined })
    node.start()
  }
  cluster.isolate('b')
  cluster.elect('a')
  cluster.heal()
  const checkEnds = (): void => {
    const { commit, peers } = a.core.status()
    for (const index of [commit, b.commit, ...peers.map(({ match }) => match)]) {
      const block = a.blocks.find((each) => lastIndexOf(each) >= index)
      if (index > 0 && lastIndexOf(block!) !== index) throw new Error(`${index} is in the middle of a block`)
    }
  }
  const toB = ({ to, message }: Envelope): boolean => to === 'b' && message.term === a.term
  for (let step = 0; step < 80; step++) {
    const past = cluster.sent.filter(toB)
    const choice = below(random, 10)
    if (choice < 4 && cluster.queue.length > 0) {
      cluster.deliverOne(cluster.queue.splice(below(random, cluster.queue.length), 1)[0]!)
    } else if (choice < 6 && past.length > 0) {
      cluster.deliverOne(past[below(random, past.length)]!)
    } else if (choice < 8) {
      cluster.now += below(random, 80)
      a.step({ type: 'tick', now: cluster.now })
    } else if (choice < 9) {
      b.crash()
      b.start()
      a.step({ type: 'peer-died', now: cluster.now, peer: 'b' })
    } else a.propose(1 + below(random, 3))
    for (const node of [a, b]) node.step({ type: 'release', now: cluster.now, index: node.commit })
    checkEnds()
  }
  cluster.runUntil(() => b.commit === a.commit && b.commit === a.lastIndex)
  checkEnds()
  expect(b.blocks.map(key)).toEqual(a.blocks.map(key))
  return cluster.sent.filter(toB).filter(({ message }) => message.type === 'heartbeat' && message.probe).length
}

describe('the search', () => {
  it(`ends with equal logs, and matches and commits whole blocks, over ${SEEDS} seeds`, () => {
    let asked = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        asked += story(seed)
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    expect(asked).toBeGreaterThan(2 * SEEDS)
  })
})
