// What the workbench and the nodes say to each other: one JSON object per line, and the standard error codes.
//
// Always true: whatever the text was, parsing gives a message that is well formed or the reason why it is none; nothing
// is thrown. An error is definite (the request was and will not be executed) unless its code says otherwise.

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** The inside of a message: its type, the numbers that tie replies to requests, and whatever the type asks for. */
export interface Body {
  readonly type: string
  readonly msg_id?: number | undefined
  readonly in_reply_to?: number
  readonly [key: string]: Json | undefined
}

export interface Message {
  readonly src: string
  readonly dest: string
  readonly body: Body
}

/** A message that wants an answer. */
export interface Request extends Message {
  readonly body: Body & { readonly msg_id: number }
}

/** The body of an answer; the numbers are added by whoever sends it. */
export interface Reply {
  readonly type: string
  readonly [key: string]: Json | undefined
}

/** The error codes of Maelstrom. `timeout` and `crash` are indefinite: the request may have been executed. */
export const ERROR_CODES = {
  timeout: 0,
  nodeNotFound: 1,
  notSupported: 10,
  temporarilyUnavailable: 11,
  malformedRequest: 12,
  crash: 13,
  abort: 14,
  keyDoesNotExist: 20,
  keyAlreadyExists: 21,
  preconditionFailed: 22,
  txnConflict: 30,
} as const

export type ErrorName = keyof typeof ERROR_CODES

export function errorReply(name: ErrorName, text: string): Reply {
  return { type: 'error', code: ERROR_CODES[name], text }
}

export type ParsedLine =
  | { readonly status: 'MESSAGE'; readonly message: Message }
  /** The envelope is fine and names a request, but its body is not: it can be answered. */
  | {
      readonly status: 'MALFORMED'
      readonly src: string
      readonly dest: string
      readonly id: number
      readonly text: string
    }
  /** Nobody could be told. */
  | { readonly status: 'NOISE'; readonly text: string }

/** Objects and lists inside of each other: what is written again must not use up the stack. */
const MAX_DEPTH = 64

export function parseLine(line: string): ParsedLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { status: 'NOISE', text: 'a line that is not JSON' }
  }
  if (!isObject(value)) return { status: 'NOISE', text: 'a line that is not an object' }
  const { src, dest, body } = value
  if (typeof src !== 'string' || typeof dest !== 'string') {
    return { status: 'NOISE', text: 'a message without src or dest' }
  }
  if (!isObject(body)) return { status: 'NOISE', text: `a message without body from ${src}` }
  const { type, msg_id: id, in_reply_to: inReplyTo } = body
  if (id !== undefined && !isId(id)) return { status: 'NOISE', text: `a msg_id that is no number, from ${src}` }
  if (inReplyTo !== undefined && !isId(inReplyTo)) {
    return { status: 'NOISE', text: `an in_reply_to that is no number, from ${src}` }
  }
  const wrong =
    typeof type !== 'string'
      ? 'The body has no type.'
      : isShallow(body, MAX_DEPTH)
        ? undefined
        : `The body is nested more than ${MAX_DEPTH} deep.`
  if (wrong !== undefined) {
    if (id === undefined) return { status: 'NOISE', text: `from ${src}: ${wrong}` }
    return { status: 'MALFORMED', src, dest, id, text: wrong }
  }
  return { status: 'MESSAGE', message: { src, dest, body: body as unknown as Body } }
}

export function isRequest(message: Message): message is Request {
  return message.body.msg_id !== undefined && message.body.in_reply_to === undefined
}

/** A JSON object, and not an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a value is nested no deeper than this. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1))
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The name of a JSON value as a key: equal for equal values only, whatever the order of an object's keys. */
export function nameOf(value: Json): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  )
}
