import { below, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { BatchBuilder, BatchReader, decodeBatchHeader } from '../src/batch.ts'
import { decodeBarrier, decodeProgress, encodeBarrier, encodeProgress } from '../src/markers.ts'

function sealed(stamps: readonly number[], bytes = 5): Uint8Array {
  const builder = new BatchBuilder(16)
  for (const stamp of stamps) builder.add(stamp, new Uint8Array(bytes).fill(stamp))
  return builder.seal(7, 3, stamps.at(-1)! + 2)
}

describe('batches', () => {
  it('come back as they were', () => {
    const payload = sealed([4, 6, 9])
    expect(decodeBatchHeader(payload)).toEqual({ epoch: 7, sequence: 3, first: 4, last: 9, bound: 11, count: 3 })
    const reader = new BatchReader(payload)
    const seen: number[][] = []
    do seen.push([reader.stamp, reader.remaining, ...reader.transaction])
    while (reader.next())
    expect(seen).toEqual([
      [4, 3, 4, 4, 4, 4, 4],
      [6, 2, 6, 6, 6, 6, 6],
      [9, 1, 9, 9, 9, 9, 9],
    ])
  })

  it('of one builder share nothing', () => {
    const builder = new BatchBuilder()
    builder.add(1, new Uint8Array([1]))
    const first = builder.seal(1, 1, 1)
    builder.add(2, new Uint8Array([2]))
    expect(builder.count).toBe(1)
    builder.seal(1, 2, 2)
    expect([...new BatchReader(first).transaction]).toEqual([1])
  })

  it('that are damaged are a typed error or the same batch, never anything else', () => {
    const random = seededRandom(1)
    for (let round = 0; round < 20_000; round++) {
      const payload = sealed([4, 6, 9]).slice(0, below(random, 3) === 0 ? below(random, 96) : undefined)
      const at = below(random, payload.length + 1)
      if (at < payload.length) payload[at] = below(random, 256)
      try {
        const reader = new BatchReader(payload)
        let last = 0
        do {
          expect(reader.stamp).toBeGreaterThan(last)
          expect(Number.isSafeInteger(reader.stamp)).toBe(true)
          last = reader.stamp
        } while (reader.next())
      } catch (error) {
        expect(error).toMatchObject({ code: 'CORRUPT_BLOCK' })
      }
    }
  })
})

describe('a stamp inside a batch', () => {
  it.each([6.5, Number.NaN, 2 ** 60])('is whole: not %d', (wrong) => {
    const payload = sealed([4, 6, 9])
    const view = new DataView(payload.buffer, payload.byteOffset)
    const at = [...payload.keys()].filter((i) => i + 8 <= payload.length && view.getFloat64(i, true) === 6)
    expect(at).toHaveLength(1)
    view.setFloat64(at[0]!, wrong, true)
    const read = (): void => {
      const reader = new BatchReader(payload)
      while (reader.next());
    }
    expect(read).toThrow(expect.objectContaining({ code: 'CORRUPT_BLOCK' }) as Error)
  })
})

describe('markers', () => {
  it('come back as they were', () => {
    const progress = { epoch: 2 ** 32 - 1, sequence: 2 ** 40, bound: 2 ** 50 }
    expect(decodeProgress(encodeProgress(progress))).toEqual(progress)
    const barrier = { closes: 3, opens: 8, start: 2 ** 45 }
    expect(decodeBarrier(encodeBarrier(barrier))).toEqual(barrier)
  })

  it('of another length, version or sense are refused', () => {
    const damaged = encodeBarrier({ closes: 1, opens: 2, start: 5 })
    damaged[0] = 9
    for (const decode of [
      () => decodeProgress(new Uint8Array(23)),
      () => decodeBarrier(new Uint8Array()),
      () => decodeBarrier(damaged),
      () => decodeBarrier(encodeBarrier({ closes: 2, opens: 2, start: 5 })),
      () => decodeBarrier(encodeBarrier({ closes: 1, opens: 2, start: -1 })),
      () => decodeProgress(encodeProgress({ epoch: 1, sequence: 0, bound: 1 })),
      () => decodeProgress(encodeProgress({ epoch: 1, sequence: 1, bound: NaN })),
    ]) {
      expect(decode).toThrow(expect.objectContaining({ code: 'CORRUPT_BLOCK' }))
    }
  })
})
