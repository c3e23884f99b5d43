// Traces as JSON lines: a first line about the trace itself, then one line for each event.
//
// Always true: `parseTrace(formatTrace(trace))` equals the trace, and what is not a trace is refused by line number.

import { MakoError } from '@mako/engine'
import { combine, hashBytes } from '../laws/hash.ts'
import type { Json, Trace, TraceEvent } from './event.ts'

/** Grows when the meaning of an event changes. */
const VERSION = 1

/**
 * Anything a protocol says as plain data: what is undefined is left out of objects, bytes that stand alone are written
 * in hexadecimal digits, and in place of the bytes of a block stands what tells it from others.
 */
export function describe(value: unknown): Json {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return hexadecimal(value)
  if (Array.isArray(value)) return value.map(describe)
  if (typeof value !== 'object') return typeof value
  const isBlock = 'bytes' in value && value.bytes instanceof Uint8Array && 'index' in value
  const described: Record<string, Json> = {}
  for (const [key, field] of Object.entries(value as Record<string, unknown>)) {
    if (field === undefined || (isBlock && key === 'bytes')) continue
    described[key] = describe(field)
  }
  return isBlock ? { ...described, ...valueOf(value.bytes as Uint8Array) } : described
}

/** Where an encoded block has the term of this copy, and that of its first proposal. */
const TERM_AT = 16
const PROPOSED_AT = 44

/** What is the same in all copies of a block, whatever term they were accepted in. */
function valueOf(bytes: Uint8Array): { value?: number; proposed?: number } {
  if (bytes.length < PROPOSED_AT + 8) return {}
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const proposed = view.getFloat64(PROPOSED_AT, true)
  const value = combine(hashBytes(bytes.subarray(0, TERM_AT)), hashBytes(bytes.subarray(TERM_AT + 8)))
  return proposed === view.getFloat64(TERM_AT, true) ? { value } : { value, proposed }
}

/** One line for each event, the last one ended as well. */
export function formatTrace(trace: Trace): string {
  const { nodes, dropped } = trace
  const lines = [JSON.stringify({ type: 'trace', version: VERSION, nodes, dropped })]
  for (const event of trace.events) lines.push(JSON.stringify(event))
  return `${lines.join('\n')}\n`
}

/** @throws MakoError `BAD_OPTION` when the text is not a trace */
export function parseTrace(text: string): Trace {
  const lines = text.split('\n').filter((line) => line !== '')
  const head = parseLine(lines[0] ?? '', 1)
  if (head.type !== 'trace' || head.version !== VERSION || !Array.isArray(head.nodes)) {
    throw bad(`line 1 does not begin a trace of version ${VERSION}`)
  }
  const events = lines.slice(1).map((line, i) => {
    const event = parseLine(line, i + 2)
    if (typeof event.type !== 'string' || typeof event.at !== 'number') throw bad(`line ${i + 2} is not an event`)
    return event as unknown as TraceEvent
  })
  return { nodes: head.nodes.map(String), dropped: Number(head.dropped ?? 0), events }
}

function parseLine(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, as for everything else that is not an object.
  }
  throw bad(`line ${number} is not a JSON object`)
}

function hexadecimal(bytes: Uint8Array): string {
  let digits = ''
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0')
  return digits
}

function bad(what: string): MakoError {
  return new MakoError('BAD_OPTION', `This is not a trace: ${what}.`)
}
