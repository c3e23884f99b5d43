// Transactions, snapshots and replay of the database over a shard that the test controls.

import { below, type Random, seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import {
  boolean,
  bytes,
  defineTable,
  float,
  int,
  nullable,
  StoreError,
  text,
  type Transaction,
  uint,
} from '../../src/kv/index.ts'
import { fakeDatabase } from './fake-shard.ts'

const accounts = defineTable({
  id: 1,
  name: 'accounts',
  key: { branch: uint(8), number: uint(16) },
  row: { owner: text(), balance: int(), note: nullable(text()) },
})
const events = defineTable({
  id: 2,
  name: 'events',
  key: { branch: uint(4), time: uint(8) },
  row: { value: float(), flag: boolean(), data: bytes() },
  ordered: true,
})
const names = defineTable({ id: 3, name: 'names', key: { name: text(), n: uint(20) }, row: {}, ordered: true })
const tables = [accounts, events, names]

const row = { owner: 'Ada', balance: 10, note: null }
const key = { branch: 1, number: 2 }
const other = { branch: 1, number: 3 }
const event = (value: number) => ({ value, flag: true, data: new Uint8Array([value]) })

function code(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}

describe('transact', () => {
  it('sees its own writes and those of earlier transactions, and logs one write set', async () => {
    const { database, shard } = fakeDatabase(tables)
    const result = database.transact((t) => {
      t.insert(accounts, key, row)
      t.update(accounts, key, { balance: 11 })
      return t.get(accounts, key)
    })
    expect(result).toMatchObject({ status: 'SUCCESS', epoch: 1, stamp: [1], speculative: true })
    expect(result.status === 'SUCCESS' && result.value).toEqual({ ...row, balance: 11 })
    expect(database.transact((t) => t.get(accounts, key))).toMatchObject({ value: { balance: 11 }, stamp: [1] })
    expect(shard.logged).toHaveLength(1)
    expect(result.status === 'SUCCESS' && (await result.safe)).toEqual({ status: 'SAFE', epoch: 1, stamp: [1] })
  })

  it('asks the shard for safety only when it is asked for', () => {
    const { database, shard } = fakeDatabase(tables)
    const result = database.transact((t) => t.put(accounts, key, row))
    expect(shard.asked).toEqual([])
    if (result.status === 'SUCCESS') expect(result.safe).toBe(result.safe)
    expect(shard.asked).toEqual([[1, 1]])
  })

  it('takes no stamp for what only reads: it is as safe as the newest thing it saw', async () => {
    const { database, shard } = fakeDatabase(tables)
    database.transact((t) => t.put(accounts, key, row))
    database.transact((t) => t.put(accounts, other, row))
    const old = database.transact((t) => t.get(accounts, key))
    expect(old).toMatchObject({ stamp: [1] })
    expect(database.transact((t) => [t.get(accounts, key), t.get(accounts, other)])).toMatchObject({ stamp: [2] })
    expect(shard.clock).toBe(2)
    shard.machine.settle(2)
    const settled = database.transact((t) => t.get(accounts, other))
    expect(settled.status === 'SUCCESS' && (await settled.safe)).toEqual({ status: 'SAFE', epoch: 1, stamp: [2] })
    expect(shard.asked).toEqual([])
  })

  it('counts a deleted row and a failed insert as seen', () => {
    const { database } = fakeDatabase(tables)
    database.transact((t) => t.put(accounts, key, row))
    database.transact((t) => t.delete(accounts, key))
    expect(database.transact((t) => t.get(accounts, key))).toMatchObject({ stamp: [2], value: undefined })
    database.transact((t) => t.put(accounts, key, row))
    expect(database.transact((t) => code(() => t.insert(accounts, key, row)))).toMatchObject({
      stamp: [3],
      value: 'ROW_EXISTS',
    })
  })

  it('logs nothing and releases its stamp when nothing is different afterwards', () => {
    const { database, shard } = fakeDatabase(tables)
    database.transact((t) => t.put(accounts, key, row))
    database.transact((t) => t.put(accounts, key, { ...row }))
    database.transact((t) => {
      t.insert(accounts, other, row)
      t.delete(accounts, other)
    })
    database.transact((t) => t.update(accounts, key, {}))
    expect(shard.logged).toHaveLength(1)
    expect(shard.held.size).toBe(0)
    expect(database.status().tables[0]).toEqual({ name: 'accounts', rows: 1, versions: 1 })
  })

  it.each([
    ['an exception', (t: Transaction) => void t.get(accounts, key)!.owner.repeat(-1), 'RangeError'],
    ['abort', (t: Transaction) => t.abort('enough'), 'ABORTED'],
    ['a promise', (): unknown => Promise.resolve(1), 'ASYNC_TRANSACTION'],
    ['a missing row', (t: Transaction) => t.update(accounts, other, { balance: 1 }), 'ROW_MISSING'],
  ])('is undone by %s', (_, last, expected) => {
    const { database, shard } = fakeDatabase(tables)
    database.transact((t) => {
      t.put(accounts, key, row)
      t.put(events, { branch: 1, time: 1 }, event(1))
    })
    const before = database.digest()
    const outcome = code(() => {
      const result = database.transact((t) => {
        t.update(accounts, key, { balance: 0 })
        t.delete(events, { branch: 1, time: 1 })
        t.insert(events, { branch: 1, time: 2 }, event(2))
        return last(t)
      })
      if (result.status === 'ABORTED') throw Object.assign(new Error(), { code: result.status })
    })
    expect(outcome.startsWith(expected)).toBe(true)
    expect(database.digest()).toBe(before)
    expect(database.status().tables.map((table) => table.rows)).toEqual([1, 1, 0])
    expect(shard.logged).toHaveLength(1)
    expect(shard.held.size).toBe(0)
  })

  it('stays aborted when the function catches what abort throws', () => {
    const { database, shard } = fakeDatabase(tables)
    const result = database.transact((t) => {
      t.put(accounts, key, row)
      expect(() => t.abort('no')).toThrow('no')
      expect(code(() => t.get(accounts, key))).toBe('TRANSACTION_ENDED')
    })
    expect(result).toEqual({ status: 'ABORTED', reason: 'no' })
    expect(shard.held.size).toBe(0)
    expect(database.status().tables[0]!.rows).toBe(0)
  })

  it('is undone when the shard refuses its writes', () => {
    const { database, shard } = fakeDatabase(tables)
    shard.refuse = new Error('too large')
    expect(() => database.transact((t) => t.put(accounts, key, row))).toThrow('too large')
    expect(shard.held.size).toBe(0)
    expect(database.transact((t) => t.get(accounts, key))).toMatchObject({ value: undefined })
  })

  it('refuses nesting, late use, strange tables and strange streams', () => {
    const { database, shard } = fakeDatabase(tables)
    expect(database.transact(() => code(() => database.transact(() => 1)))).toMatchObject({
      value: 'NESTED_TRANSACTION',
    })
    expect(database.read(() => code(() => database.transact(() => 1))).value).toBe('NESTED_TRANSACTION')
    let kept: Transaction | undefined
    database.transact((t) => {
      kept = t
    })
    expect(code(() => kept!.get(accounts, key))).toBe('TRANSACTION_ENDED')
    const stranger = defineTable({ id: 1, name: 'accounts', key: { a: uint() }, row: {} })
    expect(code(() => database.transact((t) => t.get(stranger, { a: 1 })))).toBe('UNKNOWN_TABLE')
    expect(code(() => database.transact(() => 1, { stream: 7 }))).toBe('BAD_OPTION')
    database.transact((t) => t.put(accounts, key, row), { stream: 1 })
    expect(shard.logged[0]!.stream).toBe(1)
  })

  it('uses all streams in turn', () => {
    const { database, shard } = fakeDatabase(tables, [4, 5, 6])
    for (let i = 0; i < 6; i++) database.transact((t) => t.put(accounts, { branch: 1, number: i }, row))
    expect(new Set(shard.logged.map((logged) => logged.stream))).toEqual(new Set([4, 5, 6]))
  })

  it('passes on why this node does not execute', async () => {
    const { database, shard } = fakeDatabase(tables)
    shard.loading = true
    const put = (t: Transaction) => t.put(accounts, key, row)
    expect(database.transact(put)).toMatchObject({ status: 'BUSY', reason: 'recovering' })
    expect(database.load(put)).toMatchObject({ status: 'SUCCESS' })
    expect(await database.finishLoading()).toMatchObject({ status: 'SUCCESS' })
    expect(database.transact(put)).toMatchObject({ status: 'SUCCESS' })
    shard.answer = { status: 'NOT_LEADER', leaderHint: undefined }
    expect(database.transact(put)).toEqual(shard.answer)
  })

  it('checks every value against its column, and changes nothing when one does not fit', () => {
    const { database } = fakeDatabase(tables)
    const bad: (readonly [string, (t: Transaction) => unknown])[] = [
      ['BAD_ROW', (t) => t.put(accounts, key, { ...row, balance: 0.5 })],
      ['BAD_ROW', (t) => t.put(accounts, key, { ...row, balance: 2 ** 53 })],
      ['BAD_ROW', (t) => t.put(accounts, key, { ...row, owner: null as never })],
      ['BAD_ROW', (t) => t.put(accounts, key, { owner: 'x', balance: 1 } as never)],
      ['BAD_ROW', (t) => t.put(accounts, key, { ...row, more: 1 } as never)],
      ['BAD_ROW', (t) => t.put(accounts, key, null as never)],
      ['BAD_ROW', (t) => t.put(accounts, key, { ...row, owner: '\ud800' })],
      ['BAD_ROW', (t) => t.put(events, { branch: 1, time: 1 }, { ...event(1), value: NaN })],
      ['BAD_ROW', (t) => t.put(events, { branch: 1, time: 1 }, { ...event(1), flag: 1 as never })],
      ['BAD_ROW', (t) => t.put(events, { branch: 1, time: 1 }, { ...event(1), data: [1] as never })],
      ['BAD_KEY', (t) => t.put(accounts, { branch: 256, number: 1 }, row)],
      ['BAD_KEY', (t) => t.put(accounts, { branch: -1, number: 1 }, row)],
      ['BAD_KEY', (t) => t.put(accounts, { branch: 1 } as never, row)],
      ['BAD_KEY', (t) => t.get(accounts, undefined as never)],
      ['BAD_KEY', (t) => t.put(names, { name: '\udc00', n: 1 }, {})],
      ['BAD_KEY', (t) => t.put(names, { name: 1 as never, n: 1 }, {})],
      ['BAD_KEY', (t) => t.scan(events, { prefix: { time: 1 } })],
      ['NOT_ORDERED', (t) => t.scan(accounts)],
      ['BAD_OPTION', (t) => t.scan(events, { limit: -1 })],
    ]
    for (const [expected, fn] of bad)
      expect(
        code(() => database.transact(fn)),
        fn.toString(),
      ).toBe(expected)
    expect(database.status().tables.every((table) => table.rows === 0 && table.versions === 0)).toBe(true)
    database.transact((t) => {
      t.put(accounts, key, row)
      expect(code(() => t.update(accounts, key, { nothing: 1 } as never))).toBe('BAD_ROW')
      expect(code(() => t.update(accounts, key, { balance: undefined } as never))).toBe('BAD_ROW')
    })
  })

  it('keeps its rows apart from the objects it was given', () => {
    const { database } = fakeDatabase(tables)
    const data = new Uint8Array([1])
    const given = { value: 1, flag: true, data }
    database.transact((t) => t.put(events, { branch: 1, time: 1 }, given))
    given.value = 2
    data[0] = 2
    expect(database.transact((t) => t.get(events, { branch: 1, time: 1 }))).toMatchObject({ value: event(1) })
  })
})

describe('scan', () => {
  const filled = () => {
    const made = fakeDatabase(tables)
    made.database.transact((t) => {
      for (let time = 0; time < 10; time++) t.put(events, { branch: 1, time: time * 2 }, event(time))
      t.put(events, { branch: 0, time: 3 }, event(50))
      t.put(events, { branch: 2, time: 3 }, event(60))
      for (const name of ['a', 'a\0', 'ab', '', 'b', '\uffff', 'é']) t.put(names, { name, n: 1 }, {})
    })
    return made
  }
  const times = (t: Pick<Transaction, 'scan'>, range: Parameters<typeof t.scan<typeof events.schema>>[1]) =>
    [...t.scan(events, range)].map((each) => each.key.time)

  it('has prefixes, bounds, both directions and limits', () => {
    const { database } = filled()
    database.transact((t) => {
      const prefix = { branch: 1 }
      expect(times(t, { prefix })).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
      expect(times(t, { prefix, reverse: true, limit: 2 })).toEqual([18, 16])
      expect(times(t, { from: { branch: 1, time: 5 }, to: { branch: 1, time: 8 } })).toEqual([6, 8])
      expect(times(t, { from: { branch: 1, time: 6 }, to: { branch: 1, time: 9 }, reverse: true })).toEqual([8, 6])
      expect(times(t, { prefix, from: { branch: 0, time: 0 }, to: { branch: 1, time: 2 } })).toEqual([0, 2])
      expect(times(t, { prefix: { branch: 1, time: 4 } })).toEqual([4])
      expect(times(t, { prefix: { branch: 15 } })).toEqual([])
      expect(times(t, { prefix, from: { branch: 2, time: 0 } })).toEqual([])
      expect(times(t, { limit: 0 })).toEqual([])
      expect(times(t, {})).toHaveLength(12)
      expect([...t.scan(names)].map((each) => each.key.name)).toEqual(['', 'a', 'a\0', 'ab', 'b', 'é', '\uffff'])
      expect([...t.scan(names, { prefix: { name: 'a' } })].map((each) => each.key)).toEqual([{ name: 'a', n: 1 }])
      expect([...t.scan(names, { prefix: { name: '\uffff' }, reverse: true })]).toHaveLength(1)
    })
  })

  it('shows the table as it was when it was called, whatever is written meanwhile', () => {
    const { database } = filled()
    database.transact((t) => {
      const seen: number[] = []
      for (const { key, row } of t.scan(events, { prefix: { branch: 1 } })) {
        seen.push(row.value)
        t.delete(events, key)
        t.put(events, { branch: 1, time: key.time + 1 }, event(100))
        t.put(events, { branch: 1, time: 18 }, event(101))
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    })
  })

  it('ends with its transaction, and counts as seen', () => {
    const { database } = filled()
    let kept: Iterable<unknown> = []
    const result = database.transact((t) => {
      kept = t.scan(events)
      return [...t.scan(events, { limit: 1 })].length
    })
    expect(result).toMatchObject({ value: 1, stamp: [1] })
    expect([...kept]).toEqual([])
  })
})

describe('read', () => {
  it('shows what is settled and nothing else while execution goes on', () => {
    const { database, shard } = fakeDatabase(tables)
    const look = () =>
      database.read((t) => [t.get(accounts, key)?.balance, [...t.scan(events)].map((each) => each.row.value)])
    database.transact((t) => {
      t.put(accounts, key, { ...row, balance: 1 })
      t.put(events, { branch: 1, time: 1 }, event(1))
    })
    expect(look()).toEqual({ value: [undefined, []], watermark: [0] })
    shard.machine.settle(1)
    database.transact((t) => {
      t.put(accounts, key, { ...row, balance: 2 })
      t.delete(events, { branch: 1, time: 1 })
    })
    database.transact((t) => {
      t.delete(accounts, key)
      t.put(events, { branch: 1, time: 2 }, event(2))
    })
    expect(look()).toEqual({ value: [1, [1]], watermark: [1] })
    shard.machine.settle(2)
    expect(look()).toEqual({ value: [2, []], watermark: [2] })
    shard.machine.rollBack(1, 2)
    expect(look()).toEqual({ value: [2, []], watermark: [2] })
    shard.machine.settle(9)
    expect(database.status().tables.map((table) => [table.rows, table.versions])).toEqual([
      [1, 0],
      [0, 0],
      [0, 0],
    ])
    expect(code(() => database.read(() => Promise.resolve()))).toBe('ASYNC_TRANSACTION')
  })
})

describe('replay', () => {
  it('refuses what is not a write set or does not fit, and keeps nothing of it', () => {
    const leader = fakeDatabase(tables)
    leader.database.transact((t) => {
      t.put(accounts, key, { ...row, note: 'grüße' })
      t.put(events, { branch: 1, time: 1 }, event(1))
      t.put(names, { name: 'x', n: 70_000 }, {})
    })
    leader.database.transact((t) => t.update(accounts, key, { balance: -5 }))
    const [first, second] = leader.shard.logged.map((logged) => logged.bytes)
    const follower = fakeDatabase(tables)
    const { machine } = follower.shard
    const empty = follower.database.digest()
    for (let length = 0; length < first!.length; length++) {
      expect(code(() => machine.replay(first!.subarray(0, length), 1, 1))).toBe('CORRUPT_WRITES')
    }
    expect(code(() => machine.replay(new Uint8Array([...first!, 0]), 1, 1))).toBe('CORRUPT_WRITES')
    expect(code(() => machine.replay(second!, 1, 1))).toBe('CORRUPT_WRITES')
    expect(follower.database.digest()).toBe(empty)
    expect(follower.database.status().tables.every((table) => table.rows === 0 && table.versions === 0)).toBe(true)
    machine.replay(first!, 1, 1)
    expect(code(() => machine.replay(first!, 2, 1))).toBe('CORRUPT_WRITES')
    expect(code(() => machine.replay(second!, 1, 1))).toBe('LAW_BROKEN')
    machine.replay(second!, 2, 1)
    expect(follower.database.digest()).toBe(leader.database.digest())
  })

  it('throws nothing but typed errors for damaged bytes, and then keeps nothing', () => {
    const random = seededRandom(5)
    const leader = fakeDatabase(tables)
    for (let i = 0; i < 20; i++) leader.database.transact((t) => randomWork(t, random))
    const follower = fakeDatabase(tables)
    let stamp = 0
    for (let round = 0; round < 3000; round++) {
      const bytes = leader.shard.logged[below(random, leader.shard.logged.length)]!.bytes.slice()
      for (let i = 0; i <= below(random, 3); i++) bytes[below(random, bytes.length)] = below(random, 256)
      const before = follower.database.digest()
      try {
        follower.shard.machine.replay(bytes, ++stamp, 1)
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError)
        expect(follower.database.digest()).toBe(before)
      }
      follower.shard.machine.rollBack(1, 0)
      expect(follower.database.status().tables.every((table) => table.rows === 0 && table.versions === 0)).toBe(true)
    }
  })

  it("gives every replica the leader's state, over any history of settling, rolling back and failing over", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed)
      const leader = fakeDatabase(tables)
      const model = new Map<number, string>([[0, leader.database.digest()]])
      let settled = 0
      let closed = 0
      for (let step = 0; step < 150; step++) {
        const draw = below(random, 20)
        if (draw === 0) {
          // A later epoch starts above what the one before it has kept.
          closed = Math.max(settled, closed)
          closed += below(random, leader.shard.clock - closed + 1)
          const watermark = closed
          leader.shard.machine.rollBack(leader.shard.epoch, watermark)
          for (const stamp of model.keys()) if (stamp > watermark) model.delete(stamp)
          leader.shard.logged.splice(leader.shard.logged.findLastIndex((logged) => logged.stamp <= watermark) + 1)
          expect(leader.database.digest(), `seed ${seed}`).toBe(model.get(Math.max(...model.keys())))
          leader.shard.epoch++
        } else if (draw <= 3) {
          settled += below(random, leader.shard.clock - settled + 1)
          leader.shard.machine.settle(settled)
        } else {
          const before = leader.shard.logged.length
          try {
            leader.database.transact((t) => randomWork(t, random))
          } catch (error) {
            expect(error).toMatchObject({ code: 'ROW_EXISTS' })
          }
          if (leader.shard.logged.length > before) model.set(leader.shard.clock, leader.database.digest())
        }
        // What `read` shows is the state at the watermark, to the row.
        const shown = fakeDatabase(tables)
        for (const { bytes, stamp, epoch } of leader.shard.logged) {
          if (stamp <= settled) shown.shard.machine.replay(bytes, stamp, epoch)
        }
        const rows = (t: Pick<Transaction, 'scan' | 'get'>) => [
          [...t.scan(events)],
          [...t.scan(names, { reverse: true })],
          Array.from({ length: 8 }, (_, number) => t.get(accounts, { branch: 1, number })),
        ]
        if (step % 10 === 0) {
          const expected = shown.database.transact(rows)
          expect(leader.database.read(rows).value).toEqual(expected.status === 'SUCCESS' && expected.value)
        }
      }
      const follower = fakeDatabase(tables)
      for (const { bytes, stamp, epoch } of leader.shard.logged) {
        follower.shard.machine.replay(bytes, stamp, epoch)
        expect(follower.database.digest(), `seed ${seed}, stamp ${stamp}`).toBe(model.get(stamp))
        if (below(random, 3) === 0) follower.shard.machine.settle(stamp)
      }
      follower.shard.machine.settle(leader.shard.clock)
      leader.shard.machine.settle(leader.shard.clock)
      expect(follower.database.digest()).toBe(leader.database.digest())
      for (const table of tables) expect(follower.database.digestOf(table)).toBe(leader.database.digestOf(table))
      expect(follower.database.status().tables).toEqual(leader.database.status().tables)
      expect(leader.database.status().tables.every((table) => table.versions === 0)).toBe(true)
    }
  })

  it('refuses to roll an epoch back under a later one', () => {
    const { database, shard } = fakeDatabase(tables)
    database.transact((t) => t.put(accounts, key, row))
    shard.epoch = 2
    database.transact((t) => t.put(accounts, other, row))
    expect(code(() => shard.machine.rollBack(1, 0))).toBe('LAW_BROKEN')
    shard.machine.rollBack(2, 1)
    shard.machine.rollBack(2, 1)
    shard.machine.rollBack(1, 0)
    expect(database.status().tables[0]).toMatchObject({ rows: 0, versions: 0 })
  })
})

describe('digest', () => {
  it('tells rows, keys and tables apart, and nothing else', () => {
    const digestOf = (...work: ((t: Transaction) => unknown)[]) => {
      const { database, shard } = fakeDatabase(tables)
      for (const fn of work) database.transact(fn)
      if (work.length > 1) shard.machine.settle(1)
      return database.digest()
    }
    const base = digestOf((t) => t.put(accounts, key, row))
    expect(base).toMatch(/^[0-9a-f]{16}$/)
    const same = digestOf(
      (t) => t.put(accounts, other, row),
      (t) => t.put(accounts, key, { ...row, balance: -0 }),
      (t) => t.delete(accounts, other),
      (t) => t.update(accounts, key, { balance: 10 }),
    )
    expect(same).toBe(base)
    const different = [
      digestOf(),
      digestOf((t) => t.put(accounts, other, row)),
      digestOf((t) => t.put(accounts, key, { ...row, balance: 11 })),
      digestOf((t) => t.put(accounts, key, { ...row, note: '' })),
      digestOf(
        (t) => t.put(accounts, key, row),
        (t) => t.put(accounts, other, row),
      ),
    ]
    expect(new Set([base, ...different]).size).toBe(6)
  })

  it('stores -0 as 0, which is what replicas read', () => {
    const { database } = fakeDatabase(tables)
    const result = database.transact((t) => {
      t.put(events, { branch: 0, time: 0 }, { ...event(1), value: -0 })
      return t.get(events, { branch: 0, time: 0 })!.value
    })
    expect(result.status === 'SUCCESS' && Object.is(result.value, 0)).toBe(true)
  })
})

describe('createDatabase', () => {
  it('refuses tables that share an id or a name, and no tables', () => {
    expect(code(() => fakeDatabase([]))).toBe('BAD_SCHEMA')
    expect(code(() => fakeDatabase([accounts, accounts]))).toBe('BAD_SCHEMA')
    const twin = defineTable({ id: 9, name: 'accounts', key: { a: uint() }, row: {} })
    expect(code(() => fakeDatabase([accounts, twin]))).toBe('BAD_SCHEMA')
  })
})

/** A few reads and writes on few keys, so that transactions meet. */
function randomWork(t: Transaction, random: Random): void {
  for (let i = below(random, 6); i >= 0; i--) {
    const account = { branch: 1, number: below(random, 8) }
    const at = { branch: below(random, 2), time: below(random, 6) }
    switch (below(random, 9)) {
      case 0:
        t.put(accounts, account, { owner: 'é'.repeat(below(random, 100)), balance: below(random, 9) - 4, note: null })
        break
      case 1:
        if (t.get(accounts, account) === undefined) t.insert(accounts, account, row)
        break
      case 2:
        if (t.get(accounts, account) !== undefined) {
          t.update(accounts, account, {
            balance: below(random, 3) * 2 ** 51,
            note: below(random, 2) === 0 ? null : 'n',
          })
        }
        break
      case 3:
        t.delete(accounts, account)
        break
      case 4:
        t.put(events, at, { ...event(below(random, 256)), flag: below(random, 2) === 0 })
        break
      case 5:
        t.delete(events, at)
        break
      case 6:
        for (const found of t.scan(events, { prefix: { branch: at.branch } }))
          t.update(events, found.key, { value: 0.5 })
        break
      case 7:
        t.put(names, { name: ['', 'a', '\0', 'ü'][below(random, 4)]!, n: below(random, 3) * 65_535 }, {})
        break
      default:
        if (below(random, 4) === 0) t.insert(accounts, account, row)
        else t.delete(names, { name: 'a', n: 0 })
    }
  }
}
