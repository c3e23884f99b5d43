// One node under the core suite: a core, a disk that is told when to be done, and the checks of the `Core` contract.
//
// Always true: a message leaves only when the write it names is durable; a crash loses what was not durable; every
// output is checked as it is taken, and everything that went in and came out is kept, so that a life can be lived again.

import {
  encodeBlock,
  lastIndexOf,
  seededRandom,
  type Block,
  type Core,
  type CoreWrite,
  type Input,
  type NodeId,
  type Output,
} from '@mako/engine'
import type { CoreCluster } from './core-cluster.ts'

/** Everything that was done to a core, in order, and what came of it. */
export type Deed<Message> =
  | { readonly type: 'step'; readonly input: Input<Message> }
  | { readonly type: 'propose'; readonly block: Block }
  | { readonly type: 'output'; readonly text: string }

export interface CoreLife<Message> {
  readonly create: () => Core<Message>
  readonly deeds: Deed<Message>[]
}

interface Waiting {
  readonly after: number
  readonly to: NodeId
  readonly bytes: Uint8Array
}

export class CoreNode<Message> {
  readonly id: NodeId
  readonly #cluster: CoreCluster<Message>
  core!: Core<Message>
  isUp = false
  incarnation = 0
  commit = 0
  readonly transfers: ('done' | 'aborted')[] = []
  reads = 0
  /** When false, writes wait for `flush`. */
  isFast = true
  /** When true, the answer to a read is that the log has nothing there. */
  hasLostLog = false
  readonly lives: CoreLife<Message>[] = []
  /** The disk. */
  #state: Uint8Array | undefined
  #blocks: Block[] = []
  /** What the life that runs has asked for and not yet got. */
  #writes: CoreWrite[] = []
  #messages: Waiting[] = []
  #lastWrite = 0
  #durable = 0

  constructor(cluster: CoreCluster<Message>, id: NodeId) {
    this.#cluster = cluster
    this.id = id
  }

  start(): void {
    const { protocol, ids, limits, now, random } = this.#cluster
    this.incarnation++
    const { id, incarnation } = this
    const recovered = { state: this.#state?.slice(), blocks: this.#blocks.slice() }
    const seed = random.u32()
    const create = (): Core<Message> =>
      protocol.createCore({
        partition: 0,
        nodeId: id,
        members: ids,
        incarnation,
        recovered,
        random: seededRandom(seed),
        limits,
        now,
      })
    this.lives.push({ create, deeds: [] })
    this.core = create()
    this.isUp = true
    this.commit = 0
    this.#lastWrite = 0
    this.#durable = 0
  }

  /** Ends the process: what was not durable, and what waited for it, is gone. */
  crash(): void {
    this.isUp = false
    this.#writes = []
    this.#messages = []
  }

  step(input: Input<Message>): void {
    if (!this.isUp) return
    this.#note({ type: 'step', input })
    this.core.step(input)
    this.#turn()
  }

  /** Proposes one block of `count` entries; where it lies, or undefined when this node cannot append now. */
  propose(count = 1, payloadBytes = 8): Block | undefined {
    const admission = this.core.admit()
    if (admission.status !== 'LEADER') return undefined
    const { nextIndex: index, term } = admission
    const payload = new Uint8Array(payloadBytes).fill(this.#cluster.proposals++ % 251)
    const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload }))
    const sequence = this.#cluster.proposals
    const origin = { node: this.id, incarnation: this.incarnation, sequence }
    const block = encodeBlock({ index, term }, origin, entries)
    this.#note({ type: 'propose', block })
    this.core.propose(block)
    this.#turn()
    return block
  }

  get waitingWrites(): number {
    return this.#writes.length
  }

  /** Makes the oldest `count` writes durable. */
  flush(count: number = this.#writes.length): void {
    const done = this.#writes.splice(0, count)
    if (done.length === 0 || !this.isUp) return
    for (const { number, write } of done) {
      this.#durable = number
      if (write.type === 'state') this.#state = write.state.slice()
      else this.#put(write.block, write.truncate)
    }
    const ready = this.#messages.filter(({ after }) => after <= this.#durable)
    this.#messages = this.#messages.filter(({ after }) => after > this.#durable)
    for (const { to, bytes } of ready) this.#cluster.post(this.id, to, bytes)
    this.step({ type: 'durable', now: this.#cluster.now, write: this.#durable })
  }

  /** The block at this index, in memory or on the disk. */
  blockAt(index: number): Block | undefined {
    return this.core.blockAt(index) ?? this.#blocks.find((block) => block.index <= index && index <= lastIndexOf(block))
  }

  #put(block: Block, truncate: boolean): void {
    const end = truncate ? Infinity : lastIndexOf(block)
    this.#blocks = this.#blocks.filter((kept) => lastIndexOf(kept) < block.index || kept.index > end)
    this.#blocks.push(block)
    this.#blocks.sort((a, b) => a.index - b.index)
  }

  #turn(): void {
    const output = this.core.takeOutput()
    this.#note({ type: 'output', text: outputText(output) })
    this.#check(output)
    this.#writes.push(...output.writes)
    this.commit = output.commit
    this.transfers.push(...output.transfers)
    const { protocol } = this.#cluster
    for (const { to, message, after } of output.messages) {
      const bytes = protocol.encode(message)
      this.#cluster.checkCodec(message, bytes)
      if (after <= this.#durable) this.#cluster.post(this.id, to, bytes)
      else this.#messages.push({ after, to, bytes })
    }
    for (const { role, term } of output.roles) if (role === 'leader') this.#cluster.elected(this.id, term)
    this.#cluster.checkCommitted(this)
    for (const { request, from, maxBytes } of output.reads) {
      this.reads++
      const blocks = this.hasLostLog ? [] : this.#read(from, maxBytes)
      this.step({ type: 'read', now: this.#cluster.now, request, blocks })
    }
    if (this.isFast) this.flush()
  }

  #read(from: number, maxBytes: number): Block[] {
    const found: Block[] = []
    let bytes = 0
    let next = from
    for (const block of this.#blocks) {
      if (lastIndexOf(block) < next) continue
      bytes += block.bytes.length
      if (block.index > next || (found.length > 0 && bytes > maxBytes)) break
      found.push(block)
      next = lastIndexOf(block) + 1
    }
    return found
  }

  /** What the contract says of every single output. */
  #check({ writes, messages, commit }: Output<Message>): void {
    const { id } = this
    for (const { number, write } of writes) {
      if (number !== ++this.#lastWrite) throw new Error(`${id}: write ${number} comes where ${this.#lastWrite} is due`)
      if (write.type === 'block' && write.block.index <= this.commit) {
        throw new Error(`${id} rewrites ${write.block.index}, but ${this.commit} is committed`)
      }
    }
    for (const { after, to } of messages) {
      if (after > this.#lastWrite) throw new Error(`${id} promises write ${after}, but asked for ${this.#lastWrite}`)
      if (to === id || !this.#cluster.ids.includes(to)) throw new Error(`${id} writes to ${to}`)
    }
    if (commit < this.commit) throw new Error(`${id}: commit goes back from ${this.commit} to ${commit}`)
    const { lastIndex } = this.core.status()
    if (commit > lastIndex) throw new Error(`${id}: commit ${commit} is beyond the log, which ends at ${lastIndex}`)
  }

  #note(deed: Deed<Message>): void {
    this.lives.at(-1)!.deeds.push(deed)
  }
}

const latin1 = new TextDecoder('latin1')

/** Bytes as text; every byte is another character. */
export function charactersOf(bytes: Uint8Array): string {
  return latin1.decode(bytes)
}

/** An output, or a message, as text for comparing: bytes as characters, and the order of properties does not count. */
export function outputText(output: unknown): string {
  return JSON.stringify(output, (_, value: unknown) => {
    if (value instanceof Uint8Array) return charactersOf(value)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
