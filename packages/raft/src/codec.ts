// Messages and hard state to protobuf and back (proto/raft.proto).
//
// Always true: what `decodeMessage` returns has been checked in every field: numbers are whole and in range, names have a length,
// blocks are well-formed and follow each other. The protocol never sees anything else, and no bytes make this file
// throw anything but a MakoError.

import { type Block, decodeBlock, lastIndexOf, MakoError, type NodeId } from '@mako/engine'
import {
  mako,
  type WireAppend,
  type WireAppendReply,
  type WireBarrierReply,
  type WireEnvelope,
  type WireHeartbeat,
  type WireHint,
  type WirePosition,
  type WireVoteReply,
  type WireVoteRequest,
} from './gen/raft.js'
import type {
  Append,
  AppendReply,
  BarrierReply,
  ElectionKind,
  Heartbeat,
  Hint,
  Position,
  RaftMessage,
  VoteReply,
  VoteRequest,
} from './messages.ts'

/** Terms at or above this are refused: no cluster holds so many elections, but one bad message could claim it. */
const TERM_LIMIT = 2 ** 40
const NAME_BYTES = 64

const ELECTIONS: readonly (ElectionKind | undefined)[] = [undefined, 'pre-vote', 'vote', 'transfer']
const ELECTION_CODES: Readonly<Record<ElectionKind, number>> = { 'pre-vote': 1, vote: 2, transfer: 3 }

/** What a node must remember over a crash (thesis 3.8, figure 3.1). */
export interface HardState {
  readonly term: number
  readonly votedFor: NodeId | undefined
}

export function encodeMessage(message: RaftMessage): Uint8Array {
  return mako.raft.Envelope.encode(toWire(message)).finish()
}

/** @throws MakoError `CORRUPT_MESSAGE` */
export function decodeMessage(bytes: Uint8Array): RaftMessage {
  let envelope: WireEnvelope
  try {
    envelope = mako.raft.Envelope.decode(plain(bytes))
  } catch (cause) {
    throw new MakoError('CORRUPT_MESSAGE', 'A Raft message is not readable as protobuf.', { cause })
  }
  return fromWire(envelope)
}

export function encodeHardState(state: HardState): Uint8Array {
  return mako.raft.HardState.encode({ term: state.term, votedFor: state.votedFor ?? '' }).finish()
}

/** @throws MakoError `CORRUPT_LOG` */
export function decodeHardState(bytes: Uint8Array): HardState {
  try {
    const state = mako.raft.HardState.decode(plain(bytes))
    return { term: whole(state.term, 'term', TERM_LIMIT), votedFor: name(state.votedFor) }
  } catch (cause) {
    throw new MakoError('CORRUPT_LOG', 'The hard state (term and vote) in the log store is damaged.', { cause })
  }
}

function toWire(message: RaftMessage): WireEnvelope {
  switch (message.type) {
    case 'append': {
      const { term, previous, commit } = message
      return { append: { term, previous, commit, blocks: message.blocks.map((block) => block.bytes) } }
    }
    case 'heartbeat': {
      const { term, commit, round } = message
      return { heartbeat: { term, commit, probe: message.probe ?? null, round } }
    }
    case 'append-reply': {
      const { term, match, received, hint, round } = message
      return { appendReply: { term, match, received, hint: hint ?? null, leader: message.leader ?? '', round } }
    }
    case 'vote-request': {
      const { term, last } = message
      return { voteRequest: { term, last, election: ELECTION_CODES[message.election] } }
    }
    case 'vote-reply': {
      const { term, requestedTerm, granted } = message
      const election = ELECTION_CODES[message.election]
      return { voteReply: { term, requestedTerm, granted, election, leader: message.leader ?? '' } }
    }
    case 'timeout-now':
      return { timeoutNow: { term: message.term } }
    case 'barrier-request':
      return { barrierRequest: { term: message.term, id: message.id } }
    case 'barrier-reply': {
      const { term, id, index } = message
      return { barrierReply: { term, id, known: index !== undefined, index: index ?? 0 } }
    }
  }
}

/** Of several bodies protobuf keeps the last one, so that at most one is there. */
function fromWire(envelope: WireEnvelope): RaftMessage {
  const { append, heartbeat, appendReply, voteRequest, voteReply, timeoutNow } = envelope
  const { barrierRequest, barrierReply } = envelope
  if (append) return appendFrom(append)
  if (heartbeat) return heartbeatFrom(heartbeat)
  if (appendReply) return appendReplyFrom(appendReply)
  if (voteRequest) return voteRequestFrom(voteRequest)
  if (voteReply) return voteReplyFrom(voteReply)
  if (timeoutNow) return { type: 'timeout-now', term: termOf(timeoutNow.term) }
  if (barrierRequest) {
    const { term, id } = barrierRequest
    return { type: 'barrier-request', term: termOf(term), id: whole(id, 'id') }
  }
  if (barrierReply) return barrierReplyFrom(barrierReply)
  throw corrupt('has no body that is known')
}

function heartbeatFrom(wire: WireHeartbeat): Heartbeat {
  const probe = wire.probe ? position(wire.probe) : undefined
  const commit = whole(wire.commit, 'commit')
  return { type: 'heartbeat', term: termOf(wire.term), commit, probe, round: whole(wire.round, 'round') }
}

function voteRequestFrom(wire: WireVoteRequest): VoteRequest {
  const term = termOf(wire.term)
  const last = position(wire.last)
  if (last.term > term) throw corrupt('asks for a vote in a term below that of its own log')
  return { type: 'vote-request', term, election: election(wire.election), last }
}

function appendFrom(wire: WireAppend): Append {
  const term = termOf(wire.term)
  const previous = position(wire.previous)
  const blocks: Block[] = []
  let last = previous
  for (const bytes of wire.blocks) {
    const block = blockFrom(bytes)
    if (block.index !== last.index + 1) throw corrupt('has a gap between its blocks')
    if (block.term < last.term || block.term > term) throw corrupt('has a block of an impossible term')
    last = { index: lastIndexOf(block), term: block.term }
    if (!Number.isSafeInteger(last.index)) throw corrupt('has a block beyond the last index')
    blocks.push(block)
  }
  if (blocks.length === 0) throw corrupt('appends nothing')
  return { type: 'append', term, previous, commit: whole(wire.commit, 'commit'), blocks }
}

function appendReplyFrom(wire: WireAppendReply): AppendReply {
  const match = whole(wire.match, 'match')
  const received = whole(wire.received, 'received')
  if (match > received) throw corrupt('has more that is durable than has been received')
  const hint = wire.hint ? hintFrom(wire.hint) : undefined
  const round = whole(wire.round, 'round')
  return { type: 'append-reply', term: termOf(wire.term), leader: name(wire.leader), match, received, hint, round }
}

function hintFrom(wire: WireHint): Hint {
  const asked = whole(wire.asked, 'asked')
  const found = position(wire.found)
  if (found.index > asked) throw corrupt('has a hint beyond the place that was asked for')
  return { asked, found }
}

function voteReplyFrom(wire: WireVoteReply): VoteReply {
  return {
    type: 'vote-reply',
    term: whole(wire.term, 'term', TERM_LIMIT),
    leader: name(wire.leader),
    election: election(wire.election),
    requestedTerm: termOf(wire.requestedTerm),
    granted: wire.granted,
  }
}

function barrierReplyFrom(wire: WireBarrierReply): BarrierReply {
  const index = wire.known ? whole(wire.index, 'index') : undefined
  return { type: 'barrier-reply', term: termOf(wire.term), id: whole(wire.id, 'id'), index }
}

function blockFrom(bytes: Uint8Array): Block {
  try {
    return decodeBlock(bytes)
  } catch (cause) {
    throw new MakoError('CORRUPT_MESSAGE', 'A Raft message has a damaged block.', { cause })
  }
}

function position(wire: WirePosition | null): Position {
  if (!wire) return { index: 0, term: 0 }
  const index = whole(wire.index, 'index')
  const term = whole(wire.term, 'term', TERM_LIMIT)
  // Only the place before the first entry has no term.
  if ((index === 0) !== (term === 0)) throw corrupt('names a place that no log has')
  return { index, term }
}

function election(code: number): ElectionKind {
  const kind = ELECTIONS[code]
  if (kind === undefined) throw corrupt(`has an unknown kind of election, ${code}`)
  return kind
}

function termOf(value: number): number {
  const term = whole(value, 'term', TERM_LIMIT)
  if (term === 0) throw corrupt('has no term')
  return term
}

function whole(value: number, field: string, limit: number = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || value < 0 || value >= limit) throw corrupt(`has an impossible ${field}, ${value}`)
  // Minus zero is a zero that compares unequal in tests and maps.
  return value + 0
}

function name(value: string): NodeId | undefined {
  // A character is at least one byte, so this bounds what is kept; whether it is a member is the receiver's question.
  if (value.length > NAME_BYTES) throw corrupt('has a name that is too long')
  return value === '' ? undefined : value
}

/** A view of the same bytes that is no Node Buffer, so that what is cut out of it is a plain Uint8Array as well. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function corrupt(what: string): MakoError {
  return new MakoError('CORRUPT_MESSAGE', `A Raft message ${what}.`)
}
