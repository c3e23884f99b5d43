// What a protocol is to the runtime: a pure machine of messages and ticks (DESIGN section 5).
//
// Always true of a core: it does no I/O and reads no clock; what it wants done is in its output, and equal inputs
// give equal outputs. The runtime takes the output once a turn, after all inputs of that turn, and carries it out in
// this order: writes in the order of their numbers, each message only when the write it names is durable.

import type { Block, NodeId } from './entry.ts'
import type { Random, RecoveredPartition } from './ports.ts'

export type Role = 'leader' | 'candidate' | 'pre-candidate' | 'follower'

/** What happened. `now` is the monotonic time in milliseconds at which the input is taken in; it never goes back. */
export type Input<Message> =
  | { readonly type: 'message'; readonly now: number; readonly from: NodeId; readonly message: Message }
  | { readonly type: 'tick'; readonly now: number }
  /** All writes up to this number are durable. */
  | { readonly type: 'durable'; readonly now: number; readonly write: number }
  /** The answer to a `ReadRequest`: blocks that cover `from`, or none when the log no longer has them. */
  | { readonly type: 'read'; readonly now: number; readonly request: number; readonly blocks: readonly Block[] }
  /** The process of a peer has ended: its connection was closed or reset. */
  | { readonly type: 'peer-died'; readonly now: number; readonly peer: NodeId }
  /** Start an election now (with pre-vote): the caller wants this node to lead. */
  | { readonly type: 'campaign'; readonly now: number }
  /** Hand leadership over, to this node or to the one that is furthest along. */
  | { readonly type: 'transfer'; readonly now: number; readonly to: NodeId | undefined }
  /** A reader begins: how far must it have applied the log to see everything that was committed before now? */
  | { readonly type: 'read-barrier'; readonly now: number; readonly request: number }
  /** Everything up to here is final and will be read from the store if need be: it need not be kept in memory. */
  | { readonly type: 'release'; readonly now: number; readonly index: number }

/** A write that must become durable. Numbers are 1, 2, 3, ... in one life of a core. */
export interface CoreWrite {
  readonly number: number
  readonly write:
    | { readonly type: 'block'; readonly block: Block; readonly truncate: boolean }
    | { readonly type: 'state'; readonly state: Uint8Array }
}

export interface CoreMessage<Message> {
  readonly to: NodeId
  /** Is never changed afterwards. One that goes to several nodes may be the same object, which is encoded once. */
  readonly message: Message
  /** The number of the write that this message promises; 0 when it promises nothing and may leave at once. */
  readonly after: number
}

export interface ReadRequest {
  readonly request: number
  readonly from: number
  readonly maxBytes: number
}

export interface RoleChange {
  readonly role: Role
  readonly term: number
  readonly leader: NodeId | undefined
  /**
   * For a leader: it may be announced when this index is applied, because then all entries of earlier terms are.
   * 0 otherwise.
   */
  readonly readyIndex: number
}

/** The answer to a `read-barrier`. */
export interface BarrierAnswer {
  readonly request: number
  /** Everything that was committed anywhere before the request is at or below; undefined: no leader could tell. */
  readonly index: number | undefined
}

export interface Output<Message> {
  readonly writes: readonly CoreWrite[]
  readonly messages: readonly CoreMessage<Message>[]
  readonly reads: readonly ReadRequest[]
  /** Each change of role, term or known leader since the last output, oldest first. */
  readonly roles: readonly RoleChange[]
  /** Highest index that is agreed; never goes back, never beyond the log. */
  readonly commit: number
  /** How a transfer that was asked for ended: this node has stepped down for another, or it goes on leading. */
  readonly transfers: readonly ('done' | 'aborted')[]
  /** Each `read-barrier` is answered once, in any order. */
  readonly barriers: readonly BarrierAnswer[]
}

/** May this node append now? */
export type Admission =
  | { readonly status: 'LEADER'; readonly term: number; readonly nextIndex: number }
  | { readonly status: 'NOT_LEADER'; readonly leader: NodeId | undefined; readonly term: number }
  | { readonly status: 'TRANSFERRING' }

export interface PeerStatus {
  readonly id: NodeId
  /** Highest index known to be durable there; 0 when this node does not lead. */
  readonly match: number
  readonly next: number
  readonly inflightEntries: number
  /** Milliseconds since the last message from there; undefined when there was none. */
  readonly silentMs: number | undefined
}

export interface CoreStatus {
  readonly role: Role
  readonly term: number
  readonly leader: NodeId | undefined
  readonly commit: number
  readonly lastIndex: number
  readonly durableIndex: number
  readonly peers: readonly PeerStatus[]
}

/** A protocol without I/O, for one partition on one node. */
export interface Core<Message> {
  step(input: Input<Message>): void
  admit(): Admission
  /**
   * Appends a block. Only after `admit` said LEADER, with its term and at its `nextIndex`, and with no `step` between.
   */
  propose(block: Block): void
  /** What has come of all inputs since the last call. */
  takeOutput(): Output<Message>
  /** The block that holds this index, when it is in memory. */
  blockAt(index: number): Block | undefined
  status(): CoreStatus
}

/** Bounds of one core's memory and of what it sends. */
export interface CoreLimits {
  /** Entries and bytes that may be on their way to one follower, not yet answered. */
  readonly inflightEntries: number
  readonly inflightBytes: number
  /** Bytes of blocks in one message (a single larger block still goes alone). */
  readonly messageBytes: number
  /** Bytes of blocks that are kept in memory once they are durable and committed. */
  readonly tailBytes: number
}

export interface CoreOptions {
  readonly partition: number
  readonly nodeId: NodeId
  /** All voting members, this node among them unless it is a learner. */
  readonly members: readonly NodeId[]
  /** Members that do not vote. @default none */
  readonly learners?: readonly NodeId[]
  readonly incarnation: number
  readonly recovered: RecoveredPartition
  readonly random: Random
  readonly limits: CoreLimits
  readonly now: number
}

/** The value that makes cores; what a user passes as `protocol`. */
export interface Protocol<Message> {
  readonly name: string
  /** How often a core wants a tick, in milliseconds. */
  readonly tickMs: number
  /** How long a follower waits for a leader at least, in milliseconds. */
  readonly electionTimeoutMs: number
  /** What is unwise, though not wrong, in the options; for people. */
  readonly warnings: readonly string[]
  createCore(options: CoreOptions): Core<Message>
  encode(message: Message): Uint8Array
  /** @throws MakoError `CORRUPT_MESSAGE` */
  decode(bytes: Uint8Array): Message
}
