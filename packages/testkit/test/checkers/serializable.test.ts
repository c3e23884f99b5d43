// Isolation: every anomaly by hand, and thousands of small histories that brute force decides.

import { seededRandom, below, MakoError, type Random } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { LEVELS, type AnomalyKind, type IsolationLevel } from '../../src/checkers/anomaly.ts'
import type { MicroOperation, TransactionEvent } from '../../src/checkers/history.ts'
import { checkSerializable } from '../../src/checkers/serializable.ts'
import { chance } from '../../src/world/random.ts'
import { among, isSerializable, isSnapshotIsolated, transactions } from './fixtures.ts'

const GOOD: Readonly<Record<string, string>> = {
  'one after the other': `
    1 ax1 rx1   @ 1 2
    2 rx1 ax2   @ 3 4
    3 rx12      @ 5 6`,
  'overlapping, in any order': `
    1 ax1       @ 1 9
    2 ax2       @ 2 8
    3 rx21      @ 10 11`,
  'a read that comes before a write that it overlaps': `
    1 ax1       @ 1 9
    2 rx        @ 2 3
    3 rx1       @ 4 5`,
  'an unknown transaction that took effect late': `
    1 ax1 ay1 ? @ 1
    2 rx ry     @ 2 3
    2 rx1 ry1   @ 4 5`,
  'an unknown transaction that never took effect': `
    1 ax1 ay1 ? @ 1 2
    2 rx ry     @ 3 4`,
  'an unknown transaction after a read that missed it, and after another append': `
    1 ax1 ?     @ 1
    2 rx        @ 2 3
    2 ax2       @ 4 5
    2 rx21      @ 6 7`,
  'a failed transaction that nobody sees': `
    1 ax1 fail  @ 1 2
    2 rx        @ 3 4`,
  'several appends of one transaction, together': `
    1 ax1 ax2 rx12 @ 1 2
    2 rx12 ax3 rx123 @ 3 4`,
  'an acknowledged append that nobody has read': `
    1 ax1       @ 1 2
    2 ax2       @ 3 4
    3 rx1       @ 2 9`,
  'a crash in the middle': `
    1 ax1       @ 1 2
    2 ax2 ay2 ? @ 3
    3 ay3 rx1 ? @ 3
    4 rx1 ry3   @ 5 6
    4 rx12 ry32 @ 7 8`,
  'transactions that read and write each other’s keys, one before the other': `
    1 rx ay1    @ 1 9
    2 ry1 ax2   @ 2 8
    3 rx2 ry1   @ 10 11`,
  'one that is still open at the end': `
    1 ax1       @ 1 2
    2 ax2 rx?   @ 3`,
}

/** By anomaly: a history that has it, and the weakest level that forbids it. */
const BAD: readonly (readonly [AnomalyKind, IsolationLevel, string, string])[] = [
  ['phantom', 'read-uncommitted', 'a value that nobody appended', `1 rx7 @ 1 2`],
  ['duplicate', 'read-uncommitted', 'an append that happened twice', `1 ax1 @ 1 2\n 2 rx11 @ 3 4`],
  [
    'G0',
    'read-uncommitted',
    'two transactions that append in two orders',
    `1 ax1 ay1 @ 1 9\n 2 ax2 ay2 @ 2 8\n 3 rx12 ry21 @ 10 11`,
  ],
  ['G0', 'read-uncommitted', 'an append between two of one', `1 ax1 ax3 @ 1 9\n 2 ax2 @ 2 8\n 3 rx123 @ 10 11`],
  ['incompatible-order', 'read-committed', 'two orders', `1 ax1 @ 1 2\n 2 ax2 @ 1 2\n 3 rx12 @ 3 4\n 4 rx21 @ 3 4`],
  [
    'incompatible-order',
    'read-committed',
    'a value that is gone',
    `1 ax1 @ 1 2\n 2 ax2 @ 1 2\n 3 rx1 @ 3 4\n 4 rx2 @ 3 4`,
  ],
  ['incompatible-order', 'read-committed', 'own appends the other way round', `1 ax1 ax2 @ 1 2\n 3 rx21 @ 3 4`],
  ['G1a', 'read-committed', 'a read of what has failed', `1 ax1 fail @ 1 2\n 2 rx1 @ 3 4`],
  ['G1b', 'read-committed', 'a read in the middle of a transaction', `1 ax1 ax2 @ 1 9\n 2 rx1 @ 2 3\n 3 rx12 @ 10 11`],
  ['G1c', 'read-committed', 'two that see each other', `1 ax1 ry2 @ 1 9\n 2 ay2 rx1 @ 2 8`],
  ['internal', 'snapshot-isolation', 'a transaction that does not see its own append', `1 ax1 rx @ 1 2`],
  ['internal', 'snapshot-isolation', 'a read that is not repeatable', `1 ax1 @ 2 3\n 2 rx rx1 @ 1 9`],
  ['internal', 'snapshot-isolation', 'a read of what it is yet to append', `1 rx1 ax1 @ 1 2`],
  ['G-single', 'snapshot-isolation', 'a lost update', `1 rx ax1 @ 1 9\n 2 rx ax2 @ 2 8\n 3 rx12 @ 10 11`],
  ['G-single', 'snapshot-isolation', 'read skew', `1 ax1 ay1 @ 1 2\n 2 rx ry1 @ 1 9`],
  ['G-single', 'snapshot-isolation', 'half of an unknown transaction', `1 ax1 ay1 ? @ 1\n 2 rx1 ry @ 2 3`],
  ['G-nonadjacent', 'snapshot-isolation', 'a long fork', `1 ax1 @ 1 9\n 2 ay2 @ 1 9\n 3 rx1 ry @ 2 8\n 4 rx ry2 @ 2 8`],
  ['G2', 'serializable', 'write skew', `1 rx ay1 @ 1 9\n 2 ry ax2 @ 2 8\n 3 rx2 ry1 @ 10 11`],
  ['G2', 'serializable', 'write skew that nobody has seen', `1 rx ay1 @ 1 9\n 2 ry ax2 @ 2 8`],
  [
    'G0-realtime',
    'strict-serializable',
    'appends against the order of time',
    `1 ax1 @ 1 2\n 2 ax2 @ 3 4\n 3 rx21 @ 5 6`,
  ],
  ['G1c-realtime', 'strict-serializable', 'a read from the future', `2 rx1 @ 1 2\n 1 ax1 @ 3 4`],
  ['G-single-realtime', 'strict-serializable', 'a stale read', `1 ax1 @ 1 2\n 2 rx @ 3 4\n 3 rx1 @ 5 6`],
  ['G-single-realtime', 'strict-serializable', 'a lost append', `1 ax1 @ 1 2\n 2 ax2 @ 3 4\n 3 rx2 @ 5 6`],
  ['G-single-realtime', 'strict-serializable', 'a lost append, and nothing else', `1 ax1 @ 1 2\n 2 rx @ 3 4`],
  [
    'G2-realtime',
    'strict-serializable',
    'a stale read and one of something older',
    `1 ax1 ry @ 1 10\n 2 ay2 @ 2 3\n 3 rx @ 5 6`,
  ],
  [
    'G-nonadjacent-realtime',
    'strict-serializable',
    'a fork that closes through real time',
    `1 rx ry2 @ 1 20\n 2 ax1 @ 2 3\n 3 ry @ 4 5\n 4 ay2 @ 1 20`,
  ],
]

const FORBIDDEN_FROM = (level: IsolationLevel): readonly IsolationLevel[] => LEVELS.slice(LEVELS.indexOf(level))

describe('good histories', () => {
  it.each(Object.entries(GOOD))('%s', (_, text) => {
    for (const level of LEVELS) expect(checkSerializable(transactions(text), { level }).verdict).toBe('valid')
    expect(isSerializable(transactions(text), true)).toBe(true)
  })
})

describe('bad histories', () => {
  it.each(BAD)('%s, forbidden by %s: %s', (kind, weakest, _, text) => {
    const history = transactions(text)
    for (const level of LEVELS) {
      const result = checkSerializable(history, { level })
      if (!FORBIDDEN_FROM(weakest).includes(level)) {
        expect(result.verdict, level).toBe('valid')
        continue
      }
      if (result.verdict !== 'invalid') throw new Error(`${level} allows it: ${JSON.stringify(result)}`)
      if (level === weakest) expect(result.anomalies.map((anomaly) => anomaly.kind)).toContain(kind)
    }
    expect(isSerializable(history, true)).toBe(false)
  })

  it('are explained by the cycle, with its transactions and the reason of each edge', () => {
    const result = checkSerializable(transactions(`1 ax1 ay2 @ 1 2\n 2 rx ry2 @ 3 4`))
    if (result.verdict !== 'invalid') throw new Error('This history is bad.')
    expect(result.explanation).toBe(
      [
        'The history is not strict-serializable.',
        'G-single: each of these transactions must come before the next, and the last before the first',
        '  T1 (process 2): r "x" [], r "y" [2]',
        '  T0 (process 1): append "x" 1, append "y" 2',
        '  T1 before T0 (rw): T1 has read key "x" as [], without 1 of T0',
        '  T0 before T1 (wr): T1 has read 2 in key "y", which T0 appended',
      ].join('\n'),
    )
    expect(result.anomalies[0]!.cycle.map(({ type }) => type)).toEqual(['rw', 'wr'])
  })

  it('tell what a level allows', () => {
    const skew = transactions(BAD.find(([kind]) => kind === 'G2')![3])
    expect(checkSerializable(skew, { level: 'snapshot-isolation' })).toMatchObject({
      verdict: 'valid',
      allowed: ['G2'],
    })
  })
})

/** A history of a few transactions over one list each, some of which look at the wrong state. */
function draw(random: Random, lies: number, isRead = false): TransactionEvent[] {
  const states = [new Map<string, number[]>()]
  const events: TransactionEvent[] = []
  let time = 0
  let value = 0
  const size = among(random, 2, 5)
  interface Open {
    readonly process: number
    readonly asked: readonly MicroOperation[]
    told: readonly MicroOperation[] | undefined
  }
  const open: Open[] = []
  let made = 0
  const execute = (asked: readonly MicroOperation[]): MicroOperation[] => {
    const now = new Map([...states.at(-1)!].map(([key, list]) => [key, [...list]]))
    const then = chance(random, lies) ? states[below(random, states.length)]! : undefined
    const loses = chance(random, lies / 3)
    const told = asked.map((part): MicroOperation => {
      const [name, key, data] = part
      if (name === 'r') return ['r', key, [...((then ?? now).get(key as string) ?? [])]]
      if (!loses) now.set(key as string, [...(now.get(key as string) ?? []), data as number])
      return part
    })
    states.push(now)
    return told
  }
  while (made < size || open.length > 0) {
    if (made < size && open.length < 3 && chance(random, 0.6)) {
      const asked = Array.from({ length: among(random, 1, 3) }, (): MicroOperation => {
        const key = chance(random, 0.5) ? 'x' : 'y'
        return chance(random, 0.5) ? ['append', key, ++value] : ['r', key, null]
      })
      events.push({ type: 'invoke', process: ++made, time: ++time, value: asked })
      open.push({ process: made, asked, told: undefined })
      continue
    }
    if (open.length === 0) continue
    const i = below(random, open.length)
    const each = open[i]!
    if (each.told === undefined && !chance(random, 0.1)) {
      each.told = execute(each.asked)
      continue
    }
    open.splice(i, 1)
    const { process, asked, told } = each
    if (told === undefined || chance(random, 0.1)) events.push({ type: 'info', process, time: ++time, value: asked })
    else if (chance(random, lies / 4)) events.push({ type: 'fail', process, time: ++time, value: asked })
    else events.push({ type: 'ok', process, time: ++time, value: told })
  }
  if (isRead) {
    const value = ['x', 'y'].map((key): MicroOperation => ['r', key, states.at(-1)!.get(key) ?? []])
    const asked = value.map(([, key]): MicroOperation => ['r', key, null])
    events.push(
      { type: 'invoke', process: 0, time: ++time, value: asked },
      { type: 'ok', process: 0, time: ++time, value },
    )
  }
  return events
}

describe('random histories', () => {
  const isSerial = (history: readonly TransactionEvent[]): boolean => isSerializable(history, false)
  const isStrict = (history: readonly TransactionEvent[]): boolean => isSerializable(history, true)

  it.each([
    ['strict-serializable', isStrict, false],
    ['serializable', isSerial, false],
    // Which of two appends came first, that nobody has read, matters here alone; so everything is read in the end.
    ['snapshot-isolation', isSnapshotIsolated, true],
  ] as const)('are %s exactly where brute force says so', (level, judge, isRead) => {
    const random = seededRandom(7)
    const counts = { valid: 0, invalid: 0 }
    for (let i = 0; i < 1500; i++) {
      const history = draw(random, i % 3 === 0 ? 0.1 : 0.4, isRead)
      const result = checkSerializable(history, { level })
      const valid = result.verdict === 'valid'
      counts[valid ? 'valid' : 'invalid']++
      if (valid !== judge(history)) {
        throw new Error(
          `${JSON.stringify(result)} is wrong for\n${history.map((line) => JSON.stringify(line)).join('\n')}`,
        )
      }
    }
    expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(200)
  })

  it('that are said to break snapshot isolation do, whatever was read', () => {
    const random = seededRandom(9)
    for (let i = 0; i < 500; i++) {
      const history = draw(random, 0.4)
      const { verdict } = checkSerializable(history, { level: 'snapshot-isolation' })
      if (verdict === 'invalid') expect(isSnapshotIsolated(history), JSON.stringify(history)).toBe(false)
    }
  })

  it('that a weaker level forbids, every stronger one forbids as well', () => {
    const random = seededRandom(8)
    for (let i = 0; i < 500; i++) {
      const history = draw(random, 0.4)
      const verdicts = LEVELS.map((level) => checkSerializable(history, { level }).verdict)
      expect(verdicts, JSON.stringify(history)).toEqual(
        [...verdicts].sort((a, b) => (a === b ? 0 : a === 'valid' ? -1 : 1)),
      )
    }
  })
})

/** A long good history: transactions on a few keys, some of which overlap, each done at its return. */
function long(random: Random, size: number): TransactionEvent[] {
  const lists = new Map<string, number[]>()
  const events: TransactionEvent[] = []
  let time = 0
  let value = 0
  for (let i = 0; i < size; i++) {
    const keys = [`k${Math.floor(i / 200)}`, `l${Math.floor(i / 200)}`]
    const told = Array.from({ length: among(random, 1, 4) }, (): MicroOperation => {
      const key = keys[below(random, 2)]!
      const list = lists.get(key) ?? []
      if (chance(random, 0.5)) return ['r', key, [...list]]
      lists.set(key, [...list, ++value])
      return ['append', key, value]
    })
    const asked = told.map((part): MicroOperation => (part[0] === 'r' ? ['r', part[1], null] : part))
    events.push({ type: 'invoke', process: i, time: ++time, value: asked })
    events.push({ type: 'ok', process: i, time: ++time, value: told })
  }
  return events
}

describe('long histories', () => {
  it('are valid', () => {
    expect(checkSerializable(long(seededRandom(3), 5000))).toEqual({
      verdict: 'valid',
      transactions: 5000,
      allowed: [],
    })
  })

  it('with one lost append are invalid', () => {
    const random = seededRandom(4)
    const history = long(random, 600)
    for (let i = 0; i < 30; i++) {
      // An append before the last reads of its key disappears from all of them.
      const appends = history
        .flatMap(({ type, value }) => (type === 'ok' ? value : []))
        .filter(([name]) => name === 'append')
      const [, key, lost] = appends[below(random, appends.length)]!
      const without = history.map((event) => ({
        ...event,
        value: event.value.map(
          (part): MicroOperation =>
            part[0] === 'r' && part[1] === key && part[2] !== null
              ? ['r', key, part[2].filter((each) => each !== lost)]
              : part,
        ),
      }))
      const wasRead = history.some(({ value }) =>
        value.some((part) => part[0] === 'r' && part[2]?.includes(lost as number)),
      )
      expect(checkSerializable(without).verdict).toBe(wasRead ? 'invalid' : 'valid')
    }
  })
})

describe('histories that contradict themselves', () => {
  it.each([
    ['appended to key "x" twice', '1 ax1 @ 1 2\n 2 ax1 @ 3 4'],
    ['which has one open', '1 ax1 @ 1\n 1 ax2 @ 3 4'],
    ['goes on with process 1', '1 ax1 ? @ 1 2\n 1 ax2 @ 3 4'],
  ])('are refused: %s', (what, text) => {
    expect(() => checkSerializable(transactions(text))).toThrow(what)
    expect(() => checkSerializable(transactions(text))).toThrow(MakoError)
  })

  it.each([
    ['has none open', [{ type: 'ok', process: 1, time: 1, value: [] }]],
    ['type is "done"', [{ type: 'done', process: 1, time: 1, value: [] }]],
    ['process is 1.5', [{ type: 'invoke', process: 1.5, time: 1, value: [] }]],
    ['not a time', [{ type: 'invoke', process: 1, time: NaN, value: [] }]],
    ['not a list', [{ type: 'invoke', process: 1, time: 1, value: 'ax1' }]],
    ['is no operation', [{ type: 'invoke', process: 1, time: 1, value: [['w', 'x', 1]] }]],
    ['is no operation', [{ type: 'invoke', process: 1, time: 1, value: [['r', 'x', 1]] }]],
    ['is no operation', [{ type: 'invoke', process: 1, time: 1, value: [['append', 'x', null]] }]],
    [
      'before the event that it follows',
      [
        { type: 'invoke', process: 1, time: 2, value: [] },
        { type: 'ok', process: 1, time: 1, value: [] },
      ],
    ],
    [
      'another transaction',
      [
        { type: 'invoke', process: 1, time: 1, value: [['r', 'x', null]] },
        { type: 'ok', process: 1, time: 2, value: [['r', 'y', []]] },
      ],
    ],
  ])('are refused: %s', (what, history) => {
    expect(() => checkSerializable(history as unknown as TransactionEvent[])).toThrow(what)
  })

  it('are refused for a level that is none', () => {
    expect(() => checkSerializable([], { level: 'perfect' as IsolationLevel })).toThrow(/perfect/)
  })
})
