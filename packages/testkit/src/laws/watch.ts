// Watches one life of one node: what its cores put out, what it sends, what it applies.
//
// Always true: it passes everything on unchanged. Cores are watched at the seam between protocol and runtime, so the
// production engine and the production protocol run as they are, codec included.

import {
  lastIndexOf,
  proposedTermOf,
  type Block,
  type Core,
  type CoreOptions,
  type Entry,
  type LogWrite,
  type NodeId,
  type Output,
  type Protocol,
  type Role,
} from '@mako/engine'
import type { LawBook } from './book.ts'
import { factsOfBlock, factsOfEntry, fits, type EntryFacts, type LogImage } from './image.ts'

/** What the simulator may know of a protocol's messages; everything else it sees from outside. */
export interface ProtocolProbe<Message> {
  /** The term that the sender of this message is in, when the message says so. */
  term(message: Message): number | undefined
  /** The term in which the sender gives its vote to the receiver, when that is what the message does. */
  vote(message: Message): number | undefined
  /**
   * Whether it decides index by index: then logs may have holes, and entries are proposed again in later terms.
   * @default false
   */
  readonly byIndex?: boolean
}

/** What is known of one partition in this life. */
interface CoreWatch {
  readonly partition: number
  /** The log as the core sees it: what is durable, and what it has asked to be written since. */
  readonly image: LogImage
  commit: number
  role: Role
  term: number
  readyIndex: number
  /** Writes that the core has put out, and those of them that are durable. */
  writes: number
  durableWrites: number
  /** The term in which this life has last proposed an entry for an index. */
  readonly proposed: Map<number, number>
  /** Last entry whose callback has finished. */
  applied: number
  /** Blocks that were put out and are not yet durable, in order. */
  readonly unwritten: { readonly block: Block; readonly facts: readonly EntryFacts[] }[]
  /** The messages of the newest output. */
  messages: readonly object[]
  /** By request: what was committed anywhere when a reader began. */
  readonly readers: Map<number, number>
}

/** One message of a core, which may be for several nodes. */
interface Envelope<Message> {
  readonly partition: number
  readonly message: Message
  after: number
  /** For whom it is and has not left yet. */
  readonly to: NodeId[]
}

export class NodeWatch<Message> {
  readonly #book: LawBook
  readonly #node: NodeId
  readonly #probe: ProtocolProbe<Message> | undefined
  readonly #cores = new Map<number, CoreWatch>()
  /** The messages of each core's newest output, and the bytes that were made of messages and have not left. */
  readonly #messages = new Map<object, Envelope<Message>>()
  readonly #encoded = new Map<Uint8Array, Envelope<Message>>()
  #ended = false

  constructor(book: LawBook, node: NodeId, probe?: ProtocolProbe<Message>) {
    this.#book = book
    this.#node = node
    this.#probe = probe
  }

  /** The last entry that this life has applied, protocol entries left out. */
  applied(partition: number): number {
    return this.#cores.get(partition)?.applied ?? 0
  }

  /** The process has died: what is left of its turn has no effect, and counts for nothing. */
  end(): void {
    this.#ended = true
  }

  /** The same protocol, watched. */
  observe(protocol: Protocol<Message>): Protocol<Message> {
    return {
      name: protocol.name,
      tickMs: protocol.tickMs,
      electionTimeoutMs: protocol.electionTimeoutMs,
      warnings: protocol.warnings,
      createCore: (options) => {
        const core = protocol.createCore(options)
        const watch = this.#began(options, core)
        return {
          step: (input) => {
            if (input.type === 'read-barrier') {
              watch.readers.set(input.request, this.#book.partition(watch.partition).committed.lastIndex)
            }
            core.step(input)
          },
          admit: () => core.admit(),
          propose: (block) => {
            for (let i = 0; i < block.count; i++) watch.proposed.set(block.index + i, block.term)
            core.propose(block)
          },
          takeOutput: () => {
            const output = core.takeOutput()
            if (!this.#ended) this.#took(watch, output)
            return output
          },
          blockAt: (index) => core.blockAt(index),
          status: () => core.status(),
        }
      },
      encode: (message) => {
        const bytes = protocol.encode(message)
        const envelope = this.#messages.get(message as object)
        if (envelope !== undefined) this.#encoded.set(bytes, envelope)
        return bytes
      },
      decode: (bytes) => protocol.decode(bytes),
    }
  }

  /** A message leaves this node. */
  sent(to: NodeId, partition: number, bytes: Uint8Array): void {
    const envelope = this.#encoded.get(bytes)
    const watch = this.#cores.get(partition)
    const place = envelope?.to.indexOf(to) ?? -1
    if (envelope === undefined || watch === undefined || place < 0) {
      this.#book.broken('durable-before-sent', `${this.#node} sent bytes to ${to} that no core has asked for`)
      return
    }
    envelope.to.splice(place, 1)
    if (envelope.to.length === 0) this.#encoded.delete(bytes)
    if (envelope.after > watch.durableWrites) {
      this.#book.broken(
        'durable-before-sent',
        `${this.#node} sent a message of partition ${partition} that promises write ${envelope.after}, durable is ${watch.durableWrites}`,
      )
    }
    const vote = this.#probe?.vote(envelope.message)
    if (vote !== undefined) this.#book.voted(partition, vote, this.#node, to)
    const term = envelope.after > 0 ? this.#probe?.term(envelope.message) : undefined
    if (term !== undefined) {
      const { toldTerm } = this.#book.partition(partition)
      toldTerm.set(this.#node, Math.max(term, toldTerm.get(this.#node) ?? 0))
    }
  }

  /** A write of this life has become durable. */
  durable(write: LogWrite): void {
    const watch = this.#cores.get(write.partition)
    if (watch !== undefined) watch.durableWrites++
    if (write.type === 'state') return
    const { committed, disks } = this.#book.partition(write.partition)
    const image = disks.get(this.#node)!
    const { block, truncate } = write
    const next = watch?.unwritten.shift()
    if (!this.#byIndex && !fits(image, block)) {
      this.#book.broken('committed-kept', `${this.#node} wrote a block at ${block.index} behind ${image.lastIndex}`)
      return
    }
    // What is committed stays on a majority of disks.
    const last = Math.min(image.lastIndex, committed.lastIndex)
    const kept = [block.index, last].filter(
      (index) => index <= last && image.chainAt(index) === committed.chainAt(index),
    )
    const facts = next?.block.bytes === block.bytes ? next.facts : factsOfBlock(block)
    image.put(block, truncate, facts)
    if (this.#byIndex) {
      const { instances } = this.#book.partition(write.partition)
      const wrong = instances.accepted(block, facts, this.#node, disks.size)
      if (wrong !== undefined) this.#book.broken('one-value', `${this.#node}, partition ${write.partition}: ${wrong}`)
    }
    for (const index of kept) {
      if (image.chainAt(index) === committed.chainAt(index)) continue
      this.#book.overwritten(write.partition, this.#node, index, this.#byIndex)
    }
    if (watch !== undefined && next?.block.bytes !== block.bytes) {
      this.#book.broken('durable-before-sent', `${this.#node} wrote a block at ${block.index} that was not its turn`)
    }
  }

  /** A callback is called with an entry. */
  applying(entry: Entry, by: 'leader' | 'follower'): EntryFacts {
    const { partition, index, origin } = entry
    const applied = factsOfEntry(entry)
    const watch = this.#cores.get(partition)
    const { committed } = this.#book.partition(partition)
    if (watch === undefined) {
      this.#book.broken('applied-in-order', `${this.#where(entry)}: applied by a node without a core`)
      return applied
    }
    let due = watch.applied + 1
    while (due < index && committed.factsAt(due)?.noop === true) due++
    if (index !== due) this.#book.broken('applied-in-order', `${this.#where(entry)}: due was ${due}`)
    const facts = committed.factsAt(index)
    if (facts === undefined || index > watch.commit) {
      this.#book.broken('one-history', `${this.#where(entry)}: applied before it is committed`)
    } else if (facts.id !== applied.id) {
      this.#book.broken('one-history', `${this.#where(entry)}: another entry is committed there`)
    }
    // The numbers of lives begin anew on a disk that was replaced, so they do not tell.
    const own = origin.sequence > 0 && watch.proposed.get(index) === entry.term
    if (own !== (by === 'leader')) {
      this.#book.broken(
        'callback-by-origin',
        `${this.#where(entry)}: of ${origin.node}, sequence ${origin.sequence}, went to ${by}`,
      )
    }
    return applied
  }

  /** The callback has finished with this entry. */
  finished(entry: Entry, facts: EntryFacts): void {
    const watch = this.#cores.get(entry.partition)
    if (watch !== undefined) watch.applied = entry.index
    this.#book.count('applied')
    this.#book.history.add(2, this.#book.nodes.indexOf(this.#node), entry.partition, entry.index, facts.id)
  }

  /** The engine announces its leadership. */
  announced(partition: number, term: number): void {
    const watch = this.#cores.get(partition)
    if (watch === undefined) return
    const { committed } = this.#book.partition(partition)
    let done = watch.applied
    while (committed.factsAt(done + 1)?.noop === true) done++
    if (term !== watch.term || watch.role !== 'leader' || done < watch.readyIndex) {
      this.#book.broken(
        'announced-when-ready',
        `${this.#node} announced term ${term} of partition ${partition} with ${done} of ${watch.readyIndex} applied`,
      )
    }
  }

  get #byIndex(): boolean {
    return this.#probe?.byIndex === true
  }

  /** A block of a log without holes. False when nothing more can be made of this output. */
  #prefix(watch: CoreWatch, block: Block, truncate: boolean, output: Output<Message>): boolean {
    const { partition } = watch
    const where = `${this.#node}, partition ${partition}`
    if (!fits(watch.image, block)) {
      this.#book.broken('committed-kept', `${where}: a block at ${block.index} behind ${watch.image.lastIndex}`)
      return false
    }
    if (block.index <= watch.commit) {
      this.#book.broken('committed-kept', `${where}: rewrites ${block.index}, commit is ${watch.commit}`)
    }
    if (block.index <= watch.image.lastIndex) {
      this.#book.count('truncations')
      if (watch.role === 'leader' && output.roles.length === 0) {
        this.#book.broken('leader-append-only', `${where}: the leader rewrites its entry ${block.index}`)
      }
    }
    const facts = factsOfBlock(block)
    watch.unwritten.push({ block, facts })
    watch.image.put(block, truncate, facts)
    this.#book.matches(partition, this.#node, watch.image, lastIndexOf(block))
    return true
  }

  /** A block that is accepted in some term, whatever is or is not before it. */
  #instance(watch: CoreWatch, block: Block): void {
    const { partition, image } = watch
    const where = `${this.#node}, partition ${partition}`
    const { toldTerm, instances } = this.#book.partition(partition)
    const told = toldTerm.get(this.#node) ?? 0
    if (block.term < told) {
      this.#book.broken('promises-kept', `${where}: accepts ${block.index} in term ${block.term}, promised is ${told}`)
    }
    if (block.index <= watch.commit) {
      this.#book.broken('committed-kept', `${where}: rewrites ${block.index}, commit is ${watch.commit}`)
    }
    const facts = factsOfBlock(block)
    const wrong = instances.proposed(block, facts)
    if (wrong !== undefined) this.#book.broken('one-value', `${where}: ${wrong}`)
    const [first] = facts
    if (block.index > image.lastIndex + 1) this.#book.count('accepted behind a hole')
    if (image.factsAt(block.index) !== undefined) {
      const isSame = image.factsAt(block.index)?.id === first?.id
      this.#book.count(isSame ? 'accepted again in a later term' : 'accepted instead of another value')
    }
    if (first?.noop === true && block.term !== proposedTermOf(block)) this.#book.count('holes filled')
    watch.unwritten.push({ block, facts })
    image.put(block, false, facts)
  }

  /** A reader has been answered. */
  #answered(watch: CoreWatch, request: number, index: number | undefined): void {
    const where = `${this.#node}, partition ${watch.partition}`
    const due = watch.readers.get(request)
    if (!watch.readers.delete(request) || due === undefined) {
      this.#book.broken('no-stale-read', `${where}: reader ${request} is answered, and has not asked`)
    } else if (index === undefined) this.#book.count('readers turned away')
    else {
      this.#book.count(watch.role === 'leader' ? 'readers of a leader' : 'readers of a follower')
      if (index >= due) return
      this.#book.broken(
        'no-stale-read',
        `${where}: a reader may read at ${index}, ${due} was committed before it began`,
      )
    }
  }

  #where({ partition, index }: Entry): string {
    return `${this.#node}, partition ${partition}, entry ${index}`
  }

  #began(options: CoreOptions, core: Core<Message>): CoreWatch {
    const { partition, recovered } = options
    const record = this.#book.partition(partition)
    const image = record.disks.get(this.#node)!.clone()
    const { role, term } = core.status()
    const newest = recovered.blocks.at(-1)
    if ((newest === undefined ? 0 : lastIndexOf(newest)) !== image.lastIndex) {
      this.#book.broken('promises-kept', `${this.#node} began partition ${partition} without its whole log`)
    }
    const told = record.toldTerm.get(this.#node) ?? 0
    if (term < told) {
      this.#book.broken(
        'promises-kept',
        `${this.#node} told of term ${told} of partition ${partition}, began at ${term}`,
      )
    }
    const watch: CoreWatch = {
      partition,
      image,
      commit: 0,
      role,
      term,
      readyIndex: 0,
      writes: 0,
      durableWrites: 0,
      proposed: new Map(),
      applied: 0,
      unwritten: [],
      messages: [],
      readers: new Map(),
    }
    this.#cores.set(partition, watch)
    return watch
  }

  #took(watch: CoreWatch, output: Output<Message>): void {
    const { partition } = watch
    const where = `${this.#node}, partition ${partition}`
    for (const { number, write } of output.writes) {
      if (number !== ++watch.writes)
        this.#book.broken('durable-before-sent', `${where}: write ${number} is out of order`)
      if (write.type === 'state') continue
      const { block, truncate } = write
      if (this.#byIndex) this.#instance(watch, block)
      else if (!this.#prefix(watch, block, truncate, output)) return
    }
    for (const { role, term, readyIndex } of output.roles) {
      if (term < watch.term) {
        this.#book.broken('promises-kept', `${where}: the term fell from ${watch.term} to ${term}`)
      }
      Object.assign(watch, { role, term, readyIndex })
      this.#book.history.add(3, this.#book.nodes.indexOf(this.#node), partition, term, role.length)
      if (role !== 'leader') continue
      this.#book.led(partition, term, this.#node)
      this.#book.complete(partition, this.#node, term, watch.image)
    }
    for (const message of watch.messages) this.#messages.delete(message)
    watch.messages = output.messages.map(({ message }) => message as object)
    for (const { to, message, after } of output.messages) {
      const known = this.#messages.get(message as object)
      if (known === undefined) this.#messages.set(message as object, { partition, message, after, to: [to] })
      else {
        known.to.push(to)
        known.after = Math.max(known.after, after)
      }
    }
    for (const { request, index } of output.barriers) this.#answered(watch, request, index)
    const { commit } = output
    if (commit < watch.commit || commit > watch.image.lastIndex) {
      this.#book.broken(
        'commit-monotone',
        `${where}: commit went from ${watch.commit} to ${commit}, the log ends at ${watch.image.lastIndex}`,
      )
    } else if (commit > watch.commit) {
      watch.commit = commit
      const byCount = watch.role === 'leader' && output.roles.length === 0
      const byIndex = this.#byIndex
      this.#book.committed(partition, this.#node, { image: watch.image, commit, term: watch.term, byCount, byIndex })
    }
  }
}
