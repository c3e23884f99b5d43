// The proof that what was reported safe exists: every transaction that wrote has left a receipt, or never happened.

import type { Transaction } from '@mako/store/kv'
import { receiptTable } from './schema.ts'

/** What the checks read from: a transaction, or what `Database.read` hands out. */
export type Reader = Pick<Transaction, 'get' | 'scan'>

/** True when the transaction with this number of this terminal has happened, as far as the reader can see. */
export function hasReceipt(reader: Reader, terminal: number, sequence: number): boolean {
  return reader.get(receiptTable, { terminal, sequence }) !== undefined
}
