// Histories for tests, written down shortly.

import type { Operation } from '../../src/node/maelstrom/history.ts'
import type { Body } from '../../src/node/maelstrom/protocol.ts'

export interface Rest {
  readonly process?: number
  readonly node?: string
  readonly final?: boolean
}

/** An operation that was answered. */
export function ok(call: number, ret: number, request: Body, reply: Omit<Body, 'type'>, rest: Rest = {}): Operation {
  const answer = { ...reply, type: `${request.type}_ok` }
  return { process: 1, node: 'n0', final: false, ...rest, call, ret, request, status: 'ok', reply: answer }
}

/** One whose answer is an error, or that has none. */
export function other(
  status: Operation['status'],
  call: number,
  ret: number,
  request: Body,
  code?: number,
  rest: Rest = {},
): Operation {
  const reply = code === undefined ? {} : { reply: { type: 'error', code, text: 'so it is' } }
  return { process: 1, node: 'n0', final: false, ...rest, call, ret, request, status, ...reply }
}
