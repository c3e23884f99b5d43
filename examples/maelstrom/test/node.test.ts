// What a node makes of requests that are odd, early, misdirected, ambiguous, or plain noise.

import { describe, expect, it } from 'vitest'
import { below, seededRandom } from '@mako/engine'
import { parseLine } from '../src/message.ts'
import { Bench } from './bench.ts'

describe('lines', () => {
  it.each([
    '',
    'x',
    '7',
    'null',
    '[]',
    '{}',
    '{"src":"a"}',
    '{"src":"a","dest":1,"body":{}}',
    '{"src":"a","dest":"b"}',
  ])('%j is noise', (line) => {
    expect(parseLine(line).status).toBe('NOISE')
  })

  it.each([
    '{"src":"a","dest":"b","body":{}}',
    '{"src":"a","dest":"b","body":[]}',
    '{"src":"a","dest":"b","body":{"type":"read","msg_id":"1"}}',
    '{"src":"a","dest":"b","body":{"type":"read","msg_id":-1}}',
    '{"src":"a","dest":"b","body":{"type":"read","msg_id":1,"in_reply_to":0.5}}',
  ])('%s is noise: nobody could be told', (line) => {
    expect(parseLine(line).status).toBe('NOISE')
  })

  it('what is nested too deeply is not taken in', () => {
    const line = (depth: number, id: string): string =>
      `{"src":"c","dest":"n","body":{"type":"echo"${id},"echo":${'['.repeat(depth)}${']'.repeat(depth)}}}`
    expect(parseLine(line(63, ',"msg_id":1')).status).toBe('MESSAGE')
    expect(parseLine(line(64, ',"msg_id":1')).status).toBe('MALFORMED')
    expect(parseLine(line(64, '')).status).toBe('NOISE')
    expect(parseLine(line(400_000, ',"msg_id":1')).status).toBe('MALFORMED')
  })

  it('a request without type can be answered', () => {
    expect(parseLine('{"src":"a","dest":"b","body":{"msg_id":4,"type":7}}')).toMatchObject({
      status: 'MALFORMED',
      id: 4,
    })
  })
})

describe('a node', () => {
  it('serves nothing but init before init', async () => {
    const bench = new Bench({ nodes: 1 })
    bench.spawn('n0')
    expect(await bench.call('n0', { type: 'echo', echo: 1 })).toMatchObject({ type: 'error', code: 11 })
    bench.feed('n0', '{"src":"n1","dest":"n0","body":{"type":"gossip"}}')
    expect(bench.logs.at(-1)).toContain('before init')
    expect((await bench.wait(bench.init('n0'))).body.type).toBe('init_ok')
    expect(await bench.call('n0', { type: 'echo', echo: [1, null] })).toMatchObject({
      type: 'echo_ok',
      echo: [1, null],
    })
  })

  it.each([
    {},
    { node_id: 'n0' },
    { node_id: 'n0', node_ids: 'n0' },
    { node_id: 'n0', node_ids: ['n1'] },
    { node_id: '', node_ids: [''] },
    { node_id: 'n0', node_ids: ['n0', 7] },
    { node_id: 'x'.repeat(65), node_ids: ['x'.repeat(65)] },
  ])('refuses an init of %j, and takes a good one afterwards', async (body) => {
    const bench = new Bench({ nodes: 1 })
    bench.spawn('n0')
    expect(await bench.call('n0', { type: 'init', ...body })).toMatchObject({ type: 'error', code: 12 })
    expect((await bench.wait(bench.init('n0'))).body.type).toBe('init_ok')
    // Again the same is the same; another name is not.
    expect((await bench.wait(bench.init('n0'))).body.type).toBe('init_ok')
    expect(await bench.call('n0', { type: 'init', node_id: 'n7', node_ids: ['n7'] })).toMatchObject({ code: 12 })
  })

  it('answers what it does not know, and drops what nobody asked', async () => {
    const bench = await Bench.start({ nodes: 2 })
    expect(await bench.call('n0', { type: 'dance' })).toMatchObject({ type: 'error', code: 10 })
    const { length } = bench.lines
    for (const body of [
      { type: 'dance' },
      { type: 'echo' },
      { type: 'echo_ok', in_reply_to: 3 },
      { type: 'echo', msg_id: 1, in_reply_to: 3 },
    ]) {
      bench.feed('n0', JSON.stringify({ src: 'c1', dest: 'n0', body }))
    }
    bench.feed('n0', JSON.stringify({ src: 'c1', dest: 'n1', body: { type: 'echo', msg_id: 9 } }))
    await bench.time.runFor(100)
    expect(bench.lines).toHaveLength(length)
    expect(bench.logs.filter((line) => line.includes('dropped'))).toHaveLength(5)
  })

  it('says so when a message is for a node that does not exist', async () => {
    const bench = await Bench.start({ nodes: 1 })
    bench.feed('n0', JSON.stringify({ src: 'c1', dest: 'n9', body: { type: 'echo', msg_id: 77 } }))
    await bench.time.runFor(10)
    expect(bench.lines.at(-1)).toMatchObject({ dest: 'c1', body: { type: 'error', code: 1, in_reply_to: 77 } })
  })

  it('takes the words of nodes from nodes only', async () => {
    const bench = await Bench.start({ nodes: 2 })
    for (const src of ['c1', 'n7', 'n0']) {
      for (const type of ['mako', 'forward', 'forward_ok', 'gossip', 'gossip_ok']) {
        bench.feed('n0', JSON.stringify({ src, dest: 'n0', body: { type, msg_id: 1 } }))
      }
    }
    await bench.time.runFor(100)
    expect(bench.lines.filter(({ body }) => body.type !== 'init_ok')).toEqual([])
    expect(bench.logs.filter((line) => line.includes('no peer'))).toHaveLength(15)
  })

  it('does not guess whose a bare read is', async () => {
    const bench = await Bench.start({ nodes: 1 })
    expect(await bench.call('n0', { type: 'read' })).toMatchObject({ type: 'error', code: 11 })
    const option = await Bench.start({ nodes: 1, node: { workload: 'pn-counter' } })
    expect(await option.insist('n0', { type: 'read' })).toMatchObject({ type: 'read_ok', value: 0 })
    const set = await Bench.start({ nodes: 1, node: { workload: 'g-set' } })
    expect(await set.call('n0', { type: 'read' })).toEqual({ type: 'read_ok', value: [], in_reply_to: 1 })
    const topology = await Bench.start({ nodes: 1 })
    await topology.call('n0', { type: 'topology', topology: { n0: [] } })
    expect(await topology.call('n0', { type: 'read' })).toMatchObject({ messages: [] })
  })

  it('refuses malformed requests of every workload as definitely not executed', async () => {
    const bench = await Bench.start({ nodes: 1 })
    for (const body of [
      { type: 'broadcast' },
      { type: 'add' },
      { type: 'add', delta: 'x' },
      { type: 'write', key: 1 },
      { type: 'cas', key: 1 },
      { type: 'send', key: 1 },
      { type: 'poll' },
      { type: 'txn' },
      { type: 'write', key: 1, value: 'x'.repeat(300_000) },
    ]) {
      expect(await bench.call('n0', body)).toMatchObject({ type: 'error', code: 12 })
    }
  })

  it.each([
    [
      { type: 'echo', echo: 1 },
      { type: 'echo_ok', echo: 1 },
    ],
    [{ type: 'generate' }, { type: 'generate_ok', id: 'n0-life1-0' }],
    [{ type: 'topology', topology: { n0: [] } }, { type: 'topology_ok' }],
    [{ type: 'broadcast', message: 1 }, { type: 'broadcast_ok' }],
    [{ type: 'add', element: 1 }, { type: 'add_ok' }],
    [{ type: 'add', delta: 1 }, { type: 'add_ok' }],
    [{ type: 'write', key: 1, value: 1 }, { type: 'write_ok' }],
    [{ type: 'cas', key: 1, from: 1, to: 1, create_if_not_exists: true }, { type: 'cas_ok' }],
    [
      { type: 'send', key: 'k', msg: 1 },
      { type: 'send_ok', offset: 0 },
    ],
    [
      { type: 'poll', offsets: { k: 0 } },
      { type: 'poll_ok', msgs: { k: [] } },
    ],
    [{ type: 'commit_offsets', offsets: { k: 0 } }, { type: 'commit_offsets_ok' }],
    [
      { type: 'list_committed_offsets', keys: ['k'] },
      { type: 'list_committed_offsets_ok', offsets: {} },
    ],
    [
      { type: 'txn', txn: [['r', 1, null]] },
      { type: 'txn_ok', txn: [['r', 1, null]] },
    ],
  ])('answers %j with the fields of the protocol and no others', async (body, answer) => {
    const bench = await Bench.start({ nodes: 1, hasStorage: false })
    // The number aside, which every answer has.
    expect(await bench.call('n0', body)).toStrictEqual({ ...answer, in_reply_to: 1 })
  })

  it('names the leader in errors, which may have any field', async () => {
    const bench = await Bench.start({ nodes: 3 })
    await bench.insist('n1', { type: 'write', key: 1, value: 1 })
    expect(await bench.call('n1', { type: 'cas', key: 1, from: 0, to: 2 })).toMatchObject({ code: 22, leader: 'n0' })
  })

  it('a request that was asked twice is executed once and answered', async () => {
    const bench = await Bench.start({ nodes: 3 })
    const first = bench.ask('n1', { type: 'add', delta: 3 }, 'c1', 5)
    bench.feed('n1', JSON.stringify({ src: 'c1', dest: 'n1', body: { type: 'add', delta: 3, msg_id: 5 } }))
    await bench.wait(first)
    expect(await bench.call('n2', { type: 'read' })).toMatchObject({ value: 3 })
  })

  it('answers what is open when it stops', async () => {
    const bench = await Bench.start({ nodes: 3 })
    bench.partition(['n1'], ['n0', 'n2'])
    const open = bench.ask('n1', { type: 'write', key: 1, value: 1 })
    await bench.time.runFor(100)
    const stopped = bench.stop('n1')
    expect((await bench.wait(open)).body).toMatchObject({ type: 'error', code: 11 })
    await bench.wait(stopped)
  })

  it('survives a flood of garbage, from clients and from peers, and goes on', async () => {
    const bench = await Bench.start({ nodes: 3 })
    await bench.insist('n1', { type: 'write', key: 1, value: 1 })
    const random = seededRandom(11)
    const types = [
      'mako',
      'forward',
      'forward_ok',
      'gossip',
      'gossip_ok',
      'txn',
      'poll',
      'read',
      'add',
      'topology',
      'init',
      'cas',
    ]
    const junk = [
      null,
      true,
      -1,
      0.5,
      1e300,
      '',
      'x',
      [],
      [[]],
      [[1, 2, 3]],
      {},
      { a: -1 },
      [['c', 1, 'kafka', { type: 'send' }]],
    ]
    const fields = [
      'life',
      'cluster',
      'part',
      'batch',
      'commands',
      'accepted',
      'refused',
      'retry_after',
      'has',
      'news',
      'visit',
    ]
    const more = [
      'exchange',
      'kind',
      'txn',
      'offsets',
      'keys',
      'key',
      'delta',
      'element',
      'node_id',
      'node_ids',
      'from',
      'to',
    ]
    const pick = <T>(list: readonly T[]): T => list[below(random, list.length)]!
    for (let i = 0; i < 3000; i++) {
      const body: Record<string, unknown> = { type: pick(types), msg_id: 100_000 + i }
      for (let field = below(random, 6); field > 0; field--) body[pick([...fields, ...more])] = pick(junk)
      const src = pick(['n0', 'n2', 'c5'])
      if (src === 'c5' || body.type !== 'mako') body.life ??= 'life1'
      bench.feed('n1', JSON.stringify({ src, dest: 'n1', body }).slice(0, below(random, 20) === 0 ? 30 : undefined))
      if (i % 100 === 0) await bench.time.runFor(20)
    }
    await bench.time.runFor(10_000)
    expect(await bench.insist('n1', { type: 'write', key: 'y', value: 2 })).toMatchObject({ type: 'write_ok' })
    expect(await bench.insist('n2', { type: 'read', key: 'y' })).toMatchObject({ value: 2 })
  })
})
