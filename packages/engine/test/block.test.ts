import {
  BlockBuilder,
  decodeBlock,
  encodeBlock,
  entriesOf,
  MakoError,
  originOf,
  proposedTermOf,
  restamp,
  seededRandom,
  below,
} from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { bytes, text } from './fakes.ts'

describe('a block', () => {
  it('gives back what was put in', () => {
    const builder = new BlockBuilder('nöde', 7, 16)
    builder.add('data', bytes('one'))
    builder.add('bound', new Uint8Array(0))
    builder.add('noop-barrier', bytes('x'.repeat(5000)))
    const block = builder.seal(42, 9, 1001)
    expect(builder.count).toBe(0)
    expect(decodeBlock(block.bytes)).toEqual(block)
    expect(originOf(block)).toEqual({ node: 'nöde', incarnation: 7, sequence: 1001 })
    const entries = entriesOf(block, 3)
    expect(entries.map(({ index, term, kind, partition }) => [index, term, kind, partition])).toEqual([
      [42, 9, 'data', 3],
      [43, 9, 'bound', 3],
      [44, 9, 'noop-barrier', 3],
    ])
    expect(entries.map(({ origin }) => origin.sequence)).toEqual([1001, 1002, 1003])
    expect(text(entries[0]!.payload)).toBe('one')
    expect(entries[2]!.payload.length).toBe(5000)
  })

  it('keeps the term of its first proposal when it is proposed again, and everything else of its value', () => {
    const builder = new BlockBuilder('a', 3)
    builder.add('data', bytes('value'))
    builder.add('bound', bytes('other'))
    const block = builder.seal(5, 7, 11)
    const original = block.bytes.slice()
    const again = restamp(restamp(block, 9), 12)
    expect(block.bytes).toEqual(original)
    expect(restamp(block, 7)).toBe(block)
    expect(again).toMatchObject({ index: 5, count: 2, term: 12 })
    expect(decodeBlock(again.bytes)).toEqual(again)
    expect(proposedTermOf(again)).toBe(7)
    expect(entriesOf(again, 0)).toEqual(entriesOf(block, 0))
    expect(originOf(again)).toEqual(originOf(block))
    expect(() => restamp(again, 6)).toThrow(MakoError)
  })

  it('is damaged when it was accepted before it was first proposed', () => {
    const block = encodeBlock({ index: 1, term: 4 }, { node: 'a', incarnation: 1, sequence: 1 }, [
      { kind: 'data', payload: bytes('x') },
    ])
    new DataView(block.bytes.buffer).setFloat64(16, 3, true)
    expect(() => decodeBlock(block.bytes)).toThrow(MakoError)
  })

  it('is damaged when its last index is beyond what a number can tell apart', () => {
    const entries = [0, 1].map(() => ({ kind: 'data' as const, payload: bytes('x') }))
    const block = encodeBlock({ index: 1, term: 1 }, { node: 'a', incarnation: 1, sequence: 1 }, entries)
    const view = new DataView(block.bytes.buffer, block.bytes.byteOffset)
    view.setFloat64(8, Number.MAX_SAFE_INTEGER - 2, true)
    expect(decodeBlock(block.bytes).index).toBe(Number.MAX_SAFE_INTEGER - 2)
    view.setFloat64(8, Number.MAX_SAFE_INTEGER - 1, true)
    expect(() => decodeBlock(block.bytes)).toThrow(MakoError)
  })

  it('copies the payload when it is added', () => {
    const builder = new BlockBuilder('a', 1)
    const payload = bytes('before')
    builder.add('data', payload)
    payload.fill(0)
    expect(text(entriesOf(builder.seal(1, 1, 1), 0)[0]!.payload)).toBe('before')
  })

  it('is independent of the next one', () => {
    const builder = new BlockBuilder('a', 1)
    builder.add('data', bytes('first'))
    const first = builder.seal(1, 1, 1)
    builder.add('data', bytes('SECOND'))
    builder.seal(2, 1, 2)
    expect(text(entriesOf(first, 0)[0]!.payload)).toBe('first')
  })

  it('keeps the sequence of a protocol entry at 0', () => {
    const block = encodeBlock({ index: 5, term: 2 }, { node: 'a', incarnation: 1, sequence: 0 }, [
      { kind: 'noop', payload: new Uint8Array(0) },
      { kind: 'noop', payload: new Uint8Array(0) },
    ])
    expect(entriesOf(block, 0).map(({ origin }) => origin.sequence)).toEqual([0, 0])
  })

  it('of damaged bytes is a typed error or the same entries, never a wrong length or a crash', () => {
    const builder = new BlockBuilder('node', 1)
    for (let i = 0; i < 5; i++) builder.add('data', bytes(`payload ${i}`))
    const { bytes: good } = builder.seal(10, 2, 1)
    const random = seededRandom(4)
    let refused = 0
    const attempt = (damaged: Uint8Array): void => {
      try {
        const entries = entriesOf(decodeBlock(damaged), 0)
        expect(entries.length).toBe(new DataView(damaged.buffer, damaged.byteOffset).getUint32(4, true))
      } catch (error) {
        expect(error).toBeInstanceOf(MakoError)
        expect((error as MakoError).code).toBe('CORRUPT_BLOCK')
        refused++
      }
    }
    for (let length = 0; length < good.length; length++) attempt(good.slice(0, length))
    expect(refused).toBe(good.length)
    for (let i = 0; i < 5000; i++) {
      const damaged = good.slice()
      damaged[below(random, damaged.length)] = below(random, 256)
      attempt(damaged)
    }
    for (let i = 0; i < 2000; i++) attempt(Uint8Array.from({ length: below(random, 200) }, () => below(random, 256)))
  })

  it('shares its memory with its neighbours and nothing else, and is not changed by those that follow', () => {
    const builder = new BlockBuilder('a', 1)
    const sizes = [1, 3_000, 1, 500_000, 1, 100, 5_000, ...Array.from({ length: 300 }, (_, i) => (i * 7919) % 4000)]
    const blocks = sizes.map((size, i) => {
      builder.add('data', new Uint8Array(size).fill(i))
      return builder.seal(i + 1, 1, i + 1)
    })
    for (const [i, block] of blocks.entries()) {
      const [entry] = entriesOf(block, 0)
      expect(entry!.payload.length).toBe(sizes[i])
      expect(entry!.payload.every((byte) => byte === i % 256)).toBe(true)
    }
    // What a log keeps of its newest blocks holds little more than their bytes: the slabs they lie in, and one more.
    for (let first = 0; first < blocks.length; first++) {
      const kept = blocks.slice(first)
      const slabs = [...new Set(kept.map(({ bytes: { buffer } }) => buffer))]
      const held = slabs.slice(1).reduce((sum, { byteLength }) => sum + byteLength, 0)
      expect(held).toBeLessThan(2.5 * kept.reduce((sum, { bytes: { length } }) => sum + length, 0) + 1024 * 1024)
      expect(slabs[0]!.byteLength).toBeLessThanOrEqual(1024 * 1024 + 4096)
    }
  })

  it('of ordinary entries is gathered in place: making it moves nothing', () => {
    const builder = new BlockBuilder('a', 1)
    const payload = new Uint8Array(100)
    const slabs = new Set<ArrayBufferLike>()
    let bytes = 0
    for (let i = 0; i < 200; i++) {
      for (let n = 0; n < 64; n++) builder.add('data', payload)
      const block = builder.seal(i * 64 + 1, 1, i * 64 + 1)
      bytes += block.bytes.length
      slabs.add(block.bytes.buffer)
    }
    // From the second slab size on a slab holds nine such blocks.
    expect(slabs.size).toBeLessThan(30)
    expect([...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(1.3 * bytes)
  })
})
