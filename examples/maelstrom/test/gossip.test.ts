// The set that grows without consensus: cheap, quick, and whole in the end, whatever is lost, cut or killed.

import { describe, expect, it } from 'vitest'
import type { Json } from '../src/message.ts'
import { Bench, sorted } from './bench.ts'

const TOPOLOGY = { type: 'topology', topology: {} }

/** Sends `count` operations at `rate` a second, half of them broadcasts, to nodes in turn; returns when each value was added. */
async function load(bench: Bench, count: number, rate: number): Promise<Map<number, number>> {
  const addedAt = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const id = bench.ids[(i * 7) % bench.ids.length]!
    if (i % 2 === 0) {
      void bench.ask(id, { type: 'broadcast', message: i }, `c${i % 10}`).then(() => addedAt.set(i, bench.time.nowMs))
    } else void bench.ask(id, { type: 'read' }, `c${i % 10}`)
    await bench.time.runFor(1000 / rate)
  }
  return addedAt
}

async function readAll(bench: Bench): Promise<Json[][]> {
  const lists: Json[][] = []
  for (const id of bench.ids) lists.push(sorted((await bench.call(id, { type: 'read' }, 'cread')).messages))
  return lists
}

describe('broadcast', () => {
  it('25 nodes, links of 100 ms, 100 operations a second: below 20 messages each, median below 1 s, all below 2 s', async () => {
    const bench = await Bench.start({ nodes: 25, latencyMs: [100, 100] })
    for (const id of bench.ids) expect((await bench.call(id, TOPOLOGY)).type).toBe('topology_ok')
    const before = bench.messagesBetweenNodes()
    const operations = 1000
    // When a value was first in the messages that a node had, by the ends of exchanges.
    const seen = new Map<number, number>()
    const poll = async (): Promise<void> => {
      const lists = await Promise.all(bench.ids.map((id) => bench.ask(id, { type: 'read' }, 'cpoll')))
      const counts = new Map<number, number>()
      for (const { body } of lists) {
        for (const value of body.messages as readonly number[]) counts.set(value, (counts.get(value) ?? 0) + 1)
      }
      for (const [value, count] of counts) {
        if (count === bench.ids.length && !seen.has(value)) seen.set(value, bench.time.nowMs)
      }
    }
    let isPolling = true
    const polling = (async (): Promise<void> => {
      while (isPolling) {
        await poll()
        await new Promise<void>((resolve) => bench.time.schedule(20, resolve))
      }
    })()
    const addedAt = await load(bench, operations, 100)
    const perOperation = (bench.messagesBetweenNodes() - before) / operations
    await bench.time.runFor(2_000)
    isPolling = false
    await bench.time.runFor(100)
    await polling
    const latencies = [...addedAt].map(([value, at]) => seen.get(value)! - at).sort((a, b) => a - b)
    expect(latencies).toHaveLength(operations / 2)
    expect(perOperation).toBeLessThan(20)
    expect(latencies[latencies.length >> 1]).toBeLessThan(1_000)
    expect(latencies.at(-1)).toBeLessThan(2_000)
  })

  it.each([
    ['the first node is cut off', (bench: Bench) => bench.partition(['n0'], bench.ids.slice(1))],
    ['two halves', (bench: Bench) => bench.partition(bench.ids.slice(0, 3), bench.ids.slice(3))],
    ['everybody alone', (bench: Bench) => bench.partition(...bench.ids.map((id) => [id]))],
  ])('everything is delivered after the network heals: %s', async (_, cut) => {
    const bench = await Bench.start({ nodes: 5, lossRate: 0.1, seed: 5 })
    for (const id of bench.ids) await bench.call(id, TOPOLOGY)
    cut(bench)
    const addedAt = await load(bench, 200, 100)
    bench.heal()
    await bench.time.runFor(15_000)
    const expected = sorted([...addedAt.keys()])
    expect(expected).toHaveLength(100)
    for (const list of await readAll(bench)) expect(list).toEqual(expected)
  })

  it('reaches the others while the first node is dead', async () => {
    const bench = await Bench.start({ nodes: 5 })
    for (const id of bench.ids) await bench.call(id, TOPOLOGY)
    bench.kill('n0')
    await bench.call('n3', { type: 'broadcast', message: 42 })
    await bench.time.runFor(10_000)
    for (const id of bench.ids.slice(1)) {
      expect((await bench.call(id, { type: 'read' })).messages).toEqual([42])
    }
  })

  it('what was acknowledged survives that its node is killed at once, and comes to nodes that had forgotten', async () => {
    const bench = await Bench.start({ nodes: 3 })
    for (const id of bench.ids) await bench.call(id, TOPOLOGY)
    bench.partition(['n1'], ['n0', 'n2'])
    await bench.call('n1', { type: 'broadcast', message: 1 })
    await bench.call('n2', { type: 'broadcast', message: 2 })
    bench.kill('n1')
    bench.heal()
    await bench.restart('n1')
    await bench.restart('n0')
    await bench.restart('n2')
    await bench.time.runFor(5_000)
    // No topology was sent to the new lives: how the set is seen was kept, too.
    for (const list of await readAll(bench)) expect(list).toEqual([1, 2])
  })

  it('sends nobody what it is known to have', async () => {
    const bench = await Bench.start({ nodes: 5, latencyMs: [10, 10] })
    for (const id of bench.ids) await bench.call(id, TOPOLOGY)
    await load(bench, 100, 50)
    await bench.time.runFor(30_000)
    let values = 0
    for (const { body } of bench.lines) {
      if (body.type !== 'gossip') continue
      for (const [, , list] of body.news as unknown as [string, number, unknown[]][]) values += list.length
    }
    // Each value comes to each of the four others once.
    expect(values).toBe(50 * 4)
  })

  it('adds a value once that is sent twice', async () => {
    const bench = await Bench.start({ nodes: 1 })
    await bench.call('n0', TOPOLOGY)
    for (const id of [1, 2]) await bench.call('n0', { type: 'broadcast', message: { b: 1, a: [2] } }, `c${id}`)
    await bench.call('n0', { type: 'broadcast', message: { a: [2], b: 1 } })
    expect((await bench.call('n0', { type: 'read' })).messages).toEqual([{ b: 1, a: [2] }])
  })
})

describe('g-set', () => {
  it('is available in every part of a divided network, and whole when it has healed', async () => {
    const bench = await Bench.start({ nodes: 5 })
    bench.partition(...bench.ids.map((id) => [id]))
    for (const [i, id] of bench.ids.entries()) {
      const { body, tookMs } = await bench.wait(bench.ask(id, { type: 'add', element: i }))
      expect(body.type).toBe('add_ok')
      expect(tookMs).toBeLessThan(100)
    }
    expect(await bench.call('n3', { type: 'read' })).toMatchObject({ type: 'read_ok', value: [3] })
    bench.heal()
    await bench.time.runFor(5_000)
    for (const id of bench.ids) expect(sorted((await bench.call(id, { type: 'read' })).value)).toEqual([0, 1, 2, 3, 4])
    // No engine was needed, so none was started.
    expect(bench.sent.get('mako')).toBe(undefined)
  })
})
