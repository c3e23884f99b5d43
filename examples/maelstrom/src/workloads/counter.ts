// `g-counter` and `pn-counter`: one number that only `add` changes.
//
// Always true: each `add` counts once, however often it was sent; the session table sees to it.

import type { Body, Reply } from '../message.ts'
import { malformed, type ParsedOperation, type Workload } from './workload.ts'

export type CounterOperation = { readonly type: 'read' } | { readonly type: 'add'; readonly delta: number }

export class Counter implements Workload<CounterOperation> {
  #value = 0
  #isUsed = false

  /** True once something was added. */
  get isUsed(): boolean {
    return this.#isUsed
  }

  parse(body: Body): ParsedOperation<CounterOperation> {
    const { type, delta } = body
    switch (type) {
      case 'read':
        return { status: 'READ', operation: { type } }
      case 'add':
        if (!Number.isSafeInteger(delta)) return malformed('An add needs a delta, which is an integer.')
        return { status: 'WRITE', operation: { type, delta: delta as number } }
      default:
        return malformed(`${type} is not an operation of a counter.`)
    }
  }

  execute(operation: CounterOperation): Reply {
    switch (operation.type) {
      case 'read':
        return { type: 'read_ok', value: this.#value }
      case 'add':
        this.#value += operation.delta
        this.#isUsed = true
        return { type: 'add_ok' }
    }
  }
}
