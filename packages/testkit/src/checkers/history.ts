// Histories: what clients did, and what they were told, as data and as lines of JSON.
//
// Always true: `ok` has happened, between its call and its return; `fail` has not happened and never will; `info` may
// take effect at any time after its call, or never. A history that contradicts itself is refused before it is judged.

import { MakoError } from '@mako/engine'

/** What a client knows of a call: it has happened, it has not, or it may still happen at any time, or never. */
export type OperationStatus = 'ok' | 'fail' | 'info'

/** What a checker must know of an operation of any kind. */
export interface TimedOperation {
  /** Who called. A client may have several calls open. */
  readonly client: number
  /** When it was called, in any unit; calls and returns of all clients are on one clock. */
  readonly call: number
  /** When the answer came; it may be left out where the outcome is `info`, and means nothing there. */
  readonly ret?: number
  readonly status: OperationStatus
}

export type KeyOperationName = 'get' | 'put' | 'append' | 'cas' | 'del' | 'incr'

/** One operation on one key: a line of a register or key-value history. Absent keys have no `out`. */
export interface KeyOperation extends TimedOperation {
  readonly key: string
  readonly op: KeyOperationName
  /** What is put or appended; what `cas` expects (left out: that there is nothing); by how much `incr` adds. */
  readonly in?: string
  /** What `cas` puts. */
  readonly in2?: string
  /** What was read; for `incr` the sum. */
  readonly out?: string
  /** Whether `cas` has put, `del` has found something, or `incr` has found a number. */
  readonly ok?: boolean
}

export type TransactionKey = string | number
export type TransactionValue = string | number

/** A part of a transaction: appends a value to the list of a key, or reads that list (null: not known). */
export type MicroOperation =
  | readonly ['append', TransactionKey, TransactionValue]
  | readonly ['r', TransactionKey, readonly TransactionValue[] | null]

/** One line of a transactional history: a transaction begins, or its client learns what became of it. */
export interface TransactionEvent {
  readonly type: 'invoke' | OperationStatus
  /** Who calls, one transaction at a time; after `info` it goes on under another number. */
  readonly process: number
  readonly time: number
  readonly value: readonly MicroOperation[]
}

export type History = readonly KeyOperation[] | readonly TransactionEvent[]

const NAMES: readonly string[] = ['get', 'put', 'append', 'cas', 'del', 'incr']
const STATUSES: readonly string[] = ['ok', 'fail', 'info']
const TYPES: readonly string[] = ['invoke', ...STATUSES]

/** One JSON object a line, in the order of the history. */
export function formatHistory(history: History): string {
  return history.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/**
 * Reads what `formatHistory` has written; empty lines are skipped.
 * @throws MakoError `BAD_OPTION` naming the line that is not one of a history
 */
export function parseHistory(text: string): History {
  const lines: unknown[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch (error) {
      throw new MakoError('BAD_OPTION', `Line ${i + 1} is not JSON: ${String(error)}`)
    }
    if (typeof value !== 'object' || value === null)
      throw new MakoError('BAD_OPTION', `Line ${i + 1} is not an object.`)
    lines.push(value)
  }
  const transactional = isTransactional(lines as History)
  if (transactional) {
    for (const [i, line] of lines.entries()) checkEvent(line as TransactionEvent, i)
  } else {
    checkOperations(lines as KeyOperation[])
    for (const [i, line] of lines.entries()) checkKeyOperation(line as KeyOperation, i)
  }
  return lines as History
}

/** Whether these are transactions; an empty history is none. */
export function isTransactional(history: History): history is readonly TransactionEvent[] {
  return history.length > 0 && 'type' in history[0]!
}

/** @throws MakoError `BAD_OPTION` naming the operation whose times or status cannot be */
export function checkOperations(history: readonly TimedOperation[]): void {
  for (const [i, { call, ret, status }] of history.entries()) {
    if (!Number.isFinite(call)) refuse(i, `call is ${String(call)}, not a time`)
    if (!STATUSES.includes(status)) refuse(i, `status is ${show(status)}, which is none of ${STATUSES.join(', ')}`)
    if (status !== 'ok') continue
    if (ret === undefined || !Number.isFinite(ret)) refuse(i, `is ok, and ret is ${String(ret)}, not a time`)
    else if (ret < call) refuse(i, `returns at ${ret}, before its call at ${call}`)
  }
}

/** @throws MakoError `BAD_OPTION` naming what is wrong with one operation on a key */
export function checkKeyOperation(operation: KeyOperation, position: number): void {
  const { key, op, ok } = operation
  if (typeof key !== 'string') refuse(position, 'has no key')
  if (!NAMES.includes(op)) refuse(position, `op is ${show(op)}, which is none of ${NAMES.join(', ')}`)
  for (const field of ['in', 'in2', 'out'] as const) {
    const value = operation[field]
    if (value !== undefined && typeof value !== 'string') refuse(position, `${field} is not a text`)
  }
  if (ok !== undefined && typeof ok !== 'boolean') refuse(position, 'ok is neither true nor false')
  if ((op === 'put' || op === 'append') && operation.in === undefined) refuse(position, `${op} has no in`)
  if (op === 'cas' && operation.in2 === undefined) refuse(position, 'cas has no in2')
}

/** @throws MakoError `BAD_OPTION` naming what is wrong with one event of a transaction */
export function checkEvent({ type, process, time, value }: TransactionEvent, position: number): void {
  if (!TYPES.includes(type)) refuse(position, `type is ${show(type)}, which is none of ${TYPES.join(', ')}`)
  if (!Number.isInteger(process)) refuse(position, `process is ${String(process)}, not a number`)
  if (!Number.isFinite(time)) refuse(position, `time is ${String(time)}, not a time`)
  if (!Array.isArray(value)) refuse(position, 'value is not a list')
  for (const part of value as readonly unknown[]) {
    if (!Array.isArray(part) || part.length !== 3 || !isAtom(part[1])) refuse(position, `${show(part)} is no operation`)
    const [name, , data] = part as unknown[]
    const well = name === 'append' ? isAtom(data) : name === 'r' && (data === null || isListOfAtoms(data))
    if (!well) refuse(position, `${show(part)} is no operation`)
  }
}

/** @throws MakoError `BAD_OPTION` naming the place in the history */
export function refuse(position: number, why: string): never {
  throw new MakoError('BAD_OPTION', `Operation ${position + 1} of the history ${why}.`)
}

function isListOfAtoms(data: unknown): boolean {
  return Array.isArray(data) && data.every(isAtom)
}

function isAtom(data: unknown): boolean {
  return typeof data === 'string' || (typeof data === 'number' && Number.isFinite(data))
}

function show(value: unknown): string {
  const text: unknown = JSON.stringify(value)
  return typeof text === 'string' ? text : String(value)
}
