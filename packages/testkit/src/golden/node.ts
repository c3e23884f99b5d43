// One node of a golden script: a core, its disk, and what the core has asked for and not been given.
//
// Always true: a message leaves only when the write that it names is durable; a crash ends the core and everything that
// waited in memory, and keeps the disk.

import {
  type Block,
  type Core,
  encodeBlock,
  type Input,
  lastIndexOf,
  type NodeId,
  type Output,
  type Protocol,
  type ReadRequest,
  seededRandom,
} from '@mako/engine'
import type { GoldenCluster } from './cluster.ts'
import { blockText, roleText, spanText } from './describe.ts'
import { GoldenDisk } from './disk.ts'
import type { EventLine } from './report.ts'

const encoder = new TextEncoder()

interface WaitingMessage<Message> {
  readonly to: NodeId
  readonly message: Message
  readonly after: number
}

type WithoutNow<T> = T extends unknown ? Omit<T, 'now'> : never

/** An input without its time, which is the cluster's. */
export type GoldenInput<Message> = WithoutNow<Input<Message>>

export class GoldenNode<Message extends { readonly type: string }> {
  readonly id: NodeId
  readonly disk: GoldenDisk = new GoldenDisk()
  readonly #cluster: GoldenCluster<Message>
  readonly #protocol: Protocol<Message>
  #core: Core<Message> | undefined
  #incarnation = 0
  #sequence = 0
  #commit = 0
  #lastReader = 0
  #waiting: WaitingMessage<Message>[] = []
  #reads: ReadRequest[] = []

  constructor(cluster: GoldenCluster<Message>, id: NodeId, protocol: Protocol<Message>) {
    this.#cluster = cluster
    this.#protocol = protocol
    this.id = id
  }

  /** Undefined while the node is down. */
  get core(): Core<Message> | undefined {
    return this.#core
  }

  get commit(): number {
    return this.#commit
  }

  /** Reads from the log store that have not been answered, oldest first. */
  get reads(): readonly ReadRequest[] {
    return this.#reads
  }

  /** Begins a life over what the disk has kept. */
  start(): void {
    const cluster = this.#cluster
    this.#incarnation++
    this.#sequence = 0
    this.#core = this.#protocol.createCore({
      partition: 0,
      nodeId: this.id,
      members: cluster.members,
      incarnation: this.#incarnation,
      recovered: { state: this.disk.state, blocks: this.disk.blocks },
      random: seededRandom(cluster.random.u32()),
      limits: cluster.limits,
      now: cluster.nowMs,
    })
  }

  /** Ends this life; tells what was lost with it. */
  crash(keep: 'durable' | 'all'): EventLine[] {
    const verb = keep === 'all' ? 'keeps, unheard,' : 'loses'
    const lines = this.disk.waiting.map((write): EventLine => ({ kind: 'write', text: `${verb} ${this.#text(write)}` }))
    for (const { to, message } of this.#waiting) {
      lines.push({ kind: 'message', text: `-> ${to} never: ${this.#cluster.describe.message(message)}` })
    }
    this.disk.crash(keep)
    this.#core = undefined
    this.#commit = 0
    this.#waiting = []
    this.#reads = []
    return lines
  }

  /** Gives the core an input and carries out what comes of it. */
  step(input: GoldenInput<Message>, heading: string, isNews: boolean): void {
    const core = this.#core
    if (!core) return
    core.step({ ...input, now: this.#cluster.nowMs })
    this.#finish(heading, isNews, [])
  }

  /** Proposes these payloads as one block; false when this node may not append. */
  propose(payloads: readonly string[]): boolean {
    const admission = this.#core?.admit()
    if (admission?.status !== 'LEADER') return false
    const origin = { node: this.id, incarnation: this.#incarnation, sequence: this.#sequence + 1 }
    const entries = payloads.map((payload) => ({ kind: 'data' as const, payload: encoder.encode(payload) }))
    const block = encodeBlock({ index: admission.nextIndex, term: admission.term }, origin, entries)
    this.#sequence += payloads.length
    this.#core?.propose(block)
    this.#finish(`proposes ${blockText(block, this.#cluster.describe.term)}`, true, [])
    return true
  }

  /** The waiting writes up to this number become durable; false when there is none. */
  flush(upTo: number = Number.POSITIVE_INFINITY): boolean {
    if (!this.#core || !this.disk.flush(upTo)) return false
    const { durable } = this.disk
    const ready = this.#waiting.filter(({ after }) => after <= durable)
    this.#waiting = this.#waiting.filter(({ after }) => after > durable)
    // What has waited leaves before the core hears of it, as in the runtime.
    const lines = ready.map(({ to, message }) => this.#send(to, message))
    this.#core.step({ type: 'durable', now: this.#cluster.nowMs, write: durable })
    this.#finish(`has written ${durable}`, true, lines)
    return true
  }

  /** Answers the oldest read that waits, from the disk or with nothing; false when none waits. */
  answerRead(answer: 'blocks' | 'nothing'): boolean {
    const read = this.#reads.shift()
    if (!read) return false
    const blocks = answer === 'blocks' ? this.disk.read(read.from, read.maxBytes) : []
    const found =
      blocks.length === 0 ? 'nothing' : blocks.map((block) => spanText(block, this.#cluster.describe.term)).join(', ')
    this.step({ type: 'read', request: read.request, blocks }, `has read ${found}`, true)
    return true
  }

  /** The block of this node's log that holds this index, from memory or from the disk. */
  blockAt(index: number): Block | undefined {
    const inMemory = this.#core?.blockAt(index)
    if (inMemory) return inMemory
    return this.disk.blocks.find((block) => block.index <= index && index <= lastIndexOf(block))
  }

  /** The highest index that was ever written and is on the disk or on its way to it. */
  get lastWritten(): number {
    const waiting = this.disk.waiting.flatMap(({ write }) => (write.type === 'block' ? [write.block] : []))
    return Math.max(0, ...[...this.disk.blocks.slice(-1), ...waiting].map(lastIndexOf))
  }

  /** Takes what a core that has just been made wants at once, if it wants anything. */
  finishStart(heading: string): void {
    this.#finish(heading, true, [])
  }

  /** Readers are numbered over all lives. */
  nextReader(): number {
    return ++this.#lastReader
  }

  #finish(heading: string, isNews: boolean, lines: EventLine[]): void {
    const output = this.#core!.takeOutput()
    this.#cluster.report.event(this.id, heading, [...this.#carryOut(output), ...lines], isNews)
  }

  #carryOut(output: Output<Message>): EventLine[] {
    const { laws } = this.#cluster
    const lines: EventLine[] = []
    for (const change of output.roles) {
      if (change.role === 'leader') laws.led(this.id, change.term)
      lines.push({ kind: 'role', text: roleText(change, this.id, this.#cluster.describe.term) })
    }
    for (const transfer of output.transfers) lines.push({ kind: 'transfer', text: `transfer ${transfer}` })
    for (const write of output.writes) {
      laws.written(this.id, write, this.#commit)
      lines.push({ kind: 'write', text: this.#text(write) })
    }
    this.disk.write(output.writes)
    for (const { to, message, after } of output.messages) {
      if (after <= this.disk.durable) lines.push(this.#send(to, message))
      else {
        this.#waiting.push({ to, message, after })
        lines.push({
          kind: 'message',
          text: `-> ${to} after write ${after}: ${this.#cluster.describe.message(message)}`,
        })
      }
    }
    for (const read of output.reads) {
      this.#reads.push(read)
      lines.push({ kind: 'read', text: `wants to read from ${read.from}` })
    }
    for (const { request, index } of output.barriers) {
      const text = index === undefined ? 'is turned away' : `may read at ${index}`
      lines.push({ kind: 'reader', text: `reader ${request} ${text}` })
    }
    if (output.commit !== this.#commit) {
      laws.committed(this.id, this.#commit, output.commit, (index) => this.blockAt(index))
      this.#commit = output.commit
      lines.push({ kind: 'commit', text: `commit ${output.commit}` })
    }
    return lines
  }

  /** Over the wire and back, so that every script is one of the codec as well. */
  #send(to: NodeId, message: Message): EventLine {
    const { network, describe } = this.#cluster
    const arrives = network.send(this.id, to, this.#protocol.decode(this.#protocol.encode(message)))
    return { kind: 'message', text: `-> ${to}${arrives ? '' : ' lost'}: ${describe.message(message)}` }
  }

  #text({ number, write }: Output<Message>['writes'][number]): string {
    const { describe } = this.#cluster
    if (write.type === 'state') return `write ${number}: state ${describe.state(write.state)}`
    return `write ${number}: block ${blockText(write.block, describe.term)}${write.truncate ? ', truncating' : ''}`
  }
}
