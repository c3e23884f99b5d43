// A cluster of cores in one thread for the tests: a queue of messages, explicit disks, virtual time.
//
// Always true: a message leaves only when the write it names is durable; a crash loses what was not durable; and
// after every input the laws are checked over all nodes and over everything that was ever committed.

import {
  type Block,
  type Core,
  type CoreLimits,
  type CoreWrite,
  decodeBlock,
  encodeBlock,
  type Input,
  lastIndexOf,
  type NodeId,
  type Output,
  seededRandom,
} from '@mako/engine'
import { raft, type RaftMessage, type RaftOptions } from '@mako/raft'

export const TEST_LIMITS: CoreLimits = {
  inflightEntries: 1024,
  inflightBytes: 1 << 20,
  messageBytes: 1 << 16,
  tailBytes: 1 << 20,
}

export interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: RaftMessage
}

export interface ClusterOptions {
  readonly nodes?: number
  readonly seed?: number
  readonly raft?: RaftOptions
  readonly limits?: Partial<CoreLimits>
  /** When true, writes become durable as soon as they are asked for. @default true */
  readonly fastDisks?: boolean
}

export class TestNode {
  readonly id: NodeId
  readonly cluster: Cluster
  core!: Core<RaftMessage>
  isUp = true
  commit = 0
  /** What is durable. */
  state: Uint8Array | undefined
  blocks: Block[] = []
  /** Writes that wait for the disk, messages that wait for writes. */
  waitingWrites: CoreWrite[] = []
  waitingMessages: { after: number; envelope: Envelope }[] = []
  durable = 0
  incarnation = 0
  transfers: string[] = []
  /** Answers to readers: how far they must be. */
  barriers: (number | undefined)[] = []
  reads = 0
  fastDisk: boolean
  /** The first index in this life whose committed block has not been compared with the others'. */
  unchecked = 1

  constructor(cluster: Cluster, id: NodeId, fastDisk: boolean) {
    this.cluster = cluster
    this.id = id
    this.fastDisk = fastDisk
  }

  start(): void {
    const { cluster } = this
    this.isUp = true
    this.incarnation++
    this.durable = 0
    this.commit = 0
    this.unchecked = 1
    this.waitingWrites = []
    this.waitingMessages = []
    this.core = cluster.protocol.createCore({
      partition: 0,
      nodeId: this.id,
      members: cluster.ids,
      incarnation: this.incarnation,
      recovered: { state: this.state, blocks: this.blocks },
      random: seededRandom(cluster.random.u32()),
      limits: cluster.limits,
      now: cluster.now,
    })
  }

  crash(): void {
    this.isUp = false
    this.waitingWrites = []
    this.waitingMessages = []
  }

  step(input: Input<RaftMessage>): void {
    this.core.step(input)
    this.drain()
  }

  drain(): void {
    this.carryOut(this.core.takeOutput())
    this.cluster.check(this)
  }

  carryOut(output: Output<RaftMessage>): void {
    const { cluster } = this
    this.waitingWrites.push(...output.writes)
    for (const { write } of output.writes) {
      if (write.type === 'block') cluster.checkWrite(this, write.block)
    }
    this.commit = output.commit
    this.transfers.push(...output.transfers)
    this.barriers.push(...output.barriers.map(({ index }) => index))
    for (const role of output.roles) if (role.role === 'leader') cluster.elected(this.id, role.term)
    for (const { to, message, after } of output.messages) {
      // Over the wire and back, so that every test is one of the codec as well.
      const copy = cluster.protocol.decode(cluster.protocol.encode(message))
      const envelope = { from: this.id, to, message: copy }
      if (after <= this.durable) cluster.queue.push(envelope)
      else this.waitingMessages.push({ after, envelope })
    }
    for (const { request, from } of output.reads) {
      this.reads++
      const at = this.blocks.findIndex((block) => from <= lastIndexOf(block))
      const blocks = at < 0 ? [] : this.blocks.slice(at, at + 2)
      this.step({ type: 'read', now: cluster.now, request, blocks })
    }
    if (this.fastDisk) this.flush()
  }

  /** Makes the oldest `count` waiting writes durable. */
  flush(count: number = this.waitingWrites.length): void {
    const done = this.waitingWrites.splice(0, count)
    if (done.length === 0) return
    for (const { number, write } of done) {
      this.durable = number
      if (write.type === 'state') this.state = write.state
      else {
        const before = this.blocks.length
        if (write.truncate) this.blocks = this.blocks.filter((block) => block.index < write.block.index)
        else if ((before === 0 ? 0 : lastIndexOf(this.blocks[before - 1]!)) !== write.block.index - 1) {
          throw new Error(`${this.id}: a block at ${write.block.index} is put into the log without truncating it`)
        }
        this.blocks.push(decodeBlock(write.block.bytes))
      }
    }
    const ready = this.waitingMessages.filter(({ after }) => after <= this.durable)
    this.waitingMessages = this.waitingMessages.filter(({ after }) => after > this.durable)
    for (const { envelope } of ready) this.cluster.queue.push(envelope)
    this.step({ type: 'durable', now: this.cluster.now, write: this.durable })
  }

  get term(): number {
    return this.core.status().term
  }

  get role(): string {
    return this.core.status().role
  }

  get lastIndex(): number {
    return this.core.status().lastIndex
  }

  /** Proposes one block of `count` entries; its index, or undefined when this node does not lead. */
  propose(count = 1, bytes = 8, drain = true): number | undefined {
    const admission = this.core.admit()
    if (admission.status !== 'LEADER') return undefined
    const { nextIndex: index, term } = admission
    const sequence = ++this.cluster.proposals
    const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(bytes) }))
    this.core.propose(encodeBlock({ index, term }, { node: this.id, incarnation: this.incarnation, sequence }, entries))
    if (drain) this.drain()
    return index
  }
}

export class Cluster {
  readonly protocol: ReturnType<typeof raft>
  readonly ids: NodeId[]
  readonly nodes: Map<NodeId, TestNode> = new Map()
  readonly random: ReturnType<typeof seededRandom>
  readonly limits: CoreLimits
  readonly leaders: Map<number, NodeId> = new Map()
  /** For each committed index, the bytes of its block as text. */
  readonly committed: string[] = ['']
  readonly queue: Envelope[] = []
  readonly sent: Envelope[] = []
  now = 1000
  proposals = 0
  /** Which messages are lost. */
  cuts: (envelope: Envelope) => boolean = () => false

  constructor(options: ClusterOptions = {}) {
    this.protocol = raft(options.raft)
    this.random = seededRandom(options.seed ?? 1)
    this.limits = { ...TEST_LIMITS, ...options.limits }
    this.ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, options.nodes ?? 3)
    for (const id of this.ids) this.nodes.set(id, new TestNode(this, id, options.fastDisks ?? true))
    for (const node of this.nodes.values()) node.start()
  }

  node(id: NodeId): TestNode {
    return this.nodes.get(id)!
  }

  get all(): TestNode[] {
    return [...this.nodes.values()]
  }

  /** The leader of the highest term, if it is up. */
  get leader(): TestNode | undefined {
    const leaders = this.all.filter((node) => node.isUp && node.role === 'leader')
    return leaders.sort((a, b) => b.term - a.term)[0]
  }

  /** Delivers what is on its way, and what comes of it, in order. */
  deliver(limit = 100_000): number {
    let count = 0
    for (; this.queue.length > 0; count++) {
      if (count >= limit) throw new Error('messages without end')
      this.deliverOne(this.queue.shift()!)
    }
    return count
  }

  deliverOne(envelope: Envelope): void {
    this.sent.push(envelope)
    if (this.cuts(envelope)) return
    const to = this.node(envelope.to)
    if (to.isUp) to.step({ type: 'message', now: this.now, from: envelope.from, message: envelope.message })
  }

  /** Lets time pass in ticks, with everything delivered at once. */
  run(ms: number): void {
    const end = this.now + ms
    while (this.now < end) {
      this.now += this.protocol.tickMs
      for (const node of this.all) if (node.isUp) node.step({ type: 'tick', now: this.now })
      this.deliver()
    }
  }

  runUntil(condition: () => boolean, limitMs = 20_000): void {
    const end = this.now + limitMs
    while (!condition()) {
      if (this.now >= end) throw new Error('the condition was not met in time')
      this.run(this.protocol.tickMs)
    }
  }

  /** Makes this node the leader of a fresh cluster. */
  elect(id: NodeId): TestNode {
    const node = this.node(id)
    node.step({ type: 'campaign', now: this.now })
    this.deliver()
    if (node.role !== 'leader') throw new Error(`${id} did not win`)
    return node
  }

  isolate(...ids: NodeId[]): void {
    const inside = new Set(ids)
    this.cuts = ({ from, to }) => inside.has(from) !== inside.has(to)
  }

  heal(): void {
    this.cuts = () => false
  }

  elected(id: NodeId, term: number): void {
    const known = this.leaders.get(term)
    if (known !== undefined && known !== id) throw new Error(`election safety: ${known} and ${id} in term ${term}`)
    this.leaders.set(term, id)
  }

  /** Law 2: nothing at or below commit is written again. */
  checkWrite(node: TestNode, block: Block): void {
    if (block.index <= node.commit)
      throw new Error(`${node.id} rewrites ${block.index} below its commit ${node.commit}`)
  }

  /** State machine safety: what one node has committed at an index, all have. */
  check(node: TestNode): void {
    const { commit, lastIndex } = node.core.status()
    if (commit > lastIndex) throw new Error(`${node.id}: commit ${commit} beyond ${lastIndex}`)
    while (node.unchecked <= commit) {
      const index = node.unchecked
      const block = node.core.blockAt(index) ?? node.blocks.find((stored) => lastIndexOf(stored) >= index)
      if (!block) throw new Error(`${node.id} has nothing at ${index}`)
      if (lastIndexOf(block) > commit) throw new Error(`${node.id}: commit ${commit} is inside a block`)
      const text = key(block)
      for (let at = block.index; at <= lastIndexOf(block); at++) {
        const known = this.committed[at]
        if (known !== undefined && known !== text)
          throw new Error(`state machine safety at ${at}: ${known} and ${text}`)
        this.committed[at] = text
      }
      node.unchecked = lastIndexOf(block) + 1
    }
  }
}

export function key(block: Block): string {
  return Buffer.from(block.bytes).toString('base64')
}
