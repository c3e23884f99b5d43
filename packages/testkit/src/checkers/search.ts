// The search for one order of all operations on one key: Wing and Gong's search ("Testing and Verifying Concurrent
// Objects", 1993) with Lowe's memory of configurations ("Testing for Linearizability", 2017).
//
// Always true: what only reads is placed as soon as it fits, for good; what writes is tried in the order of the calls, and
// before what may be left out; nothing is tried twice from one configuration. The answer is exact, or says that the limit
// of steps was reached.

import { MakoError } from '@mako/engine'
import type { TimedOperation } from './history.ts'
import type { Model, Placed } from './model.ts'
import { BitWindow, SeenConfigurations } from './seen.ts'

/** How a search ended. */
export type SearchResult<State, Operation> =
  | { readonly status: 'placed'; readonly steps: number }
  | { readonly status: 'too-long'; readonly steps: number }
  | ({ readonly status: 'stuck'; readonly steps: number } & Stuck<State, Operation>)

/** Where the search that came furthest has ended. */
export interface Stuck<State, Operation> {
  /** The first operation, by the time of its return, that no order can hold. */
  readonly operation: Operation
  /** How many operations were placed in the longest order of all that returned before. */
  readonly count: number
  /** The last of them, in that order. */
  readonly order: readonly Operation[]
  /** The states in which orders of everything before have ended; the first is that of `order`. At most a few. */
  readonly states: readonly State[]
}

/** How much of an order is kept for explanations. */
const ORDER_KEPT = 6
const STATES_KEPT = 5

/**
 * Looks for an order of operations in which each takes effect between its call and its return.
 * `operations` are sorted by their calls.
 */
export function search<State, Operation extends TimedOperation>(
  key: string,
  operations: readonly Placed<Operation>[],
  model: Model<State, Operation>,
  stepLimit: number,
): SearchResult<State, Operation> {
  return new Search(key, operations, model, stepLimit).run()
}

class Search<State, Operation extends TimedOperation> {
  readonly #required: readonly Placed<Operation>[]
  readonly #optional: readonly Placed<Operation>[]
  readonly #model: Model<State, Operation>
  readonly #states: StateTable<State>
  readonly #stepLimit: number
  readonly #initial: number

  // The calls and returns of required operations in the order of time, as a list with links: the call of the i-th is
  // node i, its return node n + i. What is placed is taken out of the list.
  readonly #head: number
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** By node: its place in the order of time. */
  readonly #place: Float64Array
  /** By optional operation: the last before it with the same effect, or -1. */
  readonly #twin: Int32Array

  /** By required operation: 1 when it only reads. */
  readonly #reads: Uint8Array

  readonly #placed: BitWindow
  readonly #taken: BitWindow
  /** What was placed: a required operation i, or n + an optional one; with the state before, and where the scan was. */
  readonly #stack: number[] = []
  readonly #before: number[] = []
  readonly #scan: number[] = []

  #stuckPlace = -1
  #stuck: Stuck<State, Operation> | undefined

  constructor(key: string, operations: readonly Placed<Operation>[], model: Model<State, Operation>, limit: number) {
    this.#model = model
    this.#stepLimit = limit
    this.#states = new StateTable(model)
    this.#initial = this.#states.idOf(model.init(key))
    this.#required = operations.filter(({ required }) => required)
    this.#optional = operations.filter(({ required }) => !required)
    const n = this.#required.length
    this.#placed = new BitWindow(n)
    this.#taken = new BitWindow(this.#optional.length)
    this.#head = 2 * n
    this.#next = new Int32Array(2 * n + 1)
    this.#previous = new Int32Array(2 * n + 1)
    this.#place = new Float64Array(2 * n)
    this.#link(n)
    this.#twin = twinsOf(this.#optional, model)
    this.#reads = Uint8Array.from(this.#required, ({ operation }) => (model.reads?.(operation) === true ? 1 : 0))
  }

  run(): SearchResult<State, Operation> {
    const n = this.#required.length
    const next = this.#next
    const seen = new SeenConfigurations()
    let state = this.#initial
    let missing = n - this.#placeReads(state)
    let node = next[this.#head]!
    let option = 0
    let steps = 0
    while (missing > 0) {
      if (++steps > this.#stepLimit) return { status: 'too-long', steps }
      if (node < n) {
        // A call: everything that has returned is placed, so this operation may be the next.
        if (this.#reads[node] === 1) {
          // It did not fit when this configuration was entered.
          node = next[node]!
          continue
        }
        const after = this.#step(state, this.#required[node]!.operation)
        if (after >= 0) {
          this.#placed.add(node)
          if (seen.add(after, this.#placed, this.#taken.words)) {
            this.#push(node, state, node)
            this.#unlink(node)
            state = after
            missing -= 1 + this.#placeReads(state)
            node = next[this.#head]!
            continue
          }
          this.#placed.delete(node)
        }
        node = next[node]!
        continue
      }
      // A return that cannot be passed before its operation is placed: the optional ones are all that is left.
      const found = this.#takeOption(state, node, option, seen)
      if (found >= 0) {
        state = found
        missing -= this.#placeReads(state)
        option = 0
        node = next[this.#head]!
        continue
      }
      this.#noteStuck(node - n, state)
      let last = this.#stack.pop()
      // Reads were placed for good: there is nothing else to try instead.
      for (; last !== undefined && last < n && this.#reads[last] === 1; last = this.#stack.pop()) {
        this.#placed.delete(last)
        this.#relink(last)
        missing++
        this.#before.pop()
        this.#scan.pop()
      }
      if (last === undefined) return { status: 'stuck', steps, ...this.#stuck! }
      state = this.#before.pop()!
      node = this.#scan.pop()!
      if (last < n) {
        this.#placed.delete(last)
        this.#relink(last)
        missing++
        node = next[last]!
        option = 0
      } else {
        this.#taken.delete(last - n)
        option = last - n + 1
      }
    }
    return { status: 'placed', steps }
  }

  /**
   * Places every read that fits, and tells how many they were. From any order of what is left, a read that fits now can
   * be moved here: it changes nothing for the others. So nothing is lost by it, and nothing else need be tried.
   */
  #placeReads(state: number): number {
    const n = this.#required.length
    let count = 0
    let node = this.#next[this.#head]!
    // The return of an operation that is not placed ends it: what was called later must wait for that.
    while (node < n) {
      if (this.#reads[node] === 1 && this.#step(state, this.#required[node]!.operation) >= 0) {
        this.#placed.add(node)
        this.#push(node, state, node)
        this.#unlink(node)
        count++
        // Its return is gone with it, perhaps the very next node, so that more calls are in reach.
        node = this.#next[this.#previous[node]!]!
      } else node = this.#next[node]!
    }
    return count
  }

  /** Takes the first optional operation from `from` on that was called and leads somewhere new; -1 if there is none. */
  #takeOption(state: number, node: number, from: number, seen: SeenConfigurations): number {
    const n = this.#required.length
    const place = this.#place[node]!
    for (let i = from; i < this.#optional.length; i++) {
      const { operation } = this.#optional[i]!
      // Calls come before returns of the same time.
      if (operation.call > place) break
      const twin = this.#twin[i]!
      if (this.#taken.has(i) || (twin >= 0 && !this.#taken.has(twin))) continue
      const after = this.#step(state, operation)
      if (after < 0 || after === state) continue
      this.#taken.add(i)
      if (seen.add(after, this.#placed, this.#taken.words)) {
        this.#push(n + i, state, node)
        return after
      }
      this.#taken.delete(i)
    }
    return -1
  }

  #step(state: number, operation: Operation): number {
    const result = this.#model.step(this.#states.stateOf(state), operation)
    return result.ok ? this.#states.idOf(result.state) : -1
  }

  #push(what: number, state: number, node: number): void {
    this.#stack.push(what)
    this.#before.push(state)
    this.#scan.push(node)
  }

  #noteStuck(required: number, state: number): void {
    const place = this.#place[this.#required.length + required]!
    const { operation } = this.#required[required]!
    const known = this.#stuck
    const value = this.#states.stateOf(state)
    const further = place > this.#stuckPlace || known === undefined
    if (!further && (place < this.#stuckPlace || known.operation !== operation)) return
    if (!further && (known.states.length >= STATES_KEPT || known.states.includes(value))) return
    const n = this.#required.length
    const operationOf = (what: number): Operation =>
      (what < n ? this.#required[what]! : this.#optional[what - n]!).operation
    this.#stuckPlace = place
    this.#stuck = further
      ? {
          operation,
          count: this.#stack.length,
          order: this.#stack.slice(-ORDER_KEPT).map(operationOf),
          states: [value],
        }
      : { ...known, states: [...known.states, value] }
  }

  /** Makes the list; on one clock calls come before returns of the same time: what may overlap, does. */
  #link(n: number): void {
    const returns = Array.from({ length: n }, (_, i) => n + i)
    const timeOf = (node: number): number => this.#required[node - n]!.before
    returns.sort((a, b) => timeOf(a) - timeOf(b) || a - b)
    let last = this.#head
    const append = (node: number, time: number): void => {
      this.#next[last] = node
      this.#previous[node] = last
      this.#place[node] = time
      last = node
    }
    let call = 0
    for (const node of returns) {
      const before = timeOf(node)
      for (; call < n && this.#required[call]!.operation.call <= before; call++) {
        append(call, this.#required[call]!.operation.call)
      }
      append(node, before)
    }
    for (; call < n; call++) append(call, this.#required[call]!.operation.call)
    this.#next[last] = this.#head
    this.#previous[this.#head] = last
  }

  #unlink(i: number): void {
    const next = this.#next
    const previous = this.#previous
    const n = this.#required.length
    next[previous[i]!] = next[i]!
    previous[next[i]!] = previous[i]!
    next[previous[n + i]!] = next[n + i]!
    previous[next[n + i]!] = previous[n + i]!
  }

  /** The exact reverse of `#unlink`, in reverse order. */
  #relink(i: number): void {
    const next = this.#next
    const previous = this.#previous
    const n = this.#required.length
    next[previous[n + i]!] = n + i
    previous[next[n + i]!] = n + i
    next[previous[i]!] = i
    previous[next[i]!] = i
  }
}

/** What a model says of states. */
interface StateModel<State> {
  readonly name: string
  hash?(state: State): number | string
  equal?(a: State, b: State): boolean
}

/** States by number: equal states have one. */
class StateTable<State> {
  readonly #model: StateModel<State>
  readonly #states: State[] = []
  readonly #ids = new Map<unknown, number[]>()

  constructor(model: StateModel<State>) {
    this.#model = model
  }

  stateOf(id: number): State {
    return this.#states[id]!
  }

  idOf(state: State): number {
    const hash = this.#hash(state)
    const ids = this.#ids.get(hash)
    if (ids === undefined) {
      this.#ids.set(hash, [this.#states.length])
    } else {
      for (const id of ids) if (this.#model.equal?.(this.#states[id]!, state) ?? true) return id
      ids.push(this.#states.length)
    }
    this.#states.push(state)
    return this.#states.length - 1
  }

  #hash(state: State): unknown {
    if (this.#model.hash !== undefined) return this.#model.hash(state)
    if (typeof state !== 'object' && typeof state !== 'function') return state
    throw new MakoError('BAD_OPTION', `The model ${this.#model.name} has states that are objects, and no hash of them.`)
  }
}

function twinsOf<State, Operation extends TimedOperation>(
  optional: readonly Placed<Operation>[],
  model: Model<State, Operation>,
): Int32Array {
  const twins = new Int32Array(optional.length).fill(-1)
  if (model.effect === undefined) return twins
  const last = new Map<string, number>()
  for (const [i, { operation }] of optional.entries()) {
    const effect = model.effect(operation)
    twins[i] = last.get(effect) ?? -1
    last.set(effect, i)
  }
  return twins
}
