// Order-status (clause 2.6): what has become of a customer's newest order. Reads only.

import type { Transaction } from '@mako/store/kv'
import type { OrderStatusInput } from '../input.ts'
import { customerTable, latestOrderTable, type OrderLineRow, orderLineTable, orderTable } from '../schema.ts'
import { customerNumber, rowOf } from './shared.ts'

export interface OrderStatusOutput {
  readonly kind: 'order-status'
  readonly customer: number
  /** Cents. */
  readonly balance: number
  readonly order: number
  readonly enteredAt: number
  readonly carrier: number | null
  readonly lines: readonly Readonly<OrderLineRow>[]
}

export function orderStatus(t: Transaction, input: OrderStatusInput): OrderStatusOutput {
  const { warehouse, district } = input
  const customer = customerNumber(t, warehouse, district, input.customer)
  const customerKey = { warehouse, district, customer }
  const { balance } = rowOf(t, customerTable, customerKey)
  const { order } = rowOf(t, latestOrderTable, customerKey)
  const { enteredAt, carrier, lineCount } = rowOf(t, orderTable, { warehouse, district, order })
  const lines: Readonly<OrderLineRow>[] = []
  for (let line = 1; line <= lineCount; line++) {
    lines.push(rowOf(t, orderLineTable, { warehouse, district, order, line }))
  }
  return { kind: 'order-status', customer, balance, order, enteredAt, carrier, lines }
}
