// `txn-rw-register` and `txn-list-append`: transactions over one map of keys.
//
// Always true: a transaction is one command of the log and is executed as a whole or not at all, so the order of the log
// is the serial order, in real time as well; one that only reads is executed behind a read barrier instead.

import { errorReply, nameOf, type Body, type Json, type Reply } from '../message.ts'
import { malformed, type ParsedOperation, type Workload } from './workload.ts'

export type MicroOperation = readonly [type: 'r' | 'w' | 'append', key: Json, value: Json]

export type TxnOperation = readonly MicroOperation[]

export class Transactions implements Workload<TxnOperation> {
  readonly #values = new Map<string, Json>()

  parse(body: Body): ParsedOperation<TxnOperation> {
    const { type, txn } = body
    if (type !== 'txn') return malformed(`${type} is not an operation of transactions.`)
    if (!Array.isArray(txn)) return malformed('A txn needs a list of operations.')
    const operations: MicroOperation[] = []
    for (const micro of txn as readonly Json[]) {
      const operation = microOperationOf(micro)
      if (operation === undefined) {
        return malformed('An operation is ["r", key, null], ["w", key, value] or ["append", key, value].')
      }
      operations.push(operation)
    }
    return { status: operations.every(([kind]) => kind === 'r') ? 'READ' : 'WRITE', operation: operations }
  }

  execute(operation: TxnOperation): Reply {
    /** What this transaction has written so far; it becomes visible at its end. */
    const written = new Map<string, Json>()
    const filled: Json[] = []
    for (const [type, key, value] of operation) {
      const name = nameOf(key)
      const current = written.has(name) ? written.get(name) : this.#values.get(name)
      switch (type) {
        case 'r':
          filled.push([type, key, current ?? null])
          break
        case 'w':
          written.set(name, value)
          filled.push([type, key, value])
          break
        case 'append':
          if (current !== undefined && !Array.isArray(current)) {
            return errorReply('abort', `The value of ${name} is not a list; nothing of the transaction was done.`)
          }
          written.set(name, [...((current ?? []) as readonly Json[]), value])
          filled.push([type, key, value])
          break
      }
    }
    for (const [name, value] of written) this.#values.set(name, value)
    return { type: 'txn_ok', txn: filled }
  }
}

function microOperationOf(micro: Json): MicroOperation | undefined {
  if (!Array.isArray(micro)) return undefined
  const [type, key, value = null] = micro as readonly (Json | undefined)[]
  if (micro.length > 3 || key === undefined) return undefined
  return type === 'r' || type === 'w' || type === 'append' ? [type, key, value] : undefined
}
