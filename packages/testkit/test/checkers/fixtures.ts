// Histories in shorthand, and brute force: what is true by definition, for histories of a few operations.

import { below, type Random } from '@mako/engine'
import type { KeyOperation, KeyOperationName, MicroOperation, TransactionEvent } from '../../src/checkers/history.ts'
import { REGISTERS } from '../../src/workload/register.ts'

/**
 * One operation a line: client, key, operation, what came of it, from when to when. `-> v` is what was read, `-> ok` and
 * `-> no` tell whether it was done, `-> ?` is an unknown outcome, `-> fail` a certain failure.
 *
 *     1 x put 5          @ 1 3
 *     2 x cas 5 6 -> ok  @ 2 4
 *     2 x get -> 6       @ 5 7
 */
export function operations(text: string): KeyOperation[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [what = '', when = ''] = line.split('@')
      const [asked = '', told] = what.split('->')
      const [client, key, op, input, in2] = asked.trim().split(/\s+/)
      const [call, ret] = when.trim().split(/\s+/).map(Number)
      const outcome = told?.trim()
      const status = outcome === '?' ? 'info' : outcome === 'fail' ? 'fail' : 'ok'
      return {
        client: Number(client),
        key: key!,
        op: op as KeyOperationName,
        ...(input === undefined || input === 'nothing' ? {} : { in: input }),
        ...(in2 === undefined ? {} : { in2 }),
        ...(status === 'ok' && outcome !== undefined && !['ok', 'no', 'nothing'].includes(outcome)
          ? { out: outcome }
          : {}),
        ...(outcome === 'ok' || outcome === 'no' ? { ok: outcome === 'ok' } : {}),
        call: call!,
        ...(ret === undefined ? {} : { ret }),
        status,
      }
    })
}

/**
 * One transaction a line: process, parts, outcome if it is not ok, from when to when. `ax1` appends 1 to x, `rx12` has
 * read 1 and 2 in x, `rx` nothing; `rx?` was not answered.
 *
 *     1 ax1 ry  @ 1 3
 *     2 rx1 ? @ 2 4
 */
export function transactions(text: string): TransactionEvent[] {
  const events: TransactionEvent[] = []
  for (const line of text.trim().split('\n')) {
    const [what = '', when = ''] = line.split('@')
    const words = what.trim().split(/\s+/)
    const [call, ret] = when.trim().split(/\s+/).map(Number)
    const process = Number(words[0])
    const type = words.includes('?') ? 'info' : words.includes('fail') ? 'fail' : 'ok'
    const told = words
      .slice(1)
      .filter((word) => word !== '?' && word !== 'fail')
      .map(microOperation)
    const asked = told.map((part): MicroOperation => (part[0] === 'r' ? ['r', part[1], null] : part))
    events.push({ type: 'invoke', process, time: call!, value: asked })
    if (ret !== undefined) events.push({ type, process, time: ret, value: type === 'ok' ? told : asked })
  }
  return events.sort((a, b) => a.time - b.time)
}

function microOperation(word: string): MicroOperation {
  const key = word[1]!
  const digits = word.slice(2)
  if (word.startsWith('a')) return ['append', key, Number(digits)]
  return ['r', key, digits === '?' ? null : digits.split(/(?!^)/).filter(Boolean).map(Number)]
}

/** Whether a history of one key is linearizable, by trying everything. */
export function isLinearizable(history: readonly KeyOperation[]): boolean {
  const place = (left: readonly KeyOperation[], before: readonly KeyOperation[]): boolean => {
    if (left.every(({ status }) => status !== 'ok')) return true
    const firstReturn = Math.min(...left.map(({ status, ret }) => (status === 'ok' ? ret! : Infinity)))
    return left.some((operation) => {
      if (operation.call > firstReturn) return false
      // From the beginning each time: nothing is shared with what is tested but the registers themselves.
      const registers = REGISTERS.init()
      for (const each of before) REGISTERS.apply(registers, each)
      const { out, ok } = REGISTERS.apply(registers, operation)
      if (operation.status === 'ok') {
        if ((operation.op === 'get' || operation.out !== undefined) && out !== operation.out) return false
        if (operation.ok !== undefined && ok !== operation.ok) return false
      }
      return place(
        left.filter((each) => each !== operation),
        [...before, operation],
      )
    })
  }
  return place(
    history.filter(({ status }) => status !== 'fail'),
    [],
  )
}

/** A transaction for brute force. */
interface Known {
  readonly call: number
  readonly ret: number
  readonly status: string
  readonly parts: readonly MicroOperation[]
}

function known(events: readonly TransactionEvent[]): Known[] {
  const open = new Map<number, TransactionEvent>()
  const result: Known[] = []
  for (const event of events) {
    const begun = open.get(event.process)
    if (event.type === 'invoke') open.set(event.process, event)
    else {
      open.delete(event.process)
      const ret = event.type === 'info' ? Infinity : event.time
      result.push({ call: begun!.time, ret, status: event.type, parts: event.value })
    }
  }
  for (const { time, value } of open.values()) result.push({ call: time, ret: Infinity, status: 'info', parts: value })
  return result.filter(({ status }) => status !== 'fail')
}

type Lists = ReadonlyMap<string | number, readonly (string | number)[]>

/** What comes of a transaction on these lists; undefined when it has read something else. */
function run({ parts, status }: Known, lists: Lists): Lists | undefined {
  const next = new Map(lists)
  for (const [name, key, data] of parts) {
    const list = next.get(key) ?? []
    if (name === 'append') next.set(key, [...list, data])
    else if (status === 'ok' && data !== null && JSON.stringify(data) !== JSON.stringify(list)) return undefined
  }
  return next
}

/** Whether there is an order of all transactions; with `realtime` one that real time allows. */
export function isSerializable(events: readonly TransactionEvent[], realtime: boolean): boolean {
  const place = (left: readonly Known[], lists: Lists): boolean => {
    if (left.every(({ status }) => status !== 'ok')) return true
    const firstReturn = realtime ? Math.min(...left.map(({ ret }) => ret)) : Infinity
    return left.some((transaction) => {
      if (transaction.call > firstReturn) return false
      const next = run(transaction, lists)
      return (
        next !== undefined &&
        place(
          left.filter((each) => each !== transaction),
          next,
        )
      )
    })
  }
  return place(known(events), new Map())
}

/**
 * Whether every transaction can have read the lists as they were when it started, with none that wrote the same lists
 * committed in between (snapshot isolation, Berenson et al., 1995).
 */
export function isSnapshotIsolated(events: readonly TransactionEvent[]): boolean {
  interface Started {
    readonly transaction: Known
    readonly lists: Lists
    readonly commits: number
  }
  const writes = ({ parts }: Known): Set<string | number> =>
    new Set(parts.filter(([name]) => name === 'append').map(([, key]) => key))
  const place = (
    waiting: readonly Known[],
    started: readonly Started[],
    committed: readonly ReadonlySet<string | number>[],
    lists: Lists,
  ): boolean => {
    if (started.length === 0 && waiting.every(({ status }) => status !== 'ok')) return true
    for (const each of started) {
      const { transaction, commits } = each
      const mine = writes(transaction)
      if (committed.slice(commits).some((keys) => [...keys].some((key) => mine.has(key)))) continue
      const next = run({ ...transaction, status: 'info' }, lists)!
      if (
        place(
          waiting,
          started.filter((other) => other !== each),
          [...committed, mine],
          next,
        )
      )
        return true
    }
    return waiting.some((transaction) => {
      if (run(transaction, lists) === undefined) return false
      const others = waiting.filter((each) => each !== transaction)
      return place(others, [...started, { transaction, lists, commits: committed.length }], committed, lists)
    })
  }
  return place(known(events), [], [], new Map())
}

/** A number of low to high, both included. */
export function among(random: Random, low: number, high: number): number {
  return low + below(random, high - low + 1)
}
