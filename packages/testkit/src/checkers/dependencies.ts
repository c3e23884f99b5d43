// Which transaction must come before which, and why: the graph whose cycles are anomalies (Adya's serialization graph,
// inferred from lists as Elle does).
//
// Always true: an edge is a consequence of what was read, in every order in which the transactions can have happened.
// An append that was acknowledged and is in no read comes after all that was read of its key: whoever has read the key
// without it must come before it. (With the order of real time this is what catches a lost append.)

import type { Edge } from './anomaly.ts'
import type { TransactionKey, TransactionValue } from './history.ts'
import { isPrefix, withoutOwn } from './reads.ts'
import { show, showList, type KeyOrder, type Transaction } from './transactions.ts'

/** An edge as it is kept; its reason is put into words only when it is shown. */
export interface Dependency {
  readonly from: number
  readonly to: number
  readonly type: 'ww' | 'wr' | 'rw' | 'realtime'
  /** Undefined on the way through real time. */
  readonly order: KeyOrder | undefined
  /** What was appended by `from` (ww, wr) and by `to` (rw). */
  readonly value: TransactionValue | undefined
  /** By `to`, for ww. */
  readonly next: TransactionValue | undefined
}

export interface DependencyGraph {
  readonly transactions: readonly Transaction[]
  /** Nodes: transactions, and behind them the returns of transactions in the order of time. */
  readonly size: number
  /** By node, what leads away from it. */
  readonly edges: readonly (readonly Dependency[])[]
}

/** Builds the graph over all transactions that have happened; with `realtime`, also what real time orders. */
export function dependenciesOf(
  transactions: readonly Transaction[],
  orders: ReadonlyMap<TransactionKey, KeyOrder>,
  realtime: boolean,
): DependencyGraph {
  const edges: Dependency[][] = transactions.map(() => [])
  const happened = happenedOf(transactions, orders)
  const add = (dependency: Dependency): void => {
    if (dependency.from !== dependency.to) edges[dependency.from]!.push(dependency)
  }
  const unseen = new Map<KeyOrder, (readonly [Transaction, TransactionValue])[]>()
  for (const order of orders.values()) unseen.set(order, addAppends(order, happened, add))
  for (const transaction of transactions) {
    if (transaction.status !== 'ok') continue
    for (const [name, key, values] of transaction.operations) {
      if (name !== 'r' || values === null) continue
      const order = orders.get(key)!
      addRead(transaction, order, withoutOwn(transaction, order, values), happened, unseen.get(order)!, add)
    }
  }
  if (realtime) addRealtime(transactions, happened, edges)
  return { transactions, size: edges.length, edges }
}

/** An edge in words. `from` and `to` are transactions, with any way through real time between them. */
export function edgeOf({ transactions }: DependencyGraph, dependency: Dependency): Edge {
  const from = transactions[dependency.from]!
  const to = transactions[dependency.to]!
  return { type: dependency.type, from, to, reason: reasonOf(dependency, from, to) }
}

function reasonOf({ type, order, value, next }: Dependency, from: Transaction, to: Transaction): string {
  if (order === undefined || type === 'realtime') {
    return `T${from.id} was answered at ${from.ret}, before T${to.id} was called at ${to.call}`
  }
  const key = `key ${show(order.key)}`
  switch (type) {
    case 'ww':
      return order.values.includes(next!)
        ? `T${to.id} appended ${show(next!)} to ${key} after ${show(value!)} of T${from.id}`
        : `T${to.id} appended ${show(next!)} to ${key}, which nobody has read, so after ${show(value!)} of T${from.id}`
    case 'wr':
      return `T${to.id} has read ${show(value!)} in ${key}, which T${from.id} appended`
    case 'rw': {
      const read = from.operations.find(([name, on, data]) => name === 'r' && on === order.key && data !== null)
      const list = read === undefined || read[0] !== 'r' || read[2] === null ? [] : read[2]
      return `T${from.id} has read ${key} as ${showList(list)}, without ${show(value!)} of T${to.id}`
    }
  }
}

/** What was acknowledged, and what somebody has seen. */
function happenedOf(
  transactions: readonly Transaction[],
  orders: ReadonlyMap<TransactionKey, KeyOrder>,
): ReadonlySet<Transaction> {
  const happened = new Set(transactions.filter(({ status }) => status === 'ok'))
  for (const { operations } of [...happened]) {
    for (const [name, key, values] of operations) {
      if (name !== 'r' || values === null) continue
      const { writers } = orders.get(key)!
      for (const value of values) {
        const writer = writers.get(value)
        if (writer?.status === 'info') happened.add(writer)
      }
    }
  }
  return happened
}

/** Appends of one key, each after the one before; the result is what was appended and never read. */
function addAppends(
  order: KeyOrder,
  happened: ReadonlySet<Transaction>,
  add: (dependency: Dependency) => void,
): (readonly [Transaction, TransactionValue])[] {
  let last: { readonly writer: Transaction; readonly value: TransactionValue } | undefined
  for (const value of order.values) {
    const writer = order.writers.get(value)
    if (writer === undefined || !happened.has(writer)) continue
    if (last !== undefined) {
      add({ type: 'ww', from: last.writer.id, to: writer.id, order, value: last.value, next: value })
    }
    last = { writer, value }
  }
  const seen = new Set(order.values)
  const unseen: (readonly [Transaction, TransactionValue])[] = []
  for (const [value, writer] of order.writers) {
    if (seen.has(value) || !happened.has(writer)) continue
    unseen.push([writer, value])
    if (last !== undefined) {
      add({ type: 'ww', from: last.writer.id, to: writer.id, order, value: last.value, next: value })
    }
  }
  return unseen
}

/** One read: after the last append that it has, before the first that it has not. */
function addRead(
  reader: Transaction,
  order: KeyOrder,
  values: readonly TransactionValue[],
  happened: ReadonlySet<Transaction>,
  unseen: readonly (readonly [Transaction, TransactionValue])[],
  add: (dependency: Dependency) => void,
): void {
  // An order that does not hold is told by itself.
  if (!isPrefix(values, order.values)) return
  const writerAt = (i: number): Transaction | undefined => {
    const writer = order.writers.get(order.values[i]!)
    return writer !== undefined && happened.has(writer) ? writer : undefined
  }
  for (let i = values.length - 1; i >= 0; i--) {
    const writer = writerAt(i)
    if (writer === undefined) continue
    add({ type: 'wr', from: writer.id, to: reader.id, order, value: order.values[i], next: undefined })
    break
  }
  for (let i = values.length; i < order.values.length; i++) {
    const writer = writerAt(i)
    if (writer === undefined) continue
    add({ type: 'rw', from: reader.id, to: writer.id, order, value: order.values[i], next: undefined })
    return
  }
  for (const [writer, value] of unseen) {
    add({ type: 'rw', from: reader.id, to: writer.id, order, value, next: undefined })
  }
}

/**
 * What returned before another was called comes before it. Instead of an edge for each such pair, a chain of all
 * returns: from each transaction to its return, and from the last return before a call to the transaction called.
 */
function addRealtime(
  transactions: readonly Transaction[],
  happened: ReadonlySet<Transaction>,
  edges: Dependency[][],
): void {
  const link = (from: number, to: number): void => {
    const none = { order: undefined, value: undefined, next: undefined }
    edges[from]!.push({ type: 'realtime', from, to, ...none })
  }
  const returns = transactions.filter(({ status }) => status === 'ok').sort((a, b) => a.ret - b.ret)
  const first = transactions.length
  for (const [i, { id }] of returns.entries()) {
    edges.push([])
    link(id, first + i)
    if (i > 0) link(first + i - 1, first + i)
  }
  let before = 0
  // Transactions are in the order of their calls.
  for (const transaction of transactions) {
    while (before < returns.length && returns[before]!.ret < transaction.call) before++
    if (before > 0 && happened.has(transaction)) link(first + before - 1, transaction.id)
  }
}
