// Frames by themselves: whatever is sent comes out again, however the stream is cut into chunks.

import { below, seededRandom } from '@mako/engine'
import { expect, it } from 'vitest'
import { decodeMessages, encodeMessages, FrameReader, type OutMessage } from '../src/tcp/frame.ts'

const SIZES = [0, 1, 7, 100, 1023, 1024, 5000, 8191, 8192, 30_000, 70_000]

it('reads what was written, for any messages and any cut into chunks', () => {
  const random = seededRandom(42)
  for (let round = 0; round < 60; round++) {
    const messages: OutMessage[] = Array.from({ length: 1 + below(random, 40) }, () => ({
      partition: random.u32(),
      bytes: new Uint8Array(SIZES[below(random, SIZES.length)]!).fill(below(random, 256)),
    }))
    const maxFrameBytes = 70_000 + 24
    const stream = Buffer.concat(encodeMessages(messages, 99, maxFrameBytes))
    const got: OutMessage[] = []
    const reader = new FrameReader(maxFrameBytes, ({ type, tag, body }) => {
      expect([type, tag]).toEqual(['data', 99])
      return decodeMessages(body, (partition, bytes) => got.push({ partition, bytes }))
    })
    for (let at = 0; at < stream.length; ) {
      const end = Math.min(stream.length, at + 1 + below(random, [3, 100, 3000, 100_000][below(random, 4)]!))
      // A chunk of its own memory, as the system delivers it.
      expect(reader.push(new Uint8Array(stream.subarray(at, end)))).toBeUndefined()
      at = end
    }
    expect(got.length).toBe(messages.length)
    for (const [i, { partition, bytes }] of got.entries()) {
      expect(partition).toBe(messages[i]!.partition)
      expect(Buffer.compare(bytes, messages[i]!.bytes)).toBe(0)
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(4 * bytes.length)
    }
  }
})

it('notices every flipped bit', () => {
  const frame = Buffer.concat(encodeMessages([{ partition: 1, bytes: Uint8Array.of(1, 2, 3) }], 99, 4096))
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = Uint8Array.from(frame)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    let frames = 0
    const reader = new FrameReader(4096, () => {
      frames++
      return undefined
    })
    const fault = reader.push(damaged)
    // A length that has grown within the limit is noticed when the bytes that it announces have arrived.
    const late = fault ?? reader.push(new Uint8Array(8192))
    expect(late, `bit ${bit}`).toBeDefined()
    expect(frames).toBe(0)
  }
})
