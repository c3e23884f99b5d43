// `g-set` and `broadcast`: sets that only grow, and that may be read before everything has arrived everywhere.
//
// Always true: an element may be missing from any read but the last of each node, which is made when everything has
// healed; there every acknowledged element must be. No read ever has an element that nobody has sent, or one twice.

import type { Operation } from '../history.ts'
import { quantilesOf } from '../quantiles.ts'
import { Findings, show, type Verdict } from './findings.ts'

/** What a workload calls it. */
export interface SetWords {
  readonly add: string
  readonly element: string
  /** The list in the answer of `read`. */
  readonly elements: string
}

export const G_SET: SetWords = { add: 'add', element: 'element', elements: 'value' }
export const BROADCAST: SetWords = { add: 'broadcast', element: 'message', elements: 'messages' }

interface Sent {
  readonly operation: Operation
  /** The call of the last read that was called after the acknowledgement and has not got it. */
  missedAt: number
}

export function checkSet(history: readonly Operation[], words: SetWords, nodes: readonly string[]): Verdict {
  const findings = new Findings()
  const sent = new Map<string, Sent>()
  for (const operation of history) {
    if (operation.request.type !== words.add) continue
    sent.set(show(operation.request[words.element]), { operation, missedAt: -Infinity })
  }
  const acknowledged = [...sent]
    .filter(([, { operation }]) => operation.status === 'ok')
    .sort(([, a], [, b]) => a.operation.ret - b.operation.ret)
  const last = new Map<string, ReadonlySet<string>>()

  for (const operation of history) {
    if (operation.request.type !== 'read' || operation.status !== 'ok') continue
    const { node, reply, call, ret } = operation
    const list = reply?.[words.elements]
    if (!Array.isArray(list)) {
      findings.add('malformed answer', `${node} answered read with ${show(reply)}, without a list of ${words.elements}`)
      continue
    }
    const elements = new Set<string>()
    for (const value of list as readonly unknown[]) {
      const element = show(value)
      if (elements.has(element)) findings.add('duplicate', `${node} has ${element} twice in one answer`)
      elements.add(element)
      const origin = sent.get(element)?.operation
      if (origin === undefined) findings.add('phantom', `${node} has ${element}, which nobody has sent`)
      else if (origin.status === 'fail') findings.add('phantom', `${node} has ${element}, which was refused`)
      else if (origin.call > ret) findings.add('phantom', `${node} has ${element} before it was sent`)
    }
    if (operation.final) last.set(node, elements)
    for (const [element, of] of acknowledged) {
      if (of.operation.ret > call) break
      if (!elements.has(element)) of.missedAt = Math.max(of.missedAt, call)
    }
  }

  for (const node of nodes) {
    const elements = last.get(node)
    if (elements === undefined) {
      findings.add('no final read', `${node} did not answer a read after everything had healed`)
      continue
    }
    for (const [element, { operation }] of acknowledged) {
      if (elements.has(element)) continue
      findings.add('lost', `${element}, acknowledged by ${operation.node} at ${ms(operation.ret)}, is not on ${node}`)
    }
  }
  const stable = acknowledged.map(([, { operation, missedAt }]) => Math.max(0, missedAt - operation.ret))
  return {
    errors: findings.errors,
    details: { acknowledged: acknowledged.length, stableLatencyMs: quantilesOf(stable) },
  }
}

function ms(time: number): string {
  return `${Math.round(time)} ms`
}
