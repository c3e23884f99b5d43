// Transactions on registers, put together from a history, and what each key's writes and reads are.
//
// Always true: a value is written to a key by at most one transaction, so that a read names the write that it has seen.
// What is not known to have happened, and was seen by nobody, is left out: it cannot be told from what never was.

import { MakoError } from '@mako/engine'
import type { Operation } from '../history.ts'
import { type Findings, show } from './findings.ts'

/** Reads or writes a register. What is read and not known is undefined, what is not there is null. */
export type RegisterStep =
  | readonly ['r', key: string, value: string | null | undefined]
  | readonly ['w', key: string, value: string]

export interface RegisterTransaction {
  readonly id: number
  readonly process: number
  readonly call: number
  /** Infinity when its client does not know what came of it. */
  readonly ret: number
  readonly steps: readonly RegisterStep[]
}

/** A read of what was there before the transaction's own writes. */
export interface ExternalRead {
  readonly reader: RegisterTransaction
  /** Who wrote what was read; undefined where nothing was there. */
  readonly writer: RegisterTransaction | undefined
}

export interface RegisterKey {
  readonly key: string
  /** Who has written last values to it. */
  readonly writers: readonly RegisterTransaction[]
  readonly reads: readonly ExternalRead[]
}

export interface RegisterHistory {
  readonly transactions: readonly RegisterTransaction[]
  readonly keys: readonly RegisterKey[]
}

interface Asked extends Omit<RegisterTransaction, 'id'> {
  readonly status: Operation['status']
}

/**
 * Reads a history; single reads that cannot be are reported, and left out.
 * @throws MakoError `BAD_OPTION` when a value is written twice to a key
 */
export function registerHistoryOf(history: readonly Operation[], findings: Findings): RegisterHistory {
  const all = history.flatMap((operation) => askedOf(operation, findings)).sort((a, b) => a.call - b.call)
  const writerOf = new Map<string, Asked>()
  for (const transaction of all) {
    for (const [name, key, value] of transaction.steps) {
      if (name !== 'w') continue
      const place = placeOf(key, value)
      if (writerOf.has(place)) {
        throw new MakoError('BAD_OPTION', `${value} is written to key ${key} twice: values must be unique.`)
      }
      writerOf.set(place, transaction)
    }
  }
  const happened = new Set(all.filter(({ status }) => status === 'ok'))
  const reads: { readonly reader: Asked; readonly key: string; readonly writer: Asked | undefined }[] = []
  for (const reader of [...happened]) {
    checkInternal(reader, findings)
    for (const [key, value] of externalReads(reader)) {
      const writer = value === null ? undefined : writerOf.get(placeOf(key, value))
      const what = `${describeSteps(reader)} (process ${reader.process}) has read ${value ?? 'nothing'} in ${key}`
      if (value !== null && writer === undefined) findings.add('phantom', `${what}, which nobody has written`)
      else if (writer?.status === 'fail') findings.add('G1a', `${what}, which was written by a transaction that failed`)
      else if (writer !== undefined && lastWrites(writer).get(key) !== value) {
        findings.add('G1b', `${what}, which was overwritten by the transaction that wrote it: ${describeSteps(writer)}`)
      } else {
        if (writer !== undefined) happened.add(writer)
        reads.push({ reader, key, writer })
      }
    }
  }
  const numbered = new Map<Asked, RegisterTransaction>()
  const transactions: RegisterTransaction[] = []
  for (const each of all) {
    if (!happened.has(each)) continue
    const { process, call, ret, steps } = each
    const transaction = { id: transactions.length, process, call, ret, steps }
    transactions.push(transaction)
    numbered.set(each, transaction)
  }
  const keys = new Map<string, { key: string; writers: RegisterTransaction[]; reads: ExternalRead[] }>()
  const keyOf = (key: string): { writers: RegisterTransaction[]; reads: ExternalRead[] } => {
    let found = keys.get(key)
    if (found === undefined) keys.set(key, (found = { key, writers: [], reads: [] }))
    return found
  }
  for (const transaction of transactions) {
    for (const key of lastWrites(transaction).keys()) keyOf(key).writers.push(transaction)
  }
  for (const { reader, key, writer } of reads) {
    keyOf(key).reads.push({ reader: numbered.get(reader)!, writer: writer && numbered.get(writer)! })
  }
  return { transactions, keys: [...keys.values()] }
}

/** The history as lines in the format of `TransactionEvent`, with `w` and values where that has `append` and lists. */
export function registerEventsOf(history: readonly Operation[]): readonly object[] {
  const events = history.flatMap(({ request, reply, status, process, call, ret }) => [
    { type: 'invoke', process, time: call, value: request['txn'] },
    { type: status, process, time: ret, value: status === 'ok' ? reply?.['txn'] : request['txn'] },
  ])
  return events.sort((a, b) => a.time - b.time)
}

export function describeSteps({ steps }: { readonly steps: readonly RegisterStep[] }): string {
  const text = steps.map(([name, key, value]) => `${name} ${key} ${value === undefined ? '?' : (value ?? 'nothing')}`)
  return `[${text.join(', ')}]`
}

function askedOf(
  { request, reply, status, process, call, ret, node }: Operation,
  findings: Findings,
): readonly Asked[] {
  if (request.type !== 'txn') return []
  const asked = stepsOf(request['txn']) ?? []
  const told = status === 'ok' ? stepsOf(reply?.['txn']) : asked
  const same =
    told?.length === asked.length &&
    asked.every(([name, key, value], i) => {
      const step = told[i]!
      return step[0] === name && step[1] === key && (name === 'r' || step[2] === value)
    })
  if (!same) {
    findings.add('malformed answer', `${node} answered ${show(request['txn'])} with ${show(reply)}`)
    return []
  }
  const steps = told.map(
    (step): RegisterStep => (step[0] === 'r' && status !== 'ok' ? ['r', step[1], undefined] : step),
  )
  return [{ process, call, ret: status === 'info' ? Infinity : ret, status, steps }]
}

function stepsOf(txn: unknown): readonly RegisterStep[] | undefined {
  if (!Array.isArray(txn)) return undefined
  const steps: RegisterStep[] = []
  for (const part of txn as readonly unknown[]) {
    if (!Array.isArray(part) || part.length !== 3 || (part[0] !== 'r' && part[0] !== 'w')) return undefined
    const [name, key, value] = part as readonly unknown[]
    if (name === 'w') steps.push(['w', show(key), show(value)])
    else steps.push(['r', show(key), value === null || value === undefined ? null : show(value)])
  }
  return steps
}

/** What was read before the transaction itself had written there; of several reads of a key the first. */
function externalReads({ steps }: Asked): ReadonlyMap<string, string | null> {
  const reads = new Map<string, string | null>()
  const written = new Set<string>()
  for (const [name, key, value] of steps) {
    if (name === 'w') written.add(key)
    else if (value !== undefined && !written.has(key) && !reads.has(key)) reads.set(key, value)
  }
  return reads
}

function lastWrites({ steps }: { readonly steps: readonly RegisterStep[] }): ReadonlyMap<string, string> {
  const writes = new Map<string, string>()
  for (const [name, key, value] of steps) if (name === 'w') writes.set(key, value)
  return writes
}

/** Whether a transaction agrees with itself: it reads what it has read or written before. */
function checkInternal(transaction: Asked, findings: Findings): void {
  const known = new Map<string, string | null>()
  for (const [name, key, value] of transaction.steps) {
    if (value === undefined) continue
    const expected = known.get(key)
    known.set(key, value)
    if (name === 'w' || expected === undefined || expected === value) continue
    findings.add(
      'internal',
      `${describeSteps(transaction)} (process ${transaction.process}) does not agree with itself`,
    )
  }
}

function placeOf(key: string, value: string): string {
  return `${key} ${value}`
}
