// YCSB's core workloads on the key-value store, over one shard of one stream.

import type { Cell, Group } from '../cell.ts'
import { YCSB, type YcsbName } from '../workloads/ycsb.ts'
import { DatabaseSubject } from './database-subject.ts'

const IN_FLIGHT = 256

export function ycsbGroup(): Group {
  const subject = new DatabaseSubject('ycsb', 1)
  const cells = Object.entries(YCSB).map(
    ([name, { about }]): Cell => ({
      name: `ycsb/${name}`,
      system: 'mako',
      about,
      unit: 'operations/s',
      inFlight: IN_FLIGHT,
      bytes: null,
      peers: [],
      subject,
      overheadSeconds: 0.05,
      measure: (seconds) => subject.measure(name as YcsbName, IN_FLIGHT, seconds),
    }),
  )
  return {
    name: 'ycsb',
    about:
      'YCSB on the key-value store, 10,000 rows of 1 KB, three processes, disk; an operation counts when it is safe',
    stages: [{ cells, setupSeconds: 5 }],
  }
}
