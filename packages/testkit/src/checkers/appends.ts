// Appends: each that was acknowledged is there exactly once, none that failed is there, and all reads of a key tell one
// order. The plainest check there is for lost and repeated writes, and the one that misses none.
//
// Always true: it needs no search, so it is never in doubt about what was read; a key without a final read, one that was
// called after all of its acknowledged appends had returned, is reported as such.

import { MakoError } from '@mako/engine'
import { checkOperations, isTransactional, type History, type KeyOperation } from './history.ts'
import { elementsOf, listModel } from './list-model.ts'
import { isPrefix } from './reads.ts'
import { show, showList, transactionsOf } from './transactions.ts'

export type AppendFaultKind =
  /** Acknowledged, and missing in the final read. */
  | 'lost'
  /** Twice in one read. */
  | 'duplicate'
  /** Failed, and there. */
  | 'failed-append'
  /** There, and appended by nobody. */
  | 'phantom'
  /** Two reads of one key are not one the beginning of the other. */
  | 'order'
  /** The last read lacks what an earlier one has seen. */
  | 'shrunk'

export interface AppendFault {
  readonly kind: AppendFaultKind
  readonly key: string
  readonly explanation: string
}

export type AppendsResult =
  | { readonly verdict: 'valid'; readonly keys: number; readonly appends: number }
  | { readonly verdict: 'invalid'; readonly faults: readonly AppendFault[]; readonly explanation: string }
  /** Nothing is wrong with what was read, but these keys have no final read: what they have lost nobody can tell. */
  | { readonly verdict: 'unknown'; readonly keys: readonly string[]; readonly explanation: string }

/** Faults that are kept of each key. */
const KEPT_OF_A_KEY = 5

interface Append {
  readonly value: string
  readonly status: 'ok' | 'fail' | 'info'
  readonly ret: number
}

interface Read {
  readonly values: readonly string[]
  readonly call: number
  readonly ret: number
}

interface KeyRecord {
  readonly appends: Map<string, Append>
  readonly reads: Read[]
}

/**
 * Checks a history of unique-value appends with a final read of every key: `append` and `get` operations, or
 * transactions on lists.
 * @throws MakoError `BAD_OPTION` for a history that contradicts itself, or appends one value to a key twice
 */
export function checkAppends(history: History): AppendsResult {
  const keys = isTransactional(history) ? ofTransactions(history) : ofOperations(history)
  const faults: AppendFault[] = []
  const unread: string[] = []
  let appends = 0
  for (const [key, record] of keys) {
    appends += record.appends.size
    const found: AppendFault[] = []
    const isFinal = checkKey(record, (kind, text) =>
      found.push({ kind, key, explanation: `${kind}: key ${key}: ${text}` }),
    )
    faults.push(...found.slice(0, KEPT_OF_A_KEY))
    if (!isFinal) unread.push(key)
  }
  if (faults.length > 0) {
    const explanation = ['Appends were not kept.', ...faults.map((fault) => fault.explanation)].join('\n')
    return { verdict: 'invalid', faults, explanation }
  }
  if (unread.length > 0) {
    const names = unread.slice(0, 5).join(', ') + (unread.length > 5 ? ', ...' : '')
    const explanation = `There is no final read of ${unread.length} of ${keys.size} keys: ${names}.`
    return { verdict: 'unknown', keys: unread, explanation }
  }
  return { verdict: 'valid', keys: keys.size, appends }
}

/** Checks one key; tells whether there is a final read of it. */
function checkKey({ appends, reads }: KeyRecord, report: (kind: AppendFaultKind, text: string) => void): boolean {
  let longest: readonly string[] = []
  for (const { values } of reads) if (values.length > longest.length) longest = values
  const told = new Set<string>()
  const once = (kind: AppendFaultKind, value: string, text: string): void => {
    if (told.has(`${kind} ${value}`)) return
    told.add(`${kind} ${value}`)
    report(kind, text)
  }
  for (const { values } of reads) {
    const seen = new Set<string>()
    for (const value of values) {
      const append = appends.get(value)
      if (seen.has(value)) once('duplicate', value, `${value} is there twice in ${showList(values)}`)
      if (append === undefined)
        once('phantom', value, `${value} was appended by nobody, and read in ${showList(values)}`)
      else if (append.status === 'fail') once('failed-append', value, `the append of ${value} failed, and was read`)
      seen.add(value)
    }
    if (!isPrefix(values, longest)) report('order', `one has read ${showList(values)}, another ${showList(longest)}`)
  }
  let lastReturn = -Infinity
  for (const { status, ret } of appends.values()) if (status === 'ok' && ret > lastReturn) lastReturn = ret
  let isFinal = appends.size === 0
  for (const { values, call } of reads) {
    if (call <= lastReturn) continue
    isFinal = true
    const there = new Set(values)
    for (const { value, status } of appends.values()) {
      if (status !== 'ok' || there.has(value)) continue
      once(
        'lost',
        value,
        `the append of ${value} was acknowledged, and is missing in the final read ${showList(values)}`,
      )
    }
  }
  const last = reads.reduce<Read | undefined>((a, b) => (a === undefined || b.call > a.call ? b : a), undefined)
  if (isFinal && last !== undefined) {
    for (const { values, ret } of reads) {
      if (ret >= last.call || values.length <= last.values.length) continue
      report('shrunk', `the final read is ${showList(last.values)}, and an earlier one was ${showList(values)}`)
      break
    }
  }
  return isFinal
}

function ofOperations(history: readonly KeyOperation[]): ReadonlyMap<string, KeyRecord> {
  checkOperations(history)
  const keys = new Map<string, KeyRecord>()
  for (const [position, operation] of history.entries()) {
    listModel.check?.(operation, position)
    const { key, op, in: value = '', out, call, ret = Infinity, status } = operation
    const record = recordOf(keys, show(key))
    if (op === 'append') addAppend(record, show(key), { value, status, ret })
    else if (status === 'ok') record.reads.push({ values: elementsOf(out), call, ret })
  }
  return keys
}

function ofTransactions(history: Parameters<typeof transactionsOf>[0]): ReadonlyMap<string, KeyRecord> {
  const keys = new Map<string, KeyRecord>()
  for (const { operations, status, call, ret } of transactionsOf(history)) {
    for (const [name, key, data] of operations) {
      const record = recordOf(keys, show(key))
      if (name === 'append') addAppend(record, show(key), { value: show(data), status, ret })
      else if (status === 'ok' && data !== null) record.reads.push({ values: data.map(show), call, ret })
    }
  }
  return keys
}

function recordOf(keys: Map<string, KeyRecord>, key: string): KeyRecord {
  let record = keys.get(key)
  if (record === undefined) keys.set(key, (record = { appends: new Map(), reads: [] }))
  return record
}

function addAppend({ appends }: KeyRecord, key: string, append: Append): void {
  if (appends.has(append.value)) {
    throw new MakoError('BAD_OPTION', `${append.value} is appended to key ${key} twice: values must be unique.`)
  }
  appends.set(append.value, append)
}
