// Stock-level (clause 2.8): how many items of a district's last twenty orders are about to run out. Reads only.

import type { Transaction } from '@mako/store/kv'
import { maxLines, type StockLevelInput } from '../input.ts'
import { districtTable, orderLineTable, stockTable } from '../schema.ts'
import { rowOf } from './shared.ts'

export interface StockLevelOutput {
  readonly kind: 'stock-level'
  readonly lowStock: number
}

const orders = 20

export function stockLevel(t: Transaction, { warehouse, district, threshold }: StockLevelInput): StockLevelOutput {
  const { nextOrder } = rowOf(t, districtTable, { warehouse, district })
  const from = { warehouse, district, order: Math.max(1, nextOrder - orders), line: 1 }
  const to = { warehouse, district, order: nextOrder - 1, line: maxLines }
  const items = new Set<number>()
  for (const { row } of t.scan(orderLineTable, { from, to })) items.add(row.item)
  let lowStock = 0
  for (const item of items) {
    if (rowOf(t, stockTable, { warehouse, item }).quantity < threshold) lowStock++
  }
  return { kind: 'stock-level', lowStock }
}
