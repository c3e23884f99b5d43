// What is known of a Paxos cluster from its trace so far: each node's disk and life, and what is chosen in fact.
//
// Always true: it holds what was observed and what each node can know. It decides what an input may be, and the two facts
// that no output can change: a ballot has one value for an index, and what a majority has accepted in one ballot stays
// chosen in all later ones. Which outputs are allowed is said in `paxos.ts`.

import { lastIndexOf, type NodeId } from '@mako/engine'
import type { OutputEvent, TracedBlock, TraceEvent } from '../trace/event.ts'
import { AcceptedBlocks, isSameValue } from './accepted.ts'
import { paxosStateOf, type PaxosState, type PaxosTraceMessage, type PromiseMessage } from './paxos-message.ts'
import { ReaderRounds } from './readers.ts'
import { entry } from './entry.ts'
import { lifeOf, newTurn, type Turn } from './read-trace.ts'
import { check } from './verdict.ts'

type Start = Extract<TraceEvent, { type: 'start' }>
export type Write = Extract<OutputEvent, { type: 'write' }>

/** Ballots are `round * 64 + rank`, the rank being the place among the voters in the order of their names. */
const RANKS = 64

/** What a node keeps over crashes: what is durable, and what was put out since and may be kept from its beginning. */
interface Disk {
  readonly log: AcceptedBlocks
  state: PaxosState
  unwritten: Write[]
}

/** What an acceptor has told that it has accepted in a ballot. */
interface Acceptance {
  match: number
  readonly spans: { readonly first: number; readonly last: number }[]
}

/** The ballot that a node leads, and the last index that it has proposed in it. */
export interface Lead {
  readonly ballot: number
  lastIndex: number
  /** Proposals of phase 1 that are still to be written. */
  due: number
  mayAddNoOp: boolean
}

/** One life of one node in one partition. */
export interface Life {
  readonly node: NodeId
  readonly isVoter: boolean
  readonly quorum: number
  readonly log: AcceptedBlocks
  state: PaxosState
  commit: number
  /** Known to be chosen by what acceptors have told in phase 1, or a learner was taught. */
  learned: number
  /** Everything chosen up to here is durable: there no look is needed again. */
  settled: number
  /** Writes put out, and those of them that are durable. */
  issued: number
  durable: number
  lead: Lead | undefined
  /** By ballot of this life: the write that made it durable, the commit told in it, and how it was begun. */
  readonly ballotWrites: Map<number, number>
  readonly told: Map<number, number>
  readonly handedOver: Set<number>
  /** The questions of phase 1 that were heard. */
  readonly prepares: Set<string>
  /** By ballot that this node has asked for or led: what it was told. */
  readonly granted: Map<number, Set<NodeId>>
  readonly promises: Map<number, { readonly from: NodeId; readonly message: PromiseMessage }[]>
  readonly accepted: Map<number, Map<NodeId, Acceptance>>
  readonly readers: ReaderRounds
  turn: Turn<PaxosTraceMessage>
}

/** One partition, over all nodes. */
export interface Group {
  voters: readonly NodeId[]
  readonly disks: Map<NodeId, Disk>
  readonly lives: Map<NodeId, Life>
  /** By ballot: who leads it, and the block that it proposes for an index. */
  readonly leaders: Map<number, NodeId>
  readonly proposals: Map<number, Map<number, TracedBlock>>
  /** Who has a block durable, by ballot and first index; and what is chosen, with the ballot. */
  readonly acceptors: Map<string, Set<NodeId>>
  readonly chosen: Map<number, TracedBlock>
}

export function newGroup(): Group {
  return {
    voters: [],
    disks: new Map(),
    lives: new Map(),
    leaders: new Map(),
    proposals: new Map(),
    acceptors: new Map(),
    chosen: new Map(),
  }
}

/** The only node that may use a ballot. */
export function ownerOf({ voters }: Group, ballot: number): NodeId | undefined {
  return ballot < RANKS ? undefined : voters[ballot % RANKS]
}

/** A node begins with what its disk has: all that was durable, and perhaps some of the writes that were on their way. */
export function start(group: Group, { node, members, blocks, state: told }: Start): void {
  group.voters = [...members].sort((a, b) => (a < b ? -1 : 1))
  const state = paxosStateOf(told)
  check(state !== undefined, 'recovery', 'what the disk has kept is no state of Paxos')
  const disk = diskOf(group, node)
  const isKept = (): boolean => {
    const { slots } = disk.log
    const isSame = (block: TracedBlock, i: number): boolean => {
      const kept = slots[i]!.block
      return kept.index === block.index && kept.count === block.count && kept.term === block.term
    }
    const isSameState = disk.state.promised === state.promised && disk.state.commit === state.commit
    return isSameState && slots.length === blocks.length && blocks.every(isSame)
  }
  let kept = isKept()
  for (const write of disk.unwritten) {
    if (kept) break
    store(group, node, disk, write)
    kept = isKept()
  }
  disk.unwritten = []
  check(kept, 'recovery', `the disk has ballot ${state.promised} and ${blocks.length} blocks, as nobody has written it`)
  check(state.commit <= disk.log.wholeTo, 'recovery', `${state.commit} was chosen, the log goes to ${disk.log.wholeTo}`)
  group.lives.set(node, {
    node,
    isVoter: members.includes(node),
    quorum: Math.floor(members.length / 2) + 1,
    log: new AcceptedBlocks(disk.log.slots),
    state,
    commit: state.commit,
    learned: 0,
    settled: state.commit,
    issued: 0,
    durable: 0,
    lead: undefined,
    ballotWrites: new Map([[state.promised, 0]]),
    told: new Map(),
    handedOver: new Set(),
    prepares: new Set(),
    granted: new Map(),
    promises: new Map(),
    accepted: new Map(),
    readers: new ReaderRounds(),
    turn: newTurn(),
  })
}

export function diskOf(group: Group, node: NodeId): Disk {
  return entry(group.disks, node, () => ({
    log: new AcceptedBlocks(),
    state: { promised: 0, commit: 0 },
    unwritten: [],
  }))
}

export function settle(group: Group, node: NodeId, write: number): void {
  const life = lifeOf(group, node)
  check(write <= life.issued, 'durable', `write ${write} is durable and was never put out`)
  const disk = diskOf(group, node)
  while (disk.unwritten.length > 0 && disk.unwritten[0]!.write <= write)
    store(group, node, disk, disk.unwritten.shift()!)
  life.durable = Math.max(life.durable, write)
  for (;;) {
    const slot = life.log.at(life.settled + 1)
    if (slot === undefined || slot.write > life.durable || lastIndexOf(slot.block) > life.commit) return
    life.settled = lastIndexOf(slot.block)
  }
}

function store(group: Group, node: NodeId, disk: Disk, write: Write): void {
  if (write.what === 'state') {
    disk.state = paxosStateOf(write.state) ?? disk.state
    return
  }
  const { block } = write
  disk.log.put(block, 0)
  if (!group.voters.includes(node)) return
  const acceptors = entry(group.acceptors, `${block.term}/${block.index}`, () => new Set<NodeId>())
  acceptors.add(node)
  if (acceptors.size * 2 > group.voters.length) choose(group, block)
}

/** A majority has accepted this block in its ballot (PI3). */
function choose(group: Group, block: TracedBlock): void {
  for (let index = block.index; index <= lastIndexOf(block); index++) {
    const known = group.chosen.get(index)
    check(known === undefined || isSameValue(known, block), 'one-chosen', `two values are chosen for ${index}`)
    if (known === undefined || block.term < known.term) group.chosen.set(index, block)
    for (const [ballot, proposals] of group.proposals) {
      const proposal = ballot > block.term ? proposals.get(index) : undefined
      const isKept = proposal === undefined || isSameValue(proposal, block)
      check(isKept, 'chosen-kept', `ballot ${ballot} proposes another value for ${index}, chosen in ${block.term}`)
    }
  }
}

/** A block is proposed in its ballot: the only one for its indexes (PI7), and nothing else than what is chosen (PI2). */
export function offer(group: Group, block: TracedBlock): void {
  const proposals = entry(group.proposals, block.term, () => new Map<number, TracedBlock>())
  if (proposals.get(block.index) === block) return
  for (let index = block.index; index <= lastIndexOf(block); index++) {
    const known = proposals.get(index) ?? block
    check(isSameValue(known, block), 'one-value', `ballot ${block.term} has two values for ${index}`)
    const chosen = group.chosen.get(index)
    const isKept = chosen === undefined || chosen.term > block.term || isSameValue(chosen, block)
    check(isKept, 'chosen-kept', `ballot ${block.term} proposes another value for ${index} than the chosen one`)
    proposals.set(index, block)
  }
}

/** Notes what a node can know from now on. */
export function hear(life: Life, from: NodeId, message: PaxosTraceMessage): void {
  life.turn.messages.push({ from, message })
  const { ballot } = message
  switch (message.type) {
    case 'probe-reply':
      if (message.granted) entry(life.granted, message.asked, () => new Set<NodeId>()).add(from)
      return
    case 'prepare':
      life.prepares.add(`${ballot}/${from}/${message.from}`)
      return
    case 'promise':
      entry(life.promises, ballot, () => []).push({ from, message })
      return
    case 'accept':
    case 'heartbeat':
      life.told.set(ballot, Math.max(life.told.get(ballot) ?? 0, message.commit))
      return
    case 'accepted': {
      const byNode = entry(life.accepted, ballot, () => new Map<NodeId, Acceptance>())
      const acceptance = entry(byNode, from, () => ({ match: 0, spans: [] }))
      acceptance.match = Math.max(acceptance.match, message.match)
      if (message.span !== undefined) acceptance.spans.push(message.span)
      life.readers.heard(ballot, from, message.round)
      return
    }
    case 'barrier-request':
      life.readers.asked(from, message.id, life.state.promised, life.commit)
      return
    case 'probe':
    case 'refusal':
    case 'handover':
    case 'feeding':
    case 'learn':
    case 'learned':
    case 'barrier-reply':
      return
  }
}
