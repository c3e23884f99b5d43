// The model of one key whose value is a list that only grows: append and get.
//
// Always true: a state is the elements joined by commas, and so is what `get` has seen; an element has no comma.

import { checkKeyOperation, refuse, type KeyOperation } from './history.ts'
import { IMPOSSIBLE, placed, type Model, type Placed } from './model.ts'
import { describeOperation } from './register-model.ts'

/** One list for each key. `out` of a get is its elements joined by commas; nothing for the empty list. */
export const listModel: Model<string, KeyOperation> = {
  name: 'list',
  init: () => '',
  step: (state, { op, in: element = '', out = '', status }) => {
    if (op === 'append') return { ok: true, state: state === '' ? element : `${state},${element}` }
    return status === 'ok' && out !== state ? IMPOSSIBLE : { ok: true, state }
  },
  check: (operation, position) => {
    checkKeyOperation(operation, position)
    const { op, in: element } = operation
    if (op !== 'append' && op !== 'get') refuse(position, `is a ${op}, which lists do not have`)
    if (op === 'append' && (element === '' || element?.includes(',') === true)) {
      refuse(position, `appends ${JSON.stringify(element)}, which is empty or has a comma`)
    }
  },
  describe: describeOperation,
  describeState: (state) => `[${state}]`,
  reads: ({ op, status }) => status === 'ok' && op === 'get',
  effect: ({ op, in: element }) => JSON.stringify([op, element]),
  settle,
}

/** The elements of a list as `get` tells them. */
export function elementsOf(out: string | undefined): readonly string[] {
  return out === undefined || out === '' ? [] : out.split(',')
}

/** An element that only one call can have appended was appended before anyone who saw it was answered, or never mattered. */
function settle(history: readonly KeyOperation[]): readonly Placed<KeyOperation>[] {
  const telling = history.filter(({ op, status }) => status === 'ok' || op !== 'get')
  if (telling.every(({ status }) => status === 'ok')) return telling.map(placed)
  const writers = new Map<string, number>()
  for (const { op, in: element = '' } of telling) {
    if (op === 'append') writers.set(element, (writers.get(element) ?? 0) + 1)
  }
  const seenBefore = new Map<string, number>()
  for (const { op, out, ret = Infinity } of telling) {
    if (op !== 'get') continue
    for (const element of elementsOf(out)) {
      if (ret < (seenBefore.get(element) ?? Infinity)) seenBefore.set(element, ret)
    }
  }
  const result: Placed<KeyOperation>[] = []
  for (const operation of telling) {
    const { in: element = '', status } = operation
    if (status === 'ok' || writers.get(element) !== 1) result.push(placed(operation))
    else {
      const before = seenBefore.get(element)
      if (before !== undefined) result.push({ operation, before, required: true })
    }
  }
  return result
}
