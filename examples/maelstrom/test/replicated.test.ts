// Three nodes over both protocols: what goes through the log, under kills, cuts and loss.

import { describe, expect, it } from 'vitest'
import { Bench } from './bench.ts'

describe.each(['raft', 'paxos'] as const)('replicated workloads over %s', (protocol) => {
  it('lin-kv: any node writes and reads, and says who leads', async () => {
    const bench = await Bench.start({ nodes: 3, protocol, node: { nameLeader: true } })
    expect(await bench.call('n1', { type: 'read', key: 'x' })).toMatchObject({ type: 'error', code: 20 })
    expect(await bench.call('n1', { type: 'write', key: 'x', value: 1 })).toMatchObject({
      type: 'write_ok',
      leader: 'n0',
    })
    expect(await bench.call('n2', { type: 'read', key: 'x' })).toMatchObject({ type: 'read_ok', value: 1 })
    expect(await bench.call('n2', { type: 'cas', key: 'x', from: 1, to: 2 })).toMatchObject({ type: 'cas_ok' })
    expect(await bench.call('n0', { type: 'cas', key: 'x', from: 1, to: 3 })).toMatchObject({ type: 'error', code: 22 })
    expect(await bench.call('n0', { type: 'read', key: 'x' })).toMatchObject({ value: 2 })
  })

  it('lin-kv: goes on after the leader was killed, and the killed one comes back with what it knew', async () => {
    const bench = await Bench.start({ nodes: 3, protocol, node: { nameLeader: true } })
    await bench.insist('n1', { type: 'write', key: 1, value: 'before' })
    bench.kill('n0')
    const during = await bench.insist('n2', { type: 'write', key: 1, value: 'during' })
    expect(during.leader).not.toBe('n0')
    await bench.restart('n0')
    expect(await bench.insist('n0', { type: 'read', key: 1 })).toMatchObject({ value: 'during' })
    await bench.insist('n0', { type: 'write', key: 1, value: 'after' })
    for (const id of bench.ids)
      expect(await bench.insist(id, { type: 'read', key: 1 })).toMatchObject({ value: 'after' })
  })

  it('executes a request once: repeated at any node, after a change of leader, after a restart of all', async () => {
    const bench = await Bench.start({ nodes: 3, protocol })
    const add = { type: 'add', delta: 5 }
    expect(await bench.call('n1', add, 'c9', 7)).toMatchObject({ type: 'add_ok' })
    expect(await bench.call('n2', add, 'c9', 7)).toMatchObject({ type: 'add_ok' })
    bench.kill('n0')
    expect(await bench.call('n1', add, 'c9', 7)).toMatchObject({ type: 'add_ok' })
    await bench.insist('n2', { type: 'read' })
    for (const id of bench.ids) await bench.restart(id)
    await bench.insist('n2', { type: 'read' })
    expect(await bench.call('n2', add, 'c9', 7)).toMatchObject({ type: 'add_ok' })
    for (const id of bench.ids) expect(await bench.insist(id, { type: 'read' })).toMatchObject({ value: 5 })
  })

  it('counts each add once while lines are lost and leaders die', async () => {
    const bench = await Bench.start({ nodes: 3, protocol, lossRate: 0.1, seed: 3 })
    let certain = 0
    let possible = 0
    const clients = Array.from({ length: 5 }, async (_, client) => {
      for (let i = 0; i < 20; i++) {
        const { body } = await bench.ask(bench.ids[(client + i) % 3]!, { type: 'add', delta: 1 }, `c${client + 1}`)
        if (body.type === 'add_ok') certain++
        else if (body.code === 0) possible++
        else expect(body.code).toBe(11)
      }
    })
    bench.time.schedule(1_500, () => bench.partition(['n0'], ['n1', 'n2']))
    bench.time.schedule(4_000, () => bench.heal())
    await bench.wait(Promise.all(clients), 300_000)
    const { value } = await bench.insist('n1', { type: 'read' })
    expect(certain).toBeGreaterThan(50)
    expect(value).toBeGreaterThanOrEqual(certain)
    expect(value).toBeLessThanOrEqual(certain + possible)
  })

  it('kafka: dense offsets in one order, polls in pages, commits that never go back', async () => {
    const bench = await Bench.start({ nodes: 3, protocol })
    const sends = Array.from({ length: 60 }, (_, i) =>
      bench.ask(`n${i % 3}`, { type: 'send', key: 'k', msg: i }, `c${i % 5}`),
    )
    const answers = await bench.wait(Promise.all(sends))
    const offsets = answers.map(({ body }) => body.offset as number)
    expect([...offsets].sort((a, b) => a - b)).toEqual(offsets.map((_, i) => i))
    const polled: unknown[] = []
    for (let from = 0; from < 60; from = polled.length) {
      const { msgs } = await bench.call('n2', { type: 'poll', offsets: { k: from, other: 0 } })
      const { k, other } = msgs as unknown as { k: unknown[]; other: unknown[] }
      expect(other).toEqual([])
      expect(k.length).toBeGreaterThan(0)
      polled.push(...k)
    }
    const expected = answers.map(({ body }, i) => [body.offset, i]).sort(([a], [b]) => (a as number) - (b as number))
    expect(polled).toEqual(expected)
    await bench.call('n0', { type: 'commit_offsets', offsets: { k: 10 } })
    await bench.call('n1', { type: 'commit_offsets', offsets: { k: 4 } })
    const listed = await bench.call('n2', { type: 'list_committed_offsets', keys: ['k', 'other'] })
    expect(listed).toMatchObject({ type: 'list_committed_offsets_ok', offsets: { k: 10 } })
  })

  it('transactions: as a whole, in one order', async () => {
    const bench = await Bench.start({ nodes: 3, protocol })
    const both = (i: number): unknown => [
      ['append', 'a', i],
      ['append', 'b', i],
      ['r', 'a', null],
    ]
    const asked = Array.from({ length: 20 }, (_, i) =>
      bench.ask(`n${i % 3}`, { type: 'txn', txn: both(i) }, `c${i % 4}`),
    )
    await bench.wait(Promise.all(asked))
    const { txn } = await bench.call('n1', {
      type: 'txn',
      txn: [
        ['r', 'a', null],
        ['r', 'b', null],
      ],
    })
    const [[, , a], [, , b]] = txn as unknown as [[string, string, number[]], [string, string, number[]]]
    expect(a).toEqual(b)
    expect([...a].sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  it('a cut-off leader answers neither old values nor writes; the majority goes on', async () => {
    const bench = await Bench.start({ nodes: 3, protocol })
    await bench.insist('n1', { type: 'write', key: 'x', value: 'old' })
    bench.partition(['n0'], ['n1', 'n2'])
    const lonely = bench.ask('n0', { type: 'write', key: 'y', value: 'doomed?' }, 'c5')
    await bench.insist('n1', { type: 'write', key: 'x', value: 'new' })
    const stale = bench.ask('n0', { type: 'read', key: 'x' }, 'c6')
    expect((await bench.wait(stale)).body).toMatchObject({ type: 'error', code: 11 })
    expect((await bench.wait(lonely)).body).toMatchObject({ type: 'error', code: 0 })
    // Nobody leads here as far as it knows: what never left this node is definite.
    expect(await bench.call('n0', { type: 'write', key: 'z', value: 1 }, 'c7')).toMatchObject({ code: 11 })
    bench.heal()
    expect(await bench.insist('n0', { type: 'read', key: 'x' })).toMatchObject({ value: 'new' })
    expect(await bench.call('n1', { type: 'read', key: 'z' })).toMatchObject({ code: 20 })
  })

  it('reads local state at once when stale reads are asked for', async () => {
    const bench = await Bench.start({ nodes: 3, protocol, node: { staleReads: true } })
    await bench.insist('n1', { type: 'write', key: 'x', value: 1 })
    bench.partition(['n1'], ['n0', 'n2'])
    await bench.insist('n2', { type: 'write', key: 'x', value: 2 })
    const { body, tookMs } = await bench.wait(bench.ask('n1', { type: 'read', key: 'x' }))
    expect(body).toMatchObject({ type: 'read_ok', value: 1 })
    expect(tookMs).toBe(0)
  })

  it('a node alone needs nobody, with a disk and without', async () => {
    for (const hasStorage of [true, false]) {
      const bench = await Bench.start({ nodes: 1, protocol, hasStorage })
      expect(await bench.call('n0', { type: 'write', key: 1, value: 2 })).toMatchObject({ type: 'write_ok' })
      expect(await bench.call('n0', { type: 'read', key: 1 })).toMatchObject({ value: 2 })
      if (hasStorage) {
        await bench.restart('n0')
        expect(await bench.insist('n0', { type: 'read', key: 1 })).toMatchObject({ value: 2 })
      }
      expect(bench.messagesBetweenNodes()).toBe(0)
    }
  })
})
