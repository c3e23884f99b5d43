// `echo` and `unique-ids`: what can be said of each answer by itself, or of all answers together.

import { isDeepStrictEqual } from 'node:util'
import type { Operation } from '../history.ts'
import { Findings, show, type Verdict } from './findings.ts'

/** An echo is equal to what was called. */
export function checkEcho(history: readonly Operation[]): Verdict {
  const findings = new Findings()
  for (const { request, reply, status, node } of history) {
    if (status !== 'ok' || isDeepStrictEqual(request['echo'], reply?.['echo'])) continue
    findings.add('wrong echo', `${node} was sent ${show(request['echo'])} and answered ${show(reply?.['echo'])}`)
  }
  return { errors: findings.errors, details: {} }
}

/** No id is given twice. */
export function checkUniqueIds(history: readonly Operation[]): Verdict {
  const findings = new Findings()
  const givenBy = new Map<string, string>()
  for (const { reply, status, node } of history) {
    if (status !== 'ok') continue
    const id = reply?.['id']
    if (id === undefined || id === null) {
      findings.add('no id', `${node} answered ${show(reply)}`)
      continue
    }
    const first = givenBy.get(show(id))
    if (first !== undefined) findings.add('duplicate id', `${show(id)} was given by ${first} and by ${node}`)
    givenBy.set(show(id), node)
  }
  return { errors: findings.errors, details: { ids: givenBy.size } }
}
