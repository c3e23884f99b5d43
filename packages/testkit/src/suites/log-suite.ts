// The conformance suite of log stores: every sentence of the `LogStore` port, over any implementation.
//
// Always true: a test uses the port and the hooks of its place and nothing else, so it says nothing about where a store
// keeps what it keeps. What the port leaves open is not tested.

import { lastIndexOf, seededRandom, below, type BlockSpan, type LogStore, type RecoveredLog } from '@mako/engine'
import { LogReadings, blockOf, put, state } from './log-blocks.ts'
import {
  type Case,
  type CleanUp,
  codeOf,
  runCases,
  textOf,
  type Skip,
  type SuiteOptions,
  type TestRunner,
} from './runner.ts'

/** Where stores, one after the other, keep the log of one node. */
export interface LogPlace {
  /** Makes a store over what this place has kept. There are never two at once. */
  open(): LogStore | Promise<LogStore>
  /**
   * Ends the life of the store that is open as a power cut does: only what it has promised need be there afterwards. It is
   * not used any more; what it was asked may stay unanswered for ever. Without this hook the tests of crashes are skipped.
   */
  crash?(): unknown
  /** Makes the next flush of the store that is open fail. Without this hook the tests of failing disks are skipped. */
  failNextAppend?(): unknown
  /** Called when the test has ended. */
  remove?(): unknown
}

export interface LogSuiteOptions extends SuiteOptions {
  /** A new and empty place; each test has one of its own. */
  readonly createPlace: () => LogPlace | Promise<LogPlace>
  /** Which hooks the places have. @default none */
  readonly hooks?: readonly ('crash' | 'failNextAppend')[]
}

const IDENTITY = { clusterId: 'orders', nodeId: 'a', partitions: [0, 1] }

interface Life extends RecoveredLog {
  readonly log: LogStore
  readonly place: LogPlace
  /** Closes the store and begins the next life. */
  readonly reopen: () => Promise<Life>
}

/** Registers the suite with the runner. */
export function logSuite(runner: TestRunner, options: LogSuiteOptions): void {
  const { expect } = runner
  const { textsFrom, spansOf } = new LogReadings(expect)
  const crashed = new WeakSet<LogStore>()

  const crash = async ({ log, place }: Life): Promise<void> => {
    crashed.add(log)
    await place.crash!()
  }

  const makePlace = async (cleanUp: CleanUp): Promise<LogPlace> => {
    const place = await options.createPlace()
    cleanUp.add(() => place.remove?.())
    return place
  }
  const make = async (cleanUp: CleanUp, place: LogPlace): Promise<LogStore> => {
    const log = await place.open()
    // Closing what is closed already, or has failed, is no mistake; what has crashed answers nothing any more.
    cleanUp.add(() => (crashed.has(log) ? undefined : log.close().catch(() => undefined)))
    return log
  }
  const begin = async (cleanUp: CleanUp, place: LogPlace): Promise<Life> => {
    const log = await make(cleanUp, place)
    const recovered = await log.recover(IDENTITY)
    const reopen = async (): Promise<Life> => {
      await log.close()
      return await begin(cleanUp, place)
    }
    return { ...recovered, log, place, reopen }
  }
  const open = async (cleanUp: CleanUp): Promise<Life> => begin(cleanUp, await makePlace(cleanUp))

  const always: Record<string, Case> = {
    'a new store is empty and in its first incarnation, which grows by one with each start': async (cleanUp) => {
      let life = await open(cleanUp)
      for (let incarnation = 1; incarnation <= 4; incarnation++) {
        expect(life.incarnation).toBe(incarnation)
        expect(life.warnings).toEqual([])
        expect([...life.partitions.keys()]).toEqual([0, 1])
        expect(life.partitions.get(1)).toEqual({ state: undefined, blocks: [] })
        expect(await life.log.read(0, 1, 1000)).toEqual([])
        life = await life.reopen()
      }
    },

    'recover tells of every partition that was asked for, and keeps the others': async (cleanUp) => {
      const place = await makePlace(cleanUp)
      const first = await begin(cleanUp, place)
      await first.log.append([put(0, blockOf(1, 1, 1)), put(1, blockOf(1, 2, 1)), state(1, 's')])
      await first.log.close()
      const narrow = await make(cleanUp, place)
      const recovered = await narrow.recover({ ...IDENTITY, partitions: [0, 5] })
      expect([...recovered.partitions.keys()].sort()).toEqual([0, 5])
      expect(recovered.partitions.get(5)).toEqual({ state: undefined, blocks: [] })
      await narrow.append([put(5, blockOf(1, 1, 1))])
      await narrow.close()
      const wide = await make(cleanUp, place)
      const all = await wide.recover({ ...IDENTITY, partitions: [0, 1, 5] })
      expect(spansOf(all, 0)).toEqual(['1+1@1'])
      expect(spansOf(all, 1)).toEqual(['1+2@1'])
      expect(textOf(all.partitions.get(1)!.state!)).toBe('s')
      expect(spansOf(all, 5)).toEqual(['1+1@1'])
    },

    'belongs to one node of one cluster: LOG_MISMATCH for any other, and nothing is changed': async (cleanUp) => {
      const place = await makePlace(cleanUp)
      const first = await begin(cleanUp, place)
      await first.log.append([put(0, blockOf(1, 1, 1))])
      await first.log.close()
      for (const other of [{ clusterId: 'payments' }, { nodeId: 'b' }]) {
        const log = await make(cleanUp, place)
        expect(await codeOf(log.recover({ ...IDENTITY, ...other }))).toBe('LOG_MISMATCH')
        await log.close()
      }
      const again = await begin(cleanUp, place)
      expect(await textsFrom(again.log, 0, 1)).toEqual(['1/1/'])
    },

    'keeps blocks and hard states of each partition over a restart': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 3, 1)), state(0, 'one'), put(1, blockOf(1, 1, 7))])
      await log.append([state(0, 'two'), put(0, blockOf(4, 1, 2))])
      const life = await reopen()
      expect(textOf(life.partitions.get(0)!.state!)).toBe('two')
      expect(spansOf(life, 0)).toEqual(['1+3@1', '4+1@2'])
      expect(life.partitions.get(1)!.state).toBe(undefined)
      expect(spansOf(life, 1)).toEqual(['1+1@7'])
      expect(await textsFrom(life.log, 0, 1)).toEqual(['1/1/', '2/1/', '3/1/', '4/2/'])
      expect(await textsFrom(life.log, 1, 1)).toEqual(['1/7/'])
    },

    'the writes of one append count in their order': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
      await log.append([
        state(0, 'first'),
        put(0, blockOf(1, 2, 1, 'old')),
        put(0, blockOf(3, 1, 1, 'old')),
        put(0, blockOf(1, 1, 2, 'new')),
        put(0, blockOf(2, 1, 2, 'newer')),
        state(0, 'last'),
      ])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/2/new', '2/2/newer'])
      const life = await reopen()
      expect(await textsFrom(life.log, 0, 1)).toEqual(['1/2/new', '2/2/newer'])
      expect(textOf(life.partitions.get(0)!.state!)).toBe('last')
    },

    'an empty hard state is not the same as none': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
      await log.append([state(0, '')])
      const life = await reopen()
      expect(life.partitions.get(0)!.state?.length).toBe(0)
      expect(life.partitions.get(1)!.state).toBe(undefined)
    },

    'returns the very bytes that were written, whatever becomes of the buffer of a hard state afterwards': async (
      cleanUp,
    ) => {
      const { log, reopen } = await open(cleanUp)
      const block = blockOf(1, 2, 1)
      const original = block.bytes.slice()
      const hard = new Uint8Array([1, 2, 3])
      await log.append([put(0, block), { type: 'state', partition: 0, state: hard }])
      hard.fill(0)
      expect((await log.read(0, 1, 1000))[0]!.bytes).toEqual(original)
      const life = await reopen()
      expect((await life.log.read(0, 2, 1000))[0]!.bytes).toEqual(original)
      expect([...life.partitions.get(0)!.state!]).toEqual([1, 2, 3])
    },

    'with truncate what a block overlaps is removed wholly, and everything behind it': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
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
      expect(spansOf(life, 0)).toEqual(['1+4@1', '7+1@2'])
    },

    'without truncate what a block overlaps is removed wholly, the rest stays, and holes stay holes': async (
      cleanUp,
    ) => {
      const { log, reopen } = await open(cleanUp)
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
      expect(spansOf(life, 0)).toEqual(['3+2@2', '12+2@3', '20+1@1'])
    },

    'a hole is filled later, by a block that lies before others': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
      await log.append([put(0, blockOf(3, 1, 1), false)])
      await log.append([put(0, blockOf(1, 1, 2), false)])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/2/'])
      await log.append([put(0, blockOf(2, 1, 2), false)])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/2/', '2/2/', '3/1/'])
      expect(await textsFrom((await reopen()).log, 0, 1)).toEqual(['1/2/', '2/2/', '3/1/'])
    },

    'partitions do not touch each other': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 3, 1)), put(1, blockOf(1, 3, 1)), state(0, 'zero'), state(1, 'one')])
      await log.append([put(1, blockOf(1, 1, 2, 'cut'))])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/', '2/1/', '3/1/'])
      expect(await textsFrom(log, 1, 1)).toEqual(['1/2/cut'])
    },

    'does the same as a plain list under random writes': async (cleanUp) => {
      const random = seededRandom(7)
      const { log, reopen } = await open(cleanUp)
      let model: BlockSpan[] = []
      for (let step = 0; step < 400; step++) {
        const index = 1 + below(random, 60)
        const count = 1 + below(random, 6)
        const truncate = below(random, 4) === 0
        const end = truncate ? Infinity : index + count
        model = model.filter((span) => lastIndexOf(span) < index || span.index >= end)
        model.push({ index, count, term: step + 1 })
        model.sort((a, b) => a.index - b.index)
        await log.append([put(0, blockOf(index, count, step + 1, 'x'), truncate)])
        if (step % 40 !== 39) continue
        for (let from = 1; from <= 66; from++) {
          const expected: string[] = []
          for (const span of model) {
            for (let i = span.index; i <= lastIndexOf(span); i++) {
              if (i === from + expected.length) expected.push(`${i}/${span.term}/x`)
            }
          }
          expect(await textsFrom(log, 0, from, 200)).toEqual(expected)
        }
      }
      const life = await reopen()
      expect(spansOf(life, 0)).toEqual(model.map(({ index, count, term }) => `${index}+${count}@${term}`))
    },

    'read gives whole blocks up to the limit, and at least one': async (cleanUp) => {
      const { log } = await open(cleanUp)
      const size = blockOf(1, 1, 1, '', 100).bytes.length
      for (let i = 1; i <= 10; i++) await log.append([put(0, blockOf(i, 1, 1, '', 100)), put(1, blockOf(i, 1, 1))])
      expect(await log.read(0, 3, 1)).toHaveLength(1)
      expect(await log.read(0, 3, size * 3 - 1)).toHaveLength(2)
      expect(await log.read(0, 3, size * 3)).toHaveLength(3)
      expect(await log.read(0, 3, size * 3 + 1)).toHaveLength(3)
      expect((await log.read(0, 3, 1e6)).map((block) => block.index)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    },

    'read begins with the block that holds the index, wherever in it that lies': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 3, 1)), put(0, blockOf(4, 3, 1))])
      for (const from of [1, 2, 3]) expect((await log.read(0, from, 1)).map(({ index }) => index)).toEqual([1])
      for (const from of [4, 5, 6]) expect((await log.read(0, from, 1e6)).map(({ index }) => index)).toEqual([4])
    },

    'read is empty where nothing is stored, and ends before a gap': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append([put(0, blockOf(2, 2, 1), false), put(0, blockOf(5, 1, 1), false)])
      for (const from of [0, 1, 4, 6, 1000]) expect(await log.read(0, from, 1e6)).toEqual([])
      expect(await log.read(9, 1, 1e6)).toEqual([])
      expect((await log.read(0, 2, 1e6)).map(({ index }) => index)).toEqual([2])
    },

    'read sees every append that has resolved, and runs while another is in flight': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 1, 1))])
      const append = log.append([put(1, blockOf(1, 1, 1)), put(0, blockOf(2, 1, 1))])
      const [first] = await textsFrom(log, 0, 1)
      expect(first).toBe('1/1/')
      await append
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/', '2/1/'])
      expect(await textsFrom(log, 1, 1)).toEqual(['1/1/'])
    },

    'many reads at once each give what they asked for': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append(Array.from({ length: 50 }, (_, i) => put(0, blockOf(i + 1, 1, 1))))
      const reads = await Promise.all(Array.from({ length: 50 }, (_, i) => log.read(0, i + 1, 1)))
      expect(reads.map((blocks) => blocks.map(({ index }) => index))).toEqual(reads.map((_, i) => [i + 1]))
    },

    'takes large blocks and many writes in one append': async (cleanUp) => {
      const { log, reopen } = await open(cleanUp)
      const large = blockOf(1, 2, 1, 'large', 600_001)
      await log.append([put(0, large), state(0, 's'), put(0, blockOf(3, 1, 1))])
      await log.append(Array.from({ length: 3000 }, (_, i) => put(1, blockOf(i + 1, 1, 1))))
      const life = await reopen()
      const [read] = await life.log.read(0, 1, 10)
      expect(read!.bytes.every((byte, i) => byte === large.bytes[i]) && read!.bytes.length).toBe(large.bytes.length)
      expect(await textsFrom(life.log, 0, 3)).toEqual(['3/1/'])
      expect(await textsFrom(life.log, 1, 1)).toHaveLength(3000)
    },

    'an append of nothing is no mistake': async (cleanUp) => {
      const { log } = await open(cleanUp)
      await log.append([])
      await log.append([put(0, blockOf(1, 1, 1))])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
    },

    'counts what it does': async (cleanUp) => {
      const { log } = await open(cleanUp)
      expect(log.stats()).toEqual({ flushes: 0, bytes: 0, flushMs: 0 })
      const block = blockOf(1, 1, 1)
      await log.append([put(0, block)])
      await log.append([put(0, blockOf(2, 1, 1))])
      expect(log.stats().flushes).toBe(2)
      expect(log.stats().bytes).toBeGreaterThanOrEqual(2 * block.bytes.length)
      expect(log.stats().flushMs).toBeGreaterThanOrEqual(0)
    },

    'is used in order: recover once, one append at a time; BAD_STATE otherwise, and nothing changes': async (
      cleanUp,
    ) => {
      const log = await make(cleanUp, await makePlace(cleanUp))
      expect(await codeOf(log.append([put(0, blockOf(1, 1, 1))]))).toBe('BAD_STATE')
      expect(await codeOf(log.read(0, 1, 1))).toBe('BAD_STATE')
      await log.recover(IDENTITY)
      expect(await codeOf(log.recover(IDENTITY))).toBe('BAD_STATE')
      const first = log.append([put(0, blockOf(1, 1, 1))])
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('BAD_STATE')
      await first
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
    },

    'refuses what is not a block or a partition before it writes anything, and goes on': async (cleanUp) => {
      const { log } = await open(cleanUp)
      const good = blockOf(1, 1, 1)
      expect(await codeOf(log.append([put(0, good), put(0, { ...good, index: 2 })]))).toBe('CORRUPT_BLOCK')
      expect(await codeOf(log.append([put(0, { ...good, bytes: good.bytes.subarray(1) })]))).toBe('CORRUPT_BLOCK')
      expect(await codeOf(log.append([put(-1, good)]))).toBe('BAD_OPTION')
      expect(await log.read(0, 1, 1000)).toEqual([])
      await log.append([put(0, good)])
      expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
    },

    'close waits for the append in flight, may be called again, and ends every use': async (cleanUp) => {
      const { log, place } = await open(cleanUp)
      const append = log.append([put(0, blockOf(1, 1, 1))])
      await log.close()
      await append
      await log.close()
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('BAD_STATE')
      expect(await codeOf(log.read(0, 1, 1))).toBe('BAD_STATE')
      const life = await begin(cleanUp, place)
      expect(await textsFrom(life.log, 0, 1)).toEqual(['1/1/'])
    },

    'close before recover gives the store up, and counts no start': async (cleanUp) => {
      const place = await makePlace(cleanUp)
      const unused = await make(cleanUp, place)
      await unused.close()
      expect((await begin(cleanUp, place)).incarnation).toBe(1)
    },
  }

  const withCrash: Record<string, Case> = {
    'a crash loses nothing that was promised, and the next life has a new incarnation': async (cleanUp) => {
      const life = await open(cleanUp)
      for (let i = 1; i <= 20; i++) await life.log.append([put(0, blockOf(i, 1, 1)), state(0, `after ${i}`)])
      await crash(life)
      const next = await begin(cleanUp, life.place)
      expect(next.incarnation).toBe(2)
      expect(await textsFrom(next.log, 0, 1)).toHaveLength(20)
      expect(textOf(next.partitions.get(0)!.state!)).toBe('after 20')
    },

    'an incarnation is durable before recover resolves': async (cleanUp) => {
      const place = await makePlace(cleanUp)
      for (let incarnation = 1; incarnation <= 5; incarnation++) {
        const life = await begin(cleanUp, place)
        expect(life.incarnation).toBe(incarnation)
        await crash(life)
      }
    },

    'of the append in flight a crash leaves a beginning, in the order of its writes, or nothing': async (cleanUp) => {
      for (let round = 0; round < 4; round++) {
        const life = await open(cleanUp)
        await life.log.append([put(0, blockOf(1, 1, 1))])
        const writes = Array.from({ length: 40 }, (_, i) => put(0, blockOf(i + 2, 1, 1, '', 200)))
        life.log.append(writes).catch(() => undefined)
        // Each round gives the store a little more time.
        for (let turn = 0; turn < round; turn++) await Promise.resolve()
        await crash(life)
        const next = await begin(cleanUp, life.place)
        const texts = await textsFrom(next.log, 0, 1)
        expect(texts.length).toBeGreaterThanOrEqual(1)
        expect(spansOf(next, 0)).toEqual(texts.map((_, i) => `${i + 1}+1@1`))
        await next.log.append([put(0, blockOf(texts.length + 1, 1, 2, 'goes on'))])
        expect((await textsFrom(next.log, 0, 1)).at(-1)).toBe(`${texts.length + 1}/2/goes on`)
      }
    },
  }

  const withFailure: Record<string, Case> = {
    'after an append that failed every later one is refused, and what was promised before can be read': async (
      cleanUp,
    ) => {
      const { log, place } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 1, 1))])
      await place.failNextAppend!()
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('LOG_IO')
      for (let i = 0; i < 3; i++) expect(await codeOf(log.append([put(0, blockOf(2, 1, 1))]))).toBe('LOG_IO')
      expect((await textsFrom(log, 0, 1))[0]).toBe('1/1/')
    },

    'a store that failed is given up by close, and the next life has what was promised': async (cleanUp) => {
      const { log, place } = await open(cleanUp)
      await log.append([put(0, blockOf(1, 1, 1)), state(0, 'kept')])
      await place.failNextAppend!()
      expect(await codeOf(log.append([put(0, blockOf(2, 1, 1)), state(0, 'perhaps')]))).toBe('LOG_IO')
      await log.close().catch(() => undefined)
      const next = await begin(cleanUp, place)
      expect((await textsFrom(next.log, 0, 1))[0]).toBe('1/1/')
      expect(['kept', 'perhaps']).toContain(textOf(next.partitions.get(0)!.state!))
    },
  }

  const cases = { ...always, ...withCrash, ...withFailure }
  const missing: Skip[] = []
  const named = new Set((options.skip ?? []).flatMap(({ tests }) => tests))
  for (const [hook, tests] of [
    ['crash', withCrash],
    ['failNextAppend', withFailure],
  ] as const) {
    if (options.hooks?.includes(hook) === true) continue
    missing.push({
      reason: `the place has no hook ${hook}`,
      tests: Object.keys(tests).filter((name) => !named.has(name)),
    })
  }
  runCases(runner, `${options.name}: a log store`, cases, [...(options.skip ?? []), ...missing])
}
