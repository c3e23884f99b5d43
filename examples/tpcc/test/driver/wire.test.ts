// The wire: what goes in comes out, and garbage is an error, whatever it looks like.

import { below, seededRandom } from '@mako/engine'
import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameReader, MAX_FRAME_BYTES, WireError, type WireMessage } from '../../src/wire.ts'
import { createTerminal } from '../../src/workload/index.ts'

const terminal = createTerminal({ terminal: 1, scale: 0.01, warehouses: 2, seed: 1 })

const messages: WireMessage[] = [
  ...Array.from(
    { length: 50 },
    (_, id): WireMessage => ({ type: 'call', id, input: terminal.next(1_700_000_000_000) }),
  ),
  { type: 'answer', id: 1, answer: { status: 'SUCCESS' } },
  { type: 'answer', id: 2, answer: { status: 'ABORTED', reason: 'unused item' } },
  { type: 'answer', id: 3, answer: { status: 'NOT_LEADER', leaderHint: undefined } },
  { type: 'answer', id: 4, answer: { status: 'NOT_LEADER', leaderHint: { nodeId: 'n2', address: 'a:1', term: 3 } } },
  { type: 'answer', id: 5, answer: { status: 'BUSY', retryAfterMs: 5 } },
  { type: 'answer', id: 6, answer: { status: 'REJECTED', reason: 'stopped' } },
  { type: 'settled', id: 7, status: 'SAFE' },
  { type: 'settled', id: 8, status: 'ROLLED_BACK' },
  { type: 'settled', id: Number.MAX_SAFE_INTEGER, status: 'UNKNOWN' },
]

function frameOf(body: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeUInt32LE(body.length, 0)
  frame.set(body, 4)
  return frame
}

describe('the wire', () => {
  it('carries every message, however the bytes are cut', () => {
    const random = seededRandom(1)
    const bytes = Buffer.concat([encodeFrame(messages), encodeFrame([]), encodeFrame(messages)])
    for (let round = 0; round < 20; round++) {
      const reader = new FrameReader()
      const received: WireMessage[] = []
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + below(random, round === 0 ? 1 : 3000))
        received.push(...reader.push(bytes.subarray(at, end)))
        at = end
      }
      expect(received).toEqual([...messages, ...messages])
    }
  })

  it('refuses a length before there is anything behind it', () => {
    const header = Buffer.alloc(4)
    header.writeUInt32LE(MAX_FRAME_BYTES + 1, 0)
    expect(() => new FrameReader().push(header)).toThrow(WireError)
  })

  it('refuses to send what a receiver would refuse', () => {
    const reason = 'x'.repeat(MAX_FRAME_BYTES)
    const answer = { status: 'REJECTED', reason } as const
    expect(() => encodeFrame([{ type: 'answer', id: 1, answer }])).toThrow(WireError)
  })

  it.each([
    ['not a list', 1],
    ['no tuples', [1]],
    ['an unknown type', [[9, 1]]],
    ['a negative number', [[3, -1, 0]]],
    ['a fractional number', [[3, 0.5, 0]]],
    ['an unknown status', [[3, 1, 3]]],
    ['a call without an input', [[1, 1]]],
    ['a call with another input', [[1, 1, { kind: 'refund', terminal: 1, sequence: 1, warehouse: 1, at: 0 }]]],
    ['an answer of an unknown form', [[2, 1, 9]]],
    ['a hint without a term', [[2, 1, 2, 'n1', 'a:1']]],
    ['a pause into the past', [[2, 1, 3, -5]]],
    ['too many messages', new Array(513).fill([3, 1, 0])],
  ])('refuses %s', (_, value) => {
    const body = new Packr({ useRecords: false }).pack(value)
    expect(() => new FrameReader().push(frameOf(body))).toThrow(WireError)
  })

  it('takes random and damaged frames for what they are', () => {
    const random = seededRandom(2)
    const good = encodeFrame(messages)
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(good)
      if (round % 2 === 0) for (let i = 4; i < bytes.length; i++) bytes[i] = random.u32() & 0xff
      else for (let i = 0; i < 3; i++) bytes[4 + below(random, bytes.length - 4)] = random.u32() & 0xff
      try {
        new FrameReader().push(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
  })
})
