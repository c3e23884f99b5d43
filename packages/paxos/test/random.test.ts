// Random schedules. The cluster of the tests checks after every input that nothing is accepted below the promised ballot,
// that a ballot has one value for an index, that at most one value is ever chosen, and that only chosen ones are
// committed; at the end everything must heal.

import { randomSchedules } from '../../engine/test/chaos.ts'
import { Cluster } from './cluster.ts'

randomSchedules({
  seeds: 150,
  build: (seed, bit) =>
    new Cluster({
      seed,
      nodes: bit(0) ? 3 : 5,
      fastDisks: bit(1),
      paxos: { probe: bit(2), checkQuorum: bit(3), noopOnElection: !bit(4), leases: bit(5) },
      limits: bit(6) ? { inflightEntries: 4, messageBytes: 200, tailBytes: 300 } : {},
    }),
})
