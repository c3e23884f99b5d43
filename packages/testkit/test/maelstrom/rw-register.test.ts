// Transactions on registers: histories whose verdict is known, and thousands that brute force decides.

import { below, MakoError, seededRandom, type Random } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { checkRegisters } from '../../src/node/maelstrom/checks/rw-register.ts'
import { registerEventsOf } from '../../src/node/maelstrom/checks/rw-history.ts'
import type { Operation } from '../../src/node/maelstrom/history.ts'
import { between, chance } from '../../src/world/random.ts'
import { ok, other } from './histories.ts'

type Part = readonly ['r' | 'w', string, number | null]

/** `r x 1 w y 2`; 0 is nothing. */
function parts(text: string): readonly Part[] {
  const words = text.split(' ')
  return Array.from({ length: words.length / 3 }, (_, i): Part => {
    const value = Number(words[3 * i + 2])
    return [words[3 * i] === 'w' ? 'w' : 'r', words[3 * i + 1]!, value === 0 ? null : value]
  })
}

function asked(told: readonly Part[]): readonly Part[] {
  return told.map(([name, key, value]) => [name, key, name === 'r' ? null : value])
}

function txn(call: number, ret: number, text: string, process = call): Operation {
  return ok(call, ret, { type: 'txn', txn: asked(parts(text)) }, { txn: parts(text) }, { process })
}

function unknown(call: number, text: string): Operation {
  return other('info', call, call + 1, { type: 'txn', txn: asked(parts(text)) }, undefined, { process: call })
}

function failed(call: number, text: string): Operation {
  return other('fail', call, call + 1, { type: 'txn', txn: asked(parts(text)) }, 30, { process: call })
}

function kinds(history: readonly Operation[]): readonly string[] {
  return [...new Set(checkRegisters(history).errors.map((text) => text.slice(0, text.indexOf(':'))))]
}

describe('histories that have an order', () => {
  it.each<readonly [string, readonly Operation[]]>([
    ['one after another', [txn(1, 2, 'r x 0 w x 1'), txn(3, 4, 'r x 1 w x 2 r x 2'), txn(5, 6, 'r x 2 r y 0')]],
    ['at once, the later call first', [txn(1, 9, 'r x 2 w x 1'), txn(2, 8, 'r x 0 w x 2')]],
    ['an unknown write that was seen', [unknown(1, 'w x 1'), txn(5, 6, 'r x 1')]],
    ['an unknown write that was not', [unknown(1, 'w x 1'), txn(5, 6, 'r x 0')]],
    ['an unknown write that takes effect late', [unknown(1, 'w x 1'), txn(5, 6, 'r x 0'), txn(7, 8, 'r x 1')]],
    ['a failed write that was not seen', [failed(1, 'w x 1'), txn(5, 6, 'r x 0')]],
  ])('%s', (_, history) => {
    expect(kinds(history)).toEqual([])
  })
})

describe('histories that have none', () => {
  const WRONG = 'not strictly serializable'

  it.each<readonly [string, string, readonly Operation[]]>([
    ['a value from nowhere', 'phantom', [txn(1, 2, 'r x 1')]],
    ['an aborted read', 'G1a', [failed(1, 'w x 1'), txn(5, 6, 'r x 1')]],
    ['an intermediate read', 'G1b', [txn(1, 9, 'w x 1 w x 2'), txn(2, 8, 'r x 1')]],
    ['a transaction that does not see its own write', 'internal', [txn(1, 2, 'w x 1 r x 0')]],
    ['a transaction that reads two values', 'internal', [txn(1, 2, 'w x 1'), txn(1, 5, 'r x 0 r x 1', 3)]],
    ['a lost update', WRONG, [txn(1, 2, 'w x 1'), txn(3, 9, 'r x 1 w x 2'), txn(4, 8, 'r x 1 w x 3')]],
    ['two first updates', WRONG, [txn(3, 9, 'r x 0 w x 2'), txn(4, 8, 'r x 0 w x 3')]],
    ['write skew', WRONG, [txn(1, 9, 'r x 0 w y 1'), txn(2, 8, 'r y 0 w x 2')]],
    ['a stale read', WRONG, [txn(1, 2, 'w x 1'), txn(3, 4, 'w x 2'), txn(5, 6, 'r x 1')]],
    ['a read of nothing after a write', WRONG, [txn(1, 2, 'w x 1'), txn(5, 6, 'r x 0')]],
    ['a read of the future', WRONG, [txn(1, 2, 'r x 1'), txn(5, 6, 'w x 1')]],
    ['a read that goes back', WRONG, [txn(1, 9, 'w x 1'), txn(2, 3, 'r x 1'), txn(4, 5, 'r x 0')]],
    [
      'a long fork',
      WRONG,
      [txn(1, 9, 'w x 1'), txn(2, 9, 'w y 2'), txn(3, 9, 'r x 1 r y 0'), txn(4, 9, 'r x 0 r y 2')],
    ],
    ['a circle of reads', WRONG, [txn(1, 9, 'w x 1 r y 2'), txn(2, 9, 'w y 2 r x 1')]],
    ['read skew', WRONG, [txn(1, 2, 'w x 1 w y 2'), txn(3, 9, 'w x 3 w y 4'), txn(4, 8, 'r x 1 r y 4')]],
  ])('%s', (_, kind, history) => {
    expect(kinds(history)).toEqual([kind])
  })

  it('tells the cycle with its reasons', () => {
    const { errors } = checkRegisters([txn(1, 2, 'w x 1'), txn(3, 4, 'w x 2'), txn(5, 6, 'r x 1')])
    expect(errors[0]).toBe(
      [
        'not strictly serializable: there is no order for these',
        '  T0 (process 1): [w "x" 1]',
        '  T1 (process 3): [w "x" 2]',
        '  T2 (process 5): [r "x" 1]',
        '  T0 before T1: T0 was answered at 2, before T1 was called at 3',
        '  T1 before T0: T1 wrote key "x" before T2, which has read there what T0 wrote',
      ].join('\n'),
    )
  })

  it('refuses answers of another transaction, and histories whose values are not unique', () => {
    const strange = ok(1, 2, { type: 'txn', txn: [['r', 'x', null]] }, { txn: [['r', 'y', null]] })
    expect(kinds([strange])).toEqual(['malformed answer'])
    expect(kinds([ok(1, 2, { type: 'txn', txn: [['r', 'x', null]] }, {})])).toEqual(['malformed answer'])
    expect(() => checkRegisters([txn(1, 2, 'w x 1'), txn(3, 4, 'w x 1')])).toThrow(MakoError)
  })
})

describe('against brute force', () => {
  it('condemns nothing that has an order, and nearly everything that has none', () => {
    const random = seededRandom(4)
    let good = 0
    let bad = 0
    let missed = 0
    for (let round = 0; round < 4_000; round++) {
      const history = drawHistory(random)
      const isFound = checkRegisters(history).errors.length > 0
      if (hasOrder(history)) {
        good++
        expect(isFound, JSON.stringify(history)).toBe(false)
      } else {
        bad++
        if (!isFound) missed++
      }
    }
    expect(good).toBeGreaterThan(500)
    expect(bad).toBeGreaterThan(500)
    expect(missed / bad).toBeLessThan(0.01)
  })
})

/** Up to six transactions on two keys, executed in some order; some reads are then changed. */
function drawHistory(random: Random): readonly Operation[] {
  let values = 0
  const count = between(random, 2, 6)
  const state = new Map<string, number>()
  const written: number[] = []
  const history: Operation[] = []
  for (let i = 0; i < count; i++) {
    const at = 10 * i
    const told: Part[] = []
    for (let part = between(random, 1, 3); part > 0; part--) {
      const key = chance(random, 0.5) ? 'x' : 'y'
      if (chance(random, 0.5)) {
        state.set(key, ++values)
        written.push(values)
        told.push(['w', key, values])
      } else if (chance(random, 0.15) && written.length > 0)
        told.push(['r', key, written[below(random, written.length)]!])
      else told.push(['r', key, state.get(key) ?? null])
    }
    const [call, ret] = [at - between(random, 0, 30), at + between(random, 1, 30)]
    const request = { type: 'txn', txn: asked(told) }
    if (chance(random, 0.15)) history.push(other('info', call, ret, request, undefined, { process: i }))
    else history.push(ok(call, ret, request, { txn: told }, { process: i }))
  }
  return history
}

/** Tries all orders of all that has happened and of any of what may have. */
function hasOrder(history: readonly Operation[]): boolean {
  const extend = (placed: ReadonlySet<Operation>, state: ReadonlyMap<string, number | null>): boolean => {
    const missing = history.filter((each) => !placed.has(each))
    if (missing.every(({ status }) => status === 'info')) return true
    return missing.some((next) => {
      // Whoever returned before this one was called must be placed already.
      if (missing.some((each) => each.status === 'ok' && each.ret < next.call)) return false
      const after = new Map(state)
      const body = next.status === 'ok' ? next.reply : next.request
      for (const [name, key, value] of body?.['txn'] as readonly Part[]) {
        if (name === 'w') after.set(key, value)
        else if (next.status === 'ok' && (after.get(key) ?? null) !== value) return false
      }
      return extend(new Set([...placed, next]), after)
    })
  }
  return extend(new Set(), new Map())
}

describe('the history in lines', () => {
  it('has what was asked, and what was answered', () => {
    expect(registerEventsOf([txn(1, 4, 'r x 0 w x 1'), unknown(2, 'w x 2')])).toEqual([
      {
        type: 'invoke',
        process: 1,
        time: 1,
        value: [
          ['r', 'x', null],
          ['w', 'x', 1],
        ],
      },
      { type: 'invoke', process: 2, time: 2, value: [['w', 'x', 2]] },
      { type: 'info', process: 2, time: 3, value: [['w', 'x', 2]] },
      {
        type: 'ok',
        process: 1,
        time: 4,
        value: [
          ['r', 'x', null],
          ['w', 'x', 1],
        ],
      },
    ])
  })
})
