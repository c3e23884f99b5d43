// Random schedules. The cluster of the tests checks election safety, state machine safety and law 2 after every input;
// here the logs are compared as well, and at the end everything must heal.

import type { RaftMessage } from '@mako/raft'
import { randomSchedules } from '../../engine/test/chaos.ts'
import type { CoreCluster } from '../../engine/test/cores.ts'
import { Cluster, key } from './cluster.ts'

/** Log Matching (thesis 3.5): the same term at the same index means the same log up to there. */
function checkLogMatching(cluster: CoreCluster<RaftMessage>): void {
  for (const one of cluster.all) {
    for (const two of cluster.all) {
      if (one.id >= two.id) continue
      let isSame = false
      for (let at = Math.min(one.blocks.length, two.blocks.length) - 1; at >= 0; at--) {
        const left = one.blocks[at]!
        const right = two.blocks[at]!
        if (left.index === right.index && left.term === right.term) isSame = true
        if (isSame && key(left) !== key(right))
          throw new Error(`log matching: ${one.id} and ${two.id} at ${left.index}`)
      }
    }
  }
}

/** Leader Completeness (thesis 3.6.3): the leader of the newest term has all that was ever committed. */
function checkLeaderCompleteness(cluster: CoreCluster<RaftMessage>): void {
  const newestTerm = Math.max(...cluster.all.map((each) => each.term))
  for (const node of cluster.all) {
    const { role, term, lastIndex } = node.core.status()
    if (!node.isUp || role !== 'leader' || term < newestTerm) continue
    if (lastIndex < cluster.committed.length - 1) throw new Error(`leader completeness: ${node.id} lacks entries`)
    const last = cluster.committed.length - 1
    const block = node.core.blockAt(last)
    if (block && key(block) !== cluster.committed[last]) throw new Error(`leader completeness: ${node.id} at ${last}`)
  }
}

randomSchedules({
  seeds: 300,
  build: (seed, bit) =>
    new Cluster({
      seed,
      nodes: bit(0) ? 3 : 5,
      fastDisks: bit(1),
      raft: { preVote: bit(2), checkQuorum: bit(3), noopOnElection: !bit(4) || bit(5) },
      limits: bit(6) ? { inflightEntries: 4, messageBytes: 200, tailBytes: 300 } : {},
    }),
  check: (cluster) => {
    checkLogMatching(cluster)
    checkLeaderCompleteness(cluster)
  },
})
