// A leader and a follower with different pasts: what they have is of many terms, in blocks of many lengths. A network
// brings anything again at any time, and the follower forgets all but its disk. The cluster checks its laws after every
// input. The tests of every protocol.

import { below } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { CoreCluster, CoreClusterOptions, Envelope } from './cores.ts'

const SEEDS = 500
const TERMS = 5

export interface Pasts<Message> {
  /** A fresh cluster in which whoever stands for election does so at once, and nobody steps down by itself. */
  readonly build: (options: CoreClusterOptions) => CoreCluster<Message>
  readonly termOf: (message: Message) => number
}

/** One node after the other leads for a moment, with one other node, and some of what it says is lost. */
function livePasts<Message>(cluster: CoreCluster<Message>): void {
  const { random, ids, queue } = cluster
  for (let term = 0; term < TERMS; term++) {
    const leader = cluster.node(ids[below(random, ids.length)]!)
    const others = ids.filter((id) => id !== leader.id)
    cluster.isolate(others[below(random, others.length)]!)
    cluster.run(20)
    leader.step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
    for (let count = below(random, 4); count > 0; count--) leader.propose(1 + below(random, 4))
    while (queue.length > 0) {
      const envelope = queue.shift()!
      if (below(random, 2) === 0) cluster.deliverOne(envelope)
    }
    for (const node of cluster.all) {
      node.crash()
      node.start()
    }
  }
  cluster.heal()
}

/** How many messages of the last term came more than once. */
function story<Message>({ build, termOf }: Pasts<Message>, seed: number): number {
  // Half of the leaders keep nothing in memory that they need not.
  const limits = seed % 2 === 0 ? { tailBytes: 1, messageBytes: 300 } : {}
  const cluster = build({ seed, limits })
  const { random, queue } = cluster
  livePasts(cluster)
  // One of the two others leads, whoever can.
  const behind = cluster.node(cluster.ids[below(random, cluster.ids.length)]!)
  const others = cluster.all.filter((node) => node !== behind)
  cluster.isolate(behind.id)
  cluster.run(20)
  for (let tries = 0; cluster.leader === undefined; tries++) {
    if (tries > 4 * TERMS) throw new Error('nobody is elected')
    others[tries % 2]!.step({ type: 'campaign', now: cluster.now })
    cluster.deliver()
  }
  const { leader } = cluster
  cluster.heal()
  let repeated = 0
  const isPast = ({ to, message }: Envelope<Message>): boolean => to === behind.id && termOf(message) === leader.term
  for (let step = 0; step < 80; step++) {
    const choice = below(random, 10)
    const past = choice === 4 || choice === 5 ? cluster.sent.filter(isPast) : []
    if (choice < 4 && queue.length > 0) {
      cluster.deliverOne(queue.splice(below(random, queue.length), 1)[0]!)
    } else if (past.length > 0) {
      cluster.deliverOne(past[below(random, past.length)]!)
      repeated++
    } else if (choice < 8) {
      cluster.now += below(random, 80)
      leader.step({ type: 'tick', now: cluster.now })
    } else if (choice < 9) {
      behind.crash()
      behind.start()
      leader.step({ type: 'peer-died', now: cluster.now, peer: behind.id })
    } else leader.propose(1 + below(random, 3))
    for (const node of [leader, behind]) node.step({ type: 'release', now: cluster.now, index: node.commit })
  }
  cluster.runUntil(() => cluster.leader !== undefined && cluster.all.every(({ commit }) => commit === leader.lastIndex))
  return repeated
}

export function anyTwoPasts<Message>(pasts: Pasts<Message>): void {
  describe('any two pasts', () => {
    it(`become one, over ${SEEDS} seeds`, () => {
      let repeated = 0
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          repeated += story(pasts, seed)
        } catch (cause) {
          throw new Error(`seed ${seed}`, { cause })
        }
      }
      expect(repeated).toBeGreaterThan(5 * SEEDS)
    })
  })
}
