// What a terminal asks for: plain data that may travel to another node, and the check of what arrives there.
//
// Always true: an input decides everything about its transaction, time included. The same input on the same database
// writes the same rows.

import type { ReceiptKey } from './schema.ts'

/** In the order of the codes in `receiptTable`. */
export const transactionKinds = ['new-order', 'payment', 'order-status', 'delivery', 'stock-level'] as const

export type TransactionKind = (typeof transactionKinds)[number]

interface InputBase extends Readonly<ReceiptKey> {
  readonly warehouse: number
  /** When the terminal asked, in whole seconds since 1970. */
  readonly at: number
}

/** A customer by number, or by last name: then it is the middle one in the order of first names. */
export type CustomerSelector =
  | { readonly by: 'number'; readonly customer: number }
  | { readonly by: 'name'; readonly last: string }

export interface NewOrderLine {
  readonly item: number
  readonly supplyWarehouse: number
  readonly quantity: number
}

export interface NewOrderInput extends InputBase {
  readonly kind: 'new-order'
  readonly district: number
  readonly customer: number
  /** 5 to 15; in one of a hundred inputs the last one has an unused item number, and the transaction gives up. */
  readonly lines: readonly NewOrderLine[]
}

export interface PaymentInput extends InputBase {
  readonly kind: 'payment'
  readonly district: number
  readonly customerWarehouse: number
  readonly customerDistrict: number
  readonly customer: CustomerSelector
  /** Cents. */
  readonly amount: number
}

export interface OrderStatusInput extends InputBase {
  readonly kind: 'order-status'
  readonly district: number
  readonly customer: CustomerSelector
}

export interface DeliveryInput extends InputBase {
  readonly kind: 'delivery'
  readonly carrier: number
}

export interface StockLevelInput extends InputBase {
  readonly kind: 'stock-level'
  readonly district: number
  readonly threshold: number
}

export type TransactionInput = NewOrderInput | PaymentInput | OrderStatusInput | DeliveryInput | StockLevelInput
