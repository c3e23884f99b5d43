// How far an acceptor follows its leader's commit: over what was accepted in this very ballot, and can be read.

import { type Block, type Core, encodeBlock, restamp, seededRandom } from '@mako/engine'
import { paxos, type PaxosMessage } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { encodeHardState } from '../src/codec.ts'
import { TEST_LIMITS } from './cluster.ts'

/** The ballot that belongs to `b`, in the first round. */
const BALLOT = 65

function block(index: number, ballot: number): Block {
  const entry = { kind: 'data' as const, payload: new Uint8Array(4) }
  const origin = { node: 'a', incarnation: 1, sequence: index }
  return restamp(encodeBlock({ index, term: 64 }, origin, [entry]), ballot)
}

/** A node on what an earlier life has stored, of which nothing is known to be chosen. */
class Acceptor {
  readonly core: Core<PaxosMessage>
  #newestWrite = 0

  constructor(promised: number, blocks: readonly Block[]) {
    this.core = paxos().createCore({
      partition: 0,
      nodeId: 'c',
      members: ['a', 'b', 'c'],
      incarnation: 2,
      recovered: { state: encodeHardState({ promised, commit: 0 }), blocks },
      random: seededRandom(1),
      limits: TEST_LIMITS,
      now: 0,
    })
  }

  /** Commit when this message of `b` is taken in. */
  hears(message: PaxosMessage): number {
    this.core.step({ type: 'message', now: 1, from: 'b', message })
    const { commit, writes } = this.core.takeOutput()
    this.#newestWrite = writes.at(-1)?.number ?? this.#newestWrite
    return commit
  }

  flush(): void {
    this.core.step({ type: 'durable', now: 1, write: this.#newestWrite })
    this.core.takeOutput()
  }
}

const heartbeat = (commit: number): PaxosMessage => ({ type: 'heartbeat', ballot: BALLOT, commit, round: 0 })
const accept = (commit: number, ...blocks: Block[]): PaxosMessage => ({
  type: 'accept',
  ballot: BALLOT,
  commit,
  blocks,
})

describe('commit', () => {
  it('is not raised over what was accepted in an earlier ballot: another value may be chosen there', () => {
    const node = new Acceptor(64, [block(1, 64), block(2, 64), block(3, 64)])
    expect(node.hears(heartbeat(3))).toBe(0)
    expect(node.hears(accept(3, block(1, BALLOT)))).toBe(1)
    node.flush()
    expect(node.hears(heartbeat(3))).toBe(1)
    expect(node.hears(accept(3, block(2, BALLOT), block(3, BALLOT)))).toBe(3)
  })

  it('is not raised over a hole', () => {
    const node = new Acceptor(64, [])
    expect(node.hears(accept(3, block(3, BALLOT)))).toBe(0)
    expect(node.hears(accept(3, block(1, BALLOT)))).toBe(1)
    expect(node.hears(accept(3, block(2, BALLOT)))).toBe(3)
  })

  it.each([
    ['with the blocks', 3],
    ['with a heartbeat', 0],
  ])('is not raised over what is in the store behind a block on its way there: told %s', (_, commit) => {
    // Accepted in an earlier life, so not in memory; and until 1 and 2 are durable, a read of the store finds a hole.
    const node = new Acceptor(BALLOT, [block(3, BALLOT)])
    expect(node.hears(accept(commit, block(1, BALLOT), block(2, BALLOT)))).toBe(Math.min(commit, 2))
    expect(node.hears(heartbeat(3))).toBe(2)
    node.flush()
    expect(node.hears(heartbeat(3))).toBe(3)
  })

  it('is not raised beyond what the leader says, and never falls', () => {
    const node = new Acceptor(64, [])
    expect(node.hears(accept(1, block(1, BALLOT), block(2, BALLOT), block(3, BALLOT)))).toBe(1)
    expect(node.hears(heartbeat(2))).toBe(2)
    expect(node.hears(heartbeat(0))).toBe(2)
  })
})
