// Which of the watermark's streams carries a transaction's writes.
//
// Always true: the answer depends on the input alone, and is spread over all streams even with one warehouse. Any
// answer would be correct, since transactions run serially and are ordered by their stamps.

import type { TransactionInput } from './input.ts'
import type { LoadStep } from './load.ts'
import { districtsPerWarehouse } from './schema.ts'

/** A stream from 0 to `streams` - 1: by district, or by terminal for what concerns all districts. */
export function streamOf(work: TransactionInput | LoadStep, streams: number): number {
  if (!('kind' in work)) return work.partitionKey % streams
  const part = work.kind === 'delivery' ? work.terminal : work.district
  return (work.warehouse * districtsPerWarehouse + part) % streams
}
