// What a thing does when it is used by one client at a time: the yardstick that `checkLinearizable` measures with.
//
// Always true: a model is a pure function of state and operation. It never looks at clocks, and what it says of an
// operation does not depend on what it was asked before.

import type { TimedOperation } from './history.ts'

/** What one operation does to a state: `ok: false` when what the client saw could not come of it. */
export type Step<State> = { readonly ok: true; readonly state: State } | { readonly ok: false }

export const IMPOSSIBLE: { readonly ok: false } = { ok: false }

export interface Model<State, Operation extends TimedOperation = TimedOperation> {
  readonly name: string

  /** What there is before the first operation on a key. */
  init(key: string): State

  /**
   * What comes of an operation. Where its status is `info`, nobody saw what came of it: then only what it was asked to
   * do counts, and the step is always possible.
   */
  step(state: State, operation: Operation): Step<State>

  /**
   * A number or a text that is equal for equal states. @default the state itself, which must then be a number, a text,
   * a truth value or undefined
   */
  hash?(state: State): number | string

  /** Whether states of equal hash are equal. @default they are: the hash says everything, as a JSON text does */
  equal?(a: State, b: State): boolean

  /**
   * Splits the history into parts that have nothing to do with each other, each checked by itself. @default the key
   */
  key?(operation: Operation): string

  /** @throws MakoError `BAD_OPTION` when the operation is none of this model */
  check?(operation: Operation, position: number): void

  /** How an operation is written in an explanation. @default its JSON text */
  describe?(operation: Operation): string

  /** How a state is written in an explanation. @default its JSON text */
  describeState?(state: State): string

  /**
   * Whether an operation whose outcome is known changes nothing, in whatever state it took effect: a hint that makes the
   * search much faster. @default none is known to
   */
  reads?(operation: Operation): boolean

  /**
   * Operations with unknown outcomes and equal effects are interchangeable: only the one called first is tried. @default
   * no two are
   */
  effect?(operation: Operation): string

  /** What the history of one key tells of its unknown outcomes. @default nothing */
  settle?(history: readonly Operation[]): readonly Placed<Operation>[]
}

/** An operation and when it took effect, as far as that is known; operations that cannot matter are left out. */
export interface Placed<Operation> {
  readonly operation: Operation
  /** It has taken effect before this time; Infinity when it may have done so at any time. */
  readonly before: number
  /** Whether it must have taken effect at all. */
  readonly required: boolean
}

/** What is known when nothing is concluded from other operations. */
export function placed<Operation extends TimedOperation>(operation: Operation): Placed<Operation> {
  return operation.status === 'ok'
    ? { operation, before: operation.ret ?? Infinity, required: true }
    : { operation, before: Infinity, required: false }
}
