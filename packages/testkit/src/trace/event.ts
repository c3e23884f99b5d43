// What a trace consists of: plain data, one event a line, in the order in which things happened.
//
// Always true: an event says what was observed at the seam between protocol and runtime, or done to the world; nothing
// is concluded. Messages and writes are the protocol's own plain data, blocks without their bytes. The events of one
// output of a core (`write`, `send`, `read`, `role`, `transfer`, `reader-answer`, `commit`) follow each other without any other between.

import type { BlockSpan, EntryKind, NodeId, Role } from '@mako/engine'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A message as its protocol describes it. */
export interface TracedMessage {
  readonly type: string
  readonly [field: string]: Json
}

/** A block without its bytes. What is known from the disk's index alone has only its span. */
export interface TracedBlock extends BlockSpan {
  /** The term of its first proposal; left out when this is `term`. */
  readonly proposed?: number
  /** Equal for copies of one block in different terms, and different for different blocks: a hash. */
  readonly value?: number
}

interface At {
  /** Virtual milliseconds. */
  readonly at: number
  readonly node: NodeId
}

export interface AtCore extends At {
  readonly partition: number
}

/** What a core was given. */
export type InputEvent =
  /** A core was made from what the disk has kept. */
  | (AtCore & {
      readonly type: 'start'
      readonly incarnation: number
      readonly members: readonly NodeId[]
      /** The hard state, described; null when none was ever written. */
      readonly state: Json
      readonly blocks: readonly TracedBlock[]
    })
  | (AtCore & { readonly type: 'deliver'; readonly from: NodeId; readonly message: TracedMessage })
  /** Left out when nothing came of it. */
  | (AtCore & { readonly type: 'tick' })
  /** All writes up to this number are durable. */
  | (AtCore & { readonly type: 'durable'; readonly write: number })
  | (AtCore & { readonly type: 'read-done'; readonly request: number; readonly blocks: readonly TracedBlock[] })
  | (AtCore & { readonly type: 'peer-died'; readonly peer: NodeId })
  | (AtCore & { readonly type: 'campaign' })
  /** Leadership shall be handed over, to the furthest node when `to` is null. */
  | (AtCore & { readonly type: 'hand-over'; readonly to: NodeId | null })
  /** A reader begins. */
  | (AtCore & { readonly type: 'reader'; readonly request: number })
  | (AtCore & { readonly type: 'release'; readonly index: number })
  | (AtCore & { readonly type: 'propose'; readonly block: TracedBlock })

/** What a core wants done. */
export type OutputEvent =
  | (AtCore & {
      readonly type: 'write'
      readonly write: number
      readonly what: 'block'
      readonly block: TracedBlock
      readonly truncate: boolean
    })
  | (AtCore & { readonly type: 'write'; readonly write: number; readonly what: 'state'; readonly state: Json })
  /** Leaves when the write `after` is durable; at once when it is 0. */
  | (AtCore & { readonly type: 'send'; readonly to: NodeId; readonly message: TracedMessage; readonly after: number })
  | (AtCore & { readonly type: 'read'; readonly request: number; readonly from: number })
  | (AtCore & { readonly type: 'role'; readonly role: Role; readonly term: number; readonly leader: NodeId | null })
  | (AtCore & { readonly type: 'transfer'; readonly result: 'done' | 'aborted' })
  /** How far a reader must be; null when it is turned away. */
  | (AtCore & { readonly type: 'reader-answer'; readonly request: number; readonly index: number | null })
  | (AtCore & { readonly type: 'commit'; readonly index: number })

/** What an engine told its user, and was told. */
export type EngineEvent =
  | (AtCore & {
      readonly type: 'apply'
      readonly index: number
      readonly term: number
      readonly kind: EntryKind
      readonly by: 'leader' | 'follower'
    })
  /** The answer to a call of `addLog` or `addLogs`, at once. */
  | (AtCore & {
      readonly type: 'answer'
      readonly status: string
      readonly count: number
      readonly index?: number
      readonly term?: number
      readonly reason?: string
    })

/** What was done to the world. */
export type WorldEvent =
  | { readonly type: 'crash' | 'pause' | 'resume'; readonly node: NodeId }
  /** One direction of a link. */
  | { readonly type: 'cut' | 'join'; readonly node: NodeId; readonly to: NodeId }
  | { readonly type: 'heal'; readonly node: undefined }
  /** `kind` `wiped-disk` means that the node begins anew with an empty disk; others are for people. */
  | { readonly type: 'fault'; readonly node: NodeId | undefined; readonly kind: string; readonly detail?: Json }

export type TraceEvent = InputEvent | OutputEvent | EngineEvent | ({ readonly at: number } & WorldEvent)

export interface Trace {
  readonly nodes: readonly NodeId[]
  /** Events before the first of these, which were not kept. */
  readonly dropped: number
  readonly events: readonly TraceEvent[]
}

/** True for what a core puts out; everything else that names a partition is given to it, or is the engine's. */
export function isOutput(event: TraceEvent): event is OutputEvent {
  switch (event.type) {
    case 'write':
    case 'send':
    case 'read':
    case 'role':
    case 'transfer':
    case 'reader-answer':
    case 'commit':
      return true
    default:
      return false
  }
}
