// Every small case there is, in the order in which they are shown.

import { blockCases } from './block.ts'
import type { MicroCase } from './case.ts'
import { coreCases } from './core.ts'
import { cursorCases } from './cursor.ts'
import { kvCases } from './kv.ts'
import { logCases } from './log.ts'
import { tcpCases } from './tcp.ts'
import { tpccCases } from './tpcc.ts'
import { watermarkCases } from './watermark.ts'

export const microCases: readonly MicroCase[] = [
  ...coreCases,
  ...blockCases,
  ...cursorCases,
  ...logCases,
  ...tcpCases,
  ...watermarkCases,
  ...kvCases,
  ...tpccCases,
]

/** What tells a case from all others. */
export function keyOf({ name, system, inFlight, bytes }: MicroCase): string {
  return [name, system, inFlight, bytes].join(' ')
}
