// `readBarrier` of a running engine: what it asks of the core, and what it tells its callers.

import { createEngine, type Input } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { accepted, bench, leading } from './bench.ts'
import { bytes, FakeLog, FakeTransport, ManualClock, MEMBERS, puppets, testRandom } from './fakes.ts'

const requests = (inputs: readonly Input<string>[]): number[] =>
  inputs.flatMap((input) => (input.type === 'read-barrier' ? [input.request] : []))

describe('readBarrier', () => {
  it('is ready when what the core names is applied, not when it is committed', async () => {
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { engine, core, clock } = await leading({ apply: () => gate })
    const { index } = accepted(engine.addLog(bytes('x')))
    await clock.settle()
    let answer: unknown = 'open'
    void engine.readBarrier().then((result) => (answer = result))
    core().barrier(1, index)
    await clock.advance(10)
    expect(engine.status().partitions[0]!.commit).toBe(index)
    expect(answer).toBe('open')
    release()
    await clock.advance(10)
    expect(answer).toEqual({ status: 'READY', index })
  })

  it('asks the core once for all who come in a turn, at once', async () => {
    const { engine, core, clock } = await leading()
    const all = [engine.readBarrier(), engine.readBarrier(), engine.readBarrier()]
    expect(requests(core().inputs)).toEqual([1])
    await clock.advance(10)
    const late = engine.readBarrier()
    expect(requests(core().inputs)).toEqual([1, 2])
    core().barrier(1, 0)
    await clock.advance(10)
    expect(await Promise.all(all)).toEqual(Array(3).fill({ status: 'READY', index: 0 }))
    core().barrier(2, 0)
    await clock.advance(10)
    expect(await late).toEqual({ status: 'READY', index: 0 })
  })

  it('says NOT_LEADER with a hint when nobody could tell', async () => {
    const { engine, core, clock } = await bench()
    core().follow(4, 'b')
    await clock.advance(10)
    const asked = engine.readBarrier()
    core().barrier(1, undefined)
    await clock.advance(10)
    const leaderHint = { nodeId: 'b', address: 'localhost:2', term: 4 }
    expect(await asked).toEqual({ status: 'NOT_LEADER', leaderHint })
  })

  it('refuses what cannot be: another partition, too many readers, before start, after stop', async () => {
    const { engine, clock } = await leading({ limits: { waitingReaders: 1 } })
    expect(await engine.readBarrier(9)).toEqual({ status: 'REJECTED', reason: 'unknown-partition' })
    const waiting = engine.readBarrier()
    expect(await engine.readBarrier()).toMatchObject({ status: 'BUSY', reason: 'readers' })
    const stopping = engine.stop()
    expect(await waiting).toEqual({ status: 'REJECTED', reason: 'stopped' })
    expect(await engine.readBarrier()).toEqual({ status: 'REJECTED', reason: 'stopped' })
    await clock.advance(10)
    await stopping
    const { protocol } = puppets()
    const ports = { clock: new ManualClock(), log: new FakeLog(), transport: new FakeTransport() }
    const fresh = createEngine({ protocol, nodeId: 'a', members: MEMBERS, random: testRandom(), ...ports })
    expect(await fresh.readBarrier()).toMatchObject({ status: 'BUSY', reason: 'recovering' })
  })

  it('is REJECTED when the partition stops at a failed callback, and works again when it goes on', async () => {
    let fails = true
    const apply = (): void => {
      if (fails) throw new Error('no')
    }
    const { engine, core, clock } = await leading({ apply })
    const before = engine.readBarrier()
    core().barrier(1, 1)
    engine.addLog(bytes('x'))
    await clock.advance(10)
    expect(await before).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(await engine.readBarrier()).toEqual({ status: 'REJECTED', reason: 'faulted' })
    fails = false
    engine.resume(0)
    await clock.advance(10)
    const after = engine.readBarrier()
    core().barrier(2, 1)
    await clock.advance(10)
    expect(await after).toEqual({ status: 'READY', index: 1 })
  })

  it('is REJECTED when the core breaks, or the disk', async () => {
    const one = await leading()
    one.core().throwOn = 'tick'
    const broken = one.engine.readBarrier()
    await one.clock.advance(20)
    expect(await broken).toEqual({ status: 'REJECTED', reason: 'faulted' })
    expect(await one.engine.readBarrier()).toEqual({ status: 'REJECTED', reason: 'faulted' })
  })

  it('gives up with its signal', async () => {
    const { engine, clock } = await leading()
    const controller = new AbortController()
    const waiting = engine.readBarrier(0, { signal: controller.signal })
    await clock.advance(10)
    controller.abort(new Error('late'))
    await expect(waiting).rejects.toThrow('late')
  })
})
