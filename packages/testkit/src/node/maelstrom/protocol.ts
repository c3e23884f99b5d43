// What is said in Maelstrom: one JSON object a line, from a source to a destination, with a body that has a type.
//
// Always true: an error is definite only when its code says that the request was not and will not be executed.

/** What is asked or answered. Fields beyond these belong to the workload. */
export interface Body {
  readonly type: string
  readonly msg_id?: number
  readonly in_reply_to?: number
  readonly [field: string]: unknown
}

export interface Message {
  readonly src: string
  readonly dest: string
  readonly body: Body
}

/** Codes of errors after which it is certain that nothing was and will be done. All others leave it open. */
const DEFINITE: ReadonlySet<number> = new Set([1, 10, 11, 12, 14, 20, 21, 22, 30])

export const KEY_DOES_NOT_EXIST = 20
export const PRECONDITION_FAILED = 22

export function isDefinite(code: number): boolean {
  return DEFINITE.has(code)
}

/** The code of an error; 13 (a crash: anything may have happened) where it has none. */
export function errorCodeOf({ code }: Body): number {
  return typeof code === 'number' ? code : 13
}

/** Reads one line of a node, or tells what is wrong with it. */
export function parseMessage(line: string): Message | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'is not JSON'
  }
  if (!isObject(value)) return 'is not an object'
  const { src, dest, body } = value
  if (typeof src !== 'string') return 'has no src'
  if (typeof dest !== 'string') return 'has no dest'
  if (!isObject(body) || typeof body['type'] !== 'string') return 'has no body with a type'
  return { src, dest, body: body as Body }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
