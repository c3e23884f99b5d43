// What clients asked, what they were answered and when: the input of every checker.
//
// Always true: `ok` was answered, `fail` was refused for good, and what became of `info` is not known: it may take effect
// at any time after its call, or never. Times are milliseconds of one clock.

import { stringifyLines } from './lines.ts'
import type { Body } from './protocol.ts'

export interface Operation {
  /** Who asked, one request at a time; after `info` it goes on under another number. */
  readonly process: number
  readonly node: string
  readonly request: Body
  readonly call: number
  /** When it was over for the client, answered or not. */
  readonly ret: number
  readonly status: 'ok' | 'fail' | 'info'
  /** The answer; an error's body too. */
  readonly reply?: Body
  /** Asked after everything had healed. */
  readonly final: boolean
}

/** A history of any workload: a line when a request is sent, and one when it is over. */
export function formatOperations(history: readonly Operation[]): string {
  const lines: { readonly time: number; readonly line: object }[] = []
  for (const { process, node, request, call, ret, status, reply = { type: '' } } of history) {
    const f = request.type
    const asked = fieldsOf(request)
    lines.push({ time: call, line: { type: 'invoke', process, time: call, f, node, value: asked } })
    const value = { ...asked, ...(reply.type === 'error' ? { error: fieldsOf(reply) } : fieldsOf(reply)) }
    lines.push({ time: ret, line: { type: status, process, time: ret, f, node, value } })
  }
  lines.sort((a, b) => a.time - b.time)
  return stringifyLines(lines.map(({ line }) => line))
}

const ENVELOPE: readonly string[] = ['type', 'msg_id', 'in_reply_to']

function fieldsOf(body: Body): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !ENVELOPE.includes(name)))
}
