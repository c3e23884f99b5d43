// What a trace of Paxos says: its messages and its hard state, as this specification understands them.
//
// Always true: nothing here comes from `@mako/paxos`; the hard state is read from its bytes as protobuf defines them, so
// a protocol that writes something else than it says is found out.

import type { NodeId } from '@mako/engine'
import type { Json, TracedBlock, TracedMessage } from '../trace/event.ts'

export interface PaxosState {
  /** The highest ballot that was promised. */
  readonly promised: number
  /** So much was known to be chosen. */
  readonly commit: number
}

type Blocks = readonly TracedBlock[]

export type PaxosTraceMessage =
  | { readonly type: 'probe'; readonly ballot: number }
  | { readonly type: 'probe-reply'; readonly ballot: number; readonly asked: number; readonly granted: boolean }
  | { readonly type: 'prepare'; readonly ballot: number; readonly from: number; readonly handover: boolean }
  | PromiseMessage
  | { readonly type: 'refusal'; readonly ballot: number; readonly refused: number }
  | { readonly type: 'accept'; readonly ballot: number; readonly commit: number; readonly blocks: Blocks }
  | { readonly type: 'heartbeat'; readonly ballot: number; readonly commit: number; readonly round: number }
  | AcceptedMessage
  | { readonly type: 'handover'; readonly ballot: number }
  | { readonly type: 'feeding'; readonly ballot: number; readonly learner: NodeId }
  | { readonly type: 'learn'; readonly ballot: number; readonly commit: number; readonly blocks: Blocks }
  | { readonly type: 'learned'; readonly ballot: number; readonly match: number; readonly received: number }
  | { readonly type: 'barrier-request'; readonly ballot: number; readonly id: number }
  | { readonly type: 'barrier-reply'; readonly ballot: number; readonly id: number; readonly index?: number }

/** What was accepted at `asked` and behind it, or only before `next`. */
export interface PromiseMessage {
  readonly type: 'promise'
  readonly ballot: number
  readonly asked: number
  readonly chosen: number
  readonly blocks: Blocks
  readonly next?: number
}

export interface AcceptedMessage {
  readonly type: 'accepted'
  readonly ballot: number
  readonly match: number
  readonly received: number
  readonly span?: { readonly first: number; readonly last: number }
  readonly round: number
}

const TYPES: readonly string[] = [
  'probe',
  'probe-reply',
  'prepare',
  'promise',
  'refusal',
  'accept',
  'heartbeat',
  'accepted',
  'handover',
  'feeding',
  'learn',
  'learned',
  'barrier-request',
  'barrier-reply',
]

/** The message, or undefined when Paxos has none of that type. */
export function paxosMessage(message: TracedMessage): PaxosTraceMessage | undefined {
  return TYPES.includes(message.type) && typeof message.ballot === 'number'
    ? (message as unknown as PaxosTraceMessage)
    : undefined
}

/** The hard state of an event; ballot 0 when none was ever written. */
export function paxosStateOf(state: Json): PaxosState | undefined {
  if (state === null) return { promised: 0, commit: 0 }
  if (typeof state !== 'object' || !('promised' in state) || !('commit' in state)) return undefined
  const { promised, commit } = state
  return typeof promised === 'number' && typeof commit === 'number' ? { promised, commit } : undefined
}

const PROMISED_TAG = (1 << 3) | 1
const COMMIT_TAG = (2 << 3) | 1

/**
 * Describes the hard state of `@mako/paxos` for a trace: `{ double promised = 1; double commit = 2 }` in protobuf. Null
 * when the bytes say nothing of the kind.
 */
export function describePaxosState(bytes: Uint8Array): Json {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const state = { promised: 0, commit: 0 }
  for (let at = 0; at < bytes.length; at += 9) {
    const tag = bytes[at]
    if ((tag !== PROMISED_TAG && tag !== COMMIT_TAG) || at + 9 > bytes.length) return null
    state[tag === PROMISED_TAG ? 'promised' : 'commit'] = view.getFloat64(at + 1, true)
  }
  return state
}
