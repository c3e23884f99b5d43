// What Paxos nodes say to each other, as plain data. Always true: a prepare, an accept and a heartbeat carry a ballot of
// their sender; whoever hears of a higher ballot than it has promised follows it, save for probes and their replies.
//
// An instance of Paxos is an index of the log. Its value is the block that holds the index, so all indexes of a block
// are decided together, and one message is about many instances at once.

import type { Block, NodeId } from '@mako/engine'

/** Would you promise this ballot? Asks, promises nothing, and raises nothing. */
export interface Probe {
  readonly type: 'probe'
  /** The ballot that the sender would use. */
  readonly ballot: number
}

export interface ProbeReply {
  readonly type: 'probe-reply'
  /** The highest ballot that the sender has promised, and whom it knows as its leader. */
  readonly ballot: number
  readonly leader: NodeId | undefined
  /** The ballot of the probe, so that an answer is never counted for another. */
  readonly asked: number
  readonly granted: boolean
}

/**
 * Phase 1a for every index from `from` on. Sent again with a higher `from` to get the rest of an answer. `handover`: the
 * present leader wants it, so that nobody protects it.
 */
export interface Prepare {
  readonly type: 'prepare'
  readonly ballot: number
  readonly from: number
  readonly handover: boolean
}

/** Phase 1b: nothing below `ballot` is accepted here any more, and this is what was accepted from `asked` on. */
export interface Promised {
  readonly type: 'promise'
  readonly ballot: number
  readonly asked: number
  /** All blocks up to here are chosen: facts, not mere acceptances. */
  readonly chosen: number
  /** Ascending, without overlap; each bears the ballot in which it was accepted. */
  readonly blocks: readonly Block[]
  /** Where to ask on; undefined when this was all. */
  readonly next: number | undefined
}

/** A higher ballot is promised, or the leader of this one is protected: the sender does not do what was asked. */
export interface Refusal {
  readonly type: 'refusal'
  readonly ballot: number
  readonly leader: NodeId | undefined
  /** The ballot that is refused. */
  readonly refused: number
}

/** Phase 2a, many instances at once. All blocks are of this ballot. Up to `commit` everything is chosen. */
export interface Accept {
  readonly type: 'accept'
  readonly ballot: number
  readonly commit: number
  readonly blocks: readonly Block[]
}

/** The leader lives, and this much is chosen. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly ballot: number
  readonly commit: number
  /** The newest round of this ballot in which readers wait for a majority; 0 before the first. */
  readonly round: number
}

/** Phase 2b, and the answer to a heartbeat. */
export interface Accepted {
  readonly type: 'accepted'
  readonly ballot: number
  /** Each index up to here is chosen, or accepted in this ballot, and durable. */
  readonly match: number
  /** The same, perhaps not yet durable: what follows has not arrived. */
  readonly received: number
  /** The indexes of the accept that is answered, durable as well, holes before them or not. */
  readonly span: { readonly first: number; readonly last: number } | undefined
  /** The round of the heartbeat that is answered; 0 for an accept. */
  readonly round: number
}

/** Campaign now, without a probe: the leader hands over. */
export interface Handover {
  readonly type: 'handover'
  readonly ballot: number
}

/** From the leader to a voter: feed this learner for the next election timeout. */
export interface Feeding {
  readonly type: 'feeding'
  readonly ballot: number
  readonly learner: NodeId
}

/** Chosen blocks for a learner, consecutive, perhaps none. The sender knows everything up to `commit` to be chosen. */
export interface Learn {
  readonly type: 'learn'
  readonly ballot: number
  readonly commit: number
  readonly blocks: readonly Block[]
}

/** From a learner: everything up to `match` is durable there, up to `received` it has arrived. */
export interface Learned {
  readonly type: 'learned'
  readonly ballot: number
  readonly match: number
  readonly received: number
}

/** A reader on the sender begins: how far must it have applied the log? */
export interface BarrierRequest {
  readonly type: 'barrier-request'
  readonly ballot: number
  readonly id: number
}

/**
 * Everything that was chosen before the request with this id is at or below `index`; undefined: the sender does not lead.
 * True for that request, whoever leads by now.
 */
export interface BarrierReply {
  readonly type: 'barrier-reply'
  readonly ballot: number
  readonly id: number
  readonly index: number | undefined
}

export type PaxosMessage =
  | Probe
  | ProbeReply
  | Prepare
  | Promised
  | Refusal
  | Accept
  | Heartbeat
  | Accepted
  | Handover
  | Feeding
  | Learn
  | Learned
  | BarrierRequest
  | BarrierReply
