// A small picture of a few operations: one line each, from its call to its return, in the order of time.
//
// Always true: what stands left of something in the picture was earlier, or both were at one time; distances mean
// nothing.

import type { TimedOperation } from './history.ts'

interface Mark<Operation> {
  readonly operation: Operation
  readonly time: number
  readonly kind: 'call' | 'return'
}

/** Draws operations; `marked` is the one that does not fit. */
export function drawOperations<Operation extends TimedOperation>(
  operations: readonly Operation[],
  describe: (operation: Operation) => string,
  marked: Operation | undefined,
): string {
  const sorted = [...operations].sort((a, b) => a.call - b.call)
  const marks: Mark<Operation>[] = sorted.flatMap((operation) => {
    const { call, ret = Infinity, status } = operation
    const returns: Mark<Operation> = { operation, time: status === 'ok' ? ret : Infinity, kind: 'return' }
    return [{ operation, time: call, kind: 'call' }, returns]
  })
  marks.sort((a, b) =>
    a.time === b.time ? Number(a.kind === 'return') - Number(b.kind === 'return') : a.time - b.time,
  )
  const calls = new Map<Operation, number>()
  const returns = new Map<Operation, number>()
  let column = 0
  let last: Mark<Operation> | undefined
  for (const mark of marks) {
    if (last !== undefined && !(mark.time === last.time && mark.kind === last.kind)) column += 2
    if (mark.kind === 'call') calls.set(mark.operation, column)
    else {
      const room = calls.get(mark.operation)! + describe(mark.operation).length + 5
      column = Math.max(column, room)
      returns.set(mark.operation, column)
    }
    last = mark
  }
  const width = Math.max(...sorted.map(({ client }) => String(client).length))
  return sorted
    .map((operation) => {
      const from = calls.get(operation)!
      const to = returns.get(operation)!
      const open = operation.status !== 'ok'
      const text = ` ${describe(operation)} `
      const line = `${' '.repeat(from)}|-${text}${(open ? ' ' : '-').repeat(to - from - text.length - 2)}${open ? '...' : '|'}`
      const note = operation === marked ? '   <- has no place' : ''
      return `  client ${String(operation.client).padEnd(width)}  ${line}${note}`
    })
    .join('\n')
}
