// When a leader falls silent its followers take turns (ADR 5): how soon there is another one, and who. The tests of every
// protocol.

import type { NodeId } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { CoreCluster, CoreClusterOptions } from './cores.ts'

const SEEDS = Array.from({ length: 50 }, (_, i) => i + 1)

export interface Turns<Message> {
  readonly build: (options: CoreClusterOptions & { readonly preferredLeader?: NodeId }) => CoreCluster<Message>
  /** True for a message with which its sender stands for election. */
  readonly isCampaign: (message: Message) => boolean
}

export function followersTakeTurns<Message>({ build, isCampaign }: Turns<Message>): void {
  describe.each([3, 5, 7])('of %i nodes', (nodes) => {
    it('the next one in line leads after its leader, by the first election, within 1.5 election timeouts', () => {
      for (const seed of SEEDS) {
        const cluster = build({ seed, nodes })
        const gone = cluster.ids[seed % nodes]!
        const next = cluster.ids[(seed + 1) % nodes]!
        cluster.elect(gone)
        cluster.run(100)
        cluster.sent.length = 0
        const silentSince = cluster.now
        cluster.isolate(gone)
        cluster.runUntil(() => cluster.node(next).role === 'leader')
        expect(cluster.now - silentSince).toBeLessThanOrEqual(1.5 * cluster.protocol.electionTimeoutMs)
        const campaigns = cluster.sent.filter(({ message }) => isCampaign(message))
        expect(new Set(campaigns.map(({ from }) => from))).toEqual(new Set([next]))
      }
    })

    it('the preferred leader is the first in line', () => {
      const cluster = build({ nodes, preferredLeader: 'c' })
      cluster.elect('a')
      cluster.run(100)
      cluster.isolate('a')
      cluster.runUntil(() => cluster.node('c').role === 'leader', 1.5 * cluster.protocol.electionTimeoutMs)
    })
  })

  describe.each([5, 7])('of %i nodes, two of them away', (nodes) => {
    it('the second in line leads as soon', () => {
      for (const seed of SEEDS) {
        const cluster = build({ seed, nodes })
        cluster.elect('a')
        cluster.run(100)
        const silentSince = cluster.now
        cluster.isolate('a', 'b')
        cluster.runUntil(() => cluster.node('c').role === 'leader')
        expect(cluster.now - silentSince).toBeLessThanOrEqual(1.5 * cluster.protocol.electionTimeoutMs)
      }
    })
  })
}
