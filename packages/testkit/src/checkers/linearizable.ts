// Linearizability: whether all operations have taken effect one at a time, each between its call and its return
// (Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990).
//
// Always true: a history is linearizable if and only if it is for each key (locality, theorem 1 of that paper), so each
// key is searched by itself. The verdict is exact, or `unknown` when a key needs more steps than it was given.

import { MakoError } from '@mako/engine'
import { checkOperations, type KeyOperation, type TimedOperation } from './history.ts'
import { placed, type Model } from './model.ts'
import { drawOperations } from './picture.ts'
import { registerModel } from './register-model.ts'
import { search, type Stuck } from './search.ts'

export interface LinearizabilityOptions {
  /**
   * Steps that the search of one key may take; about a million are done in a second. @default 2,000,000: far beyond
   * what good histories need while at most ten operations on a key overlap, and some seconds for those that are not.
   */
  readonly stepLimit?: number
}

export type LinearizabilityResult<State = unknown, Operation = TimedOperation> =
  | { readonly verdict: 'valid'; readonly keys: number; readonly operations: number; readonly steps: number }
  | ({
      readonly verdict: 'invalid'
      readonly key: string
      /** What has happened, for people: the longest order that fits, what does not, and a picture of both. */
      readonly explanation: string
    } & Stuck<State, Operation>)
  /** No key is known to be wrong, and for these the limit of steps was reached. */
  | { readonly verdict: 'unknown'; readonly keys: readonly string[]; readonly explanation: string }

/**
 * Checks a history of registers, or of whatever the model says.
 * @throws MakoError `BAD_OPTION` for a history that contradicts itself or a model that cannot compare its states
 */
export function checkLinearizable(
  history: readonly KeyOperation[],
  model?: Model<string | undefined, KeyOperation>,
  options?: LinearizabilityOptions,
): LinearizabilityResult<string | undefined, KeyOperation>
export function checkLinearizable<State, Operation extends TimedOperation>(
  history: readonly Operation[],
  model: Model<State, Operation>,
  options?: LinearizabilityOptions,
): LinearizabilityResult<State, Operation>
export function checkLinearizable(
  history: readonly KeyOperation[],
  model: Model<unknown, KeyOperation> = registerModel,
  options: LinearizabilityOptions = {},
): LinearizabilityResult<unknown, KeyOperation> {
  const { stepLimit = 2_000_000 } = options
  if (!Number.isInteger(stepLimit) || stepLimit < 1) {
    throw new MakoError('BAD_OPTION', `stepLimit must be a whole number above 0, not ${String(stepLimit)}.`)
  }
  checkOperations(history)
  if (model.check !== undefined) for (const [i, operation] of history.entries()) model.check(operation, i)
  let steps = 0
  const unknown: string[] = []
  const parts = partsOf(history, model)
  for (const [key, part] of parts) {
    part.sort((a, b) => a.call - b.call)
    const operations = model.settle?.(part) ?? part.map(placed)
    const result = search(key, operations, model, stepLimit)
    steps += result.steps
    if (result.status === 'too-long') unknown.push(key)
    if (result.status !== 'stuck') continue
    const { operation, count, order, states } = result
    const explanation = explain(key, part, result, model)
    return { verdict: 'invalid', key, operation, count, order, states, explanation }
  }
  if (unknown.length === 0) return { verdict: 'valid', keys: parts.size, operations: history.length, steps }
  const names = unknown.slice(0, 5).join(', ') + (unknown.length > 5 ? ', ...' : '')
  const explanation =
    `No order was found and none was ruled out in ${stepLimit} steps a key, for ${unknown.length} of ${parts.size} ` +
    `keys: ${names}. Fewer operations that overlap, fewer unknown outcomes or shorter histories of a key help.`
  return { verdict: 'unknown', keys: unknown, explanation }
}

/** The operations of each key that may have happened. */
function partsOf<State>(
  history: readonly KeyOperation[],
  model: Model<State, KeyOperation>,
): Map<string, KeyOperation[]> {
  const parts = new Map<string, KeyOperation[]>()
  for (const operation of history) {
    // A model of one's own may have operations without a key: then everything is one part.
    const key = model.key === undefined ? ((operation as Partial<KeyOperation>).key ?? '') : model.key(operation)
    let part = parts.get(key)
    if (part === undefined) parts.set(key, (part = []))
    if (operation.status !== 'fail') part.push(operation)
  }
  return parts
}

function explain<State, Operation extends TimedOperation>(
  key: string,
  part: readonly Operation[],
  { operation, count, order, states }: Stuck<State, Operation>,
  model: Model<State, Operation>,
): string {
  const describe = (each: Operation): string => model.describe?.(each) ?? JSON.stringify(each)
  const describeState = (state: State): string => {
    const text = model.describeState?.(state) ?? show(state)
    return text.length > 60 ? `... ${text.slice(-60)}` : text
  }
  const [first, ...others] = [...new Set(states.map(describeState))]
  const also = others.length === 0 ? '' : ` (or, in other orders, ${others.join(', ')})`
  const placedBefore =
    count === 0
      ? 'It is the first that returns.'
      : `The longest order that fits has ${count} operations before it and ends with ${order.map(describe).join('; ')}.`
  const shown = [...order.slice(-4), operation]
  for (const each of part) {
    if (shown.length >= 9) break
    const { call, ret = Infinity, status } = each
    const overlaps = call <= (operation.ret ?? Infinity) && (status === 'info' || ret >= operation.call)
    if (overlaps && !shown.includes(each)) shown.push(each)
  }
  return [
    `Key ${JSON.stringify(key)} is not linearizable (${model.name}): client ${operation.client}, ${describe(operation)}, has no place.`,
    `${placedBefore} Then there is ${first ?? 'nothing'}${also}.`,
    drawOperations(shown, describe, operation),
  ].join('\n')
}

function show(value: unknown): string {
  const text: unknown = JSON.stringify(value)
  return typeof text === 'string' ? text : String(value)
}
