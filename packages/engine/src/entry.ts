// What a log is made of: entries, where they come from, and the blocks in which they travel.
//
// Always true: a block is cut once, by the leader that accepts its entries, and never changed afterwards (only the term
// in its header is, when a later leader proposes the very same block again). The same bytes go to the leader's disk,
// over every connection, and to every follower's disk; they are decoded where the entries are applied and nowhere else.

/** The name of a node; 1 to 64 bytes of UTF-8, unique in the cluster. */
export type NodeId = string

/**
 * What an entry is for. `data` is the user's; `noop` belongs to the protocol and is never shown to a callback; the
 * others are the markers of `@mako/watermark` (DESIGN section 4).
 */
export type EntryKind = 'noop' | 'data' | 'advancer' | 'ending' | 'bound' | 'noop-barrier'

/** Who proposed an entry: the node, which life of its process, and the position among its proposals of a partition. */
export interface Origin {
  readonly node: NodeId
  /** Grows by one with every start of the node on the same log store. */
  readonly incarnation: number
  /** 1, 2, 3, ... in one incarnation and partition; 0 for an entry that the protocol itself proposed. */
  readonly sequence: number
}

/** One element of a log, decoded. */
export interface Entry {
  readonly partition: number
  readonly index: number
  /** The term in which it was first proposed: the same on every replica for ever. */
  readonly term: number
  readonly kind: EntryKind
  readonly origin: Origin
  /** A view into the block; do not write to it. Copy it to keep it after the callback has finished. */
  readonly payload: Uint8Array
}

/** Where a block lies in its log; all of its entries have the same terms. */
export interface BlockSpan {
  /** Index of the first entry; the first index of a log is 1. */
  readonly index: number
  /** Number of entries, at least 1. */
  readonly count: number
  /** The term in which this copy was accepted; `proposedTermOf` tells in which the block was first proposed. */
  readonly term: number
}

/** A run of entries of one term and one origin, encoded. */
export interface Block extends BlockSpan {
  readonly bytes: Uint8Array
}

/** Index of the last entry of a block. */
export function lastIndexOf(span: BlockSpan): number {
  return span.index + span.count - 1
}
