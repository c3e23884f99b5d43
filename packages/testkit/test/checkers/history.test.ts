// Histories as lines of JSON, and the matchers for vitest.

import { MakoError } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { formatHistory, parseHistory } from '../../src/checkers/history.ts'
import { listModel } from '../../src/checkers/list-model.ts'
import type { SeedResult } from '../../src/storm/run.ts'
import '../../src/vitest/index.ts'
import { operations, transactions } from './fixtures.ts'

const GOOD = operations('1 x put 1 @ 1 2\n 2 x get -> 1 @ 3 4\n 3 x cas 1 2 -> ? @ 5')
const BAD = operations('1 x put 1 @ 1 2\n 2 x get -> nothing @ 3 4')

describe('a history', () => {
  it('is one JSON object a line, with the names that are documented', () => {
    expect(formatHistory(GOOD)).toBe(
      [
        '{"client":1,"key":"x","op":"put","in":"1","call":1,"ret":2,"status":"ok"}\n',
        '{"client":2,"key":"x","op":"get","out":"1","call":3,"ret":4,"status":"ok"}\n',
        '{"client":3,"key":"x","op":"cas","in":"1","in2":"2","call":5,"status":"info"}\n',
      ].join(''),
    )
    expect(formatHistory(transactions('1 ax1 ry2 @ 1 2'))).toBe(
      [
        '{"type":"invoke","process":1,"time":1,"value":[["append","x",1],["r","y",null]]}\n',
        '{"type":"ok","process":1,"time":2,"value":[["append","x",1],["r","y",[2]]]}\n',
      ].join(''),
    )
  })

  it('is read as it was written', () => {
    for (const history of [GOOD, BAD, transactions('1 ax1 ry2 ? @ 1 2\n 2 rx @ 1 3'), []]) {
      expect(parseHistory(formatHistory(history))).toEqual(history)
    }
    expect(parseHistory('\n\n')).toEqual([])
  })

  it.each([
    '{',
    '5',
    'null',
    '{"client":1}',
    '{"type":"ok"}',
    '{"client":1,"key":"x","op":"put","call":1,"ret":0,"status":"ok"}',
  ])('is refused when it is none: %s', (line) => {
    expect(() => parseHistory(`${line}\n`)).toThrow(MakoError)
  })
})

describe('matchers', () => {
  const failure = (test: () => void): string => {
    try {
      test()
    } catch (error) {
      return (error as Error).message
    }
    return 'nothing was thrown'
  }

  it('judge histories, and say why', () => {
    expect(GOOD).toBeLinearizable()
    expect(BAD).not.toBeLinearizable()
    expect(failure(() => expect(BAD).toBeLinearizable())).toContain('has no place')
    expect(failure(() => expect(GOOD).not.toBeLinearizable())).toContain('linearizable (register)')
    expect(operations('1 x append a @ 1 2\n 2 x get -> a @ 3 4')).toBeLinearizable(listModel)
    expect(operations('1 x append a @ 1 2\n 2 x get @ 3 4')).not.toKeepAppends()
    const skew = transactions('1 rx ay1 @ 1 9\n 2 ry ax2 @ 2 8')
    expect(skew).toBeIsolated('snapshot-isolation')
    expect(skew).not.toBeStrictSerializable()
    expect(failure(() => expect(skew).toBeStrictSerializable())).toContain('G2')
  })

  it('never take an unknown verdict for an answer', () => {
    const open = operations('1 x append a @ 1 2')
    expect(failure(() => expect(open).toKeepAppends())).toContain('Nobody can tell')
    expect(failure(() => expect(open).not.toKeepAppends())).toContain('Nobody can tell')
  })

  it('judge seeds', () => {
    const result: SeedResult = { seed: 5, hash: 'abc', virtualMs: 1, events: 1, counters: {}, violation: undefined }
    const broken: SeedResult = { ...result, violation: { law: 'one-leader', message: 'two', atMs: 7 } }
    expect(result).toKeepTheLaws()
    expect(broken).not.toKeepTheLaws()
    expect(failure(() => expect(broken).toKeepTheLaws())).toBe(
      'Seed 5 has broken a law after 7 virtual ms: one-leader: two',
    )
  })
})
