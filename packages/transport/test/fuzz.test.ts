// Frames, hellos and cluster files of any bytes: a value, or a typed refusal. `SWEEP=full` takes a million inputs of each
// kind (of cluster files, which are text, a hundredth).

import { crc32 } from 'node:zlib'
import { below, MakoError, seededRandom } from '@mako/engine'
import { expect, it } from 'vitest'
import { allocatedBytes, fuzz, FUZZ_ROUNDS, type FuzzedCodec } from '../../testkit/src/node/fuzz.ts'
import { parseClusterConfig } from '../src/cluster-config/parse.ts'
import type { ClusterConfig } from '../src/cluster-config/schema.ts'
import { decodeMessages, encodeMessages, FrameReader, HEADER_BYTES, type OutMessage } from '../src/tcp/frame.ts'
import { decodeHello, encodeHello, type Hello } from '../src/tcp/hello.ts'

const MAX_FRAME_BYTES = 64 * 1024

/** Reading YAML takes a hundred times as long as anything else here. */
const TEXT_ROUNDS = Math.max(500, FUZZ_ROUNDS / 100)

/** What a connection refuses, as an error. */
class Refused extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/** Reads a stream in chunks of any size. */
function readFrames(bytes: Uint8Array): { readonly tag: number; readonly messages: readonly OutMessage[] } {
  const random = seededRandom(bytes.length)
  const messages: OutMessage[] = []
  let first: number | undefined
  let frameBytes = 0
  const reader = new FrameReader(MAX_FRAME_BYTES, ({ type, tag, body }) => {
    first ??= tag
    // A connection has one tag and, once it is up, carries data.
    if (type !== 'data' || tag !== first) return 'bad-type'
    frameBytes += HEADER_BYTES + body.length
    return decodeMessages(body, (partition, message) => messages.push({ partition, bytes: message.slice() }))
  })
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + below(random, 2000))
    const fault = reader.push(bytes.slice(at, end))
    if (fault !== undefined) throw new Refused(fault)
    at = end
  }
  if (first === undefined || frameBytes < bytes.length) throw new Refused('incomplete')
  return { tag: first, messages }
}

const frames: FuzzedCodec<{ readonly tag: number; readonly messages: readonly OutMessage[] }> = {
  name: 'frames',
  draw: (random) => ({
    tag: random.u32(),
    messages: Array.from({ length: 1 + below(random, 4) }, () => ({
      partition: random.u32(),
      bytes: new Uint8Array([0, 1, 30, 1023, 1024, 9000][below(random, below(random, 50) === 0 ? 6 : 3)]!).fill(3),
    })),
  }),
  encode: ({ tag, messages }) => new Uint8Array(Buffer.concat(encodeMessages(messages, tag, MAX_FRAME_BYTES))),
  decode: readFrames,
  codes: ['bad-magic', 'bad-version', 'bad-type', 'oversized', 'bad-checksum', 'malformed', 'incomplete'],
  mend: (bytes) => {
    if (bytes.length < HEADER_BYTES) return
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    view.setUint32(8, bytes.length - HEADER_BYTES, true)
    view.setUint32(12, crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, 12))), true)
  },
}

const hellos: FuzzedCodec<Hello> = {
  name: 'hellos',
  draw: (random) => ({
    version: 1 + below(random, 9),
    clusterId: 'örders',
    from: 'a'.repeat(1 + below(random, 64)),
    to: '__proto__',
    incarnation: below(random, 2 ** 50),
    attempt: below(random, 2 ** 50),
    purpose: below(random, 2) === 0 ? 'link' : 'knock',
  }),
  encode: (hello) => encodeHello(hello).slice(HEADER_BYTES),
  decode: (bytes) => {
    const hello = decodeHello(bytes)
    if (hello === undefined) throw new Refused('no hello')
    return hello
  },
  codes: ['no hello'],
}

const clusterFiles: FuzzedCodec<ClusterConfig> = {
  name: 'cluster files',
  draw: (random) => ({
    clusterId: 'orders',
    members: Array.from({ length: 1 + below(random, 5) }, (_, i) => ({
      id: `n${i}`,
      address: `10.0.0.${i}:70${10 + i}`,
    })),
    partitions: [...new Set([below(random, 9), 10 + below(random, 9), random.u32()])],
    leadTogether: [],
    timings: below(random, 2) === 0 ? {} : { heartbeatMs: 1 + below(random, 50), electionTimeoutMs: 500 },
    limits: below(random, 2) === 0 ? {} : { outstandingEntries: 1 + below(random, 99) },
    warnings: [],
  }),
  encode: ({ clusterId, members, partitions, leadTogether, timings, limits }) =>
    new TextEncoder().encode(
      JSON.stringify({ clusterId, members, partitions, leadTogether, timings, limits }, null, 1),
    ),
  decode: (bytes) => parseClusterConfig(new TextDecoder().decode(bytes)),
  codes: ['BAD_CONFIG'],
}

const CODECS = [frames, hellos, clusterFiles] as readonly FuzzedCodec<unknown>[]

it.each(CODECS)('decodes any bytes to $name or a typed refusal', { timeout: 300_000 }, (codec) => {
  const report = fuzz(codec, codec === clusterFiles ? TEXT_ROUNDS : FUZZ_ROUNDS)
  expect(report.random.refused).toBeGreaterThan(0)
  expect(report.mutated.accepted).toBeGreaterThan(0)
  expect(report.heldBytes).toBeLessThan(50e6)
  console.log(JSON.stringify(report))
})

it('waits for a long frame without taking its memory', () => {
  for (const bodyBytes of [MAX_FRAME_BYTES, 1e9, 0xffff_ffff]) {
    const header = encodeMessages([{ partition: 1, bytes: new Uint8Array(100) }], 5, MAX_FRAME_BYTES)[0]!.slice(0, 16)
    new DataView(header.buffer).setUint32(8, bodyBytes, true)
    // Within the limit it waits, with twice what has arrived; beyond it there is nothing to wait for.
    const waiting = (): FrameReader => {
      const reader = new FrameReader(2e9, () => undefined)
      reader.push(header)
      return reader
    }
    expect(allocatedBytes(waiting)).toBeLessThan(200_000)
    expect(new FrameReader(MAX_FRAME_BYTES, () => undefined).push(header)).toBe('oversized')
  }
})

it('refuses a cluster file whose aliases multiply', () => {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 12; i++)
    lines.push(
      `k${i}: &k${i} [${Array(9)
        .fill(i === 1 ? '*a' : `*k${i - 1}`)
        .join(', ')}]`,
    )
  expect(() => parseClusterConfig(lines.join('\n'))).toThrow(MakoError)
})
