// `txn-list-append`: transactions that append unique values to lists and read them must be strictly serializable.
//
// Always true: the judgement is that of `checkSerializable`; here the answers of nodes become a history of transactions.

import { isDeepStrictEqual } from 'node:util'
import { checkSerializable } from '../../../checkers/serializable.ts'
import type { MicroOperation, TransactionEvent } from '../../../checkers/history.ts'
import type { Operation } from '../history.ts'
import { Findings, show, type Verdict } from './findings.ts'

export function checkListAppend(history: readonly Operation[]): Verdict {
  const findings = new Findings()
  const events = transactionEventsOf(history, findings)
  const result = checkSerializable(events)
  if (result.verdict === 'invalid') findings.add('not strictly serializable', result.explanation)
  if (result.verdict === 'unknown') findings.add('undecided', result.explanation)
  const transactions = result.verdict === 'valid' ? result.transactions : events.length / 2
  return { errors: findings.errors, details: { transactions } }
}

/** The history in the format of `TransactionEvent`. Answers that are none of a transaction are reported. */
export function transactionEventsOf(
  history: readonly Operation[],
  findings: Findings = new Findings(),
): readonly TransactionEvent[] {
  const events: TransactionEvent[] = []
  for (const { request, reply, status, process, call, ret, node } of history) {
    if (request.type !== 'txn') continue
    const asked = microOperationsOf(request['txn'])!
    const told = status === 'ok' ? microOperationsOf(reply?.['txn']) : asked
    const answer = told !== undefined && isAnswer(asked, told) ? told : undefined
    if (answer === undefined) {
      findings.add('malformed answer', `${node} answered ${show(request['txn'])} with ${show(reply)}`)
      // What came of it is not known, and its process goes on: a process of its own is never heard of again.
      events.push({ type: 'invoke', process: -1 - events.length, time: call, value: asked })
      continue
    }
    events.push({ type: 'invoke', process, time: call, value: asked })
    // In an answer there is no list that is not known: null is the list of a key that nobody has appended to.
    const value = status === 'ok' ? answer.map((each) => (each[0] === 'r' ? readOf(each) : each)) : asked
    events.push({ type: status, process, time: ret, value })
  }
  // Where times are equal, the order of calls and returns of one process must stay.
  return events.sort((a, b) => a.time - b.time)
}

function readOf([, key, values]: Extract<MicroOperation, readonly ['r', ...unknown[]]>): MicroOperation {
  return ['r', key, values ?? []]
}

function isAnswer(asked: readonly MicroOperation[], told: readonly MicroOperation[]): boolean {
  if (asked.length !== told.length) return false
  return asked.every((part, i) => (part[0] === 'r' ? isRead(told[i]!, part[1]) : isDeepStrictEqual(part, told[i])))
}

function isRead(told: MicroOperation, key: unknown): boolean {
  return told[0] === 'r' && told[1] === key
}

function microOperationsOf(txn: unknown): readonly MicroOperation[] | undefined {
  if (!Array.isArray(txn)) return undefined
  for (const part of txn as readonly unknown[]) {
    if (!Array.isArray(part) || part.length !== 3 || !isAtom(part[1])) return undefined
    const [name, , data] = part as readonly unknown[]
    if (name === 'append' ? !isAtom(data) : name !== 'r' || !(data === null || isListOfAtoms(data))) return undefined
  }
  return txn as readonly MicroOperation[]
}

function isListOfAtoms(data: unknown): boolean {
  return Array.isArray(data) && data.every(isAtom)
}

function isAtom(data: unknown): boolean {
  return typeof data === 'string' || typeof data === 'number'
}
