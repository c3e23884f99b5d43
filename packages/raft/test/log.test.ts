// The log view: terms, boundaries, and what is durable when truncation and the disk cross each other.

import { type Block, encodeBlock, MakoError } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { RaftLog } from '../src/log.ts'

function block(index: number, term: number, count = 1): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(10) }))
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: 1 }, entries)
}

describe('RaftLog', () => {
  it('knows terms and floors', () => {
    const log = new RaftLog([block(1, 1, 3), block(4, 1, 2), block(6, 4, 5), block(11, 6)], 1000)
    expect([0, 1, 5, 6, 10, 11, 12].map((index) => log.termAt(index))).toEqual([0, 1, 1, 4, 4, 6, undefined])
    expect(log.floor(11, 6)).toEqual({ index: 11, term: 6 })
    expect(log.floor(99, 5)).toEqual({ index: 10, term: 4 })
    expect(log.floor(8, 4)).toEqual({ index: 8, term: 4 })
    expect(log.floor(8, 3)).toEqual({ index: 5, term: 1 })
    expect(log.floor(8, 0)).toEqual({ index: 0, term: 0 })
    expect(new RaftLog([], 10).floor(5, 5)).toEqual({ index: 0, term: 0 })
  })

  it('knows where a block ends, in memory and in what an earlier life has stored', () => {
    const log = new RaftLog([block(1, 1, 3), block(4, 1, 2), block(6, 4, 5), block(11, 4, 2)], 1000)
    const ends = (): number[] => Array.from({ length: 16 }, (_, index) => index).filter((index) => log.endsBlock(index))
    expect(ends()).toEqual([0, 3, 5, 10, 12])
    log.truncate(11)
    log.append(block(11, 5, 3), 1)
    log.append(block(14, 5, 2), 2)
    expect(ends()).toEqual([0, 3, 5, 10, 13, 15])
    log.release(10)
    expect(ends()).toEqual([0, 5, 10, 13, 15])
  })

  it('a write does not count for what was truncated before it became durable', () => {
    const log = new RaftLog([], 1000)
    log.append(block(1, 1, 4), 1)
    log.append(block(5, 1, 3), 2)
    log.truncate(5)
    log.append(block(5, 2, 2), 3)
    expect(log.coveringWrite(4)).toBe(1)
    expect(log.coveringWrite(6)).toBe(3)
    log.durable(2)
    expect(log.durableIndex).toBe(4)
    log.durable(3)
    expect(log.durableIndex).toBe(6)
    expect(log.coveringWrite(6)).toBe(0)
    log.truncate(5)
    expect(log.durableIndex).toBe(4)
    expect(() => log.coveringWrite(5)).toThrow(MakoError)
  })

  it('evicts only what is durable and released, oldest first, when it is over its bound', () => {
    const log = new RaftLog([], 3 * block(1, 1).bytes.length)
    for (let index = 1; index <= 10; index++) log.append(block(index, 1), index)
    log.release(8)
    expect(log.blockAt(1)).toBeDefined()
    log.durable(4)
    expect([1, 4, 5, 10].map((index) => log.blockAt(index) !== undefined)).toEqual([false, false, true, true])
    log.durable(10)
    expect([7, 8].map((index) => log.blockAt(index) !== undefined)).toEqual([false, true])
    expect(log.blocksFrom(7, 1000, 100)).toEqual([])
    expect(log.blocksFrom(8, 1000, 100)).toHaveLength(3)
    expect(log.blocksFrom(8, 1, 100)).toHaveLength(1)
    expect(log.blocksFrom(8, 1000, 2)).toHaveLength(2)
  })

  it('holds to its laws', () => {
    const log = new RaftLog([], 1000)
    log.append(block(1, 2, 5), 1)
    expect(() => log.append(block(7, 2), 2)).toThrow(MakoError)
    expect(() => log.append(block(6, 1), 2)).toThrow(MakoError)
    expect(() => log.truncate(3)).toThrow(MakoError)
  })
})
