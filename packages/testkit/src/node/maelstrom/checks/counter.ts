// `g-counter` and `pn-counter`: in the end all nodes tell one sum, which has every acknowledged delta once.
//
// Always true: a delta whose outcome is not known is in the sum once or not at all. Which sums that allows is computed
// exactly. A read in between may be old, but not outside of what the deltas that were sent by then can make.

import type { Operation } from '../history.ts'
import { Findings, show, type Verdict } from './findings.ts'

export function checkCounter(history: readonly Operation[], nodes: readonly string[]): Verdict {
  const findings = new Findings()
  const adds = history.filter(({ request, status }) => request.type === 'add' && status !== 'fail')
  const acknowledged = adds.filter(({ status }) => status === 'ok').reduce((sum, add) => sum + deltaOf(add), 0)
  const unknown = adds.filter(({ status }) => status === 'info').map(deltaOf)
  const sums = sumsOf(acknowledged, unknown)
  const bounds = new Bounds(adds)
  const last = new Map<string, number>()
  for (const { request, status, reply, node, ret, final } of history) {
    if (request.type !== 'read' || status !== 'ok') continue
    const value = reply?.['value']
    if (typeof value !== 'number') {
      findings.add('malformed answer', `${node} answered read with ${show(reply)}, without a number`)
      continue
    }
    if (final) last.set(node, value)
    const { low, high } = bounds.at(ret)
    if (value >= low && value <= high) continue
    findings.add('impossible sum', `${node} told ${value}; by then only ${low} to ${high} can be made`)
  }
  for (const node of nodes) {
    const value = last.get(node)
    if (value === undefined) findings.add('no final read', `${node} did not answer a read after everything had healed`)
    else if (!sums.has(value)) {
      const also = unknown.length === 0 ? '' : `, with any of ${unknown.length} that are not known`
      findings.add('wrong sum', `${node} tells ${value} in the end; what was acknowledged makes ${acknowledged}${also}`)
    }
  }
  if (new Set(last.values()).size > 1) findings.add('different sums', show(Object.fromEntries(last)))
  return { errors: findings.errors, details: { acknowledgedSum: acknowledged } }
}

function deltaOf({ request }: Operation): number {
  const delta = request['delta']
  return typeof delta === 'number' ? delta : 0
}

/** All sums of a number with any of some deltas. */
export function sumsOf(start: number, deltas: readonly number[]): ReadonlySet<number> {
  let sums = new Set([start])
  for (const delta of deltas) {
    if (delta === 0) continue
    const more = new Set(sums)
    for (const sum of sums) more.add(sum + delta)
    sums = more
  }
  return sums
}

/** What the deltas that were sent by some time can make. */
class Bounds {
  readonly #calls: number[] = []
  readonly #low: number[] = []
  readonly #high: number[] = []

  constructor(adds: readonly Operation[]) {
    let low = 0
    let high = 0
    for (const add of [...adds].sort((a, b) => a.call - b.call)) {
      const delta = deltaOf(add)
      if (delta < 0) low += delta
      else high += delta
      this.#calls.push(add.call)
      this.#low.push(low)
      this.#high.push(high)
    }
  }

  at(time: number): { readonly low: number; readonly high: number } {
    let from = 0
    let to = this.#calls.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.#calls[middle]! <= time) from = middle + 1
      else to = middle
    }
    return { low: this.#low[from - 1] ?? 0, high: this.#high[from - 1] ?? 0 }
  }
}
