// What Raft nodes say to each other, as plain data. Always true: a message carries the term of its sender, and whoever
// hears of a higher term follows it (thesis 3.3), save for the pre-votes and the refusals that say otherwise.

import type { Block, NodeId } from '@mako/engine'

/** A place in a log: the entry at this index has this term. `{ 0, 0 }` is before the first entry, in every log. */
export interface Position {
  readonly index: number
  readonly term: number
}

/** Blocks for a follower whose log should hold `previous` (AppendEntries, thesis 3.5). Never empty. */
export interface Append {
  readonly type: 'append'
  readonly term: number
  readonly previous: Position
  readonly commit: number
  readonly blocks: readonly Block[]
}

/**
 * The leader lives, and this much is committed. With `probe` it also asks how far the logs agree at and before that
 * place. It says nothing about the follower's log, so losing or repeating it is harmless.
 */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly term: number
  readonly commit: number
  readonly probe: Position | undefined
  /** The newest round of this term in which readers wait for a majority (thesis 6.4); 0 before the first. */
  readonly round: number
}

/**
 * What a follower answers about the place `asked`: the last place of its own log, at or before that one, whose term is
 * not above the one that was asked for. Where the leader's log has the same place, the logs agree up to it.
 */
export interface Hint {
  readonly asked: number
  readonly found: Position
}

/** Answers `append` and `heartbeat`. */
export interface AppendReply {
  readonly type: 'append-reply'
  readonly term: number
  /** Whom the sender knows as the leader of `term`. */
  readonly leader: NodeId | undefined
  /** Agrees with the leader's log up to here, and is durable. */
  readonly match: number
  /** Agrees up to here, perhaps not yet durable: what is beyond has not arrived. */
  readonly received: number
  /** The answer to a probe, or the reason why an append did not fit. */
  readonly hint: Hint | undefined
  /** The round of the heartbeat that is answered; 0 for an append. */
  readonly round: number
}

/**
 * `pre-vote` asks whether a vote would be given and promises nothing; `transfer` is a vote that the present leader
 * wants, so that followers do not protect it.
 */
export type ElectionKind = 'pre-vote' | 'vote' | 'transfer'

/** RequestVote (thesis 3.4, 9.6). The term of a pre-vote is the one that the sender would campaign in. */
export interface VoteRequest {
  readonly type: 'vote-request'
  readonly term: number
  readonly election: ElectionKind
  readonly last: Position
}

export interface VoteReply {
  readonly type: 'vote-reply'
  readonly term: number
  readonly leader: NodeId | undefined
  readonly election: ElectionKind
  /** The term of the request, so that an answer is never counted in another election. */
  readonly requestedTerm: number
  readonly granted: boolean
}

/** Campaign now, without pre-vote: the leader hands over (thesis 3.10). */
export interface TimeoutNow {
  readonly type: 'timeout-now'
  readonly term: number
}

/** A reader on the sender begins: how far must it have applied the log? */
export interface BarrierRequest {
  readonly type: 'barrier-request'
  readonly term: number
  readonly id: number
}

/**
 * Everything that was committed before the request with this id is at or below `index`; undefined: the sender does not lead.
 * True for that request, whoever leads by now.
 */
export interface BarrierReply {
  readonly type: 'barrier-reply'
  readonly term: number
  readonly id: number
  readonly index: number | undefined
}

export type RaftMessage =
  | Append
  | Heartbeat
  | AppendReply
  | VoteRequest
  | VoteReply
  | TimeoutNow
  | BarrierRequest
  | BarrierReply
