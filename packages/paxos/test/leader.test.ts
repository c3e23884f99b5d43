// How a node comes to lead: when it says so, and how long it waits when it does not win.

import { type Block, encodeBlock, restamp } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { becomeLeader } from '../src/leader.ts'
import { PaxosNode } from '../src/node.ts'
import { type PaxosOptions, resolveOptions } from '../src/options.ts'
import { prepare } from '../src/proposer.ts'
import { TEST_LIMITS } from './cluster.ts'

/** A voter that is always unlucky: whatever it draws is the longest wait there is. */
function unlucky(options: PaxosOptions = {}): PaxosNode {
  return new PaxosNode(resolveOptions({ electionTimeoutMs: 100, ...options }), {
    partition: 0,
    nodeId: 'a',
    members: ['a', 'b', 'c'],
    incarnation: 1,
    recovered: { state: undefined, blocks: [] },
    random: { u32: () => 0xffff_ffff },
    limits: TEST_LIMITS,
    now: 0,
  })
}

function found(index: number): Block {
  const entry = { kind: 'data' as const, payload: new Uint8Array(4) }
  return restamp(encodeBlock({ index, term: 1 }, { node: 'b', incarnation: 1, sequence: 1 }, [entry]), 65)
}

describe('a new leader', () => {
  it.each([
    ['its no-op', true, 4],
    ['what it proposes again', false, 3],
  ])('is ready when %s is applied, not before', (_, noopOnElection, readyIndex) => {
    const node = unlucky({ noopOnElection })
    node.startBallot()
    becomeLeader(node, [found(3)], { commit: 0, term: 0 })
    expect(node.roles.at(-1)).toMatchObject({ role: 'leader', term: 64, readyIndex })
  })
})

describe('a proposer that is pre-empted', () => {
  it('waits longer each time, up to a bound, and as long as at first when somebody leads', () => {
    const node = unlucky()
    const waits = Array.from({ length: 20 }, () => {
      prepare(node, false)
      node.becomeFollower(undefined)
      return Math.round(node.electionDeadline - node.now)
    })
    for (const [i, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(waits[i - 1] ?? 0)
    expect(waits.slice(0, 4)).toEqual([300, 400, 500, 600])
    expect(waits.at(-1)).toBe(600)
    prepare(node, false)
    becomeLeader(node, [], { commit: 0, term: 0 })
    node.becomeFollower(undefined)
    expect(Math.round(node.electionDeadline - node.now)).toBe(200)
  })
})
