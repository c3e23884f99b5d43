// The shape of what proto/paxos.proto generates, as far as the codec uses it. Written by hand.
import type { Reader, Writer } from 'protobufjs'

interface Type<Value> {
  encode(message: Value, writer?: Writer): Writer
  /** Fields that are absent read as their default; messages that are absent as null. */
  decode(source: Reader | Uint8Array, length?: number): Value
}

export interface WireProbe {
  ballot: number
}
export interface WireProbeReply {
  ballot: number
  leader: string
  asked: number
  granted: boolean
}
export interface WirePrepare {
  ballot: number
  from: number
  handover: boolean
}
export interface WirePromise {
  ballot: number
  asked: number
  chosen: number
  blocks: readonly Uint8Array[]
  next: number
}
export interface WireRefusal {
  ballot: number
  leader: string
  refused: number
}
export interface WireAccept {
  ballot: number
  commit: number
  blocks: readonly Uint8Array[]
}
export interface WireHeartbeat {
  ballot: number
  commit: number
  round: number
}
export interface WireAccepted {
  ballot: number
  match: number
  received: number
  first: number
  last: number
  round: number
}
export interface WireHandover {
  ballot: number
}
export interface WireFeeding {
  ballot: number
  learner: string
}
export interface WireLearn {
  ballot: number
  commit: number
  blocks: readonly Uint8Array[]
}
export interface WireLearned {
  ballot: number
  match: number
  received: number
}
export interface WireBarrierRequest {
  ballot: number
  id: number
}
export interface WireBarrierReply {
  ballot: number
  id: number
  known: boolean
  index: number
}
export interface WireEnvelope {
  probe?: WireProbe | null
  probeReply?: WireProbeReply | null
  prepare?: WirePrepare | null
  promise?: WirePromise | null
  refusal?: WireRefusal | null
  accept?: WireAccept | null
  heartbeat?: WireHeartbeat | null
  accepted?: WireAccepted | null
  handover?: WireHandover | null
  feeding?: WireFeeding | null
  learn?: WireLearn | null
  learned?: WireLearned | null
  barrierRequest?: WireBarrierRequest | null
  barrierReply?: WireBarrierReply | null
}
export interface WireHardState {
  promised: number
  commit: number
}

export const mako: {
  readonly paxos: {
    readonly Envelope: Type<WireEnvelope>
    readonly HardState: Type<WireHardState>
  }
}
