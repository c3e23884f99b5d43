// Each workload's state machine alone, and what it makes of bad requests.

import { describe, expect, it } from 'vitest'
import { commandOf, decodeCommand, encodeCommand, Machine, type ReplicatedWorkload } from '../src/machine.ts'
import type { Body, Reply } from '../src/message.ts'
import { UniqueIds } from '../src/workloads/local.ts'
import { POLL_MESSAGES } from '../src/workloads/kafka.ts'

/** A machine to which every write is a command of its own. */
function machine(workload: ReplicatedWorkload): (body: Body) => Reply {
  const state = new Machine()
  let id = 0
  return (body) => {
    const checked = state.check(workload, body)
    switch (checked.status) {
      case 'MALFORMED':
        return { type: 'malformed' }
      case 'READ':
        return checked.read()
      case 'WRITE':
        return state.apply(decodeCommand(encodeCommand(checked.command('c', ++id)))!)
    }
  }
}

describe('lin-kv', () => {
  it('reads, writes, compares', () => {
    const kv = machine('lin-kv')
    expect(kv({ type: 'read', key: 'a' })).toMatchObject({ code: 20 })
    expect(kv({ type: 'cas', key: 'a', from: 1, to: 2 })).toMatchObject({ code: 20 })
    expect(kv({ type: 'cas', key: 'a', from: 1, to: 2, create_if_not_exists: true })).toEqual({ type: 'cas_ok' })
    expect(kv({ type: 'read', key: 'a' })).toEqual({ type: 'read_ok', value: 2 })
    expect(kv({ type: 'cas', key: 'a', from: 1, to: 3, create_if_not_exists: true })).toMatchObject({ code: 22 })
    expect(kv({ type: 'cas', key: 'a', from: 2, to: 3 })).toEqual({ type: 'cas_ok' })
    expect(kv({ type: 'write', key: 'a', value: null })).toEqual({ type: 'write_ok' })
    expect(kv({ type: 'read', key: 'a' })).toEqual({ type: 'read_ok', value: null })
  })

  it('tells keys and values of different kinds apart, and compares objects by what is in them', () => {
    const kv = machine('lin-kv')
    kv({ type: 'write', key: 1, value: 'number' })
    kv({ type: 'write', key: '1', value: 'text' })
    kv({ type: 'write', key: '__proto__', value: { b: 1, a: [null, true] } })
    expect(kv({ type: 'read', key: 1 }).value).toBe('number')
    expect(kv({ type: 'read', key: '1' }).value).toBe('text')
    expect(kv({ type: 'cas', key: 1, from: 'Number', to: 1 })).toMatchObject({ code: 22 })
    const from = { a: [null, true], b: 1 }
    expect(kv({ type: 'cas', key: '__proto__', from, to: 0 })).toEqual({ type: 'cas_ok' })
  })

  it.each([
    { type: 'read' },
    { type: 'write', key: 1 },
    { type: 'cas', key: 1, from: 1 },
    { type: 'cas', key: 1, to: 1 },
    { type: 'cas', key: 1, from: 1, to: 2, create_if_not_exists: 'yes' },
  ])('refuses %j', (body) => {
    expect(machine('lin-kv')(body)).toEqual({ type: 'malformed' })
  })
})

describe('counter', () => {
  it('adds up and down', () => {
    const counter = machine('counter')
    expect(counter({ type: 'read' })).toEqual({ type: 'read_ok', value: 0 })
    for (const delta of [5, -7, 0]) expect(counter({ type: 'add', delta })).toEqual({ type: 'add_ok' })
    expect(counter({ type: 'read' })).toEqual({ type: 'read_ok', value: -2 })
  })

  it.each([{ type: 'add' }, { type: 'add', delta: '1' }, { type: 'add', delta: 0.5 }])('refuses %j', (body) => {
    expect(machine('counter')(body)).toEqual({ type: 'malformed' })
  })
})

describe('kafka', () => {
  it('numbers the messages of each key from 0, and shows them in pages', () => {
    const kafka = machine('kafka')
    for (let i = 0; i < POLL_MESSAGES + 5; i++) {
      expect(kafka({ type: 'send', key: 'a', msg: `m${i}` })).toEqual({ type: 'send_ok', offset: i })
    }
    expect(kafka({ type: 'send', key: '__proto__', msg: 1 })).toEqual({ type: 'send_ok', offset: 0 })
    const { msgs } = kafka({ type: 'poll', offsets: { a: 3, b: 0 } }) as unknown as { msgs: Record<string, unknown[]> }
    expect(msgs.a).toHaveLength(POLL_MESSAGES)
    expect(msgs.a![0]).toEqual([3, 'm3'])
    expect(msgs.b).toEqual([])
    expect(
      JSON.stringify(kafka({ type: 'poll', offsets: JSON.parse('{"__proto__":0}') as Record<string, number> })),
    ).toBe('{"type":"poll_ok","msgs":{"__proto__":[[0,1]]}}')
    expect(kafka({ type: 'poll', offsets: { a: 1000 } })).toEqual({ type: 'poll_ok', msgs: { a: [] } })
  })

  it('commits the highest offset that was ever committed', () => {
    const kafka = machine('kafka')
    const list = (): Reply => kafka({ type: 'list_committed_offsets', keys: ['a', 'b'] })
    expect(list()).toEqual({ type: 'list_committed_offsets_ok', offsets: {} })
    for (const a of [0, 5, 3]) kafka({ type: 'commit_offsets', offsets: { a } })
    expect(list()).toEqual({ type: 'list_committed_offsets_ok', offsets: { a: 5 } })
  })

  it.each([
    { type: 'send', key: 1, msg: 1 },
    { type: 'send', key: 'a' },
    { type: 'poll' },
    { type: 'poll', offsets: [] },
    { type: 'poll', offsets: { a: -1 } },
    { type: 'commit_offsets', offsets: { a: '1' } },
    { type: 'list_committed_offsets', keys: 'a' },
    { type: 'list_committed_offsets', keys: [1] },
  ])('refuses %j', (body) => {
    expect(machine('kafka')(body as Body)).toEqual({ type: 'malformed' })
  })
})

describe('transactions', () => {
  it('read their own writes, and are all or nothing', () => {
    const store = machine('transactions')
    const txn = (...operations: unknown[]): Reply => store({ type: 'txn', txn: operations } as unknown as Body)
    expect(txn(['r', 1, null], ['w', 1, 6], ['r', 1, null], ['w', 1, null], ['r', 1, null])).toEqual({
      type: 'txn_ok',
      txn: [
        ['r', 1, null],
        ['w', 1, 6],
        ['r', 1, 6],
        ['w', 1, null],
        ['r', 1, null],
      ],
    })
    expect(txn(['append', 2, 'a'], ['append', 2, 'b'], ['r', 2, null]).txn).toEqual([
      ['append', 2, 'a'],
      ['append', 2, 'b'],
      ['r', 2, ['a', 'b']],
    ])
    txn(['w', 3, 'scalar'])
    expect(txn(['append', 2, 'c'], ['append', 3, 'c'])).toMatchObject({ type: 'error', code: 14 })
    expect(txn(['r', 2, null])).toMatchObject({ txn: [['r', 2, ['a', 'b']]] })
  })

  it('a list that was read does not change afterwards', () => {
    const store = machine('transactions')
    store({ type: 'txn', txn: [['append', 1, 1]] })
    const read = store({ type: 'txn', txn: [['r', 1, null]] })
    store({ type: 'txn', txn: [['append', 1, 2]] })
    expect(read.txn).toEqual([['r', 1, [1]]])
  })

  it.each([[undefined], ['x'], [[7]], [[[]]], [[['x', 1, 2]]], [[['r']]], [[['r', 1, 2, 3]]]])('refuses %j', (txn) => {
    expect(machine('transactions')({ type: 'txn', txn })).toEqual({ type: 'malformed' })
  })
})

describe('commands', () => {
  it('survive encoding', () => {
    const command = { client: 'c1', id: 3, workload: 'kafka', body: { type: 'send', key: 'a', msg: [1] } } as const
    expect(decodeCommand(encodeCommand(command))).toEqual(command)
  })

  it.each([
    null,
    7,
    [],
    ['c', 1],
    ['c', 1.5, 'kafka', { type: 'send' }],
    ['c', 1, 'zab', { type: 'x' }],
    [1, 1, 'kafka', {}],
  ])('are not made of %j', (value) => {
    expect(commandOf(value)).toBe(undefined)
    expect(decodeCommand(new TextEncoder().encode(JSON.stringify(value)))).toBe(undefined)
  })

  it('that are twice in the log are executed once, whatever else came between', () => {
    const state = new Machine()
    const send = { client: 'c', id: 1, workload: 'kafka', body: { type: 'send', key: 'a', msg: 'x' } } as const
    expect(state.apply(send)).toEqual({ type: 'send_ok', offset: 0 })
    expect(state.apply({ ...send, client: 'd' })).toEqual({ type: 'send_ok', offset: 1 })
    expect(state.apply(send)).toEqual({ type: 'send_ok', offset: 0 })
    expect(state.apply({ ...send, id: 2 })).toEqual({ type: 'send_ok', offset: 2 })
    expect(state.answerOf('c', 1)).toEqual({ type: 'send_ok', offset: 0 })
    expect(state.answerOf('c', 3)).toBe(undefined)
  })

  it('that are malformed in the log are refused by all alike', () => {
    expect(new Machine().apply({ client: 'c', id: 1, workload: 'kafka', body: { type: 'send' } })).toMatchObject({
      code: 12,
    })
    expect(decodeCommand(Uint8Array.of(0xff))).toBe(undefined)
  })
})

describe('unique ids', () => {
  it('differ in one life, between lives, and between nodes', () => {
    const makers = [new UniqueIds('n1', 'x'), new UniqueIds('n1', 'y'), new UniqueIds('n2', 'x')]
    const ids = makers.flatMap((maker) => Array.from({ length: 1000 }, () => maker.generate().id))
    expect(new Set(ids).size).toBe(3000)
  })
})
