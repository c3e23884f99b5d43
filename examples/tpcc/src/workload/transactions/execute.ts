// One function for the five transactions: what a node calls for an input, its own or another's.

import type { Transaction } from '@mako/store/kv'
import type { TransactionInput } from '../input.ts'
import { type DeliveryOutput, delivery } from './delivery.ts'
import { type NewOrderOutput, newOrder } from './new-order.ts'
import { type OrderStatusOutput, orderStatus } from './order-status.ts'
import { type PaymentOutput, payment } from './payment.ts'
import { type StockLevelOutput, stockLevel } from './stock-level.ts'

export type TransactionOutput = NewOrderOutput | PaymentOutput | OrderStatusOutput | DeliveryOutput | StockLevelOutput

/** Executes an input. Aborts with `unusedItem`, `alreadyExecuted`, or the row that the input names and is not there. */
export function execute(t: Transaction, input: TransactionInput): TransactionOutput {
  switch (input.kind) {
    case 'new-order':
      return newOrder(t, input)
    case 'payment':
      return payment(t, input)
    case 'order-status':
      return orderStatus(t, input)
    case 'delivery':
      return delivery(t, input)
    case 'stock-level':
      return stockLevel(t, input)
  }
}
