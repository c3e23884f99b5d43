// The ledger: every call of every client, and what it was told.
//
// Always true: payloads are unique, so each has at most one place in one log. What was APPLIED stands at the index that
// was told and nowhere else; what was LOST or refused stands nowhere; what an engine that still runs has accepted is
// answered. An answer also fixes the order: what is proposed after an entry was APPLIED gets a higher index
// (linearizability of the log, seen from its clients).

import type { AddLogResult, NodeId, Outcome } from '@mako/engine'
import type { LawBook } from './book.ts'

/** What is counted, by answer: made once, not for every call. */
const ADD_LOG: Readonly<Record<AddLogResult['status'], string>> = {
  SUCCESS: 'addLog SUCCESS',
  NOT_LEADER: 'addLog NOT_LEADER',
  BUSY: 'addLog BUSY',
  REJECTED: 'addLog REJECTED',
}
const OUTCOME: Readonly<Record<Outcome['status'], string>> = {
  APPLIED: 'outcome APPLIED',
  LOST: 'outcome LOST',
  UNKNOWN: 'outcome UNKNOWN',
}

/** What a client knows of one call. */
interface Call {
  readonly keys: readonly number[]
  readonly node: NodeId
  readonly partition: number
  readonly index: number
  /** The engine that was asked still runs, so it owes an answer. */
  readonly owed: () => boolean
  state: 'open' | 'APPLIED' | 'LOST' | 'UNKNOWN'
}

export class Ledger {
  readonly #book: LawBook
  readonly #calls: Call[] = []
  #open = new Set<Call>()
  readonly #confirmed: { readonly keys: readonly number[]; readonly partition: number; readonly outcome: Outcome }[] =
    []
  readonly #refused = new Map<number, string>()
  /** By partition: the highest index that was answered with APPLIED. */
  readonly #answered = new Map<number, number>()

  constructor(book: LawBook) {
    this.#book = book
  }

  /** Calls that were accepted by an engine that still runs, and are not answered. */
  get open(): number {
    let open = 0
    for (const call of this.#open) {
      if (call.owed()) open++
      else this.#open.delete(call)
    }
    return open
  }

  /** Notes a call at the moment of its answer. `owed` tells whether the engine that was asked still runs. */
  note(
    call: { readonly keys: readonly number[]; readonly node: NodeId; readonly partition: number },
    result: AddLogResult,
    owed: () => boolean,
  ): void {
    this.#book.count(ADD_LOG[result.status])
    if (result.status !== 'SUCCESS') {
      for (const key of call.keys) this.#refused.set(key, result.status)
      return
    }
    const { index, count, partition } = result
    if (partition !== call.partition || count !== call.keys.length) {
      this.#book.broken(
        'answers',
        `${call.node} accepted ${count} entries of partition ${partition}, not what was asked`,
      )
    }
    const answered = this.#answered.get(partition) ?? 0
    const accepted: Call = { ...call, index, owed, state: 'open' }
    this.#calls.push(accepted)
    this.#open.add(accepted)
    void result.outcome.then((outcome) => this.#answer(accepted, outcome, answered))
  }

  /** What `outcomeOf` said, on any node and at any time, about an entry that was accepted. */
  confirm(keys: readonly number[], partition: number, outcome: Outcome): void {
    this.#book.count(`outcomeOf ${outcome.status}`)
    if (outcome.status === 'UNKNOWN') return
    this.#confirmed.push({ keys, partition, outcome })
  }

  /** The last look: everything that was told must fit what is committed. */
  check(): void {
    const places = new Map<number, string>()
    for (const partition of this.#book.partitions) {
      const { committed } = this.#book.partition(partition)
      for (let index = 1; index <= committed.lastIndex; index++) {
        const { key, noop } = committed.factsAt(index)!
        if (noop) continue
        const place = `${partition}:${index}`
        const other = places.get(key)
        if (other !== undefined) this.#book.broken('answers', `one payload is committed at ${other} and at ${place}`)
        places.set(key, place)
        const refused = this.#refused.get(key)
        if (refused !== undefined) this.#book.broken('answers', `a call was answered ${refused}, and is at ${place}`)
      }
    }
    for (const { keys, partition, outcome } of this.#confirmed) {
      const place = places.get(keys[0]!)
      const expected = outcome.status === 'APPLIED' ? `${partition}:${outcome.index}` : undefined
      if (place !== expected) {
        this.#book.broken('answers', `outcomeOf said ${outcome.status}, the entry is ${place ?? 'nowhere'}`)
      }
    }
    for (const call of this.#calls) {
      const what = `a call to ${call.node} for partition ${call.partition} at ${call.index}`
      for (const [i, key] of call.keys.entries()) {
        const place = places.get(key)
        if (call.state === 'LOST' && place !== undefined) {
          this.#book.broken('answers', `${what} was LOST, and is at ${place}`)
        } else if (call.state === 'APPLIED' && place !== `${call.partition}:${call.index + i}`) {
          this.#book.broken('answers', `${what} was APPLIED, and is ${place ?? 'nowhere'}`)
        } else if (place !== undefined && place !== `${call.partition}:${call.index + i}`) {
          this.#book.broken('answers', `${what} is at ${place}`)
        }
      }
      if (call.state === 'open' && call.owed()) this.#book.broken('answers', `${what} was never answered`)
    }
  }

  #answer(call: Call, outcome: Outcome, answeredBefore: number): void {
    // A process that died in the middle of its turn has told nobody.
    if (!call.owed()) return
    const what = `${call.node}, partition ${call.partition}, entry ${call.index}`
    if (call.state !== 'open') this.#book.broken('answers', `${what} was answered twice`)
    call.state = outcome.status
    this.#open.delete(call)
    this.#book.count(OUTCOME[outcome.status])
    this.#book.history.add(4, outcome.status.length, call.partition, call.index, call.keys[0])
    if (outcome.status !== 'APPLIED') return
    const { committed } = this.#book.partition(call.partition)
    const values = Array.isArray(outcome.value) ? (outcome.value as readonly unknown[]) : [outcome.value]
    for (const [i, key] of call.keys.entries()) {
      if (outcome.index !== call.index || committed.factsAt(call.index + i)?.key !== key) {
        this.#book.broken('answers', `${what} was APPLIED at ${outcome.index}, where it is not committed`)
      }
      if (values[i] !== key) this.#book.broken('answers', `${what} was APPLIED with another callback's value`)
    }
    if (call.index <= answeredBefore) {
      this.#book.broken('answers', `${what} was proposed after ${answeredBefore} was answered, and stands before it`)
    }
    const last = call.index + call.keys.length - 1
    this.#answered.set(call.partition, Math.max(last, this.#answered.get(call.partition) ?? 0))
  }
}
