// The frame: what every connection carries. Little-endian, 16 bytes of header, then the body.
//
//   0 u16 magic      3 u8  type     8  u32 bytes of the body
//   2 u8  version    4 u32 tag      12 u32 CRC-32 of the 12 bytes before it and of the body
//
// The body of a data frame is, for each message: u32 partition, u32 length, bytes.
//
// Always true: the tag names the connection (who speaks to whom, in which cluster and life), so a frame that strays
// into another connection is refused; a message is copied at most once on its way out and at most twice on its way in.

import { crc32 } from 'node:zlib'

export const MAGIC = 0x4b4d
export const VERSION = 1
export const HEADER_BYTES = 16
export const MESSAGE_HEADER_BYTES = 8

export const FRAME_TYPES = { hello: 1, data: 2, ping: 3, bye: 4 } as const
export type FrameType = keyof typeof FRAME_TYPES

/** A hello is sent before the other side is known; it carries in its body what the tag stands for. */
export const HELLO_TAG = 0

/** Bodies of small messages are copied into one buffer; from here on the socket is given the message itself. */
const COPY_BELOW_BYTES = 1024

/** A data frame ends when it is this long, so that its receiver can begin. */
const FRAME_TARGET_BYTES = 64 * 1024

/**
 * From here on a message has a frame of its own. Its receiver can then keep the memory in which the frame was gathered,
 * which is the message and little else, without copying it once more.
 */
const OWN_FRAME_BYTES = 8 * 1024

/** A message on its way out. */
export interface OutMessage {
  readonly partition: number
  readonly bytes: Uint8Array
}

/** The tag of everything that one life of one node says to another on a connection. */
export function connectionTag(clusterId: string, from: string, to: string, incarnation: number): number {
  return crc32(Buffer.from(JSON.stringify([clusterId, from, to, incarnation, VERSION])))
}

/** One whole frame with this body. */
export function encodeFrame(type: FrameType, tag: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length)
  bytes.set(body, HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  putHeader(view, 0, type, tag, body.length)
  view.setUint32(12, crc32(body, crc32(bytes.subarray(0, 12))), true)
  return bytes
}

function putHeader(view: DataView, at: number, type: FrameType, tag: number, bodyBytes: number): void {
  view.setUint16(at, MAGIC, true)
  view.setUint8(at + 2, VERSION)
  view.setUint8(at + 3, FRAME_TYPES[type])
  view.setUint32(at + 4, tag, true)
  view.setUint32(at + 8, bodyBytes, true)
}

/**
 * Encodes messages as data frames: one buffer, cut only where a large message goes between as it is. What is returned
 * is to be written in this order, in one write. A message must fit into `maxFrameBytes` with both headers.
 */
export function encodeMessages(messages: readonly OutMessage[], tag: number, maxFrameBytes: number): Uint8Array[] {
  const limit = Math.min(FRAME_TARGET_BYTES, maxFrameBytes) - HEADER_BYTES
  const frames: { readonly end: number; readonly bodyBytes: number }[] = []
  let bodyBytes = 0
  let copiedBytes = 0
  let wasLarge = false
  for (const [i, { bytes }] of messages.entries()) {
    const more = MESSAGE_HEADER_BYTES + bytes.length
    const isLarge = bytes.length >= OWN_FRAME_BYTES
    if (bodyBytes > 0 && (isLarge || wasLarge || bodyBytes + more > limit)) {
      frames.push({ end: i, bodyBytes })
      bodyBytes = 0
    }
    wasLarge = isLarge
    bodyBytes += more
    copiedBytes += bytes.length < COPY_BELOW_BYTES ? more : MESSAGE_HEADER_BYTES
  }
  frames.push({ end: messages.length, bodyBytes })

  const buffer = new Uint8Array(frames.length * HEADER_BYTES + copiedBytes)
  const view = new DataView(buffer.buffer)
  const parts: Uint8Array[] = []
  let at = 0
  /** Where the part begins that is not yet in `parts`. */
  let partStart = 0
  let next = 0
  for (const frame of frames) {
    const header = at
    putHeader(view, header, 'data', tag, frame.bodyBytes)
    at += HEADER_BYTES
    let crc = crc32(buffer.subarray(header, header + 12))
    let crcFrom = at
    for (; next < frame.end; next++) {
      const { partition, bytes } = messages[next]!
      view.setUint32(at, partition, true)
      view.setUint32(at + 4, bytes.length, true)
      at += MESSAGE_HEADER_BYTES
      if (bytes.length < COPY_BELOW_BYTES) {
        buffer.set(bytes, at)
        at += bytes.length
      } else {
        crc = crc32(bytes, crc32(buffer.subarray(crcFrom, at), crc))
        crcFrom = at
        parts.push(buffer.subarray(partStart, at), bytes)
        partStart = at
      }
    }
    if (at > crcFrom) crc = crc32(buffer.subarray(crcFrom, at), crc)
    view.setUint32(header + 12, crc, true)
  }
  if (at > partStart) parts.push(buffer.subarray(partStart, at))
  return parts
}

/** What is wrong with what a peer has sent. */
export type FrameFault = 'bad-magic' | 'bad-version' | 'bad-type' | 'oversized' | 'bad-checksum' | 'malformed'

export interface Frame {
  readonly type: FrameType
  readonly tag: number
  readonly body: Uint8Array
}

/** A partial frame up to this size is given its whole buffer at once; a larger one grows as its bytes arrive. */
const TRUSTED_BYTES = 64 * 1024

/**
 * Cuts a stream of chunks into frames. A frame that lies whole in one chunk is handed over as a view of it; one that
 * spans chunks is gathered, never with more than twice the memory of what has arrived.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => FrameFault | undefined
  /** Bytes of the longest frame, header included, that is accepted from now on. */
  maxFrameBytes: number
  #partial: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #filled = 0

  /** `onFrame` may say that the frame is not acceptable, and may change `maxFrameBytes` for what follows. */
  constructor(maxFrameBytes: number, onFrame: (frame: Frame) => FrameFault | undefined) {
    this.maxFrameBytes = maxFrameBytes
    this.#onFrame = onFrame
  }

  /** Takes a chunk. After a fault nothing more may be pushed: where the next frame begins is unknown. */
  push(chunk: Uint8Array): FrameFault | undefined {
    let at = 0
    while (this.#filled > 0) {
      const need = this.#filled < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + bodyLength(this.#partial, 0)
      const taken = Math.min(need - this.#filled, chunk.length - at)
      this.#gather(chunk.subarray(at, at + taken), need)
      at += taken
      if (this.#filled < need) return undefined
      const fault = need === HEADER_BYTES ? this.#judge(this.#partial, 0) : undefined
      if (fault) return fault
      const length = HEADER_BYTES + bodyLength(this.#partial, 0)
      if (this.#filled < length) continue
      const whole = this.#partial
      this.#partial = new Uint8Array(0)
      this.#filled = 0
      const refused = this.#take(whole, 0, length)
      if (refused) return refused
    }
    while (chunk.length - at >= HEADER_BYTES) {
      const fault = this.#judge(chunk, at)
      if (fault) return fault
      const length = HEADER_BYTES + bodyLength(chunk, at)
      if (chunk.length - at < length) break
      const refused = this.#take(chunk, at, length)
      if (refused) return refused
      at += length
    }
    const rest = chunk.length - at
    if (rest > 0)
      this.#gather(chunk.subarray(at), rest < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + bodyLength(chunk, at))
    return undefined
  }

  /** Appends to the partial frame, which will have `need` bytes. */
  #gather(bytes: Uint8Array, need: number): void {
    const have = this.#filled + bytes.length
    if (this.#partial.length < have || (this.#partial.length < need && need <= TRUSTED_BYTES)) {
      const grown = new Uint8Array(need <= TRUSTED_BYTES ? need : Math.min(need, Math.max(TRUSTED_BYTES, have * 2)))
      grown.set(this.#partial.subarray(0, this.#filled))
      this.#partial = grown
    }
    this.#partial.set(bytes, this.#filled)
    this.#filled = have
  }

  /** Judges a header by itself, before a byte of its body is waited for. */
  #judge(bytes: Uint8Array, at: number): FrameFault | undefined {
    if ((bytes[at]! | (bytes[at + 1]! << 8)) !== MAGIC) return 'bad-magic'
    if (bytes[at + 2] !== VERSION) return 'bad-version'
    if (typeOf(bytes[at + 3]!) === undefined) return 'bad-type'
    if (HEADER_BYTES + bodyLength(bytes, at) > this.maxFrameBytes) return 'oversized'
    return undefined
  }

  #take(bytes: Uint8Array, at: number, length: number): FrameFault | undefined {
    const body = new Uint8Array(bytes.buffer, bytes.byteOffset + at + HEADER_BYTES, length - HEADER_BYTES)
    if (crc32(body, crc32(bytes.subarray(at, at + 12))) !== u32(bytes, at + 12)) return 'bad-checksum'
    return this.#onFrame({ type: typeOf(bytes[at + 3]!)!, tag: u32(bytes, at + 4), body })
  }
}

/**
 * Hands over the messages of a data frame. A receiver keeps messages for long (they are the tail of its log), so a
 * message is a view only if it is at least a quarter of the memory that it would keep alive; a smaller one is copied.
 */
export function decodeMessages(
  body: Uint8Array,
  onMessage: (partition: number, bytes: Uint8Array) => void,
): FrameFault | undefined {
  // All lengths first: of a frame that does not add up nothing is handed over.
  let end = 0
  while (end < body.length) {
    if (body.length - end < MESSAGE_HEADER_BYTES) return 'malformed'
    end += MESSAGE_HEADER_BYTES + u32(body, end + 4)
  }
  if (end !== body.length) return 'malformed'
  for (let at = 0; at < body.length; ) {
    const start = at + MESSAGE_HEADER_BYTES
    const length = u32(body, at + 4)
    const bytes =
      length * 4 >= body.buffer.byteLength ? body.subarray(start, start + length) : body.slice(start, start + length)
    onMessage(u32(body, at), bytes)
    at = start + length
  }
  return undefined
}

function bodyLength(bytes: Uint8Array, at: number): number {
  return u32(bytes, at + 8)
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

function typeOf(code: number): FrameType | undefined {
  switch (code) {
    case FRAME_TYPES.hello:
      return 'hello'
    case FRAME_TYPES.data:
      return 'data'
    case FRAME_TYPES.ping:
      return 'ping'
    case FRAME_TYPES.bye:
      return 'bye'
    default:
      return undefined
  }
}
