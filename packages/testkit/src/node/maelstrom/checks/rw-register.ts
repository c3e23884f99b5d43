// `txn-rw-register`: whether transactions on registers can have happened one at a time, each between its call and its
// return. What must be before what is concluded until nothing new follows, as in Biswas and Enea, "On the Complexity of
// Checking Transactional Consistency" (2019), section 4; a cycle is a contradiction.
//
// Always true: what is concluded holds in every order that explains all reads, so that a cycle is a violation. There are
// histories without an order in which no cycle is found (the question is NP-complete): writes that nobody has read may
// hide them. A register, unlike a list, does not tell what was there before.

import type { Operation } from '../history.ts'
import { Findings, type Verdict } from './findings.ts'
import { describeSteps, registerHistoryOf, type RegisterHistory, type RegisterTransaction } from './rw-history.ts'

type Reason =
  | { readonly type: 'wr'; readonly key: string }
  | { readonly type: 'first'; readonly key: string }
  | { readonly type: 'ww'; readonly key: string; readonly reader: RegisterTransaction }
  | { readonly type: 'rw'; readonly key: string; readonly writer: RegisterTransaction }
  | { readonly type: 'time' }

interface Edge {
  readonly to: number
  readonly reason: Reason
}

/** What is known of who comes before whom takes a bit for each pair: of so many about 200 MB. */
const MOST_TRANSACTIONS = 30_000

export function checkRegisters(history: readonly Operation[]): Verdict {
  const findings = new Findings()
  const registers = registerHistoryOf(history, findings)
  const details = { transactions: registers.transactions.length, keys: registers.keys.length }
  if (details.transactions > MOST_TRANSACTIONS) {
    findings.add('undecided', `${details.transactions} transactions are more than ${MOST_TRANSACTIONS}`)
    return { errors: findings.errors, details }
  }
  const order = new Order(registers.transactions)
  addWhatWasRead(registers, order)
  let reach = reachOf(order)
  // Each round adds at least one of finitely many edges; a few rounds are enough in practice.
  while (reach !== undefined && addWhatFollows(registers, order, reach)) reach = reachOf(order)
  if (reach === undefined) findings.add('not strictly serializable', order.explainCycle())
  return {
    errors: findings.errors,
    details: { ...details, conclusions: order.concluded },
  }
}

/** Who must come before whom. Nodes are transactions and, behind them, their returns in the order of time. */
class Order {
  readonly transactions: readonly RegisterTransaction[]
  readonly edges: Edge[][]
  concluded = 0
  readonly #known = new Set<number>()

  constructor(transactions: readonly RegisterTransaction[]) {
    this.transactions = transactions
    this.edges = transactions.map(() => [])
    const returns = transactions.filter(({ ret }) => ret < Infinity).sort((a, b) => a.ret - b.ret)
    const link = (from: number, to: number): void => {
      this.edges[from]!.push({ to, reason: { type: 'time' } })
    }
    const first = this.edges.length
    for (const [i, { id }] of returns.entries()) {
      this.edges.push([])
      link(id, first + i)
      if (i > 0) link(first + i - 1, first + i)
    }
    let done = 0
    for (const { id, call } of transactions) {
      while (done < returns.length && returns[done]!.ret < call) done++
      if (done > 0) link(first + done - 1, id)
    }
  }

  /** False when it was known, or says nothing. */
  add(from: RegisterTransaction, to: RegisterTransaction, reason: Reason): boolean {
    const pair = from.id * this.transactions.length + to.id
    if (from === to || this.#known.has(pair)) return false
    this.#known.add(pair)
    this.edges[from.id]!.push({ to: to.id, reason })
    this.concluded++
    return true
  }

  /** A short cycle in words. There must be one. */
  explainCycle(): string {
    const cycle = shortestCycle(this.edges)
    const names = cycle.filter(({ from }) => from < this.transactions.length)
    const steps: string[] = []
    for (const [i, { from, reason }] of names.entries()) {
      const next = names[(i + 1) % names.length]!.from
      steps.push(`  T${from} before T${next}: ${this.#say(reason, from, next)}`)
    }
    // And whoever is named in a reason.
    const named = names.flatMap(({ from, reason }) => [from, ...othersIn(reason)])
    const told = [...new Set(named)].map((id) => {
      const transaction = this.transactions[id]!
      return `  T${id} (process ${transaction.process}): ${describeSteps(transaction)}`
    })
    return ['there is no order for these', ...told, ...steps].join('\n')
  }

  #say(reason: Reason, from: number, to: number): string {
    switch (reason.type) {
      case 'wr':
        return `T${to} has read in key ${reason.key} what T${from} wrote`
      case 'first':
        return `T${from} found nothing in key ${reason.key}, which T${to} wrote`
      case 'ww':
        return `T${from} wrote key ${reason.key} before T${reason.reader.id}, which has read there what T${to} wrote`
      case 'rw':
        return `T${from} has read in key ${reason.key} what T${reason.writer.id} wrote, and T${to} wrote after that`
      case 'time': {
        const [before, after] = [this.transactions[from]!, this.transactions[to]!]
        return `T${from} was answered at ${before.ret}, before T${to} was called at ${after.call}`
      }
    }
  }
}

function othersIn(reason: Reason): readonly number[] {
  switch (reason.type) {
    case 'ww':
      return [reason.reader.id]
    case 'rw':
      return [reason.writer.id]
    case 'wr':
    case 'first':
    case 'time':
      return []
  }
}

function addWhatWasRead({ keys }: RegisterHistory, order: Order): void {
  for (const { key, writers, reads } of keys) {
    for (const { reader, writer } of reads) {
      if (writer !== undefined) order.add(writer, reader, { type: 'wr', key })
      else for (const first of writers) order.add(reader, first, { type: 'first', key })
    }
  }
}

/**
 * A read has seen the last write before it. So another write of that key which is before the reader is before the write
 * that was read; and one which is after the write that was read is after the reader. False when nothing is new.
 */
function addWhatFollows({ keys }: RegisterHistory, order: Order, reach: Reach): boolean {
  let isNew = false
  for (const { key, writers, reads } of keys) {
    for (const { reader, writer } of reads) {
      if (writer === undefined) continue
      for (const other of writers) {
        if (other === writer || other === reader) continue
        if (reach.has(other.id, reader.id)) isNew = order.add(other, writer, { type: 'ww', key, reader }) || isNew
        if (reach.has(writer.id, other.id)) isNew = order.add(reader, other, { type: 'rw', key, writer }) || isNew
      }
    }
    isNew = addLostUpdates(key, reads, writers, order) || isNew
  }
  return isNew
}

/** Who has read a value and written the key is the next writer: whoever else has read that value comes before it. */
function addLostUpdates(
  key: string,
  reads: RegisterHistory['keys'][number]['reads'],
  writers: readonly RegisterTransaction[],
  order: Order,
): boolean {
  let isNew = false
  const writes = new Set(writers)
  for (const { reader: next, writer } of reads) {
    if (writer === undefined || !writes.has(next)) continue
    for (const { reader, writer: seen } of reads) {
      if (seen === writer) isNew = order.add(reader, next, { type: 'rw', key, writer }) || isNew
    }
  }
  return isNew
}

/** From which nodes one gets to which transactions. */
class Reach {
  readonly #transactions: number
  readonly #words: number
  readonly #bits: Uint32Array

  constructor(size: number, transactions: number) {
    this.#transactions = transactions
    this.#words = (transactions + 31) >>> 5
    this.#bits = new Uint32Array(this.#words * size)
  }

  has(from: number, to: number): boolean {
    return (this.#bits[from * this.#words + (to >>> 5)]! & (1 << (to & 31))) !== 0
  }

  /** Everything that is reached from a node, and that node, is reached from another. */
  include(from: number, by: number): void {
    const [into, of, words] = [from * this.#words, by * this.#words, this.#words]
    for (let i = 0; i < words; i++) this.#bits[into + i]! |= this.#bits[of + i]!
    if (by < this.#transactions) this.#bits[into + (by >>> 5)]! |= 1 << (by & 31)
  }
}

/** Undefined when there is a cycle. */
function reachOf({ edges, transactions }: Order): Reach | undefined {
  const missing = new Int32Array(edges.length)
  for (const out of edges) for (const { to } of out) missing[to]!++
  const sorted: number[] = []
  for (let node = 0; node < edges.length; node++) if (missing[node] === 0) sorted.push(node)
  for (let i = 0; i < sorted.length; i++) {
    for (const { to } of edges[sorted[i]!]!) if (--missing[to]! === 0) sorted.push(to)
  }
  if (sorted.length < edges.length) return undefined
  const reach = new Reach(edges.length, transactions.length)
  for (const node of sorted.reverse()) for (const { to } of edges[node]!) reach.include(node, to)
  return reach
}

interface Step {
  readonly from: number
  readonly reason: Reason
}

/** How many nodes a shortest cycle is looked for from. */
const TRIED = 300

/** A short cycle: breadth first, from nodes that lie on one. */
function shortestCycle(edges: readonly (readonly Edge[])[]): readonly Step[] {
  let best: readonly Step[] = []
  let tried = 0
  for (const start of onCycles(edges)) {
    if (++tried > TRIED && best.length > 0) break
    const found = cycleFrom(edges, start)
    if (found !== undefined && (best.length === 0 || found.length < best.length)) best = found
  }
  return best
}

/** What is left when everything is taken away that nothing leads to or that leads nowhere: cycles and what is between. */
function onCycles(edges: readonly (readonly Edge[])[]): readonly number[] {
  const missing = new Int32Array(edges.length)
  for (const out of edges) for (const { to } of out) missing[to]!++
  const gone: number[] = []
  for (let node = 0; node < edges.length; node++) if (missing[node] === 0) gone.push(node)
  for (let i = 0; i < gone.length; i++) {
    for (const { to } of edges[gone[i]!]!) if (--missing[to]! === 0) gone.push(to)
  }
  const taken = new Set(gone)
  return edges.map((_, node) => node).filter((node) => !taken.has(node))
}

function cycleFrom(edges: readonly (readonly Edge[])[], start: number): readonly Step[] | undefined {
  const cameBy = new Map<number, Step>()
  const queue = [start]
  for (let i = 0; i < queue.length; i++) {
    const from = queue[i]!
    for (const { to, reason } of edges[from]!) {
      if (cameBy.has(to)) continue
      cameBy.set(to, { from, reason })
      if (to !== start) {
        queue.push(to)
        continue
      }
      const way: Step[] = []
      for (let step = cameBy.get(start)!; ; step = cameBy.get(step.from)!) {
        way.push(step)
        if (step.from === start) return way.reverse()
      }
    }
  }
  return undefined
}
