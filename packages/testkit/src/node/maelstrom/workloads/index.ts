// All workloads, by name.

import { LinKvWorkload } from './lin-kv.ts'
import { CounterWorkload } from './counters.ts'
import { KafkaWorkload } from './kafka.ts'
import { EchoWorkload, UniqueIdsWorkload } from './plain.ts'
import { SetWorkload } from './sets.ts'
import { TransactionWorkload } from './transactions.ts'
import type { Workload, WorkloadName, WorkloadOptions } from './workload.ts'

/** By name, what it asks of a node. */
export const WORKLOADS: Readonly<Record<WorkloadName, string>> = {
  echo: 'answers are what was called',
  'unique-ids': 'no id is given twice',
  broadcast: 'what one node was told, all have in the end; nodes are told their neighbours',
  'g-set': 'a set that only grows',
  'g-counter': 'a sum that only grows',
  'pn-counter': 'a sum',
  'lin-kv': 'registers: read, write, compare-and-set; linearizable',
  kafka: 'logs: send, poll, commit offsets',
  'txn-list-append': 'transactions on lists; strictly serializable',
  'txn-rw-register': 'transactions on registers; strictly serializable',
}

export function isWorkload(name: string): name is WorkloadName {
  return Object.hasOwn(WORKLOADS, name)
}

export function workloadOf(name: WorkloadName, options: WorkloadOptions): Workload {
  switch (name) {
    case 'echo':
      return new EchoWorkload()
    case 'unique-ids':
      return new UniqueIdsWorkload()
    case 'broadcast':
    case 'g-set':
      return new SetWorkload(name)
    case 'g-counter':
    case 'pn-counter':
      return new CounterWorkload(name)
    case 'lin-kv':
      return new LinKvWorkload(options)
    case 'kafka':
      return new KafkaWorkload()
    case 'txn-list-append':
    case 'txn-rw-register':
      return new TransactionWorkload(name, options)
  }
}
