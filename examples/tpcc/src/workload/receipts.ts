// The proof that what was reported safe exists: every transaction that wrote has left a receipt, or never happened.

import type { Transaction } from '@mako/store/kv'
import { type ReceiptKey, receiptTable } from './schema.ts'

/** What the checks read from: a transaction, or what `Database.read` hands out. */
export type Reader = Pick<Transaction, 'get' | 'scan'>

export interface ReceiptCheck {
  readonly found: number
  readonly missing: number
  /** The first few that are missing. */
  readonly examples: readonly ReceiptKey[]
}

const maxExamples = 10

export function hasReceipt(reader: Reader, terminal: number, sequence: number): boolean {
  return reader.get(receiptTable, { terminal, sequence }) !== undefined
}

/** Looks up every one of these. */
export function checkReceipts(
  reader: Reader,
  receipts: Iterable<readonly [terminal: number, sequence: number]>,
): ReceiptCheck {
  let found = 0
  let missing = 0
  const examples: ReceiptKey[] = []
  for (const [terminal, sequence] of receipts) {
    if (hasReceipt(reader, terminal, sequence)) {
      found++
    } else {
      missing++
      if (examples.length < maxExamples) examples.push({ terminal, sequence })
    }
  }
  return { found, missing, examples }
}
