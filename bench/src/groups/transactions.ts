// TPC-C on one shard over one, two and four streams.

import type { Cell, Group } from '../cell.ts'
import { TPCC_SCALE } from '../workloads/tpcc.ts'
import { DatabaseSubject } from './database-subject.ts'

const IN_FLIGHT = 2048

export function transactionsGroup(): Group {
  const cells = [1, 2, 4].map((streams): Cell => {
    const subject = new DatabaseSubject('tpcc', streams)
    return {
      name: `transactions/tpcc-${streams}-${streams === 1 ? 'stream' : 'streams'}`,
      system: 'mako',
      about: `TPC-C's mix, one warehouse at scale ${TPCC_SCALE}, three processes, disk; the rate is that of safe transactions`,
      unit: 'transactions/s',
      inFlight: IN_FLIGHT,
      bytes: null,
      peers: [],
      subject,
      overheadSeconds: 0.2,
      measure: (seconds) => subject.measure('tpcc', IN_FLIGHT, seconds),
    }
  })
  return {
    name: 'transactions',
    about: 'TPC-C on one shard, three processes, TCP, a majority has flushed; the rate is that of safe transactions',
    stages: [{ cells, setupSeconds: 8 }],
  }
}
