// What a terminal asks for: plain data that may travel to another node, and the check of what arrives there.
//
// Always true: an input decides everything about its transaction, time included. The same input on the same database
// writes the same rows.

import { districtsPerWarehouse, maxCustomer, maxItem, maxTerminal, maxWarehouses, type ReceiptKey } from './schema.ts'

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

/** True for what writes nothing: it needs no stream and leaves no receipt. */
export function isReadOnly(kind: TransactionKind): boolean {
  return kind === 'order-status' || kind === 'stock-level'
}

/** The most that one order may have (clause 2.4.1.3). */
export const maxLines = 15

/**
 * Checks what came over a wire. Whether the rows that it names exist is for the transaction to find out, which then
 * aborts; undefined means that this is no input at all.
 */
export function parseInput(value: unknown): TransactionInput | undefined {
  if (!isRecord(value)) return undefined
  const { terminal, sequence, warehouse, at } = value
  if (!isNatural(terminal, 1, maxTerminal) || !isNatural(sequence, 0, 0xffff_ffff)) return undefined
  if (!isNatural(warehouse, 1, maxWarehouses) || !isNatural(at, 0, Number.MAX_SAFE_INTEGER)) return undefined
  const base = { terminal, sequence, warehouse, at }
  switch (value.kind) {
    case 'new-order': {
      const { district, customer } = value
      const lines = parseLines(value.lines)
      if (!isDistrict(district) || !isCustomer(customer) || lines === undefined) return undefined
      return { kind: 'new-order', ...base, district, customer, lines }
    }
    case 'payment': {
      const { district, customerWarehouse, customerDistrict, amount } = value
      const customer = parseSelector(value.customer)
      if (!isDistrict(district) || !isDistrict(customerDistrict) || customer === undefined) return undefined
      if (!isNatural(customerWarehouse, 1, maxWarehouses) || !isNatural(amount, 1, 500_000)) return undefined
      return { kind: 'payment', ...base, district, customerWarehouse, customerDistrict, customer, amount }
    }
    case 'order-status': {
      const { district } = value
      const customer = parseSelector(value.customer)
      if (!isDistrict(district) || customer === undefined) return undefined
      return { kind: 'order-status', ...base, district, customer }
    }
    case 'delivery': {
      const { carrier } = value
      return isNatural(carrier, 1, 10) ? { kind: 'delivery', ...base, carrier } : undefined
    }
    case 'stock-level': {
      const { district, threshold } = value
      if (!isDistrict(district) || !isNatural(threshold, 10, 20)) return undefined
      return { kind: 'stock-level', ...base, district, threshold }
    }
    default:
      return undefined
  }
}

function parseSelector(value: unknown): CustomerSelector | undefined {
  if (!isRecord(value)) return undefined
  const { by, customer, last } = value
  if (by === 'number' && isCustomer(customer)) return { by, customer }
  if (by === 'name' && typeof last === 'string' && last.length >= 1 && last.length <= 16) return { by, last }
  return undefined
}

function parseLines(value: unknown): NewOrderLine[] | undefined {
  if (!Array.isArray(value) || value.length < 1 || value.length > maxLines) return undefined
  const lines: NewOrderLine[] = []
  for (const line of value as readonly unknown[]) {
    if (!isRecord(line)) return undefined
    const { item, supplyWarehouse, quantity } = line
    if (!isNatural(item, 1, maxItem) || !isNatural(quantity, 1, 10)) return undefined
    if (!isNatural(supplyWarehouse, 1, maxWarehouses)) return undefined
    lines.push({ item, supplyWarehouse, quantity })
  }
  return lines
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isNatural(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
}

function isDistrict(value: unknown): value is number {
  return isNatural(value, 1, districtsPerWarehouse)
}

function isCustomer(value: unknown): value is number {
  return isNatural(value, 1, maxCustomer)
}
