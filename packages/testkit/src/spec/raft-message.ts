// What a trace of Raft says: its messages and its hard state, as this specification understands them.
//
// Always true: nothing here comes from `@mako/raft`; the hard state is read from its bytes as protobuf defines them, so
// a protocol that writes something else than it says is found out.

import type { BlockSpan, NodeId } from '@mako/engine'
import type { Json, TracedMessage } from '../trace/event.ts'
import type { Place } from './log.ts'

export interface HardState {
  readonly term: number
  readonly votedFor: NodeId | null
}

export type Election = 'pre-vote' | 'vote' | 'transfer'

export type RaftTraceMessage =
  | {
      readonly type: 'append'
      readonly term: number
      readonly previous: Place
      readonly commit: number
      readonly blocks: readonly BlockSpan[]
    }
  | {
      readonly type: 'heartbeat'
      readonly term: number
      readonly commit: number
      readonly probe?: Place
      readonly round: number
    }
  | {
      readonly type: 'append-reply'
      readonly term: number
      readonly match: number
      readonly received: number
      readonly hint?: { readonly asked: number; readonly found: Place }
      readonly round: number
    }
  | { readonly type: 'vote-request'; readonly term: number; readonly election: Election; readonly last: Place }
  | {
      readonly type: 'vote-reply'
      readonly term: number
      readonly election: Election
      readonly requestedTerm: number
      readonly granted: boolean
    }
  | { readonly type: 'timeout-now'; readonly term: number }
  | { readonly type: 'barrier-request'; readonly term: number; readonly id: number }
  | { readonly type: 'barrier-reply'; readonly term: number; readonly id: number; readonly index?: number }

const TYPES: readonly string[] = [
  'append',
  'heartbeat',
  'append-reply',
  'vote-request',
  'vote-reply',
  'timeout-now',
  'barrier-request',
  'barrier-reply',
]

/** The message, or undefined when Raft has none of that type. */
export function raftMessage(message: TracedMessage): RaftTraceMessage | undefined {
  return TYPES.includes(message.type) && typeof message.term === 'number'
    ? (message as unknown as RaftTraceMessage)
    : undefined
}

/** The hard state of an event; term 0 and no vote when none was ever written. */
export function hardStateOf(state: Json): HardState | undefined {
  if (state === null) return { term: 0, votedFor: null }
  if (typeof state !== 'object' || !('term' in state) || !('votedFor' in state)) return undefined
  const { term, votedFor } = state
  if (typeof term !== 'number' || (votedFor !== null && typeof votedFor !== 'string')) return undefined
  return { term, votedFor }
}

const TERM_TAG = (1 << 3) | 1
const VOTED_FOR_TAG = (2 << 3) | 2

/**
 * Describes the hard state of `@mako/raft` for a trace: `{ double term = 1; string votedFor = 2 }` in protobuf, the
 * names of nodes shorter than 128 bytes. Null when the bytes say nothing of the kind.
 */
export function describeRaftState(bytes: Uint8Array): Json {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let term = 0
  let votedFor: string | null = null
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]
    if (tag === TERM_TAG && at + 9 <= bytes.length) {
      term = view.getFloat64(at + 1, true)
      at += 9
    } else if (tag === VOTED_FOR_TAG && bytes[at + 1]! < 128 && at + 2 + bytes[at + 1]! <= bytes.length) {
      const end = at + 2 + bytes[at + 1]!
      votedFor = new TextDecoder().decode(bytes.subarray(at + 2, end)) || null
      at = end
    } else return null
  }
  return { term, votedFor }
}
