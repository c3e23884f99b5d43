// The model of one key of a key-value store: get, put, append, compare-and-set, delete, increment.
//
// Always true: a state is the text that is there, or undefined. What is concluded about unknown outcomes (`settle`) is
// a consequence of all that was seen: it never turns a good history into a bad one, or a bad one into a good one.

import { checkKeyOperation, type KeyOperation } from './history.ts'
import { IMPOSSIBLE, placed, type Model, type Placed, type Step } from './model.ts'

type Register = string | undefined

/** One register for each key. `append` joins texts, `incr` counts from 0, and numbers are written in decimal. */
export const registerModel: Model<string | undefined, KeyOperation> = {
  name: 'register',
  init: () => undefined,
  step: stepOf,
  check: checkKeyOperation,
  describe: describeOperation,
  describeState: (state) => (state === undefined ? 'nothing' : JSON.stringify(state)),
  reads: ({ op, ok, status }) => status === 'ok' && (op === 'get' || (ok === false && op !== 'put' && op !== 'append')),
  effect: ({ op, in: input, in2 }) => JSON.stringify([op, input, in2]),
  settle,
}

/** How an operation on a key is written in explanations. */
export function describeOperation({ op, in: input, in2, out, ok, status }: KeyOperation): string {
  const arguments_ = [...(op === 'cas' ? [input, in2] : input === undefined ? [] : [input])]
  const asked = [op, ...arguments_.map((value) => (value === undefined ? 'nothing' : JSON.stringify(value)))].join(' ')
  if (status === 'info') return `${asked}: unknown`
  switch (op) {
    case 'get':
      return `${asked} -> ${out === undefined ? 'nothing' : JSON.stringify(out)}`
    case 'incr':
      return ok === false ? `${asked} -> refused` : out === undefined ? asked : `${asked} -> ${JSON.stringify(out)}`
    case 'cas':
    case 'del':
      return ok === undefined ? asked : `${asked} -> ${ok ? 'done' : 'refused'}`
    case 'put':
    case 'append':
      return asked
  }
}

function stepOf(state: Register, operation: KeyOperation): Step<Register> {
  const { op, in: input, in2, out, ok } = operation
  const seen = operation.status === 'ok'
  switch (op) {
    case 'get':
      return seen && state !== out ? IMPOSSIBLE : { ok: true, state }
    case 'put':
      return { ok: true, state: input }
    case 'append':
      return { ok: true, state: (state ?? '') + (input ?? '') }
    case 'cas': {
      const done = state === input
      if (seen && ok !== undefined && ok !== done) return IMPOSSIBLE
      return { ok: true, state: done ? in2 : state }
    }
    case 'del':
      return seen && ok !== undefined && ok !== (state !== undefined) ? IMPOSSIBLE : { ok: true, state: undefined }
    case 'incr': {
      const sum = Number(state ?? '0') + Number(input ?? '1')
      const done = Number.isInteger(sum)
      if (seen && ok !== undefined && ok !== done) return IMPOSSIBLE
      if (!done) return seen && out !== undefined ? IMPOSSIBLE : { ok: true, state }
      return seen && out !== undefined && out !== String(sum) ? IMPOSSIBLE : { ok: true, state: String(sum) }
    }
  }
}

/** What is known of a value that an operation of unknown outcome may have written. */
interface Written {
  writers: number
  /** When the first client that saw it was answered; Infinity when nobody has seen it. */
  seenBefore: number
}

/**
 * A value that only one operation can have written settles that operation: when somebody saw the value, it was written
 * before that somebody was answered. When nobody did, and nobody saw anything that its presence explains, it may as
 * well never have been written: taking it out of an order that fits leaves one that fits.
 */
function settle(history: readonly KeyOperation[]): readonly Placed<KeyOperation>[] {
  // A read whose answer is not known tells nothing.
  const telling = history.filter(({ op, status }) => status === 'ok' || op !== 'get')
  const settles = telling.every(({ op }) => op !== 'append' && op !== 'incr')
  if (!settles || telling.every(({ status }) => status === 'ok')) return telling.map(placed)

  const values = new Map<string, Written>()
  const wrote = (value: string | undefined): void => {
    if (value === undefined) return
    const known = values.get(value)
    if (known === undefined) values.set(value, { writers: 1, seenBefore: Infinity })
    else known.writers++
  }
  for (const { op, in: input, in2 } of telling) {
    if (op === 'put') wrote(input)
    if (op === 'cas') wrote(in2)
  }
  // Whether somebody saw that something, whatever it was, or something else was there.
  let explained = false
  const expected = new Set<string | undefined>()
  for (const { op, in: input, out, ok, ret, status } of telling) {
    if (status === 'info') {
      if (op === 'cas') expected.add(input)
      continue
    }
    if ((op === 'cas' && ok !== true) || (op === 'del' && ok === true)) explained = true
    // Without its result a cas may have depended on what it expected.
    if (op === 'cas' && ok === undefined) expected.add(input)
    const value = op === 'get' ? out : op === 'cas' && ok === true ? input : undefined
    const known = value === undefined ? undefined : values.get(value)
    if (known !== undefined) known.seenBefore = Math.min(known.seenBefore, ret ?? Infinity)
  }

  const result: Placed<KeyOperation>[] = []
  for (const operation of telling) {
    const { op, in: input, in2, status } = operation
    const value = op === 'put' ? input : op === 'cas' ? in2 : undefined
    const known = status === 'info' && value !== undefined ? values.get(value) : undefined
    if (known?.writers !== 1) result.push(placed(operation))
    else if (known.seenBefore < Infinity) result.push({ operation, before: known.seenBefore, required: true })
    else if (explained || expected.has(value)) result.push(placed(operation))
  }
  return result
}
