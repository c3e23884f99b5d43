// What a terminal and another node's server say to each other: frames of a length and a MessagePack body that holds
// messages as plain tuples. Many messages of one turn share a frame.
//
// Always true: a length is checked before anything is allocated for it, a body is at most `MAX_FRAME_BYTES`, and what
// is decoded has been checked field by field, so garbage is a WireError and never a wrong message.

import type { LeaderHint } from '@mako/engine'
import { Packr, Unpackr } from 'msgpackr'
import { parseInput, type TransactionInput } from './workload/index.ts'

export const MAX_FRAME_BYTES: number = 1024 * 1024
/** Messages in one frame. A larger turn is cut into several frames. */
export const MAX_FRAME_MESSAGES = 512
const LENGTH_BYTES = 4

/** The first answer of a server. All but SUCCESS are final and mean: nothing of it is or will be kept. */
export type CallAnswer =
  | { readonly status: 'SUCCESS' }
  | { readonly status: 'ABORTED'; readonly reason: string }
  | { readonly status: 'NOT_LEADER'; readonly leaderHint: LeaderHint | undefined }
  | { readonly status: 'BUSY'; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: string }

export type SettledStatus = 'SAFE' | 'ROLLED_BACK' | 'UNKNOWN'

/** `call` is a client's; for each there is one `answer`, and after an answer of SUCCESS one `settled`. */
export type WireMessage =
  | { readonly type: 'call'; readonly id: number; readonly input: TransactionInput }
  | { readonly type: 'answer'; readonly id: number; readonly answer: CallAnswer }
  | { readonly type: 'settled'; readonly id: number; readonly status: SettledStatus }

export class WireError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WireError'
  }
}

// Without records and shared structures: a frame must not define types, nor depend on an earlier one.
const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true })

const SETTLED: readonly SettledStatus[] = ['SAFE', 'ROLLED_BACK', 'UNKNOWN']

/** One frame with these messages; at most `MAX_FRAME_MESSAGES`. */
export function encodeFrame(messages: readonly WireMessage[]): Uint8Array {
  const body = packr.pack(messages.map(toTuple))
  if (body.length > MAX_FRAME_BYTES) throw new WireError(`A frame of ${body.length} bytes is too large to be sent.`)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length)
  frame.writeUInt32LE(body.length, 0)
  frame.set(body, LENGTH_BYTES)
  return frame
}

/** Cuts a stream of bytes into frames. After a WireError the connection is of no more use. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0)

  /** @throws WireError for a frame that is too long or is not made of messages */
  push(chunk: Uint8Array): WireMessage[] {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk])
    const messages: WireMessage[] = []
    let at = 0
    while (this.#bytes.length - at >= LENGTH_BYTES) {
      const length = this.#bytes.readUInt32LE(at)
      if (length > MAX_FRAME_BYTES) throw new WireError(`A frame claims ${length} bytes.`)
      const end = at + LENGTH_BYTES + length
      if (end > this.#bytes.length) break
      for (const message of decodeBody(this.#bytes.subarray(at + LENGTH_BYTES, end))) messages.push(message)
      at = end
    }
    this.#bytes = this.#bytes.subarray(at)
    return messages
  }
}

function toTuple(message: WireMessage): unknown[] {
  switch (message.type) {
    case 'call':
      return [1, message.id, message.input]
    case 'answer':
      return [2, message.id, ...answerToTuple(message.answer)]
    case 'settled':
      return [3, message.id, SETTLED.indexOf(message.status)]
  }
}

function answerToTuple(answer: CallAnswer): unknown[] {
  switch (answer.status) {
    case 'SUCCESS':
      return [0]
    case 'ABORTED':
      return [1, answer.reason]
    case 'NOT_LEADER': {
      const hint = answer.leaderHint
      return hint === undefined ? [2] : [2, hint.nodeId, hint.address, hint.term]
    }
    case 'BUSY':
      return [3, answer.retryAfterMs]
    case 'REJECTED':
      return [4, answer.reason]
  }
}

function decodeBody(body: Uint8Array): WireMessage[] {
  let tuples: unknown
  try {
    tuples = unpackr.unpack(body)
  } catch {
    throw new WireError('A frame is not MessagePack.')
  }
  if (!Array.isArray(tuples) || tuples.length > MAX_FRAME_MESSAGES) throw new WireError('A frame is not a short list.')
  return tuples.map(fromTuple)
}

function fromTuple(tuple: unknown): WireMessage {
  if (!Array.isArray(tuple)) throw new WireError('A message is not a tuple.')
  const [type, id, first, ...rest] = tuple as unknown[]
  if (!isCount(id)) throw new WireError('A message has no number.')
  switch (type) {
    case 1: {
      const input = parseInput(first)
      if (input === undefined) throw new WireError('A call is not a transaction.')
      return { type: 'call', id, input }
    }
    case 2:
      return { type: 'answer', id, answer: answerFromTuple(first, rest) }
    case 3: {
      const status = isCount(first) ? SETTLED[first] : undefined
      if (status === undefined) throw new WireError('A transaction is settled in an unknown way.')
      return { type: 'settled', id, status }
    }
    default:
      throw new WireError('A message is of an unknown type.')
  }
}

function answerFromTuple(status: unknown, [first, second, third]: readonly unknown[]): CallAnswer {
  switch (status) {
    case 0:
      return { status: 'SUCCESS' }
    case 1:
      if (typeof first === 'string') return { status: 'ABORTED', reason: first }
      break
    case 2:
      if (first === undefined) return { status: 'NOT_LEADER', leaderHint: undefined }
      if (typeof first !== 'string' || typeof second !== 'string' || !isCount(third)) break
      return { status: 'NOT_LEADER', leaderHint: { nodeId: first, address: second, term: third } }
    case 3:
      if (typeof first === 'number' && first >= 0) return { status: 'BUSY', retryAfterMs: first }
      break
    case 4:
      if (typeof first === 'string') return { status: 'REJECTED', reason: first }
      break
  }
  throw new WireError('An answer is of an unknown form.')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
