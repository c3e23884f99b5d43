// The shape of what proto/raft.proto generates, as far as the codec uses it. Written by hand.
import type { Reader, Writer } from 'protobufjs'

interface Type<Value> {
  encode(message: Value, writer?: Writer): Writer
  /** Fields that are absent read as their default; messages that are absent as null. */
  decode(source: Reader | Uint8Array, length?: number): Value
}

export interface WirePosition {
  index: number
  term: number
}
export interface WireHint {
  asked: number
  found: WirePosition | null
}
export interface WireAppend {
  term: number
  previous: WirePosition | null
  commit: number
  blocks: readonly Uint8Array[]
}
export interface WireHeartbeat {
  term: number
  commit: number
  probe: WirePosition | null
  round: number
}
export interface WireAppendReply {
  term: number
  leader: string
  match: number
  received: number
  hint: WireHint | null
  round: number
}
export interface WireVoteRequest {
  term: number
  election: number
  last: WirePosition | null
}
export interface WireVoteReply {
  term: number
  leader: string
  election: number
  requestedTerm: number
  granted: boolean
}
export interface WireTimeoutNow {
  term: number
}
export interface WireBarrierRequest {
  term: number
  id: number
}
export interface WireBarrierReply {
  term: number
  id: number
  known: boolean
  index: number
}
export interface WireEnvelope {
  append?: WireAppend | null
  heartbeat?: WireHeartbeat | null
  appendReply?: WireAppendReply | null
  voteRequest?: WireVoteRequest | null
  voteReply?: WireVoteReply | null
  timeoutNow?: WireTimeoutNow | null
  barrierRequest?: WireBarrierRequest | null
  barrierReply?: WireBarrierReply | null
}
export interface WireHardState {
  term: number
  votedFor: string
}

export const mako: {
  readonly raft: {
    readonly Envelope: Type<WireEnvelope>
    readonly HardState: Type<WireHardState>
  }
}
