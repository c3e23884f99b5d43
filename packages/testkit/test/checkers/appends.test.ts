// Appends: what is lost, repeated, out of order or from nowhere, in operations and in transactions.

import { below, MakoError, seededRandom, type Random } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { checkAppends, type AppendFaultKind } from '../../src/checkers/appends.ts'
import type { KeyOperation } from '../../src/checkers/history.ts'
import { chance, pick } from '../../src/world/random.ts'
import { among, operations, transactions } from './fixtures.ts'

const GOOD: Readonly<Record<string, string>> = {
  'each once': `
    1 x append a  @ 1 2
    2 x append b  @ 1 3
    3 x get -> b,a @ 4 5`,
  'an unknown one that is there': `
    1 x append a -> ? @ 1
    3 x get -> a      @ 4 5`,
  'an unknown one that is not': `
    1 x append a -> ? @ 1
    3 x get           @ 4 5`,
  'an unknown one that comes late': `
    1 x append a -> ? @ 1
    2 x append b      @ 1 2
    3 x get -> b      @ 3 4
    3 x get -> b,a    @ 5 6`,
  'a failed one that is not there': `
    1 x append a -> fail @ 1 2
    3 x get              @ 4 5`,
  'reads on the way': `
    1 x append a   @ 1 2
    2 x get -> a   @ 3 4
    1 x append b   @ 3 8
    2 x get -> a,b @ 5 6
    2 x get -> a,b @ 9 10`,
  'two final reads at once': `
    1 x append a      @ 1 2
    1 x append b -> ? @ 3
    2 x get -> a,b    @ 4 9
    3 x get -> a      @ 5 6`,
  'several keys': `
    1 x append a @ 1 2
    1 y append a @ 3 4
    2 y get -> a @ 5 6
    2 x get -> a @ 7 8`,
  'a key that nobody appends to': `
    1 x get @ 1 2`,
  'a crash in the middle': `
    1 x append a      @ 1 2
    2 x append b -> ? @ 3
    3 x append c -> ? @ 3
    4 x append d      @ 5 6
    4 x get -> a,c,d  @ 7 8`,
}

const BAD: readonly (readonly [AppendFaultKind, string, string])[] = [
  ['lost', 'one of two', '1 x append a @ 1 2\n 1 x append b @ 3 4\n 2 x get -> b @ 5 6'],
  ['lost', 'all', '1 x append a @ 1 2\n 2 x get @ 5 6'],
  ['lost', 'after it was read', '1 x append a @ 1 2\n 2 x get -> a @ 3 4\n 2 x get @ 5 6'],
  ['lost', 'in a crash', '1 x append a @ 1 2\n 1 x append b -> ? @ 3\n 2 x get -> b @ 5 6'],
  ['duplicate', 'an acknowledged one', '1 x append a @ 1 2\n 2 x get -> a,a @ 5 6'],
  ['duplicate', 'an unknown one', '1 x append a -> ? @ 1\n 2 x get -> a,a @ 5 6'],
  ['duplicate', 'with another between', '1 x append a @ 1 2\n 1 x append b @ 1 2\n 2 x get -> a,b,a @ 5 6'],
  ['failed-append', 'that is there', '1 x append a -> fail @ 1 2\n 2 x get -> a @ 5 6'],
  ['phantom', 'from nowhere', '2 x get -> q @ 5 6'],
  ['phantom', 'of another key', '1 y append a @ 1 2\n 1 y get -> a @ 3 4\n 2 x get -> a @ 5 6'],
  ['order', 'two orders', '1 x append a @ 1 2\n 1 x append b @ 1 2\n 2 x get -> a,b @ 5 6\n 2 x get -> b,a @ 5 6'],
  ['order', 'a gap', '1 x append a @ 1 2\n 1 x append b @ 1 9\n 2 x get -> b @ 3 4\n 2 x get -> a,b @ 10 11'],
  ['shrunk', 'an unknown one that was read', '1 x append a -> ? @ 1\n 2 x get -> a @ 3 4\n 2 x get @ 5 6'],
]

describe('appends', () => {
  it.each(Object.entries(GOOD))('good: %s', (_, text) => {
    expect(checkAppends(operations(text)).verdict).toBe('valid')
  })

  it.each(BAD)('%s: %s', (kind, _, text) => {
    const result = checkAppends(operations(text))
    if (result.verdict !== 'invalid') throw new Error('This history is bad.')
    expect(result.faults.map((fault) => fault.kind)).toContain(kind)
    expect(result.explanation).toContain(kind)
  })

  it('of which nobody has read the end are in doubt', () => {
    const history = operations('1 x append a @ 1 2\n 2 x get -> a @ 2 4\n 1 y append a @ 1 2\n 1 y get -> a @ 3 4')
    expect(checkAppends(history)).toMatchObject({ verdict: 'unknown', keys: ['"x"'] })
  })

  it('may be parts of transactions', () => {
    expect(checkAppends(transactions('1 ax1 ay2 @ 1 2\n 2 rx1 ry2 @ 3 4'))).toEqual({
      verdict: 'valid',
      keys: 2,
      appends: 2,
    })
    expect(checkAppends(transactions('1 ax1 ay2 @ 1 2\n 2 rx1 ry @ 3 4'))).toMatchObject({
      verdict: 'invalid',
      faults: [{ kind: 'lost', key: '"y"' }],
    })
    expect(checkAppends(transactions('1 ax1 ? @ 1 2\n 2 rx ? @ 3\n 3 rx1 @ 4 5')).verdict).toBe('valid')
  })

  it('that cannot be told apart are refused', () => {
    expect(() => checkAppends(operations('1 x append a @ 1 2\n 1 x append a @ 3 4'))).toThrow(MakoError)
    expect(() => checkAppends(operations('1 x put a @ 1 2'))).toThrow(MakoError)
    expect(() => checkAppends(transactions('1 ax1 @ 1 2\n 1 ax1 @ 3 4'))).toThrow(MakoError)
    expect(checkAppends([])).toEqual({ verdict: 'valid', keys: 0, appends: 0 })
  })
})

/** By definition: one order of all acknowledged and some unknown appends of which each read is a beginning, and the last all. */
function hasOrder(history: readonly KeyOperation[]): boolean {
  const appends = history.filter(({ op, status }) => op === 'append' && status !== 'fail')
  const reads = history.filter(({ op }) => op === 'get')
  const texts = reads.map(({ out = '' }) => out)
  const lastReturn = Math.max(...appends.filter(({ status }) => status === 'ok').map(({ ret }) => ret!), -Infinity)
  const finals = reads.filter(({ call }) => call > lastReturn)
  const fits = (order: readonly string[]): boolean => {
    const prefixes = order.map((_, i) => order.slice(0, i + 1).join(','))
    const places = texts.map((text) => (text === '' ? 0 : prefixes.indexOf(text) + 1))
    if (places.some((place, i) => place === 0 && texts[i] !== '')) return false
    // The last read, which begins after all else has ended, has everything that any read has.
    const all = appends
      .filter(({ status }) => status === 'ok')
      .every(({ in: value }) => {
        const at = order.indexOf(value!) + 1
        return finals.every((read) => at > 0 && at <= places[reads.indexOf(read)]!)
      })
    return all && places.every((place) => place <= places.at(-1)!)
  }
  const extend = (order: readonly string[], left: readonly string[]): boolean =>
    fits(order) ||
    left.some((value) =>
      extend(
        [...order, value],
        left.filter((each) => each !== value),
      ),
    )
  return extend(
    [],
    appends.map(({ in: value }) => value!),
  )
}

function draw(random: Random): KeyOperation[] {
  const list: string[] = []
  const history: KeyOperation[] = []
  let time = 0
  const size = among(random, 2, 6)
  for (let i = 0; i < size; i++) {
    const common = { client: i, key: 'x', call: ++time, ret: ++time }
    if (chance(random, 0.35)) {
      history.push({ ...common, op: 'get', out: list.join(','), status: 'ok' })
      continue
    }
    const status = pick(random, ['ok', 'ok', 'ok', 'info', 'fail'] as const)
    history.push({ ...common, op: 'append', in: `v${i}`, status })
    const happens =
      status === 'ok' ? !chance(random, 0.1) : status === 'info' ? chance(random, 0.5) : chance(random, 0.1)
    if (happens) list.splice(chance(random, 0.1) ? below(random, list.length + 1) : list.length, 0, `v${i}`)
    if (happens && chance(random, 0.05)) list.push(`v${i}`)
    if (chance(random, 0.05)) list.pop()
  }
  history.push({ client: 99, key: 'x', op: 'get', out: list.join(','), call: ++time, ret: ++time, status: 'ok' })
  return history
}

describe('random appends', () => {
  it('are judged as brute force judges them', () => {
    const random = seededRandom(5)
    const counts = { valid: 0, invalid: 0, unknown: 0 }
    for (let i = 0; i < 2000; i++) {
      const history = draw(random)
      const { verdict } = checkAppends(history)
      counts[verdict]++
      expect(verdict === 'valid', JSON.stringify(history)).toBe(hasOrder(history))
    }
    expect(counts.unknown).toBe(0)
    expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(400)
  })
})
