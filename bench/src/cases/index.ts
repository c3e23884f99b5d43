// Every benchmark there is, in the order in which they are shown: from the small parts to the whole.

import type { BenchCase } from '../case.ts'
import { blockCases } from './block.ts'
import { engineCases } from './engine.ts'
import { kvCases } from './kv.ts'
import { logCases } from './log.ts'
import { processesCases } from './processes.ts'
import { raftCases } from './raft.ts'
import { tcpCases } from './tcp.ts'
import { tpccCases } from './tpcc.ts'

export const cases: readonly BenchCase[] = [
  ...blockCases,
  ...raftCases,
  ...engineCases,
  ...logCases,
  ...tcpCases,
  ...processesCases,
  ...kvCases,
  ...tpccCases,
]
