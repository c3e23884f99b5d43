// What every log store must do, as one suite over any implementation.
//
// Always true: a test only uses the port, so it says nothing about where a store keeps what it keeps.

import {
  type Block,
  type BlockSpan,
  below,
  encodeBlock,
  entriesOf,
  type LogIdentity,
  type LogStore,
  type LogWrite,
  MakoError,
  type MakoErrorCode,
  type RecoveredLog,
  seededRandom,
} from '@mako/engine'
import { describe, expect, test } from 'vitest'

export const IDENTITY: LogIdentity = { clusterId: 'orders', nodeId: 'a', partitions: [0, 1] }

/** A block of `count` entries whose payloads say index, term and `note`. */
export function blockOf(index: number, count: number, term: number, note = '', payloadBytes = 0): Block {
  const payloads = Array.from({ length: count }, (_, i) => {
    const text = new TextEncoder().encode(`${index + i}/${term}/${note}`)
    const payload = new Uint8Array(Math.max(text.length, payloadBytes))
    payload.set(text)
    return { kind: 'data' as const, payload }
  })
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, payloads)
}

export function put(partition: number, block: Block, truncate = true): LogWrite {
  return { type: 'block', partition, block, truncate }
}

export function state(partition: number, text: string): LogWrite {
  return { type: 'state', partition, state: new TextEncoder().encode(text) }
}

export async function codeOf(work: Promise<unknown>): Promise<MakoErrorCode | 'none'> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof MakoError) return error.code
    throw error
  }
}

/** Everything of a partition from `from` on, entry by entry, as `index/term/note`. */
export async function textsFrom(log: LogStore, partition: number, from: number, maxBytes = 1e6): Promise<string[]> {
  const texts: string[] = []
  for (let next = from; ; ) {
    const blocks = await log.read(partition, next, maxBytes)
    if (blocks.length === 0) return texts
    for (const block of blocks) {
      for (const entry of entriesOf(block, partition)) {
        if (entry.index < from) continue
        expect(entry.index).toBe(from + texts.length)
        expect(entry.origin.sequence).toBe(entry.index)
        texts.push(new TextDecoder().decode(entry.payload).replace(/\0+$/, ''))
      }
      next = block.index + block.count
    }
  }
}

interface Life extends RecoveredLog {
  readonly log: LogStore
  /** Closes the store and starts the next life. */
  readonly reopen: () => Promise<Life>
}

/** `makePlace` gives a function that makes stores, one after the other, on the same data; each test has its own. */
export function logSuite(name: string, makePlace: () => Promise<() => Promise<LogStore>>): void {
  describe(name, () => {
    const begin = async (make: () => Promise<LogStore>): Promise<Life> => {
      const log = await make()
      const recovered = await log.recover(IDENTITY)
      const reopen = async (): Promise<Life> => {
        await log.close()
        return begin(make)
      }
      return { ...recovered, log, reopen }
    }
    const open = async (): Promise<Life> => begin(await makePlace())

    test('a new store is empty and in its first incarnation, which grows by one with each start', async () => {
      let life = await open()
      for (let incarnation = 1; incarnation <= 4; incarnation++) {
        expect(life.incarnation).toBe(incarnation)
        expect(life.warnings).toEqual([])
        expect([...life.partitions.keys()]).toEqual([0, 1])
        expect(life.partitions.get(1)).toEqual({ state: undefined, blocks: [] })
        expect(await life.log.read(0, 1, 1000)).toEqual([])
        life = await life.reopen()
      }
      await life.log.close()
    })

    test('keeps blocks and hard states of each partition over a restart', async () => {
      const { log, reopen } = await open()
      await log.append([put(0, blockOf(1, 3, 1)), state(0, 'one'), put(1, blockOf(1, 1, 7))])
      await log.append([state(0, 'two'), put(0, blockOf(4, 1, 2))])
      const life = await reopen()
      const zero = life.partitions.get(0)!
      expect(new TextDecoder().decode(zero.state)).toBe('two')
      expect(zero.blocks).toMatchObject([
        { index: 1, count: 3, term: 1 },
        { index: 4, count: 1, term: 2 },
      ])
      expect(life.partitions.get(1)).toMatchObject({ state: undefined, blocks: [{ index: 1, count: 1, term: 7 }] })
      expect(await textsFrom(life.log, 0, 1)).toEqual(['1/1/', '2/1/', '3/1/', '4/2/'])
      expect(await textsFrom(life.log, 1, 1)).toEqual(['1/7/'])
      await life.log.close()
    })

    test('returns the very bytes that were written, whatever becomes of the buffer afterwards', async () => {
      const { log, reopen } = await open()
      const block = blockOf(1, 2, 1)
      const original = block.bytes.slice()
      const hard = new Uint8Array([1, 2, 3])
      await log.append([put(0, block), { type: 'state', partition: 0, state: hard }])
      block.bytes.fill(255)
      hard.fill(0)
      expect((await log.read(0, 1, 1000))[0]!.bytes).toEqual(original)
      const life = await reopen()
      expect((await life.log.read(0, 2, 1000))[0]!.bytes).toEqual(original)
      expect(life.partitions.get(0)!.state).toEqual(new Uint8Array([1, 2, 3]))
      await life.log.close()
    })

    test('truncate removes what the block overlaps, wholly, and everything behind it', async () => {
      const { log, reopen } = await open()
      await log.append([put(0, blockOf(1, 4, 1)), put(0, blockOf(5, 4, 1)), put(0, blockOf(9, 4, 1))])
      await log.append([put(0, blockOf(7, 1, 2, 'new'))])
      const check = async (store: LogStore): Promise<void> => {
        expect(await textsFrom(store, 0, 1)).toEqual(['1/1/', '2/1/', '3/1/', '4/1/'])
        expect(await textsFrom(store, 0, 7)).toEqual(['7/2/new'])
        expect(await store.read(0, 5, 1000)).toEqual([])
        expect(await store.read(0, 9, 1000)).toEqual([])
      }
      await check(log)
      const life = await reopen()
      await check(life.log)
      expect(life.partitions.get(0)!.blocks).toMatchObject([
        { index: 1, count: 4, term: 1 },
        { index: 7, count: 1, term: 2 },
      ])
      await life.log.close()
    })

    test('without truncate what a block overlaps is removed wholly, the rest stays, and holes stay holes', async () => {
      const { log, reopen } = await open()
      await log.append([put(0, blockOf(1, 6, 1), false), put(0, blockOf(10, 3, 1), false)])
      await log.append([put(0, blockOf(20, 1, 1), false)])
      await log.append([put(0, blockOf(3, 2, 2, 'in'), false), put(0, blockOf(12, 2, 3, 'over'), false)])
      const check = async (store: LogStore): Promise<void> => {
        expect(await store.read(0, 1, 1000)).toEqual([])
        expect(await textsFrom(store, 0, 3)).toEqual(['3/2/in', '4/2/in'])
        expect(await store.read(0, 10, 1000)).toEqual([])
        expect(await textsFrom(store, 0, 12)).toEqual(['12/3/over', '13/3/over'])
        expect(await textsFrom(store, 0, 20)).toEqual(['20/1/'])
      }
      await check(log)
      const life = await reopen()
      await check(life.log)
      await life.log.close()
    })

    test('does the same as a plain list under random writes', async () => {
      const random = seededRandom(7)
      const { log, reopen } = await open()
      let model: BlockSpan[] = []
      for (let step = 0; step < 400; step++) {
        const index = 1 + below(random, 60)
        const count = 1 + below(random, 6)
        const truncate = below(random, 4) === 0
        const end = truncate ? Infinity : index + count
        model = model.filter((span) => span.index + span.count <= index || span.index >= end)
        model.push({ index, count, term: step + 1 })
        model.sort((a, b) => a.index - b.index)
        await log.append([put(0, blockOf(index, count, step + 1, 'x'), truncate)])
        if (step % 40 !== 39) continue
        for (let from = 1; from <= 66; from++) {
          const expected: string[] = []
          for (const span of model) {
            for (let i = span.index; i < span.index + span.count; i++) {
              if (i === from + expected.length) expected.push(`${i}/${span.term}/x`)
            }
          }
          expect(await textsFrom(log, 0, from, 200)).toEqual(expected)
        }
      }
      const life = await reopen()
      expect(life.partitions.get(0)!.blocks).toMatchObject(model)
      expect(life.partitions.get(0)!.blocks).toHaveLength(model.length)
      await life.log.close()
    })

    test('read gives whole blocks up to the limit, and at least one', async () => {
      const { log } = await open()
      const size = blockOf(1, 1, 1, '', 100).bytes.length
      for (let i = 1; i <= 10; i++) await log.append([put(0, blockOf(i, 1, 1, '', 100)), put(1, blockOf(i, 1, 1))])
      expect(await log.read(0, 3, 1)).toHaveLength(1)
      expect(await log.read(0, 3, size * 3)).toHaveLength(3)
      expect(await log.read(0, 3, size * 3 + 1)).toHaveLength(3)
      expect((await log.read(0, 3, 1e6)).map((block) => block.index)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
      expect(await log.read(0, 0, 1e6)).toEqual([])
      expect(await log.read(9, 1, 1e6)).toEqual([])
      await log.close()
    })

    test('reads while an append is in flight', async () => {
      const { log } = await open()
      await log.append([put(0, blockOf(1, 1, 1))])
      const append = log.append([put(1, blockOf(1, 1, 1))])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
      await append
      await log.close()
    })

    test('takes large blocks and many writes in one append', async () => {
      const { log, reopen } = await open()
      const large = blockOf(1, 2, 1, 'large', 600_001)
      await log.append([put(0, large), state(0, 's'), put(0, blockOf(3, 1, 1))])
      await log.append(Array.from({ length: 3000 }, (_, i) => put(1, blockOf(i + 1, 1, 1))))
      const life = await reopen()
      expect(Buffer.compare((await life.log.read(0, 1, 10))[0]!.bytes, large.bytes)).toBe(0)
      expect(await textsFrom(life.log, 0, 3)).toEqual(['3/1/'])
      expect(await textsFrom(life.log, 1, 1)).toHaveLength(3000)
      await life.log.close()
    })

    test('counts what it does', async () => {
      const { log } = await open()
      expect(log.stats()).toEqual({ flushes: 0, bytes: 0, flushMs: 0 })
      const block = blockOf(1, 1, 1)
      await log.append([put(0, block)])
      await log.append([put(0, blockOf(2, 1, 1))])
      expect(log.stats().flushes).toBe(2)
      expect(log.stats().bytes).toBeGreaterThanOrEqual(2 * block.bytes.length)
      await log.append([])
      expect(log.stats().flushes).toBeLessThanOrEqual(3)
      await log.close()
    })

    test('mistakes are BAD_STATE, and change nothing', async () => {
      const make = await makePlace()
      const log = await make()
      expect(await codeOf(log.append([put(0, blockOf(1, 1, 1))]))).toBe('BAD_STATE')
      expect(await codeOf(log.read(0, 1, 1))).toBe('BAD_STATE')
      await log.recover(IDENTITY)
      expect(await codeOf(log.recover(IDENTITY))).toBe('BAD_STATE')
      const first = log.append([put(0, blockOf(1, 1, 1))])
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('BAD_STATE')
      await first
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
      await log.close()
      await log.close()
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('BAD_STATE')
      expect(await codeOf(log.read(0, 1, 1))).toBe('BAD_STATE')
    })

    test('refuses what is not a block or a partition before it writes anything, and goes on', async () => {
      const { log } = await open()
      const good = blockOf(1, 1, 1)
      expect(await codeOf(log.append([put(0, good), put(0, { ...good, index: 2 })]))).toBe('CORRUPT_BLOCK')
      expect(await codeOf(log.append([put(0, { ...good, bytes: good.bytes.subarray(1) })]))).toBe('CORRUPT_BLOCK')
      expect(await codeOf(log.append([put(-1, good)]))).toBe('BAD_OPTION')
      expect(await log.read(0, 1, 1000)).toEqual([])
      await log.append([put(0, good)])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
      await log.close()
    })

    test('belongs to one node of one cluster', async () => {
      const make = await makePlace()
      const first = await make()
      await first.recover(IDENTITY)
      await first.append([put(0, blockOf(1, 1, 1))])
      await first.close()
      for (const other of [{ clusterId: 'payments' }, { nodeId: 'b' }]) {
        const log = await make()
        expect(await codeOf(log.recover({ ...IDENTITY, ...other }))).toBe('LOG_MISMATCH')
        await log.close()
      }
      const log = await make()
      expect((await log.recover({ ...IDENTITY, partitions: [0, 5] })).partitions.get(5)).toEqual({
        state: undefined,
        blocks: [],
      })
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
      await log.close()
    })
  })
}
