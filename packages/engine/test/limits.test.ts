// Every limit of `limits.ts`, at the limit and one above it; and that what is counted comes back to zero.

import { DEFAULT_LIMITS, entryBytes, type AddLogResult, type EngineLimits } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { accepted, bench, leading, type Bench } from './bench.ts'
import { blockOf, bytes, noopBlock } from './fakes.ts'

const of = (n: number): Uint8Array => new Uint8Array(n)
const many = (n: number): Uint8Array[] => Array.from({ length: n }, () => of(1))

/** Does something at the limit and one above it; says how both were answered. */
interface Row {
  readonly limits: Partial<EngineLimits>
  readonly prepare?: (bench: Bench) => Promise<void>
  readonly atLimit: (bench: Bench) => AddLogResult
  readonly above: (bench: Bench) => AddLogResult
  readonly answer: object
}

const idle = async (): Promise<void> => Promise.resolve()
const withoutCommits = async ({ core }: Bench): Promise<void> => {
  core().autoCommit = false
  await idle()
}
const withDiskHeld = async ({ log }: Bench): Promise<void> => {
  log.hold = true
  await idle()
}

const rows: Record<string, Row> = {
  outstandingEntries: {
    limits: { outstandingEntries: 3 },
    prepare: withoutCommits,
    atLimit: ({ engine }) => engine.addLogs(many(3)),
    above: ({ engine }) => engine.addLog(of(1)),
    answer: { status: 'BUSY', reason: 'entries' },
  },
  'outstandingEntries, by one batch': {
    limits: { outstandingEntries: 3 },
    atLimit: ({ engine }) => engine.addLogs(many(3)),
    above: ({ engine }) => engine.addLogs(many(4)),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
  outstandingBytes: {
    limits: { outstandingBytes: 2 * entryBytes(10) },
    prepare: withoutCommits,
    atLimit: ({ engine }) => engine.addLogs([of(10), of(10)]),
    above: ({ engine }) => engine.addLog(of(0)),
    answer: { status: 'BUSY', reason: 'bytes' },
  },
  'outstandingBytes, by one entry': {
    limits: { outstandingBytes: entryBytes(10) },
    atLimit: ({ engine }) => engine.addLog(of(10)),
    above: ({ engine }) => engine.addLog(of(11)),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
  payloadBytes: {
    limits: { payloadBytes: 10 },
    atLimit: ({ engine }) => engine.addLog(of(10)),
    above: ({ engine }) => engine.addLog(of(11)),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
  'payloadBytes as they are': {
    limits: {},
    atLimit: ({ engine }) => engine.addLog(of(DEFAULT_LIMITS.payloadBytes)),
    above: ({ engine }) => engine.addLog(of(DEFAULT_LIMITS.payloadBytes + 1)),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
  blockBytes: {
    // The header, with the longest name there may be, counts as 128 bytes.
    limits: { payloadBytes: 100, blockBytes: 128 + 2 * entryBytes(100) },
    atLimit: ({ engine }) => engine.addLogs([of(100), of(100)]),
    above: ({ engine }) => engine.addLogs([of(100), of(96), of(0)]),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
  diskQueueBytes: {
    limits: { diskQueueBytes: 100 },
    prepare: withDiskHeld,
    atLimit: ({ engine }) => engine.addLog(of(50)),
    above: ({ engine }) => engine.addLog(of(50)),
    answer: { status: 'BUSY', reason: 'disk' },
  },
  'diskQueueBytes, by one entry': {
    limits: { diskQueueBytes: entryBytes(10) },
    atLimit: ({ engine }) => engine.addLog(of(10)),
    above: ({ engine }) => engine.addLog(of(11)),
    answer: { status: 'REJECTED', reason: 'too-large' },
  },
}

describe('limits', () => {
  it.each(Object.entries(rows))('%s', async (_, { limits, prepare, atLimit, above, answer }) => {
    const made = await leading({ limits })
    await (prepare ?? idle)(made)
    expect(atLimit(made).status).toBe('SUCCESS')
    await made.clock.settle()
    expect(above(made)).toMatchObject(answer)
    // Being refused costs nothing, and what was in the way goes away.
    made.log.hold = false
    if (made.log.inFlight) made.log.finish()
    made.core().autoCommit = true
    made.core().commit(made.engine.status().partitions[0]!.lastIndex)
    await made.clock.advance(10)
    expect(made.engine.outstanding()).toBe(0)
    expect(atLimit(made).status).toBe('SUCCESS')
  })

  it('applyLagEntries: BUSY above it, not at it', async () => {
    const made = await leading({ limits: { applyLagEntries: 2 }, apply: () => new Promise<void>(() => undefined) })
    made.engine.addLogs(many(2))
    await made.clock.settle()
    expect(made.engine.addLog(of(1)).status).toBe('SUCCESS')
    await made.clock.settle()
    expect(made.engine.addLog(of(1))).toMatchObject({ status: 'BUSY', reason: 'apply-lag', retryAfterMs: 5 })
  })

  it('inboxMessages and inboxBytes: what is above is dropped and counted, and the inbox is empty after the turn', async () => {
    const { transport, clock, engine, core } = await bench({ limits: { inboxMessages: 3, inboxBytes: 10 } })
    const receive = (...lengths: number[]): void => {
      for (const length of lengths) transport.handlers!.message('b', 0, of(length))
    }
    receive(1, 1, 1, 1)
    await clock.settle()
    expect(engine.status().inbox.dropped).toBe(1)
    receive(5, 5, 1)
    await clock.settle()
    expect(engine.status().inbox.dropped).toBe(2)
    receive(11, 10)
    await clock.settle()
    expect(engine.status().inbox.dropped).toBe(3)
    expect(core().inputs.filter(({ type }) => type === 'message').length).toBe(6)
  })

  it('applyReadBytes and read: one block is always read, however large', async () => {
    const { core, clock, seen, engine } = await bench({ limits: { applyReadBytes: 1 } })
    core().keepInMemory = false
    for (let index = 1; index <= 20; index += 2) core().put(blockOf(index, 1, ['a', 'b']))
    await clock.advance(10)
    core().commit(20)
    await clock.advance(10)
    expect(seen.length).toBe(20)
    expect((await engine.read(0, 4, 1)).next).toBe(5)
  })

  it('a block is cut when it is full, and no later: indexes stay consecutive', async () => {
    const made = await leading({ limits: { payloadBytes: 100, blockBytes: 128 + 3 * entryBytes(100) } })
    const { engine, clock, log, seen } = made
    const indexes = Array.from({ length: 10 }, () => accepted(engine.addLog(of(100))).index)
    expect(indexes).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await clock.settle()
    const blocks = log.blocks.get(0)!
    expect(blocks.every((block) => block.bytes.length <= 128 + 3 * entryBytes(100))).toBe(true)
    expect(blocks.map(({ count }) => count)).toEqual([3, 3, 3, 1])
    expect(seen.length).toBe(10)
  })

  it('count what is outstanding exactly, whatever becomes of it', async () => {
    const { engine, clock, core } = await leading({ partitions: [0, 1] })
    for (const partition of [0, 1]) core(partition).autoCommit = false
    engine.addLogs(many(5), { partition: 0 })
    engine.addLogs(many(7), { partition: 1 })
    await clock.settle()
    engine.addLog(of(1), { partition: 0 })
    expect([engine.outstanding(0), engine.outstanding(1), engine.outstanding(9)]).toEqual([6, 7, 0])
    await clock.settle()
    core(0).commit(5)
    core(1).follow(2, 'b')
    core(1).put(noopBlock(1, 2))
    core(1).commit(1)
    await clock.advance(10)
    expect([engine.outstanding(0), engine.outstanding(1)]).toEqual([1, 0])
    core(0).throwOn = 'tick'
    await clock.advance(10)
    expect([engine.outstanding(0), engine.outstanding(1)]).toEqual([0, 0])
  })
})

describe('a mistake', () => {
  it('is thrown, and nothing is taken', async () => {
    const { engine, clock, seen } = await leading()
    const wrong = expect.objectContaining({ code: 'BAD_PAYLOAD' }) as Error
    expect(() => engine.addLogs([bytes('good'), 'bad' as unknown as Uint8Array])).toThrow(wrong)
    expect(() => engine.addLogs(undefined as unknown as Uint8Array[])).toThrow(wrong)
    expect(() => engine.addLog(bytes('x'), { kind: 'noop' as 'data' })).toThrow(wrong)
    expect(() => engine.addLog(bytes('x'), { kind: 'typo' as 'data' })).toThrow(wrong)
    await clock.settle()
    expect([engine.outstanding(), seen.length]).toEqual([0, 0])
  })
})
