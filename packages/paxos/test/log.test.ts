// What a node has accepted: holes, replacement, what is durable, and what of the store may be believed.

import { type Block, encodeBlock, restamp } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { PaxosLog } from '../src/log.ts'

/** A block of `count` entries, accepted in `term`. */
function block(index: number, term: number, count = 1): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(4) }))
  return restamp(encodeBlock({ index, term: 1 }, { node: 'a', incarnation: 1, sequence: index }, entries), term)
}

function logOf(...blocks: readonly Block[]): PaxosLog {
  const log = new PaxosLog([], 0, 1 << 20)
  for (const [i, each] of blocks.entries()) log.put(each, i + 1)
  return log
}

describe('the log of an acceptor', () => {
  it('matches a ballot as far as there is no hole and nothing of another ballot', () => {
    const log = logOf(block(1, 64), block(2, 64, 3), block(7, 64))
    expect(log.matched(64)).toBe(4)
    expect(log.matched(65)).toBe(0)
    log.put(block(5, 65, 2), 4)
    expect(log.matched(64)).toBe(4)
    expect(log.matched(65)).toBe(0)
    expect(log.lastIndex).toBe(7)
  })

  it('is durable as far as there is no hole, and no longer where a durable block is replaced', () => {
    const log = logOf(block(1, 64), block(2, 64), block(4, 64))
    expect(log.durableIndex).toBe(0)
    log.durable(3)
    expect(log.durableIndex).toBe(2)
    log.put(block(2, 65), 4)
    expect(log.durableIndex).toBe(1)
    expect(log.writeOf(2)).toBe(4)
    log.durable(4)
    expect(log.durableIndex).toBe(2)
    log.put(block(3, 65), 5)
    log.durable(5)
    expect(log.durableIndex).toBe(4)
  })

  it('gives up what a newer block overlaps, even in part, and refuses what an equal or older one would', () => {
    const log = logOf(block(1, 64, 4))
    log.put(block(3, 65), 2)
    expect([1, 2, 3, 4].map((index) => log.spanAt(index)?.term)).toEqual([undefined, undefined, 65, undefined])
    expect(() => log.put(block(2, 65, 2), 3)).toThrow('overlap')
    expect(() => log.put(block(3, 64), 3)).toThrow('overlap')
    expect(log.nextHeld(1)).toBe(3)
    expect(log.nextHeld(4)).toBeUndefined()
  })

  it('never changes what is chosen, and commits whole blocks only', () => {
    const log = logOf(block(1, 64, 2), block(3, 64, 2))
    expect(() => log.commitTo(3)).toThrow('where a block ends')
    log.commitTo(2)
    expect(() => log.put(block(2, 65), 3)).toThrow('chosen up to 2')
    log.put(block(3, 65), 3)
    expect(log.commit).toBe(2)
  })

  it('believes of a read what was final when it began and what is accepted in that very ballot, up to the first other', () => {
    const log = logOf(block(1, 64), block(2, 64), block(3, 64), block(4, 64))
    log.durable(4)
    log.commitTo(2)
    const { final } = log
    expect(final).toBe(2)
    log.put(block(3, 65), 5)
    // The store had not yet replaced what is at 3.
    const stale = [block(1, 64), block(2, 64), block(3, 64), block(4, 64)]
    expect(log.believed(stale, final).map(({ index }) => index)).toEqual([1, 2])
    const fresh = [block(2, 64), block(3, 65), block(4, 64)]
    expect(log.believed(fresh, final).map(({ index }) => index)).toEqual([2, 3, 4])
    // What is chosen may have been written in an older ballot than the one that it is held in.
    expect(log.believed([block(1, 63)], final)).toHaveLength(1)
    expect(log.believed([block(3, 65, 2)], final)).toEqual([])
  })

  it('tells what it holds from a place on, holes left out, and where the store must be asked', () => {
    const log = new PaxosLog([block(1, 64, 2), block(3, 64), block(5, 65)], 2, 1 << 20)
    expect(log.heldFrom(1, 1000)).toEqual({ type: 'stored', index: 1 })
    expect(log.heldFrom(3, 1000)).toEqual({ type: 'stored', index: 3 })
    log.put(block(3, 66), 1)
    log.put(block(7, 66), 2)
    expect(log.heldFrom(3, 1000)).toMatchObject({ type: 'blocks', blocks: [{ index: 3, term: 66 }], next: 5 })
    expect(log.heldFrom(6, 1000)).toMatchObject({ type: 'blocks', blocks: [{ index: 7 }], next: undefined })
    expect(log.heldFrom(6, 1)).toMatchObject({ type: 'blocks', blocks: [{ index: 7 }], next: undefined })
    // Behind the block at 3, which is not durable, the store is not to be believed.
    expect(log.readable).toBe(3)
    log.durable(1)
    expect(log.readable).toBe(3)
    log.put(block(4, 66), 3)
    log.durable(3)
    expect(log.readable).toBe(7)
  })

  it('goes on at the first block that begins at a place or behind it, not inside one', () => {
    const log = new PaxosLog([block(1, 64), block(2, 64, 3), block(6, 64)], 1, 1 << 20)
    const next = [1, 2, 3, 4, 5, 6, 7].map((index) => log.nextHeld(index))
    // Up to commit everything is there, in the store if not here.
    expect(next).toEqual([1, 2, 6, 6, 6, 6, undefined])
  })

  it('is refused when Paxos cannot have written it', () => {
    expect(() => new PaxosLog([block(1, 64, 2), block(2, 64)], 0, 1)).toThrow('two blocks at 2')
    expect(() => new PaxosLog([block(1, 64), block(3, 64)], 2, 1)).toThrow('lacks entries up to 2')
    expect(() => new PaxosLog([block(1, 64, 3)], 2, 1)).toThrow('lacks entries up to 2')
  })
})
