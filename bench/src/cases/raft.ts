// Raft without an engine: what the protocol itself costs, and its messages on the wire.
//
// Always true: nothing is written or sent. A write is durable at once, a message arrives as the object it is.

import {
  type Block,
  type Core,
  DEFAULT_LIMITS,
  encodeBlock,
  type NodeId,
  type Output,
  seededRandom,
} from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import type { BenchCase } from '../case.ts'
import { rate, repeat } from '../measure.ts'

const members: readonly NodeId[] = ['a', 'b', 'c']
const protocol = raft()

/** A block of `count` entries of 100 B, at the front of a log. */
function sampleBlock(count: number): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(100).fill(7) }))
  return encodeBlock({ index: 1, term: 1 }, { node: 'a', incarnation: 1, sequence: 1 }, entries)
}

/** Three cores that answer each other until all is quiet. */
class Cores {
  readonly #cores = new Map<NodeId, Core<RaftMessage>>()
  readonly #queue: { readonly from: NodeId; readonly to: NodeId; readonly message: RaftMessage }[] = []
  #now = 0

  constructor() {
    const random = seededRandom(1)
    const { inflightEntries, inflightBytes, messageBytes, tailBytes } = DEFAULT_LIMITS
    for (const nodeId of members) {
      const core = protocol.createCore({
        partition: 0,
        nodeId,
        members,
        incarnation: 1,
        recovered: { state: undefined, blocks: [] },
        random,
        limits: { inflightEntries, inflightBytes, messageBytes, tailBytes },
        now: 0,
      })
      this.#cores.set(nodeId, core)
    }
    this.#cores.get('a')!.step({ type: 'campaign', now: 0 })
    this.#settle('a')
  }

  /** Proposes a block and does everything until it is committed. */
  commit(block: Block): void {
    this.#now += 0.01
    const leader = this.#cores.get('a')!
    const admission = leader.admit()
    if (admission.status !== 'LEADER') throw new Error(`The first core is ${admission.status}.`)
    const { nextIndex: index, term } = admission
    // A core never looks into a block, so the same bytes will do at every index.
    leader.propose({ index, term, count: block.count, bytes: block.bytes })
    const commit = this.#settle('a')
    if (commit !== index + block.count - 1) throw new Error('A block was not committed.')
    for (const core of this.#cores.values()) core.step({ type: 'release', now: this.#now, index: commit })
  }

  #settle(id: NodeId): number {
    const { commit } = this.#carryOut(id)
    let newest = commit
    for (let next = 0; next < this.#queue.length; next++) {
      const { from, to, message } = this.#queue[next]!
      this.#cores.get(to)!.step({ type: 'message', now: this.#now, from, message })
      const output = this.#carryOut(to)
      if (to === id) newest = output.commit
    }
    this.#queue.length = 0
    return newest
  }

  #carryOut(id: NodeId): Output<RaftMessage> {
    const core = this.#cores.get(id)!
    let output = core.takeOutput()
    this.#send(id, output)
    while (output.writes.length > 0) {
      core.step({ type: 'durable', now: this.#now, write: output.writes.at(-1)!.number })
      output = core.takeOutput()
      this.#send(id, output)
    }
    return output
  }

  #send(from: NodeId, { messages }: Output<RaftMessage>): void {
    for (const { to, message } of messages) this.#queue.push({ from, to, message })
  }
}

function coreCase(entries: number): BenchCase {
  return {
    name: `raft/core-${entries}`,
    description: `three cores, no I/O: propose, replicate and commit blocks of ${entries} x 100 B`,
    unit: 'entries/s',
    setupSeconds: 0,
    run: (seconds) => {
      const cores = new Cores()
      const block = sampleBlock(entries)
      return Promise.resolve(rate(repeat(seconds, entries, () => cores.commit(block))))
    },
  }
}

const append: RaftMessage = {
  type: 'append',
  term: 1,
  previous: { index: 0, term: 0 },
  commit: 0,
  blocks: [sampleBlock(1)],
}
const reply: RaftMessage = {
  type: 'append-reply',
  term: 1,
  leader: 'a',
  match: 1,
  received: 1,
  hint: undefined,
  round: 0,
}

function codecCase(name: string, description: string, step: () => unknown): BenchCase {
  const MESSAGES = 16
  const steps = (): void => {
    for (let i = 0; i < MESSAGES; i++) step()
  }
  return {
    name: `raft/${name}`,
    description,
    unit: 'messages/s',
    setupSeconds: 0,
    run: (seconds) => Promise.resolve(rate(repeat(seconds, MESSAGES, steps))),
  }
}

const appendBytes = protocol.encode(append)
const replyBytes = protocol.encode(reply)

export const raftCases: readonly BenchCase[] = [
  coreCase(1),
  coreCase(64),
  codecCase('encode-append', 'encode an append of one block with one entry of 100 B', () => protocol.encode(append)),
  codecCase('decode-append', 'decode it, checks included', () => protocol.decode(appendBytes)),
  codecCase('encode-reply', 'encode the answer to an append', () => protocol.encode(reply)),
  codecCase('decode-reply', 'decode it, checks included', () => protocol.decode(replyBytes)),
]
