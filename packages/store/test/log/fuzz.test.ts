// Metadata, segment headers and records of any bytes: a value, or a typed refusal. `SWEEP=full` takes a million inputs of
// each kind.

import { below, type LogWrite, type Random } from '@mako/engine'
import { expect, it } from 'vitest'
import { fuzz, type FuzzedCodec } from '../../../testkit/src/node/fuzz.ts'
import { BatchEncoder, batchBytes } from '../../src/log/file/batch.ts'
import { decodeHeader, encodeHeader, HEADER_BYTES, type SegmentHeader } from '../../src/log/file/format.ts'
import { decodeMeta, encodeMeta, type LogMeta } from '../../src/log/file/meta.ts'
import { scanSegment } from '../../src/log/file/scan.ts'
import { put, state, blockOf } from './suite.ts'

class Refused extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const nameOf = (random: Random): string => ['a', 'ö'.repeat(100), '../../x', '__proto__'][below(random, 4)]!

const metas: FuzzedCodec<LogMeta> = {
  name: 'metadata',
  draw: (random) => ({
    version: 1,
    clusterId: nameOf(random),
    nodeId: nameOf(random),
    incarnation: below(random, 2 ** 50),
    first: 1 + below(random, 9),
    sealed: below(random, 2 ** 30),
  }),
  encode: encodeMeta,
  decode: decodeMeta,
  codes: ['CORRUPT_LOG', 'LOG_MISMATCH'],
}

const headers: FuzzedCodec<SegmentHeader> = {
  name: 'segment headers',
  draw: (random) => ({
    version: random.u32(),
    salt: random.u32(),
    number: below(random, 2 ** 30),
    clusterId: nameOf(random),
    nodeId: nameOf(random),
  }),
  encode: encodeHeader,
  decode: (bytes) => {
    const header = decodeHeader(bytes)
    if (header === undefined) throw new Refused('no header')
    return header
  },
  codes: ['no header'],
}

const SALT = 0xdead_beef

interface RecordLike {
  readonly partition: number
  readonly type: number
  readonly payload: Uint8Array
}

/** A segment of one append, without its header, as the records that are read from it. */
const segments: FuzzedCodec<readonly RecordLike[]> = {
  name: 'segments',
  draw: (random) =>
    Array.from({ length: 1 + below(random, 4) }, (_, i) =>
      below(random, 2) === 0
        ? { partition: random.u32(), type: 2, payload: new Uint8Array(below(random, 40)).fill(random.u32()) }
        : { partition: random.u32(), type: 1, payload: blockOf(1 + i, 1, 1 + below(random, 9), 'x').bytes },
    ),
  encode: (records) => {
    const writes: LogWrite[] = records.map(({ partition, type, payload }) =>
      type === 2
        ? { ...state(partition, ''), type: 'state', state: payload }
        : put(partition, { index: 1, count: 1, term: 1, bytes: payload }, false),
    )
    const bytes = batchBytes(writes)
    return new BatchEncoder().encode(writes, bytes, SALT, HEADER_BYTES)[0]!.slice()
  },
  decode: (bytes) => {
    const segment = new Uint8Array(HEADER_BYTES + bytes.length)
    segment.set(bytes, HEADER_BYTES)
    const records: RecordLike[] = []
    const end = scanSegment(segment, SALT, ({ partition, type, truncate }, _offset, payload) => {
      if (truncate) throw new Error('a flag that nobody has set')
      records.push({ partition, type, payload: payload.slice() })
    })
    if (end.type !== 'open' || records.length === 0) throw new Refused(end.type)
    return records
  },
  codes: ['sealed', 'torn', 'damaged', 'open'],
}

const CODECS = [metas, headers, segments] as readonly FuzzedCodec<unknown>[]

it.each(CODECS)('decodes any bytes to $name or a typed refusal', { timeout: 300_000 }, (codec) => {
  const report = fuzz(codec)
  expect(report.random.refused).toBeGreaterThan(0)
  expect(report.mutated.accepted).toBeGreaterThan(0)
  expect(report.heldBytes).toBeLessThan(50e6)
  console.log(JSON.stringify(report))
})
