// A cluster of cores in one thread: virtual time, messages as bytes, and what must hold between all nodes.
//
// Always true: every message goes through the codec; a term has one leader; what one node has committed at an index no
// node ever commits otherwise, over crashes and restarts too.

import {
  lastIndexOf,
  proposedTermOf,
  restamp,
  seededRandom,
  type Block,
  type CoreLimits,
  type NodeId,
  type Protocol,
  type Random,
} from '@mako/engine'
import { charactersOf, CoreNode, outputText } from './core-node.ts'

export interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly bytes: Uint8Array
}

const LIMITS: CoreLimits = { inflightEntries: 1024, inflightBytes: 1 << 20, messageBytes: 1 << 16, tailBytes: 1 << 20 }

export class CoreCluster<Message> {
  readonly protocol: Protocol<Message>
  readonly ids: readonly NodeId[]
  readonly limits: CoreLimits
  readonly random: Random
  readonly nodes: readonly CoreNode<Message>[]
  /** Messages on their way. */
  readonly queue: Envelope[] = []
  /** A sample of the messages that were ever sent. */
  readonly sent: Uint8Array[] = []
  now = 1000
  proposals = 0
  /** Which messages are lost. */
  loses: (envelope: Envelope) => boolean = () => false
  /** Is shown each message when it is sent. */
  onPost: (envelope: Envelope) => void = () => undefined
  readonly #leaders = new Map<number, NodeId>()
  /** For each index, the value that was committed there, as text. */
  readonly #committed: string[] = []
  readonly #checked = new Map<object, number>()

  constructor(protocol: Protocol<Message>, nodes = 3, limits: Partial<CoreLimits> = {}, seed = 1) {
    this.protocol = protocol
    this.random = seededRandom(seed)
    this.limits = { ...LIMITS, ...limits }
    this.ids = ['a', 'b', 'c', 'd', 'e'].slice(0, nodes)
    this.nodes = this.ids.map((id) => new CoreNode(this, id))
    for (const node of this.nodes) node.start()
  }

  node(id: NodeId): CoreNode<Message> {
    return this.nodes.find((node) => node.id === id)!
  }

  get up(): CoreNode<Message>[] {
    return this.nodes.filter(({ isUp }) => isUp)
  }

  /** The leader of the highest term. */
  get leader(): CoreNode<Message> | undefined {
    const leaders = this.up.filter(({ core }) => core.status().role === 'leader')
    return leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0]
  }

  get committed(): number {
    return Math.max(0, this.#committed.length - 1)
  }

  get terms(): number {
    return this.#leaders.size
  }

  post(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const envelope = { from, to, bytes }
    this.onPost(envelope)
    if (this.sent.length < 5000) this.sent.push(bytes)
    this.queue.push(envelope)
  }

  /** Delivers everything that is on its way, and what comes of it. */
  deliver(): void {
    for (let count = 0; this.queue.length > 0; count++) {
      if (count > 100_000) throw new Error('Messages lead to messages without end.')
      this.deliverOne(this.queue.shift()!)
    }
  }

  deliverOne(envelope: Envelope): void {
    const { from, to, bytes } = envelope
    if (this.loses(envelope)) return
    this.node(to).step({ type: 'message', now: this.now, from, message: this.protocol.decode(bytes) })
  }

  tick(): void {
    this.now += this.protocol.tickMs
    for (const node of this.up) node.step({ type: 'tick', now: this.now })
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.tick()
      this.deliver()
    }
  }

  runUntil(what: string, condition: () => boolean, timeouts = 60): void {
    const end = this.now + timeouts * this.protocol.electionTimeoutMs
    while (!condition()) {
      if (this.now >= end) throw new Error(`${what} has not happened within ${timeouts} election timeouts.`)
      this.run(this.protocol.tickMs)
    }
  }

  /** Runs until there is a leader that all others follow, and returns it. */
  settle(): CoreNode<Message> {
    const follows = (leader: NodeId): boolean =>
      this.up.every(({ core }) => core.status().leader === leader) && this.leader!.core.admit().status === 'LEADER'
    this.runUntil('a leader that all follow', () => this.leader !== undefined && follows(this.leader.id))
    return this.leader!
  }

  /** Runs until everything that the leader's log holds is committed on all. */
  level(): void {
    const leader = this.settle()
    // A leader commits what others left only together with something of its own, where its protocol adds nothing itself.
    leader.propose()
    this.runUntil('the same commit on all', () => {
      const { lastIndex } = this.settle().core.status()
      return this.up.every(({ commit }) => commit === lastIndex)
    })
  }

  isolate(...ids: NodeId[]): void {
    this.loses = ({ from, to }) => ids.includes(from) !== ids.includes(to)
  }

  heal(): void {
    this.loses = () => false
  }

  elected(id: NodeId, term: number): void {
    const known = this.#leaders.get(term)
    if (known !== undefined && known !== id) throw new Error(`Term ${term} has two leaders, ${known} and ${id}.`)
    this.#leaders.set(term, id)
  }

  /** Messages say the same after they have travelled. */
  checkCodec(message: Message, bytes: Uint8Array): void {
    const [before, after] = [outputText(message), outputText(this.protocol.decode(bytes))]
    if (before !== after) throw new Error(`A message changes on its way: ${before} becomes ${after}.`)
  }

  /** What one node has committed at an index, all have. */
  checkCommitted(node: CoreNode<Message>): void {
    const { core, commit, id } = node
    for (let index = this.#checked.get(core) ?? 1; index <= commit; ) {
      const block = node.blockAt(index)
      if (block === undefined) throw new Error(`${id} has committed ${commit}, but has nothing at ${index}.`)
      const value = valueOf(block)
      for (let at = block.index; at <= lastIndexOf(block); at++) {
        const known = this.#committed[at]
        if (known !== undefined && known !== value) throw new Error(`${id} has committed another value at ${at}.`)
        this.#committed[at] = value
      }
      index = lastIndexOf(block) + 1
      this.#checked.set(core, index)
    }
  }
}

/** What a block says, whatever term this copy of it was accepted in. */
function valueOf(block: Block): string {
  return charactersOf(restamp(block, proposedTermOf(block)).bytes)
}
