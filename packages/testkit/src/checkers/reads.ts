// What single reads show: lists that cannot be, and reads of what was never committed.
//
// Always true: nothing here looks at more than one key; what needs several is a cycle (`dependencies.ts`).

import type { Anomaly, AnomalyKind } from './anomaly.ts'
import type { TransactionKey, TransactionValue } from './history.ts'
import { describeTransaction, show, showList, type KeyOrder, type Transaction } from './transactions.ts'

export type Report = (anomaly: Anomaly) => void

/** Reports everything that is wrong with single reads and single transactions. */
export function checkReads(
  transactions: readonly Transaction[],
  orders: ReadonlyMap<TransactionKey, KeyOrder>,
  report: Report,
): void {
  for (const transaction of transactions) {
    if (transaction.status !== 'ok') continue
    for (const [name, key, values] of transaction.operations) {
      if (name === 'r' && values !== null) checkRead(transaction, orders.get(key)!, values, report)
    }
    checkInternal(transaction, report)
  }
  for (const order of orders.values()) checkOwnOrder(order, report)
}

/** The part of a read that was there before the transaction's own appends. */
export function withoutOwn(
  transaction: Transaction,
  order: KeyOrder,
  values: readonly TransactionValue[],
): readonly TransactionValue[] {
  let length = values.length
  while (length > 0 && order.writers.get(values[length - 1]!) === transaction) length--
  return values.slice(0, length)
}

/** Whether a list is the beginning of another. */
export function isPrefix(list: readonly TransactionValue[], of: readonly TransactionValue[]): boolean {
  return list.length <= of.length && list.every((value, i) => value === of[i]!)
}

function checkRead(
  transaction: Transaction,
  order: KeyOrder,
  values: readonly TransactionValue[],
  report: Report,
): void {
  const { key, writers, appended } = order
  const found = (kind: AnomalyKind, what: string, ...others: readonly Transaction[]): void => {
    const all = [transaction, ...others.filter((other) => other !== transaction)]
    const explanation = [`${kind}: ${what}`, ...all.map((each) => `  ${describeTransaction(each)}`)].join('\n')
    report({ kind, explanation, transactions: all, cycle: [] })
  }
  const reader = `T${transaction.id}`
  if (!isPrefix(values, order.values)) {
    found(
      'incompatible-order',
      `${reader} has read key ${show(key)} as ${showList(values)}, another as ${showList(order.values)}`,
    )
  }
  const seen = new Set<TransactionValue>()
  for (const value of values) {
    const writer = writers.get(value)
    if (seen.has(value)) found('duplicate', `${reader} has read ${show(value)} twice in key ${show(key)}`)
    seen.add(value)
    if (writer === undefined) {
      found('phantom', `${reader} has read ${show(value)} in key ${show(key)}, which nobody has appended`)
    } else if (writer.status === 'fail') {
      found('G1a', `${reader} has read ${show(value)} in key ${show(key)}, of T${writer.id}, which has failed`, writer)
    }
  }
  const last = withoutOwn(transaction, order, values).at(-1)
  const writer = last === undefined ? undefined : writers.get(last)
  if (writer === undefined || writer === transaction) return
  if (appended.get(writer)!.at(-1) !== last) {
    found('G1b', `${reader} has read key ${show(key)} as T${writer.id} was still appending to it`, writer)
  }
}

/** Whether a transaction agrees with itself: each list is what it was before, and what it has appended itself. */
function checkInternal(transaction: Transaction, report: Report): void {
  const known = new Map<TransactionKey, TransactionValue[]>()
  const own = new Map<TransactionKey, TransactionValue[]>()
  const isOwn = (key: TransactionKey, value: TransactionValue): boolean =>
    transaction.operations.some(([name, on, data]) => name === 'append' && on === key && data === value)
  for (const [name, key, data] of transaction.operations) {
    const mine = own.get(key) ?? []
    if (name === 'append') {
      known.get(key)?.push(data)
      own.set(key, [...mine, data])
      continue
    }
    if (data === null) continue
    const expected = known.get(key)
    // Without an earlier read: anything, then its own appends so far, and none of those that it has yet to make.
    const split = data.length - mine.length
    const fits =
      expected !== undefined
        ? isSameList(data, expected)
        : split >= 0 && isSameList(data.slice(split), mine) && !data.slice(0, split).some((value) => isOwn(key, value))
    if (!fits) {
      const what = expected === undefined ? `its own appends ${showList(mine)} to be the last` : showList(expected)
      const explanation = `internal: T${transaction.id} has read key ${show(key)} as ${showList(data)} and must see ${what}\n  ${describeTransaction(transaction)}`
      report({ kind: 'internal', explanation, transactions: [transaction], cycle: [] })
    }
    known.set(key, [...data])
  }
}

function isSameList(a: readonly TransactionValue[], b: readonly TransactionValue[]): boolean {
  return a.length === b.length && isPrefix(a, b)
}

/** A transaction's own appends to a key are in the order in which it made them. */
function checkOwnOrder({ key, values, appended }: KeyOrder, report: Report): void {
  const place = new Map(values.map((value, i) => [value, i]))
  for (const [transaction, mine] of appended) {
    const places = mine.map((value) => place.get(value) ?? Infinity)
    if (places.every((at, i) => i === 0 || at >= places[i - 1]!)) continue
    const explanation = `incompatible-order: key ${show(key)} was read as ${showList(values)}, against the order of the appends of T${transaction.id}\n  ${describeTransaction(transaction)}`
    report({ kind: 'incompatible-order', explanation, transactions: [transaction], cycle: [] })
  }
}
