import { createEngine, DEFAULT_LIMITS, MakoError, type Member, restamp } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { accepted, bench, leading, now } from './bench.ts'
import { blockOf, bytes, FakeLog, FakeTransport, ManualClock, MEMBERS, noopBlock, puppets, text } from './fakes.ts'

describe('addLog', () => {
  it('answers SUCCESS with the index at once and APPLIED with the value later', async () => {
    const { engine, clock, seen } = await leading({ apply: (entry) => text(entry.payload).length })
    const first = accepted(engine.addLog(bytes('one')))
    const second = accepted(engine.addLog(bytes('three')))
    expect([first.index, first.term, second.index]).toEqual([1, 1, 2])
    expect(engine.outstanding()).toBe(2)
    expect(await now(second.outcome)).toBe('open')
    await clock.settle()
    expect(await first.outcome).toEqual({ status: 'APPLIED', index: 1, value: 3 })
    expect(await second.outcome).toEqual({ status: 'APPLIED', index: 2, value: 5 })
    expect(engine.outstanding()).toBe(0)
    expect(seen).toEqual(['leader 0/1 one', 'leader 0/2 three'])
  })

  it('gathers a turn into one block, one append and one write to the network', async () => {
    const { engine, clock, log, transport } = await leading()
    const before = transport.flushes
    for (let i = 0; i < 100; i++) engine.addLog(bytes(`${i}`))
    engine.addLogs([bytes('x'), bytes('y')])
    await clock.settle()
    expect(log.appended.length).toBe(1)
    expect(log.appended[0]!.length).toBe(1)
    expect(log.blocks.get(0)![0]!.count).toBe(102)
    expect(transport.flushes - before).toBeLessThanOrEqual(3)
  })

  it('answers a batch as one', async () => {
    const { engine, clock } = await leading({ apply: (entry) => text(entry.payload) })
    engine.addLog(bytes('before'))
    const batch = accepted(engine.addLogs([bytes('a'), bytes('b')]))
    expect([batch.index, batch.count]).toEqual([2, 2])
    await clock.settle()
    expect(await batch.outcome).toEqual({ status: 'APPLIED', index: 2, value: ['a', 'b'] })
  })

  it('answers NOT_LEADER with a hint that has address and term, or without when none is known', async () => {
    const { engine, clock, core, seen } = await bench()
    expect(engine.addLog(bytes('x'))).toEqual({ status: 'NOT_LEADER', leaderHint: undefined })
    core().follow(4, 'b')
    await clock.advance(10)
    const leaderHint = { nodeId: 'b', address: 'localhost:2', term: 4 }
    expect(engine.addLog(bytes('x'))).toEqual({ status: 'NOT_LEADER', leaderHint })
    expect(engine.leaderHint()).toEqual(leaderHint)
    expect(seen).toEqual([])
  })

  it('refuses what it cannot take, each with its reason, and executes none of it', async () => {
    const made = await leading({
      limits: { payloadBytes: 100, blockBytes: 400, outstandingEntries: 3, outstandingBytes: 60 },
    })
    const { engine, core, clock, seen } = made
    const of = (n: number): Uint8Array => new Uint8Array(n)
    expect(engine.addLog(of(1), { partition: 9 })).toEqual({ status: 'REJECTED', reason: 'unknown-partition' })
    expect(engine.addLog(of(101))).toEqual({ status: 'REJECTED', reason: 'too-large' })
    expect(engine.addLogs([of(90), of(90), of(90)])).toEqual({ status: 'REJECTED', reason: 'too-large' })
    expect(engine.addLog(of(1), { term: 2 })).toEqual({ status: 'REJECTED', reason: 'fenced' })
    // A fence of the past is one as well: who holds it has missed a change of leadership.
    expect(engine.addLog(of(1), { term: 0 })).toEqual({ status: 'REJECTED', reason: 'fenced' })
    core().autoCommit = false
    expect(engine.addLog(of(1), { term: 1 }).status).toBe('SUCCESS')
    expect(engine.addLog(of(90))).toEqual({ status: 'REJECTED', reason: 'too-large' })
    expect(engine.addLog(of(50))).toMatchObject({ status: 'BUSY', reason: 'bytes' })
    expect(engine.addLogs([of(1), of(1), of(1)])).toMatchObject({ status: 'BUSY', reason: 'entries' })
    core().transferring()
    await clock.advance(10)
    expect(engine.addLog(of(1))).toMatchObject({ status: 'BUSY', reason: 'transfer' })
    expect(() => engine.addLog('text' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({ code: 'BAD_PAYLOAD' }),
    )
    expect(() => engine.addLog(null as unknown as Uint8Array)).toThrow(/not null/)
    expect(() => engine.addLogs([])).toThrow(expect.objectContaining({ code: 'BAD_PAYLOAD' }))
    await engine.stop()
    expect(engine.addLog(of(1))).toEqual({ status: 'REJECTED', reason: 'stopped' })
    expect(seen).toEqual([])
  })

  it('takes the first proposal of a term whatever earlier terms have left open', async () => {
    const { engine, clock, core } = await leading({ limits: { outstandingEntries: 2 } })
    core().autoCommit = false
    expect(engine.addLogs([bytes('1'), bytes('2'), bytes('3')])).toMatchObject({
      status: 'REJECTED',
      reason: 'too-large',
    })
    expect(engine.addLogs([bytes('1'), bytes('2')]).status).toBe('SUCCESS')
    await clock.settle()
    // Led again without a no-op: what is open can only be committed behind an entry of the new term.
    core().lead(2)
    await clock.advance(10)
    expect(engine.addLog(bytes('3')).status).toBe('SUCCESS')
    expect(engine.addLog(bytes('4'))).toMatchObject({ status: 'BUSY', reason: 'entries' })
  })

  it('is BUSY when the disk lags and when the callbacks lag', async () => {
    const disk = await leading({ limits: { diskQueueBytes: 50 } })
    disk.log.hold = true
    expect(disk.engine.addLog(new Uint8Array(40)).status).toBe('SUCCESS')
    await disk.clock.settle()
    expect(disk.engine.addLog(new Uint8Array(40))).toMatchObject({ status: 'BUSY', reason: 'disk' })
    disk.log.hold = false
    disk.log.finish()
    await disk.clock.settle()
    expect(disk.engine.addLog(new Uint8Array(10)).status).toBe('SUCCESS')

    const apply = await leading({ limits: { applyLagEntries: 2 }, apply: () => new Promise<void>(() => undefined) })
    for (let i = 0; i < 3; i++) apply.engine.addLog(bytes('x'))
    await apply.clock.settle()
    expect(apply.engine.addLog(bytes('x'))).toMatchObject({ status: 'BUSY', reason: 'apply-lag' })
  })
})

describe('members', () => {
  it('may be learners, but not all of them', () => {
    const { protocol } = puppets()
    const make = (members: Member[]): unknown =>
      createEngine({ protocol, nodeId: 'a', members, log: new FakeLog(), transport: new FakeTransport() })
    const bad = expect.objectContaining({ code: 'BAD_OPTION' }) as unknown as Error
    expect(() => make([{ id: 'a', address: 'x:1', learner: true }])).toThrow(bad)
    expect(() => make([{ id: 'a', address: 'x:1', learner: false as unknown as true }])).toThrow(bad)
    expect(
      make([
        { id: 'a', address: 'x:1' },
        { id: 'b', address: 'x:2', learner: true },
      ]),
    ).toBeDefined()
  })
})

describe('outcomes', () => {
  it('are LOST when an entry of a later term is applied at or before their place', async () => {
    const { engine, clock, core } = await leading()
    core().autoCommit = false
    const entry = accepted(engine.addLogs([bytes('mine'), bytes('too')]))
    const later = accepted(engine.addLog(bytes('later')))
    await clock.settle()
    core().follow(2, 'b')
    await clock.advance(10)
    expect(engine.outstanding()).toBe(3)
    expect(await now(entry.outcome)).toBe('open')
    core().put(noopBlock(1, 2))
    core().commit(1)
    await clock.advance(10)
    expect(await now(entry.outcome)).toEqual({ status: 'LOST', by: { term: 2 } })
    expect(await now(later.outcome)).toEqual({ status: 'LOST', by: { term: 2 } })
    expect(engine.outstanding()).toBe(0)
  })

  it('are APPLIED when the deposed leader sees its entry committed by the next', async () => {
    const { engine, clock, core, seen } = await leading()
    core().autoCommit = false
    const entry = accepted(engine.addLog(bytes('mine')))
    await clock.settle()
    core().follow(2, 'b')
    core().put(noopBlock(2, 2))
    core().commit(2)
    await clock.advance(10)
    expect(await entry.outcome).toMatchObject({ status: 'APPLIED', index: 1 })
    // Role by origin: this very process proposed it, so it goes to the leader callback although it leads no more.
    expect(seen).toEqual(['leader 0/1 mine'])
  })

  it('goes to the follower callback when an earlier life with the same number proposed it, as after a replaced disk', async () => {
    const { core, clock, seen } = await bench()
    core().follow(3, 'b')
    // The log store is new, so this life is the first again; the entry is of the first life on the former disk.
    core().put(blockOf(1, 1, ['of the former disk'], 'a'))
    core().commit(1)
    await clock.advance(10)
    expect(seen).toEqual(['follower 0/1 of the former disk'])
  })

  it('tell an index that was accepted twice by the same process apart', async () => {
    const { engine, clock, core } = await leading()
    core().autoCommit = false
    const lost = accepted(engine.addLog(bytes('first life of index 1')))
    await clock.settle()
    core().follow(2, 'b')
    core().put(noopBlock(1, 2))
    await clock.advance(10)
    core().lead(3)
    await clock.advance(10)
    const kept = accepted(engine.addLog(bytes('index 2')))
    expect([lost.index, kept.index]).toEqual([1, 2])
    core().commit(2)
    await clock.advance(10)
    expect(await lost.outcome).toEqual({ status: 'LOST', by: { term: 2 } })
    expect(await kept.outcome).toMatchObject({ status: 'APPLIED', index: 2 })
  })

  it('are APPLIED when a later leader has proposed the very same block again', async () => {
    const { engine, clock, core, seen, log } = await leading()
    core().autoCommit = false
    const entry = accepted(engine.addLog(bytes('mine')))
    await clock.settle()
    core().follow(2, 'b')
    core().put(restamp(log.blocks.get(0)![0]!, 2))
    core().put(noopBlock(2, 2))
    core().commit(2)
    await clock.advance(10)
    expect(await entry.outcome).toMatchObject({ status: 'APPLIED', index: 1 })
    expect(seen).toEqual(['leader 0/1 mine'])
    const token = { partition: 0, index: 1, count: 1, term: 1 }
    expect(await engine.outcomeOf(token)).toMatchObject({ status: 'APPLIED', index: 1 })
    expect(await engine.outcomeOf({ ...token, term: 2 })).toEqual({ status: 'LOST', by: { term: 1 } })
  })

  it('are LOST where a protocol has filled the place, though what follows is of the same term', async () => {
    const { engine, clock, core, log } = await leading()
    core().autoCommit = false
    const lost = accepted(engine.addLog(bytes('lost')))
    await clock.settle()
    const kept = accepted(engine.addLog(bytes('kept')))
    await clock.settle()
    const survivor = log.blocks.get(0)![1]!
    core().follow(2, 'b')
    // The place of the first is filled with a no-op of this very process and of the term of the first proposal.
    core().put(restamp(noopBlock(1, 1, 'a'), 2))
    core().put(restamp(survivor, 2))
    core().commit(2)
    await clock.advance(10)
    expect(await lost.outcome).toEqual({ status: 'LOST', by: { term: 1 } })
    expect(await kept.outcome).toMatchObject({ status: 'APPLIED', index: 2 })
    expect(engine.outstanding()).toBe(0)
    const token = { partition: 0, index: 1, count: 1, term: 1 }
    expect(await engine.outcomeOf(token)).toEqual({ status: 'LOST', by: { term: 1 } })
  })

  it('are UNKNOWN at stop, and the token tells the truth afterwards', async () => {
    const first = await leading()
    first.core().autoCommit = false
    const entry = accepted(first.engine.addLog(bytes('mine')))
    const asked = entry.outcome
    await first.clock.settle()
    await first.engine.stop()
    const token = { partition: 0, index: 1, count: 1, term: 1 }
    expect(await now(asked)).toEqual({ status: 'UNKNOWN', token })
    expect(await entry.outcome).toEqual({ status: 'UNKNOWN', token })

    first.log.incarnation = 2
    const second = await bench({ log: first.log })
    expect(await second.engine.outcomeOf(token)).toEqual({ status: 'UNKNOWN', token })
    second.core().commit(1)
    await second.clock.advance(10)
    expect(await second.engine.outcomeOf(token)).toMatchObject({ status: 'APPLIED', index: 1 })
    expect(await second.engine.outcomeOf({ ...token, term: 7 })).toEqual({ status: 'LOST', by: { term: 1 } })
    // A later life replays what an earlier one proposed.
    expect(second.seen).toEqual(['follower 0/1 mine'])
  })

  it('can be asked for after they are known', async () => {
    const { engine, clock } = await leading({ apply: () => 'value' })
    const entry = accepted(engine.addLog(bytes('x')))
    await clock.settle()
    expect(await entry.outcome).toEqual({ status: 'APPLIED', index: 1, value: 'value' })
    expect(entry.outcome).toBe(entry.outcome)
  })
})

describe('the apply cursor', () => {
  it('hands over every entry once, in order, across blocks in memory and on disk, whatever the callback speed', async () => {
    const made = await bench({
      limits: { applyReadBytes: 200 },
      apply: (entry) => (entry.index % 3 === 0 ? Promise.resolve() : undefined),
    })
    const { core, clock, seen } = made
    core().keepInMemory = false
    const expected: string[] = []
    for (let i = 0, index = 1; i < 50; i++) {
      const texts = Array.from({ length: (i % 4) + 1 }, (_, k) => `${i}.${k}`)
      core().put(blockOf(index, 1, texts))
      for (const each of texts) expected.push(`follower 0/${index++} ${each}`)
    }
    await clock.advance(10)
    core().commit(expected.length)
    await clock.advance(10)
    expect(seen).toEqual(expected)
  })

  it('takes the block in memory when the disk still holds an older one', async () => {
    const { core, clock, seen, log } = await bench()
    core().keepInMemory = false
    core().put(blockOf(1, 1, ['kept']))
    core().put(blockOf(2, 1, ['replaced']))
    await clock.advance(10)
    core().keepInMemory = true
    log.hold = true
    core().put(blockOf(2, 2, ['newer']))
    core().commit(2)
    await clock.advance(10)
    expect(seen).toEqual(['follower 0/1 kept', 'follower 0/2 newer'])
    log.hold = false
    log.finish()
  })

  it('does not apply what was read before it was committed: it may have been replaced meanwhile', async () => {
    const { core, clock, seen, log } = await bench()
    core().keepInMemory = false
    core().put(blockOf(1, 1, ['kept']))
    core().put(blockOf(2, 1, ['of a leader that was deposed']))
    await clock.advance(10)
    let open = (): void => undefined
    log.readGate = new Promise((resolve) => (open = resolve))
    core().commit(1)
    await clock.advance(10)
    // While the read is under way, the newer block comes, becomes durable and committed, and leaves memory.
    core().put(blockOf(2, 2, ['of the next']))
    await clock.advance(10)
    core().commit(2)
    await clock.advance(10)
    expect(seen).toEqual([])
    log.readGate = undefined
    open()
    await clock.advance(10)
    expect(seen).toEqual(['follower 0/1 kept', 'follower 0/2 of the next'])
  })

  it('yields by its time budget and goes on in later turns', async () => {
    const made = await bench({ limits: { applyBudgetMs: 5 }, apply: () => made.clock.burn(1) })
    const { core, clock, seen } = made
    const texts = Array.from({ length: 200 }, (_, i) => `${i}`)
    core().put(blockOf(1, 1, texts))
    core().commit(200)
    const ticksBefore = core().inputs.length
    await clock.advance(10)
    expect(seen.length).toBe(200)
    expect(core().inputs.length).toBeGreaterThan(ticksBefore)
  })

  it('stops that partition at a callback that throws, says so, keeps the others going, and resumes', async () => {
    let broken = true
    const made = await leading({
      partitions: [0, 1],
      apply: (entry) => {
        if (broken && entry.partition === 0 && entry.index === 2) throw new Error('no space on the abacus')
      },
    })
    const { engine, clock, seen, events } = made
    for (const each of ['a', 'b', 'c']) {
      engine.addLog(bytes(each), { partition: 0 })
      engine.addLog(bytes(each), { partition: 1 })
    }
    await clock.settle()
    expect(seen.filter((line) => line.includes(' 0/'))).toEqual(['leader 0/1 a'])
    expect(seen.filter((line) => line.includes(' 1/')).length).toBe(3)
    const fault = events.find(([name]) => name === 'fault')![1]
    expect(fault).toMatchObject({ partition: 0, index: 2, error: { code: 'CALLBACK_FAILED' } })
    expect(engine.addLog(bytes('d'), { partition: 0 })).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(engine.addLog(bytes('d'), { partition: 1 }).status).toBe('SUCCESS')
    broken = false
    engine.resume(0)
    await clock.settle()
    expect(seen.filter((line) => line.includes(' 0/'))).toEqual(['leader 0/1 a', 'leader 0/2 b', 'leader 0/3 c'])
    expect(engine.addLog(bytes('d'), { partition: 0 }).status).toBe('SUCCESS')
  })

  it('treats a rejected promise like a throw, and reports a callback that never ends as stalled while it goes on ticking', async () => {
    const rejected = await leading({ apply: () => Promise.reject(new Error('later')) })
    rejected.engine.addLog(bytes('x'))
    await rejected.clock.settle()
    expect(rejected.events.some(([name]) => name === 'fault')).toBe(true)
    expect(rejected.engine.status().partitions[0]!.applied).toBe(0)

    const endless = await leading({ limits: { stalledMs: 100 }, apply: () => new Promise<void>(() => undefined) })
    endless.engine.addLog(bytes('x'))
    await endless.clock.settle()
    const ticks = endless.core().inputs.length
    await endless.clock.advance(250)
    expect(endless.events.filter(([name]) => name === 'stalled').length).toBe(2)
    expect(endless.core().inputs.length - ticks).toBeGreaterThanOrEqual(25)
    expect(endless.engine.isLeader()).toBe(true)
  })

  it('does not show protocol entries to callbacks', async () => {
    const { core, clock, seen, engine } = await bench()
    core().put(noopBlock(1, 1))
    core().put(blockOf(2, 1, ['x']))
    core().commit(2)
    await clock.advance(10)
    expect(seen).toEqual(['follower 0/2 x'])
    expect(engine.status().partitions[0]!.applied).toBe(2)
  })
})

describe('durability', () => {
  it('holds a message until its write is durable, and lets others pass', async () => {
    const { core, clock, log, transport } = await bench()
    log.hold = true
    const write = core().put(blockOf(1, 1, ['x']))
    core().message('b', 'I have it', write)
    core().message('b', 'heartbeat', 0)
    await clock.advance(10)
    expect(transport.sent.map(({ text: said }) => said)).toEqual(['heartbeat'])
    log.finish()
    await clock.settle()
    expect(transport.sent.map(({ text: said }) => said)).toEqual(['heartbeat', 'I have it'])
    expect(core().inputs.filter(({ type }) => type === 'durable')).toMatchObject([{ write: 1 }])
  })

  it('lets every message go that waits for a write of an append, and none that waits for the next', async () => {
    const { core, clock, log, transport } = await bench()
    const said = (): string[] => transport.sent.map(({ text: each }) => each)
    log.hold = true
    core().message('b', 'of the first', core().put(blockOf(1, 1, ['x'])))
    core().message('b', 'of the second', core().put(blockOf(2, 1, ['y'])))
    await clock.advance(10)
    core().message('b', 'of the next append', core().put(blockOf(3, 1, ['z'])))
    await clock.advance(10)
    expect(said()).toEqual([])
    log.finish()
    await clock.settle()
    expect(said()).toEqual(['of the first', 'of the second'])
    log.finish()
    await clock.settle()
    expect(said()).toEqual(['of the first', 'of the second', 'of the next append'])
  })

  it('has one append in flight and gathers the next meanwhile, over all partitions', async () => {
    const { engine, clock, log } = await leading({ partitions: [0, 1] })
    log.hold = true
    engine.addLog(bytes('1'), { partition: 0 })
    await clock.settle()
    for (let i = 0; i < 5; i++) {
      engine.addLog(bytes('2'), { partition: i % 2 })
      await clock.settle()
    }
    expect(log.appended.length).toBe(1)
    log.finish()
    await clock.settle()
    expect(log.appended.length).toBe(2)
    expect(log.appended[1]!.length).toBe(5)
    log.hold = false
    log.finish()
    await clock.settle()
    expect(engine.outstanding(0) + engine.outstanding(1)).toBe(0)
  })

  it('falls silent after a failed write: UNKNOWN for what is open, REJECTED for what comes, and no retry', async () => {
    const { engine, clock, log, transport, events, core } = await leading()
    log.hold = true
    const entry = accepted(engine.addLog(bytes('x')))
    await clock.settle()
    core().message('b', 'I have it', 1)
    await clock.advance(10)
    log.fail(new Error('EIO'))
    await clock.settle()
    expect(await entry.outcome).toMatchObject({ status: 'UNKNOWN' })
    expect(engine.addLog(bytes('y'))).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(engine.isLeader()).toBe(false)
    expect(transport.sent).toEqual([])
    expect(transport.stopped).toBe(1)
    expect(log.appended.length).toBe(1)
    expect(events.find(([name]) => name === 'fault')![1]).toMatchObject({
      partition: undefined,
      error: { code: 'LOG_IO' },
    })
  })

  it('steps aside as a leader when the disk makes no progress', async () => {
    const { engine, clock, log, core } = await leading({ limits: { diskStallMs: 100 } })
    log.hold = true
    engine.addLog(bytes('x'))
    await clock.advance(90)
    expect(core().inputs.some(({ type }) => type === 'transfer')).toBe(false)
    await clock.advance(50)
    expect(core().inputs.filter(({ type }) => type === 'transfer').length).toBe(1)
    log.hold = false
    log.finish()
  })
})

describe('leadership', () => {
  it('is announced only when everything of earlier terms is applied', async () => {
    let release = (): void => undefined
    const made = await bench({ apply: () => new Promise<void>((resolve) => (release = resolve)) })
    const { engine, core, clock, events } = made
    core().put(blockOf(1, 1, ['of the predecessor']))
    core().put(noopBlock(2, 2, 'a'))
    core().lead(2, 2)
    core().commit(2)
    await clock.advance(10)
    expect(engine.isLeader()).toBe(false)
    expect(engine.addLog(bytes('x'))).toMatchObject({ status: 'BUSY', reason: 'recovering' })
    release()
    await clock.settle()
    expect(engine.isLeader()).toBe(true)
    expect(events).toContainEqual(['leader', { partition: 0, term: 2 }])
    core().follow(3, 'c')
    await clock.advance(10)
    expect(engine.isLeader()).toBe(false)
    expect(events.at(-1)).toMatchObject(['follower', { partition: 0, term: 3, leaderHint: { nodeId: 'c' } }])
  })

  it('of partitions that are led together is campaigned for together', async () => {
    const { core, clock } = await bench({ partitions: [0, 1, 2, 3], leadTogether: [[0, 1, 2]] })
    for (const partition of [0, 1, 2, 3]) core(partition).follow(1, 'b')
    await clock.advance(10)
    core(1).campaignAs('pre-candidate')
    await clock.advance(10)
    const campaigns = [0, 1, 2, 3].map((p) => core(p).inputs.filter(({ type }) => type === 'campaign').length)
    expect(campaigns).toEqual([1, 0, 1, 0])
  })

  it('of partitions that are led together is united by transfer to the leader of most of them', async () => {
    const { core, clock } = await bench({ partitions: [0, 1, 2], leadTogether: [[0, 1, 2]] })
    core(0).lead(2)
    core(1).follow(2, 'b')
    core(2).follow(2, 'b')
    await clock.advance(30)
    expect(core(0).inputs.filter(({ type }) => type === 'transfer')).toMatchObject([{ to: 'b' }])
    core(1).lead(3)
    await clock.advance(2000)
    // Now this node leads two of three: it offers nothing any more, the other one does.
    const offers = core(0).inputs.filter(({ type }) => type === 'transfer').length
    await clock.advance(2000)
    expect(core(0).inputs.filter(({ type }) => type === 'transfer').length).toBe(offers)
  })

  it('can be handed over, and the answer says how that ended', async () => {
    const { engine, core, clock } = await leading()
    const aborted = engine.transferLeadership(0, 'b')
    core().endTransfer('aborted')
    await clock.advance(10)
    expect(await aborted).toEqual({ status: 'ABORTED' })
    const done = engine.transferLeadership(0, 'b')
    core().endTransfer('done')
    core().follow(2, 'b')
    await clock.advance(10)
    expect(await done).toEqual({ status: 'DONE' })
    expect(await engine.transferLeadership(0)).toMatchObject({ status: 'NOT_LEADER', leaderHint: { nodeId: 'b' } })
  })
})

describe('the laws', () => {
  it('stop a partition whose core breaks them', async () => {
    const { engine, core, clock, events } = await bench({ partitions: [0, 1] })
    core(0).commit(5)
    await clock.advance(10)
    expect(events.find(([name]) => name === 'fault')![1]).toMatchObject({ partition: 0, error: { code: 'LAW_BROKEN' } })
    expect(engine.status().partitions.map(({ fault }) => fault?.code)).toEqual(['LAW_BROKEN', undefined])

    const rewriting = await bench()
    rewriting.core().put(blockOf(1, 1, ['x']))
    rewriting.core().commit(1)
    await rewriting.clock.advance(10)
    rewriting.core().put(blockOf(1, 2, ['y']))
    await rewriting.clock.advance(10)
    expect(rewriting.engine.status().partitions[0]!.fault?.message).toMatch(/Law 2/)
  })

  it('hold when a core throws: that partition stops, its outcomes are UNKNOWN, the others go on', async () => {
    const { engine, core, clock } = await leading({ partitions: [0, 1] })
    core(0).autoCommit = false
    const entry = accepted(engine.addLog(bytes('x'), { partition: 0 }))
    core(0).throwOn = 'tick'
    await clock.advance(20)
    expect(await entry.outcome).toMatchObject({ status: 'UNKNOWN' })
    expect(engine.addLog(bytes('y'), { partition: 0 })).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(engine.addLog(bytes('y'), { partition: 1 }).status).toBe('SUCCESS')
  })
})

describe('an engine', () => {
  it('drops and counts what is no message, and goes on', async () => {
    const { transport, clock, engine, core, events } = await bench()
    transport.handlers!.message('b', 0, bytes('garbage'))
    transport.handlers!.message('b', 77, bytes('hello'))
    transport.handlers!.message('b', 0, bytes('hello'))
    await clock.settle()
    expect(engine.status().inbox).toEqual({ dropped: 0, refused: 2 })
    expect(events.filter(([name]) => name === 'warning').length).toBe(2)
    expect(core().inputs.filter(({ type }) => type === 'message').length).toBe(1)
  })

  it('bounds its inbox', async () => {
    const { transport, clock, engine, core } = await bench({ limits: { inboxMessages: 10 } })
    for (let i = 0; i < 15; i++) transport.handlers!.message('b', 0, bytes('hello'))
    await clock.settle()
    expect(engine.status().inbox.dropped).toBe(5)
    expect(core().inputs.filter(({ type }) => type === 'message').length).toBe(10)
  })

  it('tells every core of a peer that died', async () => {
    const { transport, clock, core } = await bench({ partitions: [0, 1] })
    transport.handlers!.closed('b', true)
    transport.handlers!.closed('c', false)
    await clock.settle()
    for (const partition of [0, 1]) {
      expect(core(partition).inputs.filter(({ type }) => type === 'peer-died')).toMatchObject([{ peer: 'b' }])
    }
  })

  it('survives listeners that throw', async () => {
    const { engine, core, clock, events } = await bench()
    engine.on('leader', () => {
      throw new Error('a listener failed')
    })
    core().lead(1)
    await clock.advance(10)
    expect(engine.isLeader()).toBe(true)
    expect(events.some(([name]) => name === 'warning')).toBe(true)
  })

  it('drains, and gives up draining on abort and on stop', async () => {
    const { engine, core, clock } = await leading()
    await engine.drain()
    core().autoCommit = false
    engine.addLog(bytes('x'))
    const drained = engine.drain()
    const abort = new AbortController()
    const aborted = engine.drain({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await clock.settle()
    core().commit(1)
    await clock.advance(10)
    await drained
    engine.addLog(bytes('y'))
    const cut = engine.drain()
    const stopped = engine.stop()
    await expect(cut).rejects.toMatchObject({ code: 'BAD_STATE' })
    await stopped
  })

  it('stops once, leaves no timer, and can be disposed of', async () => {
    const { engine, clock, log, transport } = await leading()
    await Promise.all([engine.stop(), engine.stop(), engine[Symbol.asyncDispose]()])
    expect([log.closed, transport.stopped, clock.pendingTimers]).toEqual([1, 1, 0])
    expect(engine.status().state).toBe('stopped')
  })

  it('gives its ports back when it cannot start', async () => {
    const log = new FakeLog()
    const transport = new FakeTransport()
    transport.refuseToStart = new MakoError('ADDRESS_IN_USE', 'taken')
    const { protocol } = puppets()
    const engine = createEngine({ protocol, nodeId: 'a', members: MEMBERS, log, transport, clock: new ManualClock() })
    engine.onApply({ leader: () => undefined, follower: () => undefined })
    await expect(engine.start()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    expect(log.closed).toBe(1)
    expect(engine.addLog(bytes('x'))).toEqual({ status: 'REJECTED', reason: 'faulted' })
  })

  it('reads applied entries again', async () => {
    const { engine, clock, core } = await leading()
    core().keepInMemory = false
    for (let i = 0; i < 10; i++) {
      engine.addLog(bytes(`${i}`))
      await clock.settle()
    }
    const first = await engine.read(0, 3, 1)
    expect(first.entries.map(({ index }) => index)).toEqual([3])
    expect(first.next).toBe(4)
    const rest = await engine.read(0, first.next, 1_000_000)
    expect(rest.entries.map((entry) => text(entry.payload))).toEqual(['3', '4', '5', '6', '7', '8', '9'])
    expect((await engine.read(0, rest.next, 100)).entries).toEqual([])
  })

  it('names the option that is wrong', () => {
    const { protocol } = puppets()
    const good = { protocol, nodeId: 'a', members: MEMBERS, log: new FakeLog(), transport: new FakeTransport() }
    const twice = [...MEMBERS, { id: 'a', address: 'localhost:9' }]
    const wrong: [object, RegExp][] = [
      [{ nodeId: 'z' }, /members does not have this node, 'z'/],
      [{ nodeId: '' }, /nodeId/],
      [{ members: twice }, /two members with the id 'a'/],
      [{ members: [] }, /members is empty/],
      [{ members: [MEMBERS[0], { id: 'b', address: 'localhost:1' }] }, /two members with the address/],
      [{ partitions: [1, 1] }, /names a partition twice/],
      [{ partitions: [-1] }, /partitions has -1/],
      [{ leadTogether: [[5]] }, /partition 5, which is not hosted/],
      [{ limits: { nonsense: 1 } }, /limits.nonsense is not a limit/],
      [{ limits: { payloadBytes: 0 } }, /limits.payloadBytes is not a positive number/],
      [{ limits: { payloadBytes: DEFAULT_LIMITS.blockBytes + 1 } }, /above limits.blockBytes/],
    ]
    for (const [option, message] of wrong) {
      expect(() => createEngine({ ...good, ...option })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
      expect(() => createEngine({ ...good, ...option })).toThrow(message)
    }
  })

  it('refuses to be used in the wrong order', async () => {
    const { protocol } = puppets()
    const options = { protocol, nodeId: 'a', members: MEMBERS, log: new FakeLog(), transport: new FakeTransport() }
    const engine = createEngine({ ...options, clock: new ManualClock() })
    await expect(engine.start()).rejects.toMatchObject({ code: 'BAD_STATE' })
    engine.onApply({ leader: () => undefined, follower: () => undefined })
    expect(() => engine.onApply({ leader: () => undefined, follower: () => undefined }, 3)).toThrow(/partition 3/)
    expect(engine.addLog(bytes('x'))).toMatchObject({ status: 'BUSY', reason: 'recovering' })
    await engine.start()
    await expect(engine.start()).rejects.toMatchObject({ code: 'BAD_STATE' })
    expect(() => engine.onApply({ leader: () => undefined, follower: () => undefined })).toThrow(/before start/)
    await engine.stop()
  })
})

describe('a turn', () => {
  it('takes in what others said before it decides that a timeout has passed', async () => {
    const { clock, core, transport } = await bench()
    const setTimer = clock.setTimer.bind(clock)
    // As after a pause of the process: the tick is due, and news has been waiting all the while.
    clock.setTimer = (delayMs, fn) =>
      setTimer(delayMs, () => {
        transport.handlers?.message('b', 0, bytes('news'))
        fn()
      })
    await clock.advance(10)
    core().inputs.length = 0
    await clock.advance(10)
    expect(core().inputs.map(({ type }) => type)).toEqual(['message', 'tick'])
  })
})
