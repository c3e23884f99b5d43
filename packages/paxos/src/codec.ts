// Messages and hard state to protobuf and back (proto/paxos.proto).
//
// Always true: what `decodeMessage` returns has been checked in every field: numbers are whole and in range, names have a
// length, blocks are well-formed and ascend. The protocol never sees anything else, and no bytes make this file throw
// anything but a MakoError.

import { type Block, decodeBlock, lastIndexOf, MakoError, type NodeId } from '@mako/engine'
import {
  mako,
  type WireAccept,
  type WireAccepted,
  type WireBarrierReply,
  type WireEnvelope,
  type WireFeeding,
  type WireLearn,
  type WireLearned,
  type WirePromise,
} from './gen/paxos.js'
import type { Accept, Accepted, BarrierReply, Feeding, Learn, Learned, PaxosMessage, Promised } from './messages.ts'

/** Ballots at or above this are refused: no cluster holds so many elections, but one bad message could claim it. */
const BALLOT_LIMIT = 2 ** 46
const NAME_BYTES = 64

/** What a node must remember over a crash. */
export interface HardState {
  /** The highest ballot that it has promised, its own included. */
  readonly promised: number
  /** Everything up to here was known to be chosen, and is in the log: a fact for ever, perhaps not the newest. */
  readonly commit: number
}

export function encodeMessage(message: PaxosMessage): Uint8Array {
  return mako.paxos.Envelope.encode(toWire(message)).finish()
}

/** @throws MakoError `CORRUPT_MESSAGE` */
export function decodeMessage(bytes: Uint8Array): PaxosMessage {
  let envelope: WireEnvelope
  try {
    envelope = mako.paxos.Envelope.decode(plain(bytes))
  } catch (cause) {
    throw new MakoError('CORRUPT_MESSAGE', 'A Paxos message is not readable as protobuf.', { cause })
  }
  return fromWire(envelope)
}

export function encodeHardState(state: HardState): Uint8Array {
  return mako.paxos.HardState.encode(state).finish()
}

/** @throws MakoError `CORRUPT_LOG` */
export function decodeHardState(bytes: Uint8Array): HardState {
  try {
    const { promised, commit } = mako.paxos.HardState.decode(plain(bytes))
    return { promised: whole(promised, 'ballot', BALLOT_LIMIT), commit: whole(commit, 'commit') }
  } catch (cause) {
    throw new MakoError('CORRUPT_LOG', 'The hard state (promised ballot) in the log store is damaged.', { cause })
  }
}

function toWire(message: PaxosMessage): WireEnvelope {
  switch (message.type) {
    case 'probe':
      return { probe: { ballot: message.ballot } }
    case 'probe-reply': {
      const { ballot, asked, granted } = message
      return { probeReply: { ballot, asked, granted, leader: message.leader ?? '' } }
    }
    case 'prepare': {
      const { ballot, from, handover } = message
      return { prepare: { ballot, from, handover } }
    }
    case 'promise': {
      const { ballot, asked, chosen } = message
      return { promise: { ballot, asked, chosen, blocks: bytesOf(message.blocks), next: message.next ?? 0 } }
    }
    case 'refusal': {
      const { ballot, refused } = message
      return { refusal: { ballot, refused, leader: message.leader ?? '' } }
    }
    case 'accept':
      return { accept: { ballot: message.ballot, commit: message.commit, blocks: bytesOf(message.blocks) } }
    case 'heartbeat':
      return { heartbeat: { ballot: message.ballot, commit: message.commit, round: message.round } }
    case 'accepted': {
      const { ballot, match, received, span, round } = message
      return { accepted: { ballot, match, received, first: span?.first ?? 0, last: span?.last ?? 0, round } }
    }
    case 'handover':
      return { handover: { ballot: message.ballot } }
    case 'feeding': {
      const { ballot, learner } = message
      return { feeding: { ballot, learner } }
    }
    case 'learn':
      return { learn: { ballot: message.ballot, commit: message.commit, blocks: bytesOf(message.blocks) } }
    case 'learned': {
      const { ballot, match, received } = message
      return { learned: { ballot, match, received } }
    }
    case 'barrier-request':
      return { barrierRequest: { ballot: message.ballot, id: message.id } }
    case 'barrier-reply': {
      const { ballot, id, index } = message
      return { barrierReply: { ballot, id, known: index !== undefined, index: index ?? 0 } }
    }
  }
}

/** Of several bodies protobuf keeps the last one, so that at most one is there. */
function fromWire(envelope: WireEnvelope): PaxosMessage {
  const { probe, probeReply, prepare, promise, refusal, accept, heartbeat, accepted, handover } = envelope
  const { feeding, learn, learned, barrierRequest, barrierReply } = envelope
  if (accept) return acceptFrom(accept)
  if (accepted) return acceptedFrom(accepted)
  if (heartbeat) {
    const commit = whole(heartbeat.commit, 'commit')
    return { type: 'heartbeat', ballot: ballotOf(heartbeat.ballot), commit, round: whole(heartbeat.round, 'round') }
  }
  if (probe) return { type: 'probe', ballot: ballotOf(probe.ballot) }
  if (probeReply) {
    return {
      type: 'probe-reply',
      ballot: whole(probeReply.ballot, 'ballot', BALLOT_LIMIT),
      leader: name(probeReply.leader),
      asked: ballotOf(probeReply.asked),
      granted: probeReply.granted,
    }
  }
  if (prepare) {
    const { handover: isHandover } = prepare
    return { type: 'prepare', ballot: ballotOf(prepare.ballot), from: indexOf(prepare.from), handover: isHandover }
  }
  if (promise) return promiseFrom(promise)
  if (refusal) {
    const ballot = whole(refusal.ballot, 'ballot', BALLOT_LIMIT)
    return { type: 'refusal', ballot, leader: name(refusal.leader), refused: ballotOf(refusal.refused) }
  }
  if (handover) return { type: 'handover', ballot: ballotOf(handover.ballot) }
  if (feeding) return feedingFrom(feeding)
  if (learn) return learnFrom(learn)
  if (learned) return learnedFrom(learned)
  if (barrierRequest) {
    const { ballot, id } = barrierRequest
    return { type: 'barrier-request', ballot: ballotOf(ballot), id: whole(id, 'id') }
  }
  if (barrierReply) return barrierReplyFrom(barrierReply)
  throw corrupt('has no body that is known')
}

function promiseFrom(wire: WirePromise): Promised {
  const ballot = ballotOf(wire.ballot)
  const asked = indexOf(wire.asked)
  const next = wire.next === 0 ? undefined : indexOf(wire.next)
  const blocks = blocksFrom(wire.blocks, ballot)
  if ((blocks[0]?.index ?? asked) < asked) throw corrupt('promises blocks that nobody has asked for')
  const last = blocks.at(-1)
  if (next !== undefined && next <= (last === undefined ? asked : lastIndexOf(last))) {
    throw corrupt('promises to go on before its own end')
  }
  return { type: 'promise', ballot, asked, chosen: whole(wire.chosen, 'commit'), blocks, next }
}

function acceptFrom(wire: WireAccept): Accept {
  const ballot = ballotOf(wire.ballot)
  const blocks = blocksFrom(wire.blocks, ballot)
  if (blocks.length === 0) throw corrupt('proposes nothing')
  checkConsecutive(blocks)
  if (blocks.some((block) => block.term !== ballot)) throw corrupt('proposes a block under another ballot')
  return { type: 'accept', ballot, commit: whole(wire.commit, 'commit'), blocks }
}

function acceptedFrom(wire: WireAccepted): Accepted {
  const match = whole(wire.match, 'match')
  const received = whole(wire.received, 'received')
  if (match > received) throw corrupt('has more that is durable than has been received')
  const first = whole(wire.first, 'index')
  const last = whole(wire.last, 'index')
  if (first > last || (first === 0) !== (last === 0)) throw corrupt('answers an impossible span')
  const span = first === 0 ? undefined : { first, last }
  const round = whole(wire.round, 'round')
  return { type: 'accepted', ballot: ballotOf(wire.ballot), match, received, span, round }
}

function feedingFrom(wire: WireFeeding): Feeding {
  const learner = name(wire.learner)
  if (learner === undefined) throw corrupt('names no learner')
  return { type: 'feeding', ballot: ballotOf(wire.ballot), learner }
}

function learnFrom(wire: WireLearn): Learn {
  const ballot = ballotOf(wire.ballot)
  const commit = whole(wire.commit, 'commit')
  const blocks = blocksFrom(wire.blocks, BALLOT_LIMIT)
  checkConsecutive(blocks)
  const last = blocks.at(-1)
  if (last !== undefined && lastIndexOf(last) > commit) throw corrupt('teaches what is not chosen')
  return { type: 'learn', ballot, commit, blocks }
}

function learnedFrom(wire: WireLearned): Learned {
  const match = whole(wire.match, 'match')
  const received = whole(wire.received, 'received')
  if (match > received) throw corrupt('has more that is durable than has been received')
  return { type: 'learned', ballot: ballotOf(wire.ballot), match, received }
}

function barrierReplyFrom(wire: WireBarrierReply): BarrierReply {
  const index = wire.known ? whole(wire.index, 'index') : undefined
  return { type: 'barrier-reply', ballot: ballotOf(wire.ballot), id: whole(wire.id, 'id'), index }
}

/** Blocks in ascending order without overlap, none of a ballot above this one. */
function blocksFrom(wire: readonly Uint8Array[], ballot: number): Block[] {
  const blocks: Block[] = []
  let last = 0
  for (const bytes of wire) {
    let block: Block
    try {
      block = decodeBlock(bytes)
    } catch (cause) {
      throw new MakoError('CORRUPT_MESSAGE', 'A Paxos message has a damaged block.', { cause })
    }
    if (block.index <= last) throw corrupt('has blocks that do not ascend')
    if (block.term > ballot) throw corrupt('has a block of an impossible ballot')
    last = lastIndexOf(block)
    if (!Number.isSafeInteger(last)) throw corrupt('has a block beyond the last index')
    blocks.push(block)
  }
  return blocks
}

function checkConsecutive(blocks: readonly Block[]): void {
  for (let i = 1; i < blocks.length; i++) {
    if (blocks[i]!.index !== lastIndexOf(blocks[i - 1]!) + 1) throw corrupt('has a gap between its blocks')
  }
}

function bytesOf(blocks: readonly Block[]): Uint8Array[] {
  return blocks.map((block) => block.bytes)
}

function ballotOf(value: number): number {
  const ballot = whole(value, 'ballot', BALLOT_LIMIT)
  if (ballot === 0) throw corrupt('has no ballot')
  return ballot
}

function indexOf(value: number): number {
  const index = whole(value, 'index')
  if (index === 0) throw corrupt('has no index')
  return index
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
  return new MakoError('CORRUPT_MESSAGE', `A Paxos message ${what}.`)
}
