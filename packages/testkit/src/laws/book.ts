// The book of laws: what is true of a whole cluster, over all nodes and all lives (DESIGN section 4, the laws; Raft
// dissertation figure 3.2, the properties; for Paxos the invariants PI1 to PI10 of docs/adr/0003, as far as they show).
//
// Always true: the book only watches. It keeps the first violation and never changes what nodes do, so a history is
// the same with and without it.

import type { NodeId } from '@mako/engine'
import { HistoryHash } from './hash.ts'
import { LogImage } from './image.ts'
import { InstanceRecord } from './instances.ts'

/** The names of what is checked; stable, for programs. */
export type LawName =
  /** Law 1. */
  | 'commit-monotone'
  /** Law 2: on each node, and on a majority of disks for as long as no disk is lost. */
  | 'committed-kept'
  /** Law 3. */
  | 'durable-before-sent'
  /** Law 4. */
  | 'applied-in-order'
  /** Law 5. */
  | 'one-history'
  /** Law 6. */
  | 'answers'
  /** Law 7. */
  | 'one-leader'
  /** Law 8: term, vote and log that others were told of survive a crash. */
  | 'promises-kept'
  /** A reader is told an index at or above all that was committed before it began, and each is told once. */
  | 'no-stale-read'
  /** A committed entry is durable on a majority. */
  | 'quorum-durable'
  /** Commit is the end of a block. */
  | 'whole-blocks'
  /**
   * Of a protocol that decides index by index: a term proposes one value for an index, at most one value is ever accepted
   * by a majority in one term, and from then on all higher terms propose that value (PI2, PI3, PI6, PI7).
   */
  | 'one-value'
  /** Equal index and term: equal entry and equal prefix. */
  | 'log-matching'
  /** A leader has everything that was committed in earlier terms. */
  | 'leader-completeness'
  /** A leader never rewrites its own log. */
  | 'leader-append-only'
  /** What a leader commits by counting is of its own term (figure 8). */
  | 'own-term-commit'
  /** Entries of this very process go to the leader callback, all others to the follower callback. */
  | 'callback-by-origin'
  /** Leadership is announced when everything of earlier terms is applied, not before. */
  | 'announced-when-ready'
  /** An engine stopped a partition, or failed to start, for a reason that the simulator did not give. */
  | 'engine-fault'
  /** After the faults have ended everything heals in bounded time. */
  | 'liveness'
  /** The workload's own checks. */
  | 'workload'

export interface Violation {
  readonly law: LawName
  readonly message: string
  readonly atMs: number
}

/** What has happened, by name: faults that fired and situations that were reached. */
export type Counters = Record<string, number>

/** What is known of one partition, over all nodes and lives. */
export class PartitionRecord {
  /** Everything that was ever seen committed. */
  readonly committed: LogImage = new LogImage()
  /** For each committed entry, the term of the node that was first seen with it: it was committed in that term or earlier. */
  readonly seenInTerm: number[] = []
  readonly leaders: Map<number, NodeId> = new Map()
  /** The prefix that goes with an index and a term. */
  readonly chains: Map<number, Map<number, number>> = new Map()
  /** By term, what each node voted for. */
  readonly votes: Map<number, Map<NodeId, NodeId>> = new Map()
  /** What was proposed, accepted and chosen index by index, for protocols that decide so. */
  readonly instances: InstanceRecord = new InstanceRecord()
  /** By node: the highest term that it told others of, on the strength of its disk. */
  readonly toldTerm: Map<NodeId, number> = new Map()
  /** By node: what is durable on its disk. */
  readonly disks: Map<NodeId, LogImage> = new Map()
  /** Nodes whose disk was lost, perhaps with the only copies beside those of a bare majority. */
  readonly lost: Set<NodeId> = new Set()
}

export interface LawBookOptions {
  readonly nodes: readonly NodeId[]
  readonly partitions: readonly number[]
  /** Virtual time, for messages. */
  readonly nowMs: () => number
}

export class LawBook {
  readonly history: HistoryHash = new HistoryHash()
  readonly nodes: readonly NodeId[]
  readonly #nowMs: () => number
  readonly #partitions: ReadonlyMap<number, PartitionRecord>
  readonly #counters = new Map<string, number>()
  #violation: Violation | undefined

  constructor(options: LawBookOptions) {
    this.nodes = options.nodes
    this.#nowMs = options.nowMs
    this.#partitions = new Map(
      options.partitions.map((partition) => {
        const record = new PartitionRecord()
        for (const node of options.nodes) record.disks.set(node, new LogImage())
        return [partition, record]
      }),
    )
  }

  /** The first law that was broken. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  /** A copy of what was counted so far. */
  get counters(): Counters {
    return Object.fromEntries(this.#counters)
  }

  get partitions(): readonly number[] {
    return [...this.#partitions.keys()]
  }

  partition(partition: number): PartitionRecord {
    const record = this.#partitions.get(partition)
    if (record === undefined) throw new RangeError(`There is no partition ${partition}.`)
    return record
  }

  count(what: string, by = 1): void {
    this.#counters.set(what, (this.#counters.get(what) ?? 0) + by)
  }

  /** Notes a violation; the first one stays. */
  broken(law: LawName, message: string): void {
    this.#violation ??= { law, message, atMs: this.#nowMs() }
  }

  /** A node leads in a term. */
  led(partition: number, term: number, node: NodeId): void {
    const { leaders } = this.partition(partition)
    const other = leaders.get(term)
    leaders.set(term, other ?? node)
    if (other !== undefined && other !== node) {
      this.broken('one-leader', `${other} and ${node} both lead partition ${partition} in term ${term}`)
    }
    this.count('elections')
    this.history.add(1, partition, term, this.nodes.indexOf(node))
  }

  /** A node gives its vote. */
  voted(partition: number, term: number, node: NodeId, candidate: NodeId): void {
    const { votes } = this.partition(partition)
    let ofTerm = votes.get(term)
    if (ofTerm === undefined) {
      ofTerm = new Map()
      votes.set(term, ofTerm)
    }
    const other = ofTerm.get(node)
    ofTerm.set(node, other ?? candidate)
    if (other !== undefined && other !== candidate) {
      this.broken(
        'promises-kept',
        `${node} voted for ${other} and for ${candidate} in term ${term} of partition ${partition}`,
      )
    }
  }

  /** A log has this prefix: it must be the one that every log with this term at this index has. */
  matches(partition: number, node: NodeId, image: LogImage, index: number): void {
    const { chains } = this.partition(partition)
    const term = image.termAt(index)
    const chain = image.chainAt(index)!
    let ofTerm = chains.get(term)
    if (ofTerm === undefined) {
      ofTerm = new Map()
      chains.set(term, ofTerm)
    }
    const other = ofTerm.get(index)
    if (other === undefined) ofTerm.set(index, chain)
    else if (other !== chain) {
      this.broken(
        'log-matching',
        `${node} has another log up to entry ${index} of term ${term} in partition ${partition} than another node`,
      )
    }
  }

  /**
   * A node says that everything up to here is committed; `byCount` when it leads and has counted itself, `byIndex` when
   * each index has a majority of its own.
   */
  committed(
    partition: number,
    node: NodeId,
    claim: {
      readonly image: LogImage
      readonly commit: number
      readonly term: number
      readonly byCount: boolean
      readonly byIndex?: boolean
    },
  ): void {
    const record = this.partition(partition)
    const { committed } = record
    const { image, commit, term, byCount, byIndex = false } = claim
    const both = Math.min(committed.lastIndex, commit)
    if (image.chainAt(both) !== committed.chainAt(both)) {
      this.broken('one-history', `${node} commits ${commit} of partition ${partition} over another history`)
      return
    }
    if (!image.endsBlock(commit)) {
      this.broken('whole-blocks', `${node} commits ${commit} of partition ${partition}, in the middle of a block`)
    }
    if (commit <= committed.lastIndex) return
    if (byCount && image.termAt(commit) !== term) {
      this.broken(
        'own-term-commit',
        `${node} leads term ${term} and commits entry ${commit} of term ${image.termAt(commit)} in partition ${partition}`,
      )
    }
    while (committed.lastIndex < commit) {
      committed.append(image, committed.lastIndex + 1)
      record.seenInTerm.push(term)
    }
    this.count('committed', commit - both)
    for (let index = byIndex ? both + 1 : commit; index <= commit; index++) {
      const durable = copiesOf(record, index, byIndex)
      if (durable * 2 > record.disks.size) continue
      this.broken(
        'quorum-durable',
        `${node} commits ${index} of partition ${partition}, durable on ${durable} of ${record.disks.size} disks`,
      )
    }
  }

  /**
   * A node has overwritten this entry, which is committed, on its disk. A follower that hears a deposed leader may give up
   * what others commit meanwhile; the majority that has committed it never does.
   */
  overwritten(partition: number, node: NodeId, index: number, byIndex: boolean): void {
    const record = this.partition(partition)
    this.count('overwritten by a deposed leader')
    if (record.lost.size > 0) return
    const durable = copiesOf(record, index, byIndex)
    if (durable * 2 > record.disks.size) return
    this.broken(
      'committed-kept',
      `${node} overwrote ${index} of partition ${partition}, which is committed, and durable on ${durable} disks now`,
    )
  }

  /** A new leader must have everything that was committed in earlier terms. */
  complete(partition: number, node: NodeId, term: number, image: LogImage): void {
    const { committed, seenInTerm } = this.partition(partition)
    let index = committed.lastIndex
    while (index > 0 && seenInTerm[index - 1]! >= term) index--
    if (image.chainAt(index) !== committed.chainAt(index)) {
      this.broken(
        'leader-completeness',
        `${node} leads term ${term} of partition ${partition} without what was committed up to ${index}`,
      )
    }
  }
}

/** On how many disks a committed entry is; with all before it, unless each index is decided by itself. */
function copiesOf({ committed, disks }: PartitionRecord, index: number, byIndex: boolean): number {
  let copies = 0
  for (const disk of disks.values()) {
    const isThere = byIndex
      ? disk.factsAt(index)?.id === committed.factsAt(index)?.id
      : disk.chainAt(index) === committed.chainAt(index)
    if (isThere) copies++
  }
  return copies
}
