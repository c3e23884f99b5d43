// Transactions, put together from the events of a history, and the order of appends that their reads tell.
//
// Always true: a value is appended to a key by at most one transaction, so that a read names those that it depends on.
// Keys and values 1 and '1' are different.

import { MakoError } from '@mako/engine'
import {
  checkEvent,
  refuse,
  type MicroOperation,
  type TransactionEvent,
  type TransactionKey,
  type TransactionValue,
} from './history.ts'

/** A transaction and what is known of it. */
export interface Transaction {
  /** Its place among all transactions, by the time of its call. */
  readonly id: number
  readonly process: number
  readonly status: 'ok' | 'fail' | 'info'
  readonly call: number
  /** When its client was answered; Infinity when it does not know what came of it. */
  readonly ret: number
  readonly operations: readonly MicroOperation[]
}

/** The list of one key, as far as it was read. */
export interface KeyOrder {
  readonly key: TransactionKey
  /** The longest read. */
  readonly values: readonly TransactionValue[]
  /** Of each value that was appended, by whom. */
  readonly writers: ReadonlyMap<TransactionValue, Transaction>
  /** Of each transaction that appends, its values in its order. */
  readonly appended: ReadonlyMap<Transaction, readonly TransactionValue[]>
}

/**
 * Pairs events. A transaction whose end is missing is one of unknown outcome.
 * @throws MakoError `BAD_OPTION` for a history that contradicts itself
 */
export function transactionsOf(history: readonly TransactionEvent[]): readonly Transaction[] {
  const open = new Map<number, { readonly position: number; readonly event: TransactionEvent }>()
  const gone = new Set<number>()
  const transactions: Omit<Transaction, 'id'>[] = []
  let time = -Infinity
  for (const [position, event] of history.entries()) {
    checkEvent(event, position)
    const { type, process } = event
    if (event.time < time) refuse(position, `is at ${event.time}, before the event that it follows`)
    time = event.time
    const begun = open.get(process)
    if (type === 'invoke') {
      if (begun !== undefined) refuse(position, `begins a transaction of process ${process}, which has one open`)
      if (gone.has(process)) refuse(position, `goes on with process ${process} after an unknown outcome`)
      open.set(process, { position, event })
      continue
    }
    if (begun === undefined) refuse(position, `ends a transaction of process ${process}, which has none open`)
    open.delete(process)
    if (type === 'info') gone.add(process)
    const asked = begun.event.value
    // What a transaction has read is told at its end; where that is not known, what it was asked to do counts.
    const operations = type === 'ok' ? event.value : asked
    if (type === 'ok') checkAnswer(position, asked, operations)
    const ret = type === 'info' ? Infinity : event.time
    transactions.push({
      process,
      status: type,
      call: begun.event.time,
      ret,
      operations: withoutUnread(operations, type),
    })
  }
  for (const { event } of open.values()) {
    const { process, time: call, value } = event
    transactions.push({ process, status: 'info', call, ret: Infinity, operations: withoutUnread(value, 'info') })
  }
  transactions.sort((a, b) => a.call - b.call)
  return transactions.map((transaction, id) => ({ id, ...transaction }))
}

/** @throws MakoError `BAD_OPTION` when a value is appended twice to a key */
export function keyOrdersOf(transactions: readonly Transaction[]): ReadonlyMap<TransactionKey, KeyOrder> {
  const orders = new Map<
    TransactionKey,
    {
      key: TransactionKey
      values: readonly TransactionValue[]
      writers: Map<TransactionValue, Transaction>
      appended: Map<Transaction, TransactionValue[]>
    }
  >()
  for (const transaction of transactions) {
    for (const [name, key, data] of transaction.operations) {
      let order = orders.get(key)
      if (order === undefined) orders.set(key, (order = { key, values: [], writers: new Map(), appended: new Map() }))
      if (name === 'r') {
        if (data !== null && data.length > order.values.length) order.values = data
        continue
      }
      if (order.writers.has(data)) {
        throw new MakoError('BAD_OPTION', `${show(data)} is appended to key ${show(key)} twice: values must be unique.`)
      }
      order.writers.set(data, transaction)
      const mine = order.appended.get(transaction)
      if (mine === undefined) order.appended.set(transaction, [data])
      else mine.push(data)
    }
  }
  return orders
}

/** How a transaction is written in explanations. */
export function describeTransaction({ id, process, operations, status }: Transaction): string {
  const text = operations
    .map(([name, key, data]) =>
      name === 'append'
        ? `append ${show(key)} ${show(data)}`
        : `r ${show(key)} ${data === null ? '?' : showList(data)}`,
    )
    .join(', ')
  const note = status === 'ok' ? '' : status === 'info' ? ', unknown' : ', failed'
  return `T${id} (process ${process}${note}): ${text}`
}

export function show(value: TransactionValue): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

/** A list; of a long one, its end. */
export function showList(values: readonly TransactionValue[]): string {
  const shown = values.slice(-12).map(show).join(' ')
  return values.length > 12 ? `[... ${shown}]` : `[${shown}]`
}

function withoutUnread(
  operations: readonly MicroOperation[],
  status: Transaction['status'],
): readonly MicroOperation[] {
  if (status === 'ok') return operations
  return operations.map((operation) => (operation[0] === 'r' ? (['r', operation[1], null] as const) : operation))
}

function checkAnswer(position: number, asked: readonly MicroOperation[], told: readonly MicroOperation[]): void {
  const same =
    asked.length === told.length &&
    asked.every(([name, key, data], i) => {
      const [toldName, toldKey, toldData] = told[i]!
      return name === toldName && key === toldKey && (name === 'r' || data === toldData)
    })
  if (!same) refuse(position, 'answers another transaction than was begun')
}
