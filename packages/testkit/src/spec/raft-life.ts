// What is known of a Raft cluster from its trace so far: each node's disk and life, and each term's leader.
//
// Always true: it holds what was observed and what each node can know, and decides only what an input may be: a disk
// keeps what is durable and a beginning of the rest. Which outputs are allowed is said in `raft.ts`.

import { lastIndexOf, type NodeId } from '@mako/engine'
import type { OutputEvent, TraceEvent } from '../trace/event.ts'
import { logOf, SpecLog } from './log.ts'
import { hardStateOf, type HardState, type RaftTraceMessage } from './raft-message.ts'
import { ReaderRounds } from './readers.ts'
import { entry } from './entry.ts'
import { lifeOf, newTurn, type Turn } from './read-trace.ts'
import { check } from './verdict.ts'

type Start = Extract<TraceEvent, { type: 'start' }>
export type Write = Extract<OutputEvent, { type: 'write' }>

/** What a node keeps over crashes: what is durable, and what was put out since and may be kept from its beginning. */
export interface Disk {
  readonly log: SpecLog
  state: HardState
  unwritten: Write[]
}

/** What a node was told by the leader of a term: how far it may compare logs, and what is committed. */
export interface Told {
  upTo: number
  commit: number
}

/** One life of one node in one partition. */
export interface Life {
  readonly node: NodeId
  readonly quorum: number
  log: SpecLog
  state: HardState
  commit: number
  /** Writes put out, and those of them that are durable. */
  issued: number
  durable: number
  /** By term of this life: the write that made the term durable, and the vote in it with its write. */
  readonly termWrites: Map<number, number>
  readonly votes: Map<number, { readonly candidate: NodeId; readonly write: number }>
  readonly told: Map<number, Told>
  /** By term that this node campaigned in or led: votes and pre-votes given to it, and the matches reported to it. */
  readonly granted: Map<number, Set<NodeId>>
  readonly preGranted: Map<number, Set<NodeId>>
  readonly matches: Map<number, Map<NodeId, number>>
  readonly readers: ReaderRounds
  turn: Turn<RaftTraceMessage>
}

/** One partition, over all nodes. */
export interface Group {
  readonly disks: Map<NodeId, Disk>
  readonly lives: Map<NodeId, Life>
  /** By term: who leads it, and its log in that term, which only grows (3.6.3). */
  readonly leaders: Map<number, { readonly node: NodeId; readonly log: SpecLog }>
  /** What was ever committed. */
  committed: SpecLog
}

export function newGroup(): Group {
  return { disks: new Map(), lives: new Map(), leaders: new Map(), committed: new SpecLog() }
}

/** A node begins with what its disk has: all that was durable, and perhaps some of the writes that were on their way. */
export function start(group: Group, event: Start): void {
  const { node, members } = event
  const log = logOf(event.blocks)
  const state = hardStateOf(event.state)
  check(log !== undefined && state !== undefined, 'recovery', 'what the disk has kept is no state of Raft')
  const disk = diskOf(group, node)
  const isKept = (): boolean =>
    disk.state.term === state.term &&
    disk.state.votedFor === state.votedFor &&
    disk.log.lastIndex === log.lastIndex &&
    disk.log.agrees(log, log.lastIndex)
  let kept = isKept()
  for (const write of disk.unwritten) {
    if (kept) break
    store(disk, write)
    kept = isKept()
  }
  disk.unwritten = []
  check(kept, 'recovery', `the disk has term ${state.term} and ${log.lastIndex} entries, which is not what was written`)
  group.lives.set(node, {
    node,
    quorum: Math.floor(members.length / 2) + 1,
    log,
    state,
    commit: 0,
    issued: 0,
    durable: 0,
    termWrites: new Map([[state.term, 0]]),
    votes: new Map(state.votedFor === null ? [] : [[state.term, { candidate: state.votedFor, write: 0 }]]),
    told: new Map(),
    granted: new Map(),
    preGranted: new Map(),
    matches: new Map(),
    readers: new ReaderRounds(),
    turn: newTurn(),
  })
}

export function diskOf(group: Group, node: NodeId): Disk {
  let disk = group.disks.get(node)
  if (disk === undefined) {
    disk = { log: new SpecLog(), state: { term: 0, votedFor: null }, unwritten: [] }
    group.disks.set(node, disk)
  }
  return disk
}

function store(disk: Disk, write: Write): void {
  if (write.what === 'block') disk.log.put(write.block, 0)
  else disk.state = hardStateOf(write.state) ?? disk.state
}

export function settle(group: Group, node: NodeId, write: number): void {
  const life = lifeOf(group, node)
  check(write <= life.issued, 'durable', `write ${write} is durable and was never put out`)
  const disk = diskOf(group, node)
  while (disk.unwritten.length > 0 && disk.unwritten[0]!.write <= write) store(disk, disk.unwritten.shift()!)
  life.durable = Math.max(life.durable, write)
}

/** Notes what a node can know from now on. */
export function hear(life: Life, from: NodeId, message: RaftTraceMessage): void {
  life.turn.messages.push({ from, message })
  switch (message.type) {
    case 'append':
      check(message.blocks.length > 0, 'message', 'an append without blocks is none')
      hearLeader(life, message.term, lastIndexOf(message.blocks.at(-1)!), message.commit)
      return
    case 'heartbeat':
      hearLeader(life, message.term, message.probe?.index ?? 0, message.commit)
      return
    case 'append-reply': {
      const matches = entry(life.matches, message.term, () => new Map<NodeId, number>())
      matches.set(from, Math.max(matches.get(from) ?? 0, message.match))
      life.readers.heard(message.term, from, message.round)
      return
    }
    case 'vote-reply': {
      const votes = message.election === 'pre-vote' ? life.preGranted : life.granted
      if (message.granted) entry(votes, message.requestedTerm, () => new Set<NodeId>()).add(from)
      return
    }
    case 'barrier-request':
      life.readers.asked(from, message.id, life.state.term, life.commit)
      return
    case 'vote-request':
    case 'timeout-now':
    case 'barrier-reply':
      return
  }
}

function hearLeader(life: Life, term: number, upTo: number, commit: number): void {
  const told = entry(life.told, term, (): Told => ({ upTo: 0, commit: 0 }))
  told.upTo = Math.max(told.upTo, upTo)
  told.commit = Math.max(told.commit, commit)
}
