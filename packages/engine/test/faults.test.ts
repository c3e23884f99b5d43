// What fails: disks in every state, callbacks, cores, ports at start and stop; and what is led together meanwhile.

import { createEngine, type LogStore } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { accepted, bench, leading } from './bench.ts'
import { blockOf, bytes, FakeLog, FakeTransport, ManualClock, MEMBERS, noopBlock, puppets } from './fakes.ts'

describe('start and stop', () => {
  function unstarted(log: FakeLog, transport: FakeTransport) {
    const clock = new ManualClock()
    const engine = createEngine({ protocol: puppets().protocol, nodeId: 'a', members: MEMBERS, log, transport, clock })
    engine.onApply({ leader: () => undefined, follower: () => undefined })
    return { engine, clock }
  }

  it('stop during recovery opens no network, leaves no timer, and gives the log back', async () => {
    const log = new FakeLog()
    const transport = new FakeTransport()
    const { engine, clock } = unstarted(log, transport)
    const starting = engine.start()
    const stopping = engine.stop()
    expect(engine.addLog(bytes('x'))).toEqual({ status: 'REJECTED', reason: 'stopped' })
    await Promise.all([starting, stopping])
    await clock.settle()
    expect(transport.handlers).toBe(undefined)
    expect([log.closed, clock.pendingTimers, engine.status().state]).toEqual([1, 0, 'stopped'])
  })

  it('stop before start, and after a start that failed', async () => {
    const fresh = unstarted(new FakeLog(), new FakeTransport())
    await fresh.engine.stop()
    await expect(fresh.engine.start()).rejects.toMatchObject({ code: 'BAD_STATE' })
    expect(fresh.engine.status().state).toBe('stopped')

    const log = new FakeLog()
    log.recover = () => Promise.reject(new Error('unreadable'))
    const failed = unstarted(log, new FakeTransport())
    await expect(failed.engine.start()).rejects.toThrow('unreadable')
    await failed.engine.stop()
    expect(failed.engine.status().state).toBe('stopped')
  })

  it('stop ends even if the log does not close well, and says so', async () => {
    const { engine, log, events } = await leading()
    log.close = () => Promise.reject(new Error('busy'))
    await engine.stop()
    expect(engine.status().state).toBe('stopped')
    expect(events.at(-1)).toMatchObject(['warning', { message: expect.stringMatching('busy') as string }])
  })

  it('stop gives the log back even if the transport does not stop well', async () => {
    const { engine, log, transport, events } = await leading()
    transport.stop = () => Promise.reject(new Error('stuck'))
    await engine.stop()
    expect([log.closed, engine.status().state]).toEqual([1, 'stopped'])
    expect(events.at(-1)).toMatchObject(['warning', { message: expect.stringMatching('stuck') as string }])
  })

  it('stop waits for the append in flight, writes what was accepted, and answers at once', async () => {
    const { engine, clock, log } = await leading()
    log.hold = true
    const first = accepted(engine.addLog(bytes('1')))
    await clock.settle()
    const second = accepted(engine.addLog(bytes('2')))
    const stopping = engine.stop()
    expect([await first.outcome, await second.outcome]).toMatchObject([{ status: 'UNKNOWN' }, { status: 'UNKNOWN' }])
    expect(log.closed).toBe(0)
    log.hold = false
    log.finish()
    await stopping
    expect(log.blocks.get(0)!.map(({ index }) => index)).toEqual([1, 2])
  })
})

describe('a disk', () => {
  it('that throws instead of rejecting is a failed disk, not a crash', async () => {
    const made = await leading()
    made.log.append = () => {
      throw new Error('not even a promise')
    }
    const entry = accepted(made.engine.addLog(bytes('x')))
    await made.clock.settle()
    expect(await entry.outcome).toMatchObject({ status: 'UNKNOWN' })
    expect(made.engine.status().state).toBe('faulted')
    expect(made.clock.pendingTimers).toBe(0)
  })

  it('that fails leaves nobody waiting, and this node does not name itself as the leader', async () => {
    const { engine, clock, log, core, events } = await leading({ partitions: [0, 1] })
    log.hold = true
    engine.addLog(bytes('x'), { partition: 1 })
    const drained = engine.drain()
    const moved = engine.transferLeadership(0, 'b')
    await clock.settle()
    log.fail(new Error('EIO'))
    await clock.settle()
    await expect(drained).rejects.toMatchObject({ code: 'BAD_STATE' })
    expect(await moved).toEqual({ status: 'ABORTED' })
    expect([engine.leaderHint(0), engine.leaderHint(1)]).toEqual([undefined, undefined])
    expect(await engine.transferLeadership(0)).toMatchObject({ status: 'NOT_LEADER' })
    expect(events.filter(([name]) => name === 'follower').length).toBe(2)
    expect(events.at(-1)).toMatchObject(['fault', { partition: undefined, error: { code: 'LOG_IO' } }])
    const inputs = core().inputs.length
    await clock.advance(1000)
    expect([core().inputs.length, clock.pendingTimers]).toEqual([inputs, 0])
    await engine.stop()
  })

  it('that has failed is never written again, not even at stop', async () => {
    const { engine, clock, log } = await leading()
    log.hold = true
    engine.addLog(bytes('in flight'))
    await clock.settle()
    engine.addLog(bytes('queued behind it'))
    await clock.settle()
    const { length } = log.appended
    log.hold = false
    log.fail(new Error('EIO'))
    await clock.settle()
    await clock.advance(100)
    await engine.stop()
    expect(log.appended.length).toBe(length)
  })

  it('that fails during a read-back stops the partition there; resume reads again', async () => {
    const { core, clock, seen, log, engine, events } = await bench()
    core().keepInMemory = false
    core().put(blockOf(1, 1, ['x']))
    await clock.advance(10)
    const read: LogStore['read'] = log.read.bind(log)
    log.read = () => Promise.reject(new Error('EIO'))
    core().commit(1)
    await clock.advance(10)
    expect(events.find(([name]) => name === 'fault')![1]).toMatchObject({
      partition: 0,
      index: 1,
      error: { code: 'LOG_IO' },
    })
    expect(await engine.outcomeOf({ partition: 0, index: 1, count: 1, term: 1 })).toMatchObject({ status: 'UNKNOWN' })
    log.read = read
    engine.resume(0)
    await clock.advance(10)
    expect(seen).toEqual(['follower 0/1 x'])
  })

  it('that still holds an older block where a newer one is on its way is not believed', async () => {
    const { core, clock, log, engine } = await bench()
    core().put(blockOf(1, 1, ['kept']))
    core().put(blockOf(2, 1, ['replaced']))
    await clock.advance(10)
    log.hold = true
    core().put(blockOf(2, 2, ['newer']))
    core().commit(2)
    await clock.advance(10)
    // A slow read begins while the newer one is in memory only; by the time of its answer that has gone to the disk.
    const read: LogStore['read'] = log.read.bind(log)
    let answer = (): void => undefined
    log.read = async (...where) => {
      const found = await read(...where)
      await new Promise<void>((resolve) => (answer = resolve))
      return found
    }
    core().memory.shift()
    const reading = engine.read(0, 1, 1_000)
    await clock.settle()
    log.hold = false
    log.finish()
    await clock.settle()
    core().memory.length = 0
    log.read = read
    answer()
    const { entries } = await reading
    expect(entries.map(({ term }) => term)).toEqual([1, 2])
  })

  it('goes on after a callback has stopped for ever: memory is released, and the rest is read back', async () => {
    let release = (): void => undefined
    const made = await bench({
      apply: (entry) => (entry.index === 1 ? new Promise<void>((resolve) => (release = resolve)) : undefined),
    })
    const { core, clock, seen } = made
    for (let index = 1; index <= 50; index++) core().put(blockOf(index, 1, [`${index}`]))
    core().commit(50)
    await clock.advance(10)
    // Told that all that is committed may go, although only the first is being applied.
    expect(
      core()
        .inputs.filter(({ type }) => type === 'release')
        .at(-1),
    ).toMatchObject({ index: 50 })
    core().memory.length = 0
    release()
    await clock.advance(10)
    expect(seen.length).toBe(50)
  })
})

describe('a partition', () => {
  it('that has stopped is the answer of drain, and does not let it hang', async () => {
    const { engine, clock } = await leading({
      partitions: [0, 1],
      apply: ({ partition }) => {
        if (partition === 1) throw new Error('no')
      },
    })
    engine.addLog(bytes('x'), { partition: 0 })
    engine.addLog(bytes('x'), { partition: 1 })
    const drained = engine.drain()
    const failed = expect(drained).rejects.toMatchObject({ code: 'CALLBACK_FAILED' })
    await clock.advance(20)
    await failed
  })

  it('whose core fails over a full block answers so, and does not throw', async () => {
    const { engine, core, clock } = await leading({ limits: { payloadBytes: 100, blockBytes: 250 } })
    const first = accepted(engine.addLog(new Uint8Array(100)))
    core().throwOnPropose = true
    expect(engine.addLog(new Uint8Array(100))).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(await first.outcome).toMatchObject({ status: 'UNKNOWN' })
    await clock.settle()
    expect([engine.outstanding(), engine.isLeader()]).toEqual([0, false])
  })

  it('that cannot be decoded stops there, and is read again on resume', async () => {
    const { core, clock, log, engine, seen } = await bench()
    core().keepInMemory = false
    for (const index of [1, 2, 3]) core().put(blockOf(index, 1, [`${index}`]))
    await clock.advance(10)
    const good = log.blocks.get(0)!
    const damaged = { ...good[1]!, bytes: good[1]!.bytes.slice().fill(0xff, 44) }
    log.blocks.set(0, [good[0]!, damaged, good[2]!])
    core().commit(3)
    await clock.advance(10)
    expect(engine.status().partitions[0]!.fault?.code).toBe('CORRUPT_BLOCK')
    log.blocks.set(0, good)
    engine.resume(0)
    await clock.advance(10)
    expect(seen.length).toBe(3)
  })

  it('with slow callbacks keeps to the budget, and takes no other partition its turn', async () => {
    const made = await bench({
      partitions: [0, 1, 2],
      apply: ({ partition }) => made.clock.burn(partition === 0 ? 50 : 0),
    })
    const { core, clock, engine } = made
    for (const partition of [0, 1, 2]) {
      core(partition).put(
        blockOf(
          1,
          1,
          Array.from({ length: 40 }, (_, i) => `${i}`),
        ),
      )
      core(partition).commit(40)
    }
    // Between two turns no more than one slow callback runs.
    let last = clock.monotonicNow()
    let longest = 0
    const flush = made.transport.flush.bind(made.transport)
    made.transport.flush = () => {
      longest = Math.max(longest, clock.monotonicNow() - last)
      last = clock.monotonicNow()
      const applied = engine.status().partitions.map((each) => each.applied)
      if (applied[0]! > 10) expect(applied.slice(1)).toEqual([40, 40])
      flush()
    }
    await clock.advance(10)
    expect(engine.status().partitions.map(({ applied }) => applied)).toEqual([40, 40, 40])
    expect(longest).toBeLessThanOrEqual(60)
  })
})

describe('what is led together', () => {
  it('is given away by a node on which one of them has stopped, and not campaigned for', async () => {
    const { core, clock, engine } = await leading({ partitions: [0, 1, 2], leadTogether: [[0, 1, 2]] })
    core(0).throwOn = 'tick'
    await clock.advance(20)
    const offers = (partition: number) => core(partition).inputs.filter(({ type }) => type === 'transfer')
    expect([offers(1), offers(2)]).toMatchObject([[{ to: undefined }], [{ to: undefined }]])
    expect(await engine.transferLeadership(0)).toMatchObject({ status: 'NOT_LEADER', leaderHint: undefined })
    core(1).campaignAs('pre-candidate')
    core(2).follow(2, 'b')
    await clock.advance(10)
    expect(core(2).inputs.filter(({ type }) => type === 'campaign')).toEqual([])
  })

  it('is in two groups united on its own account each', async () => {
    const { core, clock } = await bench({
      partitions: [0, 1, 2, 3],
      leadTogether: [
        [0, 1],
        [2, 3],
      ],
    })
    core(0).follow(1, 'b')
    core(1).lead(1)
    core(2).lead(1)
    core(3).follow(1, 'c')
    await clock.advance(30)
    const offered = [0, 1, 2, 3].map((p) => core(p).inputs.filter(({ type }) => type === 'transfer').length)
    expect(offered).toEqual([0, 1, 0, 0])
  })

  it('is offered again to a node that does not take it, with pauses, and not for ever to one that is dead', async () => {
    const { core, clock } = await bench({ partitions: [0, 1], leadTogether: [[0, 1]] })
    core(0).follow(1, 'b')
    core(1).lead(1)
    const offers = () => core(1).inputs.filter(({ type }) => type === 'transfer').length
    for (let i = 0; i < 300; i++) {
      await clock.advance(10)
      if (i % 50 === 49) core(1).endTransfer('aborted')
    }
    expect(offers()).toBe(3)
    core(0).follow(2, undefined)
    await clock.advance(3_000)
    expect(offers()).toBe(3)
  })
})

describe('leadership', () => {
  it('moves by one transfer at a time: a second one neither ends the first nor takes its answer', async () => {
    const { engine, core, clock } = await leading()
    const first = engine.transferLeadership(0, 'b')
    expect(await engine.transferLeadership(0, 'c')).toEqual({ status: 'ABORTED' })
    core().endTransfer('done')
    core().follow(2, 'b')
    await clock.advance(10)
    expect(await first).toEqual({ status: 'DONE' })
    expect(core().inputs.filter(({ type }) => type === 'transfer').length).toBe(1)
  })

  it('moves to the peer that is furthest along among those that were heard lately', async () => {
    const { engine, core, clock } = await leading()
    const peer = { next: 1, inflightEntries: 0 }
    core().peers = [
      { ...peer, id: 'b', match: 9, silentMs: 60_000 },
      { ...peer, id: 'c', match: 7, silentMs: 10 },
    ]
    void engine.transferLeadership(0)
    await clock.settle()
    expect(core().inputs.find(({ type }) => type === 'transfer')).toMatchObject({ to: 'c' })
  })

  it('is told in order, once a term, with the term and the hint', async () => {
    const { core, clock, events } = await bench()
    core().campaignAs('pre-candidate')
    core().follow(1, 'b')
    await clock.advance(10)
    core().lead(2)
    await clock.advance(30)
    core().follow(2, undefined)
    await clock.advance(10)
    core().put(noopBlock(1, 3, 'a'))
    core().lead(3, 1)
    await clock.advance(10)
    core().follow(4, 'c')
    await clock.advance(10)
    expect(events.map(([name, event]) => [name, (event as { term: number }).term])).toEqual([
      ['term', 1],
      ['follower', 1],
      ['term', 2],
      ['leader', 2],
      ['follower', 2],
      ['term', 3],
      ['leader', 3],
      ['term', 4],
      ['follower', 4],
    ])
    expect(events.at(-1)![1]).toMatchObject({ leaderHint: { nodeId: 'c', address: 'localhost:3', term: 4 } })
  })
})
