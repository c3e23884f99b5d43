// `lin-kv`: registers that are read, written and compared, each of which must be linearizable.
//
// Always true: an error that tells something of the key (there is none; it has another value) is an answer, and must fit
// like one.

import { checkLinearizable } from '../../../checkers/linearizable.ts'
import type { KeyOperation, TimedOperation } from '../../../checkers/history.ts'
import { IMPOSSIBLE, type Model } from '../../../checkers/model.ts'
import type { Operation } from '../history.ts'
import { errorCodeOf, KEY_DOES_NOT_EXIST } from '../protocol.ts'
import { Findings, show, type Verdict } from './findings.ts'

/** An operation on a key; keys and values are JSON texts. */
export interface RegisterOperation extends TimedOperation {
  readonly key: string
  readonly f: 'read' | 'write' | 'cas'
  /** What is written. */
  readonly value?: string
  /** What `cas` expects. */
  readonly from?: string
  /** Whether `cas` writes as well where there is nothing. */
  readonly create?: boolean
  /** What came of it: done, or nothing was there, or something else was there. */
  readonly outcome?: 'done' | 'missing' | 'different'
  /** What was read. */
  readonly out?: string
}

const registers: Model<string | undefined, RegisterOperation> = {
  name: 'lin-kv',
  init: () => undefined,
  step: (state, { f, value, from, create, outcome, out }) => {
    switch (f) {
      case 'read':
        return outcome === undefined || state === (outcome === 'done' ? out : undefined)
          ? { ok: true, state }
          : IMPOSSIBLE
      case 'write':
        return { ok: true, state: value }
      case 'cas': {
        const would =
          state === from || (state === undefined && create === true)
            ? 'done'
            : state === undefined
              ? 'missing'
              : 'different'
        if (outcome !== undefined && outcome !== would) return IMPOSSIBLE
        return { ok: true, state: would === 'done' ? value : state }
      }
    }
  },
  reads: ({ f, outcome }) => outcome !== undefined && (f === 'read' || (f === 'cas' && outcome !== 'done')),
  effect: ({ f, value, from, create }) => JSON.stringify([f, value, from, create]),
  describe: ({ f, value, from, create, outcome, out }) => {
    const asked = f === 'read' ? 'read' : f === 'write' ? `write ${show(value)}` : `cas ${show(from)} ${show(value)}`
    const told = outcome === undefined ? ': unknown' : ` -> ${outcome === 'done' && f === 'read' ? show(out) : outcome}`
    return `${asked}${create === true ? ' or create' : ''}${told}`
  },
  describeState: (state) => state ?? 'nothing',
}

export function checkLinKv(history: readonly Operation[]): Verdict {
  const findings = new Findings()
  const operations = registerOperationsOf(history, findings)
  const result = checkLinearizable(operations, registers)
  if (result.verdict === 'invalid') findings.add('not linearizable', result.explanation)
  if (result.verdict === 'unknown') findings.add('undecided', result.explanation)
  return { errors: findings.errors, details: { keys: new Set(operations.map(({ key }) => key)).size } }
}

/** What a checker of registers can judge. Reads without an answer tell nothing, and are left out. */
export function registerOperationsOf(history: readonly Operation[], findings: Findings): readonly RegisterOperation[] {
  const operations: RegisterOperation[] = []
  for (const { process, request, reply, status, call, ret, node } of history) {
    const f = request.type
    if (f !== 'read' && f !== 'write' && f !== 'cas') continue
    if (status === 'fail' || (f === 'read' && status === 'info')) continue
    const base = { client: process, key: show(request['key']), f, call, ret, status } as const
    const asked =
      f === 'write'
        ? { value: show(request['value']) }
        : f === 'cas'
          ? {
              value: show(request['to']),
              from: show(request['from']),
              create: request['create_if_not_exists'] === true,
            }
          : {}
    if (status === 'info') operations.push({ ...base, ...asked })
    else if (reply?.type === 'error') {
      const outcome = errorCodeOf(reply) === KEY_DOES_NOT_EXIST ? 'missing' : 'different'
      // A write needs nothing to be there, and a read has nothing to compare.
      if (f === 'write' || (f === 'read' && outcome === 'different')) {
        findings.add('impossible error', `${node} answered ${show(request)} with ${show(reply)}`)
      } else operations.push({ ...base, ...asked, outcome })
    } else if (f === 'read') {
      const value = reply?.['value']
      // Some systems say that nothing is there by reading null.
      if (value === undefined || value === null) operations.push({ ...base, outcome: 'missing' })
      else operations.push({ ...base, outcome: 'done', out: show(value) })
    } else operations.push({ ...base, ...asked, outcome: 'done' })
  }
  return operations
}

/** The history in the format of `KeyOperation`; `create` is added where a `cas` may create. */
export function keyOperationsOf(history: readonly Operation[]): readonly (KeyOperation & { create?: true })[] {
  const failed = history
    .filter(({ status, request }) => status === 'fail' && request.type === 'write')
    .map(({ process, request, call, ret }): KeyOperation => {
      const [key, value] = [show(request['key']), show(request['value'])]
      return { client: process, key, op: 'put', in: value, call, ret, status: 'fail' }
    })
  const told = registerOperationsOf(history, new Findings()).map((operation): KeyOperation & { create?: true } => {
    const { client, key, f, value, from, create, outcome, out, call, ret, status } = operation
    const base = { client, key, call, ...(ret === undefined ? {} : { ret }), status } as const
    switch (f) {
      case 'read':
        return { ...base, op: 'get', ...(out === undefined ? {} : { out }) }
      case 'write':
        return { ...base, op: 'put', in: value ?? '' }
      case 'cas':
        return {
          ...base,
          op: 'cas',
          in2: value ?? '',
          ...(from === undefined ? {} : { in: from }),
          ...(outcome === undefined ? {} : { ok: outcome === 'done' }),
          ...(create === true ? { create: true } : {}),
        }
    }
  })
  return [...told, ...failed].sort((a, b) => a.call - b.call)
}
