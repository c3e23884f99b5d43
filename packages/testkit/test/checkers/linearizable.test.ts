// Linearizability: histories whose verdict is known, and thousands that brute force decides.

import { below, MakoError, seededRandom, type Random } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import type { KeyOperation, TimedOperation } from '../../src/checkers/history.ts'
import { checkLinearizable } from '../../src/checkers/linearizable.ts'
import { listModel } from '../../src/checkers/list-model.ts'
import { IMPOSSIBLE, type Model } from '../../src/checkers/model.ts'
import { chance, pick } from '../../src/world/random.ts'
import { among, isLinearizable, operations } from './fixtures.ts'

const GOOD: Readonly<Record<string, string>> = {
  'a read after a write': `
    1 x put 1    @ 1 2
    2 x get -> 1 @ 3 4`,
  'a read of nothing': `
    1 x get -> nothing @ 1 2
    1 x put 1          @ 3 4`,
  'two reads while a write is under way, old and then new': `
    1 x put 1          @ 1 9
    2 x get -> nothing @ 2 3
    2 x get -> 1       @ 4 5`,
  'a write that took effect before its return, and a read of it': `
    1 x put 1    @ 1 9
    2 x get -> 1 @ 2 3
    3 x get -> 1 @ 4 5`,
  'concurrent cas, of which one is done': `
    1 x put 1          @ 1 2
    2 x cas 1 2 -> ok  @ 3 8
    3 x cas 1 3 -> no  @ 4 7
    4 x get -> 2       @ 9 10`,
  'a chain of concurrent cas, called in the wrong order': `
    1 x put 1          @ 1 2
    2 x cas 2 3 -> ok  @ 3 9
    3 x cas 1 2 -> ok  @ 4 8
    4 x get -> 3       @ 10 11`,
  'an unknown write that took effect late': `
    1 x put 1    @ 1 2
    2 x put 2 -> ? @ 3
    3 x get -> 1 @ 4 5
    3 x get -> 1 @ 6 7
    3 x get -> 2 @ 8 9`,
  'an unknown write that never took effect': `
    1 x put 1 -> ?     @ 1
    2 x get -> nothing @ 2 3
    2 x get -> nothing @ 4 5`,
  'an unknown write that took effect after a read that missed it, and after another write': `
    1 x put 1 -> ?     @ 1
    2 x get -> nothing @ 2 3
    2 x put 2          @ 4 5
    2 x get -> 1       @ 6 7`,
  'an unknown cas that was done, as another shows': `
    1 x put 1          @ 1 2
    2 x cas 1 2 -> ?   @ 3
    3 x cas 1 3 -> no  @ 4 5
    3 x cas 2 3 -> ok  @ 6 7`,
  'an unknown write that explains nothing but a refusal': `
    1 x put 1          @ 1 2
    2 x put 7 -> ?     @ 3
    3 x cas 1 3 -> no  @ 4 5
    3 x put 4          @ 6 7
    3 x get -> 4       @ 8 9`,
  'a crash in the middle: all that was open is unknown, one of it has happened': `
    1 x put 1      @ 1 2
    2 x put 2 -> ? @ 3
    3 x put 3 -> ? @ 3
    4 x del -> ?   @ 3
    5 x get -> 3   @ 6 7
    5 x get -> 3   @ 8 9`,
  'counting, with an unknown increment': `
    1 n incr 1 -> 1 @ 1 2
    2 n incr 2 -> ? @ 3
    3 n incr 1 -> 4 @ 5 6
    3 n get -> 4    @ 7 8`,
  'two increments at once, answered out of order': `
    1 n incr 1 -> 2 @ 1 4
    2 n incr 1 -> 1 @ 2 3`,
  'a failed write that nobody sees': `
    1 x put 1 -> fail  @ 1 2
    2 x get -> nothing @ 3 4`,
  'a delete that finds what an unknown write has left': `
    1 x put 1 -> ? @ 1
    2 x del -> ok  @ 2 3
    2 x del -> no  @ 4 5`,
  'returns and calls at the same time overlap': `
    1 x put 1          @ 1 5
    2 x get -> nothing @ 5 6`,
  'appends to a text': `
    1 x append a @ 1 4
    2 x append b @ 2 3
    3 x get -> ba @ 5 6`,
}

const BAD: Readonly<Record<string, string>> = {
  'a stale read': `
    1 x put 1    @ 1 2
    1 x put 2    @ 3 4
    2 x get -> 1 @ 5 6`,
  'a lost write': `
    1 x put 1          @ 1 2
    2 x get -> nothing @ 3 4`,
  'a read of what nobody wrote': `
    1 x put 1    @ 1 2
    2 x get -> 7 @ 3 4`,
  'a read from the future': `
    1 x get -> 1 @ 1 2
    2 x put 1    @ 3 4`,
  'new, and then old again': `
    1 x put 1          @ 1 9
    2 x get -> 1       @ 2 3
    2 x get -> nothing @ 4 5`,
  'two clients that see two writes in two orders': `
    1 x put 1    @ 1 2
    2 x put 2    @ 1 2
    3 x get -> 1 @ 3 4
    4 x get -> 2 @ 5 6
    3 x get -> 1 @ 7 8`,
  'concurrent cas, of which both are done': `
    1 x put 1          @ 1 2
    2 x cas 1 2 -> ok  @ 3 8
    3 x cas 1 3 -> ok  @ 4 7`,
  'a cas that was refused for no reason': `
    1 x put 1          @ 1 2
    2 x cas 1 2 -> no  @ 3 4`,
  'an unknown write that is there, gone, and there again': `
    1 x put 1      @ 1 2
    2 x put 2 -> ? @ 3
    3 x get -> 2   @ 4 5
    3 x get -> 1   @ 6 7`,
  'an unknown write that is read before it was called': `
    3 x get -> 2   @ 1 2
    2 x put 2 -> ? @ 3`,
  'an unknown write that happened twice': `
    1 x put 1      @ 1 2
    2 x put 2 -> ? @ 3
    3 x get -> 2   @ 4 5
    3 x put 3      @ 6 7
    3 x get -> 2   @ 8 9`,
  'a failed write that was read': `
    1 x put 1 -> fail @ 1 2
    2 x get -> 1      @ 3 4`,
  'a repeated increment': `
    1 n incr 1 -> 1 @ 1 2
    2 n get -> 2    @ 3 4`,
  'two increments with one sum': `
    1 n incr 1 -> 1 @ 1 4
    2 n incr 1 -> 1 @ 2 3`,
  'a delete that found nothing, and a read that did not': `
    1 x put 1     @ 1 2
    2 x del -> no @ 3 4
    2 x get -> 1  @ 5 6`,
  'a write that was lost in a crash': `
    1 x put 1          @ 1 2
    2 x put 2 -> ?     @ 3
    3 x put 3 -> ?     @ 3
    4 x get -> nothing @ 9 10`,
  'an append that happened twice': `
    1 x append a  @ 1 2
    2 x get -> aa @ 3 4`,
}

describe('histories of registers', () => {
  it.each(Object.entries(GOOD))('good: %s', (_, text) => {
    expect(checkLinearizable(operations(text)).verdict).toBe('valid')
    expect(isLinearizable(operations(text))).toBe(true)
  })

  it.each(Object.entries(BAD))('bad: %s', (_, text) => {
    expect(checkLinearizable(operations(text)).verdict).toBe('invalid')
    expect(isLinearizable(operations(text))).toBe(false)
  })

  it('are judged key by key: one bad key is named', () => {
    const all = Object.values(GOOD).flatMap((text, i) => operations(text.replaceAll(/ [xn] /g, ` x${i} `)))
    expect(checkLinearizable(all).verdict).toBe('valid')
    const result = checkLinearizable([...all, ...operations(BAD['a stale read']!.replaceAll(' x ', ' z '))])
    expect(result).toMatchObject({ verdict: 'invalid', key: 'z' })
  })

  it('are explained by the longest order that fits, what does not, and a picture', () => {
    const history = operations(`
      1 x put 1          @ 1 2
      2 x cas 1 2 -> ok  @ 3 8
      3 x put 9 -> ?     @ 4
      4 x get -> 2       @ 5 6
      5 x get -> 1       @ 9 10
      6 x get -> 2       @ 11 12`)
    const result = checkLinearizable(history)
    if (result.verdict !== 'invalid') throw new Error('This history is bad.')
    expect(result.operation).toBe(history[4])
    expect(result.count).toBe(3)
    expect(result.explanation).toBe(
      [
        'Key "x" is not linearizable (register): client 5, get -> "1", has no place.',
        'The longest order that fits has 3 operations before it and ends with put "1"; cas "1" "2" -> done; get -> "2". Then there is "2".',
        '  client 1  |- put "1" -|',
        '  client 2                |- cas "1" "2" -> done -|',
        '  client 3                  |- put "9": unknown                      ...',
        '  client 4                    |- get -> "2" -|',
        '  client 5                                          |- get -> "1" -|   <- has no place',
      ].join('\n'),
    )
  })
})

/** A history of a few operations on one key, most of them of a real register, some with a lie. */
function draw(random: Random, values: number): KeyOperation[] {
  const history: KeyOperation[] = []
  const counts = chance(random, 0.2)
  let register: string | undefined
  let time = 0
  const open: { operation: KeyOperation; done: boolean; out?: string; ok?: boolean }[] = []
  const size = among(random, 3, 7)
  const finish = (i: number): void => {
    const [{ operation, out, ok }] = open.splice(i, 1) as [(typeof open)[0]]
    const status = chance(random, 0.2) ? 'info' : 'ok'
    history.push(
      status === 'info'
        ? { ...operation, status }
        : { ...operation, ret: ++time, ...(out === undefined ? {} : { out }), ...(ok === undefined ? {} : { ok }) },
    )
  }
  for (let made = 0; made < size || open.length > 0; ) {
    if (made < size && open.length < 4 && chance(random, 0.5)) {
      made++
      const op = counts
        ? pick(random, ['get', 'incr', 'del'] as const)
        : pick(random, ['get', 'put', 'cas', 'del', 'get'] as const)
      const value = (): string => String(below(random, values))
      const operation: KeyOperation = {
        client: made,
        key: 'x',
        op,
        ...(op === 'put' || (op === 'cas' && chance(random, 0.9)) ? { in: value() } : op === 'incr' ? { in: '1' } : {}),
        ...(op === 'cas' ? { in2: value() } : {}),
        call: ++time,
        status: 'ok',
      }
      open.push({ operation, done: false })
      continue
    }
    if (open.length === 0) continue
    const i = below(random, open.length)
    const each = open[i]!
    if (each.done || chance(random, 0.1)) {
      finish(i)
      continue
    }
    each.done = true
    const { op, in: input, in2 } = each.operation
    if (op === 'get' && register !== undefined)
      each.out = chance(random, 0.4) ? String(below(random, values)) : register
    if (op === 'put') register = input
    if (op === 'del') {
      each.ok = register !== undefined
      register = undefined
    }
    if (op === 'cas') {
      each.ok = register === input
      if (each.ok) register = in2
      if (chance(random, 0.25)) each.ok = !each.ok
    }
    if (op === 'incr') {
      register = String(Number(register ?? '0') + 1)
      each.out = register
      each.ok = true
    }
  }
  return history
}

describe('random histories', () => {
  it.each([
    ['values that repeat', 3],
    ['values that are mostly unique', 1000],
  ])('of %s are judged as brute force judges them', (_, values) => {
    const verdicts = { valid: 0, invalid: 0, unknown: 0 }
    const random = seededRandom(values)
    for (let i = 0; i < 1500; i++) {
      const history = draw(random, values)
      const { verdict } = checkLinearizable(history)
      verdicts[verdict]++
      if ((verdict === 'valid') !== isLinearizable(history)) {
        throw new Error(`${verdict} is wrong for\n${history.map((line) => JSON.stringify(line)).join('\n')}`)
      }
    }
    expect(verdicts.unknown).toBe(0)
    expect(Math.min(verdicts.valid, verdicts.invalid)).toBeGreaterThan(250)
  })
})

/** A long good history of one key, with `width` clients that never rest. */
function long(random: Random, key: string, size: number, width: number): KeyOperation[] {
  const history: KeyOperation[] = []
  let register: string | undefined
  let time = 0
  let open: { operation: KeyOperation; done: boolean; out?: string; ok?: boolean }[] = []
  for (let made = 0; made < size || open.length > 0; ) {
    if (made < size && open.length < width) {
      const op = pick(random, ['get', 'put', 'cas'] as const)
      const input = op === 'put' ? `${key}-${made}` : op === 'cas' ? register : undefined
      const operation: KeyOperation = {
        client: made++,
        key,
        op,
        ...(input === undefined ? {} : { in: input }),
        ...(op === 'cas' ? { in2: `${key}-${made}` } : {}),
        call: ++time,
        status: 'ok',
      }
      open.push({ operation, done: false })
      continue
    }
    const each = pick(random, open)
    if (each.done) {
      open = open.filter((other) => other !== each)
      const { operation, out, ok } = each
      history.push({
        ...operation,
        ret: ++time,
        ...(out === undefined ? {} : { out }),
        ...(ok === undefined ? {} : { ok }),
      })
      continue
    }
    each.done = true
    const { op, in: input, in2 } = each.operation
    if (op === 'get' && register !== undefined) each.out = register
    if (op === 'put') register = input
    if (op === 'cas') {
      each.ok = register === input
      if (each.ok) register = in2
    }
  }
  return history
}

describe('long histories', () => {
  it('cost a few steps for each operation', () => {
    const random = seededRandom(1)
    const history = Array.from({ length: 10 }, (_, i) => long(random, `k${i}`, 2000, 5)).flat()
    const result = checkLinearizable(history)
    expect(result).toMatchObject({ verdict: 'valid', keys: 10, operations: 20_000 })
    if (result.verdict === 'valid') expect(result.steps).toBeLessThan(10 * 20_000)
  })

  it('with one read changed are bad, wherever it is', () => {
    const random = seededRandom(2)
    const history = long(random, 'x', 400, 5)
    const reads = history.filter(({ op, out }) => op === 'get' && out !== undefined)
    for (let i = 0; i < 40; i++) {
      const read = pick(random, reads)
      // A value of long before or long after: nothing that could still be there.
      const early = history.filter(
        ({ op, ret, call }) => op === 'put' && (ret! < read.call - 200 || call > read.ret! + 200),
      )
      const wrong = pick(random, early).in!
      const changed = history.map((each) => (each === read ? { ...each, out: wrong } : each))
      expect(checkLinearizable(changed).verdict).toBe('invalid')
    }
  })

  it('end with an unknown verdict at the limit of steps, never with a wait', () => {
    // Thirty writes at once that nobody has seen, and a refusal that none of them explains.
    const history = [
      ...Array.from({ length: 30 }, (_, i) => operations(`${i} x put ${i} @ 1 100`)).flat(),
      ...operations('50 x cas 77 78 -> ok @ 2 99'),
    ]
    const result = checkLinearizable(history, undefined, { stepLimit: 10_000 })
    expect(result).toMatchObject({ verdict: 'unknown', keys: ['x'] })
    if (result.verdict === 'unknown') expect(result.explanation).toContain('10000 steps')
  })
})

describe('lists', () => {
  it.each([
    ['valid', '1 x append a @ 1 9\n 2 x append b @ 2 3\n 3 x get -> b @ 4 5\n 3 x get -> b,a @ 6 7'],
    ['valid', '1 x append a -> ? @ 1\n 2 x append b @ 2 3\n 3 x get -> b @ 4 5\n 3 x get -> b,a @ 6 7'],
    ['valid', '1 x append a -> ? @ 1\n 3 x get @ 4 5'],
    ['invalid', '1 x append a @ 1 2\n 3 x get @ 4 5'],
    ['invalid', '1 x append a -> ? @ 1\n 3 x get -> a,a @ 4 5'],
    ['invalid', '1 x append a -> ? @ 1\n 3 x get -> a @ 4 5\n 3 x get @ 6 7'],
    ['invalid', '1 x append a @ 1 2\n 2 x append b @ 3 4\n 3 x get -> b,a @ 5 6'],
    ['invalid', '3 x get -> a @ 1 2\n 1 x append a -> ? @ 3'],
    ['invalid', '1 x append a -> fail @ 1 2\n 3 x get -> a @ 3 4'],
  ])('%s: %s', (verdict, text) => {
    expect(checkLinearizable(operations(text), listModel).verdict).toBe(verdict)
  })

  it('refuse elements that cannot be told apart', () => {
    expect(() => checkLinearizable(operations('1 x append a,b @ 1 2'), listModel)).toThrow(/comma/)
    expect(() => checkLinearizable(operations('1 x put a @ 1 2'), listModel)).toThrow(/put/)
  })
})

/** A queue: states are objects. */
interface QueueOperation extends TimedOperation {
  readonly put?: number
  readonly took?: number | 'nothing'
}

const queue: Model<readonly number[], QueueOperation> = {
  name: 'queue',
  init: () => [],
  step: (state, { put, took }) => {
    if (put !== undefined) return { ok: true, state: [...state, put] }
    if (took === 'nothing') return state.length === 0 ? { ok: true, state } : IMPOSSIBLE
    return state[0] === took ? { ok: true, state: state.slice(1) } : IMPOSSIBLE
  },
  hash: (state) => JSON.stringify(state),
}

describe('a model of one’s own', () => {
  it('judges operations of any kind', () => {
    const good: QueueOperation[] = [
      { client: 1, put: 1, call: 1, ret: 8, status: 'ok' },
      { client: 2, put: 2, call: 2, ret: 3, status: 'ok' },
      { client: 3, took: 2, call: 4, ret: 5, status: 'ok' },
      { client: 3, took: 1, call: 9, ret: 10, status: 'ok' },
      { client: 3, took: 'nothing', call: 11, ret: 12, status: 'ok' },
    ]
    expect(checkLinearizable(good, queue).verdict).toBe('valid')
    const bad: QueueOperation[] = [...good, { client: 4, took: 1, call: 13, ret: 14, status: 'ok' }]
    const result = checkLinearizable(bad, queue)
    expect(result.verdict).toBe('invalid')
    if (result.verdict === 'invalid') expect(result.explanation).toContain('"took":1')
  })

  it('may compare states that have one hash', () => {
    const coarse: typeof queue = {
      ...queue,
      hash: ({ length }) => length,
      equal: (a, b) => a.every((value, i) => value === b[i]),
    }
    const history: QueueOperation[] = [
      { client: 1, put: 1, call: 1, ret: 9, status: 'ok' },
      { client: 2, put: 2, call: 1, ret: 9, status: 'ok' },
      { client: 3, took: 2, call: 10, ret: 11, status: 'ok' },
      { client: 3, took: 1, call: 12, ret: 13, status: 'ok' },
    ]
    expect(checkLinearizable(history, coarse).verdict).toBe('valid')
  })

  it('must be able to tell states apart', () => {
    const { name } = queue
    const blind: typeof queue = {
      name,
      init: (key) => queue.init(key),
      step: (state, operation) => queue.step(state, operation),
    }
    expect(() => checkLinearizable([{ client: 1, put: 1, call: 1, ret: 2, status: 'ok' }], blind)).toThrow(MakoError)
  })
})

describe('histories that contradict themselves', () => {
  it.each([
    ['returns at 1', { ret: 1 }],
    ['ret is undefined', { ret: undefined }],
    ['call is NaN', { call: NaN }],
    ['status is "maybe"', { status: 'maybe' }],
    ['op is "increment"', { op: 'increment' }],
    ['has no key', { key: undefined }],
    ['put has no in', { in: undefined }],
    ['in is not a text', { in: 5 }],
    ['cas has no in2', { op: 'cas' }],
    ['ok is neither', { ok: 'yes' }],
  ])('are refused: %s', (what, wrong) => {
    const right = { client: 1, key: 'x', op: 'put', in: '1', call: 2, ret: 3, status: 'ok' }
    const history = [right, { ...right, ...wrong }] as KeyOperation[]
    expect(() => checkLinearizable(history)).toThrow(what)
    expect(() => checkLinearizable(history)).toThrow(/Operation 2/)
  })

  it('limits that are none are refused', () => {
    for (const stepLimit of [0, -1, 1.5, NaN]) {
      expect(() => checkLinearizable([], undefined, { stepLimit })).toThrow(MakoError)
    }
    expect(checkLinearizable([]).verdict).toBe('valid')
  })
})
