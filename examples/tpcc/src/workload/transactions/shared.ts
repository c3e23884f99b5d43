// What several transactions need: rows that must exist, customers by name, receipts.
//
// Always true: a row that an input names and the database does not have makes the transaction abort; it is never an
// exception, since inputs come from other nodes.

import type { KeyOf, RowOf, Table, TableSchema, Transaction } from '@mako/store/kv'
import { type CustomerSelector, type TransactionInput, transactionKinds } from '../input.ts'
import { customerByNameTable, receiptTable } from '../schema.ts'

/** The reason of an abort: an order names an item that is not for sale (clause 2.4.2.3). */
export const unusedItem = 'Item number is not valid'
/** The reason of an abort: this very input has been executed before. */
export const alreadyExecuted = 'already executed'

/** The row, or an abort that tells which one is missing. */
export function rowOf<S extends TableSchema>(t: Transaction, table: Table<S>, key: KeyOf<S>): Readonly<RowOf<S>> {
  return t.get(table, key) ?? t.abort(`there is no ${table.name} ${JSON.stringify(key)}`)
}

/** Leaves the receipt of a transaction that writes, and so makes sure that it happens once at most. */
export function leaveReceipt(t: Transaction, input: TransactionInput): void {
  const key = { terminal: input.terminal, sequence: input.sequence }
  if (t.get(receiptTable, key) !== undefined) t.abort(alreadyExecuted)
  t.insert(receiptTable, key, { kind: transactionKinds.indexOf(input.kind) })
}

/** The customer's number: given, or that of the middle one of a name, by first names, rounded up (clause 2.5.2.2). */
export function customerNumber(
  t: Transaction,
  warehouse: number,
  district: number,
  selector: CustomerSelector,
): number {
  if (selector.by === 'number') return selector.customer
  const namesakes: number[] = []
  for (const { key } of t.scan(customerByNameTable, { prefix: { warehouse, district, last: selector.last } })) {
    namesakes.push(key.customer)
  }
  return (
    namesakes[(namesakes.length - 1) >> 1] ?? t.abort(`nobody in ${warehouse}.${district} is called ${selector.last}`)
  )
}
