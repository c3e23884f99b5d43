// Delivery (clause 2.7): the oldest order of each district that waits is delivered, all ten in one transaction.

import type { Transaction } from '@mako/store/kv'
import type { DeliveryInput } from '../input.ts'
import { customerTable, districtsPerWarehouse, newOrderTable, orderLineTable, orderTable } from '../schema.ts'
import { leaveReceipt, rowOf } from './shared.ts'

export interface DeliveryOutput {
  readonly kind: 'delivery'
  /** The order delivered in each district, first to last; null where none was waiting. */
  readonly orders: readonly (number | null)[]
}

export function delivery(t: Transaction, input: DeliveryInput): DeliveryOutput {
  leaveReceipt(t, input)
  const orders: (number | null)[] = []
  for (let district = 1; district <= districtsPerWarehouse; district++) {
    orders.push(deliverOldest(t, input, district))
  }
  return { kind: 'delivery', orders }
}

function deliverOldest(t: Transaction, { warehouse, carrier, at }: DeliveryInput, district: number): number | null {
  const order = oldestWaiting(t, warehouse, district)
  if (order === undefined) return null
  const orderKey = { warehouse, district, order }
  t.delete(newOrderTable, orderKey)
  const { customer, lineCount } = rowOf(t, orderTable, orderKey)
  t.update(orderTable, orderKey, { carrier })
  let amount = 0
  for (let line = 1; line <= lineCount; line++) {
    const { amount: lineAmount } = t.update(orderLineTable, { warehouse, district, order, line }, { deliveredAt: at })
    amount += lineAmount
  }
  const customerKey = { warehouse, district, customer }
  const { balance, deliveryCount } = rowOf(t, customerTable, customerKey)
  t.update(customerTable, customerKey, { balance: balance + amount, deliveryCount: deliveryCount + 1 })
  return order
}

function oldestWaiting(t: Transaction, warehouse: number, district: number): number | undefined {
  for (const { key } of t.scan(newOrderTable, { prefix: { warehouse, district }, limit: 1 })) return key.order
  return undefined
}
