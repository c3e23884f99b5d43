// Batches and markers of any bytes: a value, or CORRUPT_BLOCK. `SWEEP=full` takes a million inputs of each kind.

import { below } from '@mako/engine'
import { expect, it } from 'vitest'
import { allocatedBytes, fuzz, type FuzzedCodec } from '../../testkit/src/node/fuzz.ts'
import { BatchBuilder, BatchReader, decodeBatchHeader } from '../src/batch.ts'
import {
  type Barrier,
  decodeBarrier,
  decodeProgress,
  encodeBarrier,
  encodeProgress,
  type Progress,
} from '../src/markers.ts'

interface Batch {
  readonly epoch: number
  readonly sequence: number
  readonly bound: number
  readonly transactions: readonly { readonly stamp: number; readonly bytes: Uint8Array }[]
}

const batches: FuzzedCodec<Batch> = {
  name: 'batches',
  draw: (random) => {
    let stamp = below(random, 2 ** 50)
    const transactions = Array.from({ length: 1 + below(random, 5) }, () => {
      stamp += 1 + below(random, 1000)
      return { stamp, bytes: new Uint8Array(below(random, 40)).fill(random.u32()) }
    })
    const bound = stamp + below(random, 3)
    return { epoch: random.u32(), sequence: 1 + below(random, 2 ** 50), bound, transactions }
  },
  encode: ({ epoch, sequence, bound, transactions }) => {
    const builder = new BatchBuilder(64)
    for (const { stamp, bytes } of transactions) builder.add(stamp, bytes)
    return builder.seal(epoch, sequence, bound)
  },
  decode: (bytes) => {
    const { epoch, sequence, bound, count } = decodeBatchHeader(bytes)
    const reader = new BatchReader(bytes)
    const transactions: { stamp: number; bytes: Uint8Array }[] = []
    do transactions.push({ stamp: reader.stamp, bytes: reader.transaction })
    while (reader.next())
    if (transactions.length !== count) throw new Error(`${transactions.length} of ${count} transactions`)
    return { epoch, sequence, bound, transactions }
  },
  codes: ['CORRUPT_BLOCK'],
}

const progress: FuzzedCodec<Progress> = {
  name: 'bounds',
  draw: (random) => ({ epoch: random.u32(), sequence: 1 + below(random, 2 ** 50), bound: below(random, 2 ** 50) }),
  encode: encodeProgress,
  decode: decodeProgress,
  codes: ['CORRUPT_BLOCK'],
}

const barriers: FuzzedCodec<Barrier> = {
  name: 'barriers',
  draw: (random) => {
    const closes = below(random, 2 ** 31)
    return { closes, opens: closes + 1 + below(random, 2 ** 31), start: below(random, 2 ** 50) }
  },
  encode: encodeBarrier,
  decode: decodeBarrier,
  codes: ['CORRUPT_BLOCK'],
}

it.each([batches, progress, barriers] as readonly FuzzedCodec<unknown>[])(
  'decodes any bytes to $name or a typed error',
  { timeout: 300_000 },
  (codec) => {
    const report = fuzz(codec)
    expect(report.random.refused).toBeGreaterThan(0)
    expect(report.mutated.accepted).toBeGreaterThan(0)
    expect(report.heldBytes).toBeLessThan(50e6)
    console.log(JSON.stringify(report))
  },
)

it('takes no memory for a count that the bytes do not bear out', () => {
  const builder = new BatchBuilder(64)
  builder.add(1, new Uint8Array(1000))
  const bytes = builder.seal(1, 1, 1)
  for (const count of [80, 90, 1e6, 0xffff_ffff]) {
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(40, count, true)
    expect(allocatedBytes(() => batches.decode(bytes))).toBeLessThan(100_000)
  }
})
