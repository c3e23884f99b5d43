// A cluster of cores in one thread, for the tests of a protocol: a queue of messages, explicit disks, virtual time.
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
  type Protocol,
  seededRandom,
} from '@mako/engine'

export const TEST_LIMITS: CoreLimits = {
  inflightEntries: 1024,
  inflightBytes: 1 << 20,
  messageBytes: 1 << 16,
  tailBytes: 1 << 20,
}

export interface Envelope<Message> {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

export interface CoreClusterOptions {
  readonly nodes?: number
  readonly learners?: readonly NodeId[]
  readonly seed?: number
  readonly limits?: Partial<CoreLimits>
  /** When true, writes become durable as soon as they are asked for. @default true */
  readonly fastDisks?: boolean
}

export class CoreNode<Message> {
  readonly id: NodeId
  readonly cluster: CoreCluster<Message>
  core!: Core<Message>
  isUp = true
  commit = 0
  /** What is durable. */
  state: Uint8Array | undefined
  blocks: Block[] = []
  /** Writes that wait for the disk, messages that wait for writes. */
  waitingWrites: CoreWrite[] = []
  waitingMessages: { after: number; envelope: Envelope<Message> }[] = []
  durable = 0
  incarnation = 0
  transfers: string[] = []
  /** Answers to readers: how far they must be. */
  barriers: (number | undefined)[] = []
  reads = 0
  fastDisk: boolean
  /** The first index in this life whose committed block has not been compared with the others'. */
  unchecked = 1

  constructor(cluster: CoreCluster<Message>, id: NodeId, fastDisk: boolean) {
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
      learners: cluster.learners,
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

  step(input: Input<Message>): void {
    this.core.step(input)
    this.drain()
  }

  drain(): void {
    this.carryOut(this.core.takeOutput())
    this.cluster.check(this)
  }

  carryOut(output: Output<Message>): void {
    const { cluster } = this
    this.waitingWrites.push(...output.writes)
    for (const { write } of output.writes) cluster.writes(this, write)
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
      const first = this.blocks[at]
      const second = this.blocks[at + 1]
      const blocks: Block[] = first !== undefined && first.index <= from ? [first] : []
      if (blocks.length > 0 && second?.index === lastIndexOf(first!) + 1) blocks.push(second)
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
      else this.cluster.stores(this, decodeBlock(write.block.bytes), write.truncate)
    }
    const ready = this.waitingMessages.filter(({ after }) => after <= this.durable)
    this.waitingMessages = this.waitingMessages.filter(({ after }) => after > this.durable)
    for (const { envelope } of ready) this.cluster.queue.push(envelope)
    this.step({ type: 'durable', now: this.cluster.now, write: this.durable })
  }

  /** Of Paxos: the ballot. */
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

export abstract class CoreCluster<Message> {
  readonly protocol: Protocol<Message>
  readonly ids: NodeId[]
  readonly learners: readonly NodeId[]
  readonly nodes: Map<NodeId, CoreNode<Message>> = new Map()
  readonly random: ReturnType<typeof seededRandom>
  readonly limits: CoreLimits
  readonly leaders: Map<number, NodeId> = new Map()
  /** For each committed index, the value of its block. */
  readonly committed: string[] = ['']
  readonly queue: Envelope<Message>[] = []
  readonly sent: Envelope<Message>[] = []
  now = 1000
  proposals = 0
  /** Which messages are lost. */
  cuts: (envelope: Envelope<Message>) => boolean = () => false

  constructor(protocol: Protocol<Message>, options: CoreClusterOptions) {
    this.protocol = protocol
    this.random = seededRandom(options.seed ?? 1)
    this.limits = { ...TEST_LIMITS, ...options.limits }
    this.ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, options.nodes ?? 3)
    this.learners = options.learners ?? []
    for (const id of [...this.ids, ...this.learners]) {
      this.nodes.set(id, new CoreNode(this, id, options.fastDisks ?? true))
    }
    for (const node of this.nodes.values()) node.start()
  }

  /** What two copies of a block have in common when they are the same block, as text. */
  abstract valueOf(block: Block): string

  /** A block is durable: the disk of this node takes it in. */
  abstract stores(node: CoreNode<Message>, block: Block, truncate: boolean): void

  node(id: NodeId): CoreNode<Message> {
    return this.nodes.get(id)!
  }

  get all(): CoreNode<Message>[] {
    return [...this.nodes.values()]
  }

  /** The leader of the highest term, if it is up. */
  get leader(): CoreNode<Message> | undefined {
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

  deliverOne(envelope: Envelope<Message>): void {
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
  elect(id: NodeId): CoreNode<Message> {
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

  /** A node asks its disk for this. Law 2: nothing at or below commit is written again. */
  writes(node: CoreNode<Message>, write: CoreWrite['write']): void {
    if (write.type === 'block' && write.block.index <= node.commit) {
      throw new Error(`${node.id} rewrites ${write.block.index} below its commit ${node.commit}`)
    }
  }

  /** State machine safety: what one node has committed at an index, all have. */
  check(node: CoreNode<Message>): void {
    const { commit, lastIndex } = node.core.status()
    if (commit > lastIndex) throw new Error(`${node.id}: commit ${commit} beyond ${lastIndex}`)
    while (node.unchecked <= commit) {
      const index = node.unchecked
      const block = node.core.blockAt(index) ?? node.blocks.find((stored) => lastIndexOf(stored) >= index)
      if (!block) throw new Error(`${node.id} has nothing at ${index}`)
      if (lastIndexOf(block) > commit) throw new Error(`${node.id}: commit ${commit} is inside a block`)
      const value = this.valueOf(block)
      for (let at = block.index; at <= lastIndexOf(block); at++) this.commits(node, at, value)
      node.unchecked = lastIndexOf(block) + 1
    }
  }

  /** A node has committed this value at an index. */
  commits(_node: CoreNode<Message>, at: number, value: string): void {
    const known = this.committed[at]
    if (known !== undefined && known !== value) throw new Error(`state machine safety at ${at}: ${known} and ${value}`)
    this.committed[at] = value
  }
}
