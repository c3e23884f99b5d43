// What the checkers of the workloads find in histories that are good, and in those that are wrong in one way.

import { describe, expect, it } from 'vitest'
import { checkLinearizable } from '../../src/checkers/linearizable.ts'
import { checkCounter, sumsOf } from '../../src/node/maelstrom/checks/counter.ts'
import type { Verdict } from '../../src/node/maelstrom/checks/findings.ts'
import { checkKafka } from '../../src/node/maelstrom/checks/kafka.ts'
import { checkLinKv, keyOperationsOf } from '../../src/node/maelstrom/checks/lin-kv.ts'
import { checkListAppend } from '../../src/node/maelstrom/checks/list-append.ts'
import { checkEcho, checkUniqueIds } from '../../src/node/maelstrom/checks/plain.ts'
import { BROADCAST, checkSet, G_SET } from '../../src/node/maelstrom/checks/set.ts'
import { formatOperations, type Operation } from '../../src/node/maelstrom/history.ts'
import type { Body } from '../../src/node/maelstrom/protocol.ts'
import { ok, other, type Rest } from './histories.ts'

const FINAL: Rest = { final: true }
const ON_1: Rest = { final: true, node: 'n1' }

/** The kinds of what was found. */
function kinds({ errors }: Verdict): readonly string[] {
  return [...new Set(errors.map((text) => text.slice(0, text.indexOf(':'))))]
}

describe('echo', () => {
  const echo = (said: unknown, heard: unknown): Operation => ok(1, 2, { type: 'echo', echo: said }, { echo: heard })

  it('accepts what is equal, whatever the order of the fields of an object', () => {
    expect(kinds(checkEcho([echo('a', 'a'), echo({ a: 1, b: [2] }, { b: [2], a: 1 })]))).toEqual([])
  })

  it.each([
    ['a', 'b'],
    [1, '1'],
    [{ a: 1 }, {}],
    ['a', undefined],
  ])('refuses %j answered by %j', (said, heard) => {
    expect(kinds(checkEcho([echo(said, heard)]))).toEqual(['wrong echo'])
  })

  it('asks nothing of requests that were not answered', () => {
    expect(kinds(checkEcho([other('info', 1, 2, { type: 'echo', echo: 1 })]))).toEqual([])
  })
})

describe('unique-ids', () => {
  const id = (given: unknown): Operation => ok(1, 2, { type: 'generate' }, { id: given })

  it('counts ids that are all different, a number and its text too', () => {
    expect(checkUniqueIds([id('1'), id(1), id('2')])).toEqual({ errors: [], details: { ids: 3 } })
  })

  it('finds one that is given twice, and none at all', () => {
    expect(kinds(checkUniqueIds([id('a'), id('b'), id('a')]))).toEqual(['duplicate id'])
    expect(kinds(checkUniqueIds([id(undefined)]))).toEqual(['no id'])
  })
})

describe('g-set and broadcast', () => {
  const add = (element: unknown, call = 1, ret = 2): Operation => ok(call, ret, { type: 'add', element }, {})
  const read = (value: unknown, call = 10, rest: Rest = FINAL): Operation =>
    ok(call, call + 1, { type: 'read' }, { value }, rest)
  const check = (...history: readonly Operation[]): Verdict => checkSet(history, G_SET, ['n0'])

  it('accepts every acknowledged element in the last read of every node', () => {
    expect(
      kinds(checkSet([add(1), add('1', 2, 3), read([1, '1']), read(['1', 1], 10, ON_1)], G_SET, ['n0', 'n1'])),
    ).toEqual([])
  })

  it('accepts unknown elements with and without', () => {
    const history = [add(1), other('info', 3, 4, { type: 'add', element: 2 })]
    expect(kinds(check(...history, read([1])))).toEqual([])
    expect(kinds(check(...history, read([1, 2])))).toEqual([])
  })

  it('accepts reads in between that lack something', () => {
    expect(kinds(check(add(1), read([], 5, {}), read([1])))).toEqual([])
  })

  it('judges a node by its last read', () => {
    expect(kinds(check(add(1), read([], 10), read([1], 20)))).toEqual([])
  })

  it.each([
    ['lost', [add(1), add(2), read([1])]],
    ['phantom', [add(1), read([1, 7])]],
    ['phantom', [add(1), other('fail', 3, 4, { type: 'add', element: 2 }, 11), read([1, 2])]],
    ['phantom', [read([1], 1, {}), add(1, 5, 6), read([1])]],
    ['duplicate', [add(1), read([1, 1])]],
    ['no final read', [add(1), read([1], 10, {})]],
    ['malformed answer', [add(1), read('1'), read([1])]],
  ])('finds what is wrong: %s', (kind, history) => {
    expect(kinds(check(...history))).toEqual([kind])
  })

  it('finds what one node lacks', () => {
    const verdict = checkSet([add(1), read([1]), read([], 10, ON_1)], G_SET, ['n0', 'n1'])
    expect(verdict.errors).toEqual(['lost: 1, acknowledged by n0 at 2 ms, is not on n1'])
  })

  it('measures from the acknowledgement to the last read that lacks an element', () => {
    const message = (element: number, ret: number): Operation =>
      ok(ret - 1, ret, { type: 'broadcast', message: element }, {})
    const messages = (call: number, list: readonly number[], final = false): Operation =>
      ok(call, call + 1, { type: 'read' }, { messages: list }, { final })
    const history = [message(1, 2), message(2, 2), messages(100, [1]), messages(130, [1]), messages(200, [1, 2], true)]
    const { errors, details } = checkSet(history, BROADCAST, ['n0'])
    expect(errors).toEqual([])
    expect(details['stableLatencyMs']).toEqual({ p50: 0, p90: 128, p99: 128, max: 128 })
  })

  it('tells a few of many mistakes, and how many there are', () => {
    const elements = Array.from({ length: 20 }, (_, i) => i)
    const { errors } = check(...elements.map((element) => add(element)), read([]))
    expect(errors).toHaveLength(4)
    expect(errors[3]).toBe('lost: and 17 more')
  })
})

describe('counters', () => {
  const add = (delta: number, call = 1): Operation => ok(call, call + 1, { type: 'add', delta }, {})
  const read = (value: unknown, call = 10, rest: Rest = FINAL): Operation =>
    ok(call, call + 1, { type: 'read' }, { value }, rest)
  const unknown = (delta: number): Operation => other('info', 3, 4, { type: 'add', delta })
  const check = (...history: readonly Operation[]): Verdict => checkCounter(history, ['n0'])

  it('accepts the sum of what was acknowledged with any of what is not known', () => {
    for (const sum of [3, 8, -1, 4]) expect(kinds(check(add(3), unknown(5), unknown(-4), read(sum)))).toEqual([])
  })

  it.each([0, 5, 7, 9])('refuses %i for 3 with any of 5 and -4', (sum) => {
    expect(check(add(3), unknown(5), unknown(-4), read(sum)).errors).not.toEqual([])
  })

  it('counts a delta that is there twice or was refused', () => {
    expect(kinds(check(add(3), add(2), read(8)))).toContain('wrong sum')
    expect(kinds(check(add(3), other('fail', 3, 4, { type: 'add', delta: 2 }, 11), read(5)))).toContain('wrong sum')
  })

  it('accepts old reads in between, and refuses those that nothing can make', () => {
    expect(kinds(check(add(3), add(-2), read(-2, 5, {}), read(1)))).toEqual([])
    expect(kinds(check(add(3), add(-2), read(4, 5, {}), read(1)))).toEqual(['impossible sum'])
    expect(kinds(check(read(3, 0, {}), add(3, 5), read(3)))).toEqual(['impossible sum'])
  })

  it('wants one sum on all nodes', () => {
    const history = [add(3), unknown(5), read(3), read(8, 10, ON_1)]
    expect(kinds(checkCounter(history, ['n0', 'n1']))).toEqual(['different sums'])
    expect(kinds(checkCounter([add(3), read(3)], ['n0', 'n1']))).toEqual(['no final read'])
    expect(kinds(check(add(3), read('3')))).toEqual(['malformed answer', 'no final read'])
  })

  it('knows all sums', () => {
    expect([...sumsOf(1, [2, 0, -5])].sort((a, b) => a - b)).toEqual([-4, -2, 1, 3])
  })
})

describe('lin-kv', () => {
  const write = (call: number, value: unknown): Operation => ok(call, call + 1, { type: 'write', key: 1, value }, {})
  const read = (call: number, value: unknown): Operation => ok(call, call + 1, { type: 'read', key: 1 }, { value })
  const cas = (from: unknown, to: unknown, create?: boolean): Body => ({
    type: 'cas',
    key: 1,
    from,
    to,
    ...(create === undefined ? {} : { create_if_not_exists: create }),
  })
  const swap = (call: number, from: unknown, to: unknown, create?: boolean): Operation =>
    ok(call, call + 1, cas(from, to, create), {})
  const told = (call: number, request: Body, code: number): Operation => other('ok', call, call + 1, request, code)
  const check = (...history: readonly Operation[]): readonly string[] => kinds(checkLinKv(history))

  it('accepts answers in their order', () => {
    expect(check(told(1, { type: 'read', key: 1 }, 20), write(3, 'a'), swap(5, 'a', 'b'), read(7, 'b'))).toEqual([])
    expect(
      check(told(1, cas('a', 'b'), 20), swap(3, 'x', 'b', true), read(5, 'b'), told(7, cas('a', 'c'), 22)),
    ).toEqual([])
    expect(
      check(swap(1, 'x', 'b', true), swap(3, 'b', 'c', true), told(5, cas('x', 'd', true), 22), read(7, 'c')),
    ).toEqual([])
    expect(check(read(1, null), write(3, 0), read(5, 0))).toEqual([])
  })

  it('accepts unknown writes before or after, and not', () => {
    const unknown = other('info', 2, 3, { type: 'write', key: 1, value: 'b' })
    expect(check(write(1, 'a'), unknown, read(5, 'a'))).toEqual([])
    expect(check(write(1, 'a'), unknown, read(5, 'b'))).toEqual([])
    expect(check(write(1, 'a'), unknown, read(5, 'a'), read(7, 'b'))).toEqual([])
    expect(check(write(1, 'a'), unknown, read(5, 'b'), read(7, 'a'))).toEqual(['not linearizable'])
  })

  it.each<readonly [string, readonly Operation[]]>([
    ['a stale read', [write(1, 'a'), write(3, 'b'), read(5, 'a')]],
    ['a value of another type', [write(1, 1), read(3, '1')]],
    ['nothing after a write', [write(1, 'a'), told(3, { type: 'read', key: 1 }, 20)]],
    ['a cas of what is not there', [write(1, 'a'), swap(3, 'b', 'c')]],
    ['a cas of nothing', [swap(1, 'a', 'b')]],
    ['a cas that is refused though it fits', [write(1, 'a'), told(3, cas('a', 'b'), 22)]],
    ['a cas that says that nothing is there', [write(1, 'a'), told(3, cas('a', 'b'), 20)]],
    ['a cas that says that something is there', [told(3, cas('a', 'b'), 22)]],
    ['a cas that could have created', [told(3, cas('a', 'b', true), 20)]],
    [
      'a write that was refused',
      [write(1, 'a'), other('fail', 3, 4, { type: 'write', key: 1, value: 'b' }, 11), read(5, 'b')],
    ],
  ])('finds %s', (_, history) => {
    expect(check(...history)).toEqual(['not linearizable'])
  })

  it('refuses errors that a request cannot have', () => {
    expect(check(told(1, { type: 'write', key: 1, value: 1 }, 20))).toEqual(['impossible error'])
    expect(check(told(1, { type: 'read', key: 1 }, 22))).toEqual(['impossible error'])
  })

  it('writes a history that the model of registers judges in the same way, where nothing is created', () => {
    const good = [
      told(1, { type: 'read', key: 1 }, 20),
      write(3, 'a'),
      swap(5, 'a', 'b'),
      told(7, cas('a', 'c'), 22),
      read(9, 'b'),
    ]
    const refused = other('fail', 11, 12, { type: 'write', key: 1, value: 'c' }, 11)
    expect(checkLinearizable(keyOperationsOf([...good, refused])).verdict).toBe('valid')
    expect(checkLinearizable(keyOperationsOf([...good, refused, read(13, 'c')])).verdict).toBe('invalid')
    expect(keyOperationsOf([swap(1, 'a', 'b', true)])).toEqual([
      { client: 1, key: '1', op: 'cas', in: '"a"', in2: '"b"', ok: true, call: 1, ret: 2, status: 'ok', create: true },
    ])
  })
})

describe('kafka', () => {
  type Logs = Readonly<Record<string, readonly (readonly [number, unknown])[]>>
  const send = (call: number, msg: number, offset: unknown, ret = call + 1): Operation =>
    ok(call, ret, { type: 'send', key: 'k', msg }, { offset })
  const poll = (
    call: number,
    from: number,
    pairs: readonly (readonly [number, unknown])[],
    rest: Rest = {},
  ): Operation =>
    ok(call, call + 1, { type: 'poll', offsets: { k: from } }, { msgs: { k: pairs } satisfies Logs }, rest)
  const commit = (call: number, offset: number): Operation =>
    ok(call, call + 1, { type: 'commit_offsets', offsets: { k: offset } }, {})
  const list = (call: number, offsets: unknown): Operation =>
    ok(call, call + 1, { type: 'list_committed_offsets', keys: ['k'] }, { offsets })
  const check = (...history: readonly Operation[]): readonly string[] => kinds(checkKafka(history, ['n0']))
  const all = (...pairs: readonly (readonly [number, unknown])[]): Operation => poll(100, 0, pairs, FINAL)

  it('accepts messages in order, in several polls', () => {
    const first = poll(
      100,
      0,
      [
        [0, 1],
        [1, 2],
      ],
      FINAL,
    )
    expect(
      check(send(1, 1, 0), send(3, 2, 1), send(5, 3, 2), poll(7, 1, [[1, 2]]), first, poll(102, 2, [[2, 3]], FINAL)),
    ).toEqual([])
  })

  it('accepts two sends at once in either order, and an empty poll before they are there', () => {
    expect(check(send(1, 1, 1, 9), poll(2, 0, []), send(3, 2, 0), all([0, 2], [1, 1]))).toEqual([])
  })

  it('accepts and counts holes', () => {
    const { errors, details } = checkKafka([send(1, 1, 0), send(3, 2, 5), all([0, 1], [5, 2])], ['n0'])
    expect(errors).toEqual([])
    expect(details).toEqual({ keys: 1, messages: 2, holes: 4 })
  })

  it('accepts unknown messages with and without', () => {
    const unknown = other('info', 2, 3, { type: 'send', key: 'k', msg: 9 })
    expect(check(send(1, 1, 0), unknown, all([0, 1]))).toEqual([])
    expect(check(send(1, 1, 0), unknown, all([0, 1], [1, 9]))).toEqual([])
  })

  it.each<readonly [string, readonly Operation[]]>([
    ['lost', [send(1, 1, 0), send(3, 2, 1), all([0, 1])]],
    ['lost', [send(1, 1, 0)]],
    ['two messages', [send(1, 1, 0, 9), send(3, 2, 0), all([0, 1], [1, 2])]],
    ['duplicate', [send(1, 1, 0), all([0, 1], [1, 1])]],
    ['phantom', [send(1, 1, 0), all([0, 1], [1, 7])]],
    ['phantom', [send(1, 1, 0), other('fail', 3, 4, { type: 'send', key: 'k', msg: 2 }, 11), all([0, 1], [1, 2])]],
    ['reordered', [send(1, 1, 1), send(5, 2, 0), all([0, 2], [1, 1])]],
    ['skipped', [send(1, 1, 0), send(3, 2, 1), poll(5, 0, [[1, 2]]), all([0, 1], [1, 2])]],
    [
      'skipped',
      [
        send(1, 1, 0),
        send(3, 2, 1),
        send(5, 3, 2),
        poll(7, 0, [
          [0, 1],
          [2, 3],
        ]),
        all([0, 1], [1, 2], [2, 3]),
      ],
    ],
    [
      'out of order',
      [
        send(1, 1, 0),
        send(3, 2, 1),
        poll(5, 0, [
          [0, 1],
          [1, 2],
          [0, 1],
        ]),
        all([0, 1], [1, 2]),
      ],
    ],
    [
      'out of order',
      [
        send(1, 1, 0),
        send(3, 2, 1),
        poll(5, 1, [
          [0, 1],
          [1, 2],
        ]),
        all([0, 1], [1, 2]),
      ],
    ],
    ['malformed answer', [send(1, 1, 0), all([0, 1]), ok(5, 6, { type: 'poll', offsets: {} }, {})]],
    ['malformed answer', [send(1, 1, '0')]],
    ['not asked', [send(1, 1, 0), all([0, 1]), ok(5, 6, { type: 'poll', offsets: {} }, { msgs: { k: [] } })]],
  ])('finds what is wrong: %s', (kind, history) => {
    expect(check(...history)).toContain(kind)
  })

  it('accepts committed offsets that rise, as others commit', () => {
    expect(check(list(1, {}), commit(3, 2), list(5, { k: 2 }), commit(7, 5), list(9, { k: 5 }))).toEqual([])
    expect(
      check(commit(1, 2), other('info', 3, 4, { type: 'commit_offsets', offsets: { k: 5 } }), list(9, { k: 2 })),
    ).toEqual([])
    expect(
      check(commit(1, 2), other('info', 3, 4, { type: 'commit_offsets', offsets: { k: 5 } }), list(9, { k: 5 })),
    ).toEqual([])
    expect(check(commit(1, 5), commit(3, 2), list(5, { k: 5 }))).toEqual([])
  })

  it.each<readonly [string, readonly Operation[]]>([
    ['commit went back', [commit(1, 5), commit(3, 2), list(5, { k: 2 })]],
    ['commit went back', [commit(1, 5), list(5, {})]],
    [
      'commit went back',
      [
        commit(1, 2),
        other('info', 3, 4, { type: 'commit_offsets', offsets: { k: 5 } }),
        list(5, { k: 5 }),
        list(7, { k: 2 }),
      ],
    ],
    ['commit ahead', [commit(1, 2), list(3, { k: 3 })]],
    [
      'commit ahead',
      [commit(1, 2), other('fail', 3, 4, { type: 'commit_offsets', offsets: { k: 5 } }, 11), list(5, { k: 5 })],
    ],
    ['commit ahead', [list(1, { k: 2 }), commit(3, 2)]],
  ])('finds what is wrong: %s', (kind, history) => {
    expect(check(...history)).toEqual([kind])
  })
})

describe('txn-list-append', () => {
  const txn = (call: number, asked: unknown, told: unknown, process = 1): Operation =>
    ok(call, call + 1, { type: 'txn', txn: asked }, { txn: told }, { process })
  const check = (...history: readonly Operation[]): readonly string[] => kinds(checkListAppend(history))

  it('accepts what has an order; null is the list of a fresh key', () => {
    const first = txn(
      1,
      [
        ['r', 1, null],
        ['append', 1, 7],
      ],
      [
        ['r', 1, null],
        ['append', 1, 7],
      ],
    )
    expect(check(first, txn(3, [['r', 1, null]], [['r', 1, [7]]]))).toEqual([])
  })

  it('finds a lost append, a stale read and a failed one that is there', () => {
    const first = txn(1, [['append', 1, 7]], [['append', 1, 7]])
    expect(check(first, txn(3, [['r', 1, null]], [['r', 1, null]]))).toEqual(['not strictly serializable'])
    const failed = other('fail', 1, 2, { type: 'txn', txn: [['append', 1, 7]] }, 30)
    expect(check(failed, txn(3, [['r', 1, null]], [['r', 1, [7]]]))).toEqual(['not strictly serializable'])
  })

  it('refuses the answer of another transaction, and judges the others all the same', () => {
    const strange = txn(1, [['append', 1, 7]], [['append', 2, 7]])
    expect(check(strange, txn(3, [['r', 1, null]], [['r', 1, [7]]]))).toEqual(['malformed answer'])
    expect(check(strange, txn(3, [['r', 1, null]], [['r', 1, [8]]]))).toEqual([
      'malformed answer',
      'not strictly serializable',
    ])
    expect(check(txn(1, [['r', 1, null]], [['r', 1, 'what?']]))).toEqual(['malformed answer'])
  })
})

describe('a history in lines', () => {
  it('has a line for each call and each end, in the order of time', () => {
    const history = [
      ok(3, 4, { type: 'read' }, { value: 1, in_reply_to: 2, msg_id: 9 }),
      ok(1, 9, { type: 'add', delta: 1 }, {}, { process: 2 }),
      other('fail', 5, 6, { type: 'add', delta: 2 }, 11),
    ]
    const lines = formatOperations(history)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    const error = { code: 11, text: 'so it is' }
    expect(lines).toEqual([
      { type: 'invoke', process: 2, time: 1, f: 'add', node: 'n0', value: { delta: 1 } },
      { type: 'invoke', process: 1, time: 3, f: 'read', node: 'n0', value: {} },
      { type: 'ok', process: 1, time: 4, f: 'read', node: 'n0', value: { value: 1 } },
      { type: 'invoke', process: 1, time: 5, f: 'add', node: 'n0', value: { delta: 2 } },
      { type: 'fail', process: 1, time: 6, f: 'add', node: 'n0', value: { delta: 2, error } },
      { type: 'ok', process: 2, time: 9, f: 'add', node: 'n0', value: { delta: 1 } },
    ])
  })
})
