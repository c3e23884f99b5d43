// Scripted stories of shards in a world that does exactly what it is told.

import { seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { createShard, type Shard, type ShardOptions } from '../src/index.ts'
import { encodeExecuted, VersionedMachine } from './machine.ts'
import { type FakeEngine, World } from './world.ts'

interface Node {
  readonly engine: FakeEngine
  readonly shard: Shard
  readonly machine: VersionedMachine
}

function setup(options: Partial<ShardOptions> = {}): { world: World; nodes: Node[] } {
  const world = new World(seededRandom(1), 2, [0, 1])
  const nodes = world.engines.map((engine) => {
    const machine = new VersionedMachine()
    return { engine, machine, shard: createShard({ engine, machine, ...options }) }
  })
  return { world, nodes }
}

/** Lets everything happen that can. */
async function rest(world: World): Promise<void> {
  for (let i = 0; i < 20; i++) {
    world.now++
    for (const stream of world.streams) world.commit(stream, 100)
    for (const engine of world.engines) {
      for (const stream of world.streams) engine.apply(stream, 100)
      engine.turn()
      engine.fireTimers()
    }
    await Promise.resolve()
  }
}

async function lead(world: World, node: Node): Promise<void> {
  for (const stream of world.streams) world.elect(stream, node.engine, 0)
  await rest(world)
  expect(node.shard.role).toBe('leading')
}

function run({ shard, machine }: Node, stream: number): number {
  const stamp = shard.take(stream)
  const executed = { id: `${shard.epoch}/${stamp}`, reads: {}, writes: [`k${stream}`] }
  machine.install(executed, stamp, shard.epoch)
  shard.log(stream, stamp, encodeExecuted(executed))
  return stamp
}

describe('a shard', () => {
  it('executes, replicates, exposes and replays', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    expect(a.shard.gate()).toEqual({ status: 'NOT_LEADER', leaderHint: undefined })
    await lead(world, a)
    expect(a.shard.gate()).toMatchObject({ status: 'BUSY', reason: 'recovering' })
    expect(a.shard.gate(true)).toEqual({ status: 'READY', epoch: 1 })
    expect(b.shard.gate()).toMatchObject({ status: 'NOT_LEADER', leaderHint: { nodeId: 'n0' } })
    const stamp = run(a, 0)
    expect(a.shard.safe(1, stamp)).toBe('PENDING')
    const told = a.shard.settled(1, stamp)
    const reached = b.shard.reached([stamp])
    await rest(world)
    expect(await told).toEqual({ status: 'SAFE', epoch: 1, stamp: [stamp] })
    await reached
    const finished = a.shard.finishLoading()
    await rest(world)
    expect(await finished).toMatchObject({ status: 'SUCCESS', partition: 0 })
    expect(b.shard.loading).toBe(false)
    expect(a.shard.gate()).toMatchObject({ status: 'READY' })
    expect(b.machine.kept).toEqual(a.machine.kept)
    expect(b.machine.settled).toBe(a.machine.settled)
    const before = world.logs.get(0)!.committed.length
    await rest(world)
    expect(world.logs.get(0)!.committed.length).toBe(before)
  })

  it('is held back by a stamp in flight, and goes on when it is released', async () => {
    const { world, nodes } = setup()
    const [a] = nodes as [Node]
    await lead(world, a)
    const open = a.shard.take(1)
    const stamp = run(a, 0)
    const later = run(a, 1)
    await rest(world)
    expect(a.shard.watermark).toEqual([open - 1])
    expect(a.shard.safe(1, stamp)).toBe('PENDING')
    a.shard.release(1, open)
    await rest(world)
    expect(a.shard.watermark).toEqual([later])
  })

  it('rolls back on the deposed leader what its successor cannot know', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    const kept = run(a, 0)
    await rest(world)
    const lost = run(a, 0)
    const told = a.shard.settled(1, lost)
    a.engine.turn()
    await lead(world, b)
    expect(await told).toEqual({ status: 'ROLLED_BACK', epoch: 1, finalWatermark: [kept] })
    expect(a.machine.kept.map((each) => each.stamp)).toEqual([kept])
    expect(a.shard.status()).toMatchObject({ executed: 2, safe: 1, rolledBack: 1, role: 'following' })
    expect(b.shard.status().closedEpochs).toEqual(a.shard.status().closedEpochs)
    expect(b.shard.loading).toBe(true)
  })

  it('opens no epoch when two nodes each lead one stream and believe to lead both', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    world.elect(0, b.engine, 0)
    world.elect(0, a.engine, 0)
    world.elect(1, a.engine, 0)
    world.elect(1, b.engine, 0)
    for (const { engine } of nodes) engine.turn()
    expect([a.shard.role, b.shard.role]).toEqual(['recovering', 'recovering'])
    await rest(world)
    expect(world.logs.get(0)!.committed.length + world.logs.get(1)!.committed.length).toBe(2)
    expect([a.shard.epoch, b.shard.epoch]).toEqual([0, 0])
    expect([a.shard.role, b.shard.role]).not.toContain('leading')
    await lead(world, a)
    expect(a.shard.epoch).toBe(2)
    expect(b.shard.role).toBe('following')
  })

  it('writes no barrier in a term that it has not been told of', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    for (const stream of world.streams) world.elect(stream, a.engine, 0)
    world.lateEvents = true
    world.elect(0, b.engine, 0)
    world.elect(0, a.engine, 0)
    a.engine.turn()
    expect(a.engine.view(0).tail).toEqual([])
    expect(a.shard.role).toBe('following')
    a.engine.deliver()
    await rest(world)
    expect(a.shard.role).toBe('leading')
  })

  it('keeps what the engine cannot take, and says BUSY until it is taken', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    world.busyAlways = true
    for (let i = 0; i < 5; i++) run(a, i % 2)
    a.engine.turn()
    expect(a.shard.gate(true)).toEqual({ status: 'BUSY', reason: 'entries', retryAfterMs: 5 })
    await rest(world)
    expect(b.machine.kept).toEqual([])
    world.busyAlways = false
    await rest(world)
    expect(a.shard.gate(true)).toMatchObject({ status: 'READY' })
    expect(b.machine.kept).toEqual(a.machine.kept)
  })

  it('bounds what is speculative', async () => {
    const { world, nodes } = setup({ limits: { speculativeTransactions: 3 } })
    const [a] = nodes as [Node]
    await lead(world, a)
    for (let i = 0; i < 3; i++) run(a, 0)
    expect(a.shard.gate(true)).toMatchObject({ status: 'BUSY', reason: 'entries' })
    await rest(world)
    expect(a.shard.gate(true)).toMatchObject({ status: 'READY' })
  })

  it('stops executing when the engine no longer leads, before it is told', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    world.lateEvents = true
    world.elect(0, b.engine, 0)
    a.engine.stepDown(0)
    expect(a.shard.gate(true)).toMatchObject({ status: 'BUSY', reason: 'recovering' })
    expect(a.shard.role).toBe('following')
    expect(() => a.shard.take(0)).toThrow(expect.objectContaining({ code: 'BAD_STATE' }))
  })

  it('ends its streams, and executes again only in another epoch', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    const stamp = run(a, 1)
    const ended = a.shard.end()
    await rest(world)
    expect(await ended).toMatchObject({ status: 'SUCCESS' })
    expect(a.shard.gate(true)).toEqual({ status: 'REJECTED', reason: 'read-only' })
    expect(b.shard.watermark).toEqual([stamp])
    await lead(world, b)
    expect(b.shard.gate(true)).toEqual({ status: 'READY', epoch: 2 })
  })

  it('is faulted by a state machine that throws, and skips nothing', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    b.machine.replay = () => {
      throw new Error('no room')
    }
    const stamp = run(a, 0)
    await rest(world)
    expect(b.shard.status()).toMatchObject({ role: 'faulted', appliedBatches: 0, fault: { code: 'BAD_STATE' } })
    expect(b.shard.status().fault?.message).toContain('no room')
    expect(b.shard.gate()).toEqual({ status: 'REJECTED', reason: 'faulted' })
    await expect(b.shard.drain()).rejects.toThrow('no room')
    expect(b.shard.safe(1, stamp)).toBe('SAFE')
  })

  it('answers everything when it is stopped', async () => {
    const { world, nodes } = setup()
    const [a] = nodes as [Node]
    await lead(world, a)
    const told = a.shard.settled(1, run(a, 0))
    const controller = new AbortController()
    const aborted = a.shard.drain({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const waits = [a.shard.drain(), a.shard.reached([99])]
    const finished = a.shard.finishLoading()
    a.shard.stop()
    a.shard.stop()
    expect(await told).toEqual({ status: 'UNKNOWN' })
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'BAD_STATE' })
    expect(await finished).toEqual({ status: 'REJECTED', reason: 'stopped' })
    expect(a.shard.gate()).toEqual({ status: 'REJECTED', reason: 'stopped' })
    await rest(world)
  })

  it('refuses mistakes', async () => {
    const { world, nodes } = setup({ limits: { transactionBytes: 10 } })
    const [a] = nodes as [Node]
    const engine = a.engine
    const machine = new VersionedMachine()
    for (const bad of [{ streams: [] }, { streams: [0, 0] }, { streams: [9] }, { batch: { bytes: 0 } }]) {
      expect(() => createShard({ engine, machine, ...bad })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
    }
    await lead(world, a)
    const stamp = a.shard.take(0)
    expect(() => a.shard.take(7)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
    for (const bytes of [new Uint8Array(11), 'text' as unknown as Uint8Array]) {
      expect(() => a.shard.log(0, stamp, bytes)).toThrow(expect.objectContaining({ code: 'BAD_PAYLOAD' }))
    }
    expect(() => a.shard.log(1, stamp, new Uint8Array())).toThrow(expect.objectContaining({ code: 'BAD_STATE' }))
    a.shard.log(0, stamp, new Uint8Array())
    expect(() => a.shard.log(0, stamp, new Uint8Array())).toThrow(expect.objectContaining({ code: 'BAD_STATE' }))
    await expect(a.shard.reached([1, 2])).rejects.toMatchObject({ code: 'BAD_OPTION' })
  })

  it('refuses an entry that is none of its own, and says so', async () => {
    const { world, nodes } = setup()
    const [a, b] = nodes as [Node, Node]
    await lead(world, a)
    a.engine.addLog(new Uint8Array([1, 2, 3]), { partition: 0 })
    await rest(world)
    expect(b.shard.status()).toMatchObject({ role: 'faulted', fault: { code: 'CORRUPT_BLOCK' } })
  })
})
