// The protocols without an engine: what each itself costs, and its messages on the wire.
//
// Always true: nothing is written or sent. A write is durable at once, a message arrives as the object it is.

import {
  type Block,
  type Core,
  DEFAULT_LIMITS,
  encodeBlock,
  type NodeId,
  type Output,
  type Protocol,
  seededRandom,
} from '@mako/engine'
import { paxos, type PaxosMessage } from '@mako/paxos'
import { raft, type RaftMessage } from '@mako/raft'
import { type MicroCase, microCase, repeat } from './case.ts'

const members: readonly NodeId[] = ['a', 'b', 'c']

/** A block of `count` entries of 100 B, at the front of a log. */
function sampleBlock(count: number): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(100).fill(7) }))
  return encodeBlock({ index: 1, term: 1 }, { node: 'a', incarnation: 1, sequence: 1 }, entries)
}

/** Three cores that answer each other until all is quiet. */
class Cores<Message> {
  readonly #cores = new Map<NodeId, Core<Message>>()
  readonly #queue: { readonly from: NodeId; readonly to: NodeId; readonly message: Message }[] = []
  #now = 0

  constructor(protocol: Protocol<Message>) {
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

  #carryOut(id: NodeId): Output<Message> {
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

  #send(from: NodeId, { messages }: Output<Message>): void {
    for (const { to, message } of messages) this.#queue.push({ from, to, message })
  }
}

function coreCase<Message>(name: string, protocol: Protocol<Message>, entries: number): MicroCase {
  return microCase({
    name: `core-${name}-${entries}`,
    about: `three cores without I/O: propose, replicate and commit blocks of ${entries} entries`,
    unit: 'entries/s',
    bytes: 100,
    run: (seconds) => {
      const cores = new Cores(protocol)
      const block = sampleBlock(entries)
      return repeat(seconds, entries, () => cores.commit(block))
    },
  })
}

const MESSAGES = 16

function codecCases<Message>(name: string, protocol: Protocol<Message>, message: Message): MicroCase[] {
  const steps = (seconds: number, step: () => unknown): ReturnType<typeof repeat> =>
    repeat(seconds, MESSAGES, () => {
      for (let i = 0; i < MESSAGES; i++) step()
    })
  return [
    microCase({
      name: `encode-${name}`,
      about: 'encode a message; one that carries entries has one block with one of 100 B',
      unit: 'messages/s',
      run: (seconds) => steps(seconds, () => protocol.encode(message)),
    }),
    microCase({
      name: `decode-${name}`,
      about: 'decode it, checks included',
      unit: 'messages/s',
      run: (seconds) => {
        const bytes = protocol.encode(message)
        return steps(seconds, () => protocol.decode(bytes))
      },
    }),
  ]
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
const accept: PaxosMessage = { type: 'accept', ballot: 1, commit: 0, blocks: [sampleBlock(1)] }
const accepted: PaxosMessage = {
  type: 'accepted',
  ballot: 1,
  match: 1,
  received: 1,
  span: { first: 1, last: 1 },
  round: 0,
}

export const coreCases: readonly MicroCase[] = [
  ...[1, 64].map((entries) => coreCase('raft', raft(), entries)),
  ...[1, 64].map((entries) => coreCase('paxos', paxos(), entries)),
  ...codecCases('raft-append', raft(), append),
  ...codecCases('raft-reply', raft(), reply),
  ...codecCases('paxos-accept', paxos(), accept),
  ...codecCases('paxos-accepted', paxos(), accepted),
]
