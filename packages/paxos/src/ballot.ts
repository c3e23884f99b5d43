// Ballots: numbers that only one node may use, so that two proposers never propose under the same one (Lamport, "Paxos
// Made Simple", 2001, section 2.3: different proposers choose their numbers from disjoint sets).
//
// Always true: a ballot is `round * 64 + rank`, and the rank is the node's place among all voters in the order of their
// names. So whoever sees a ballot knows whose it is, as long as the voters stay the same.

import type { NodeId } from '@mako/engine'

/** Voters of one group, at most: the ranks there are. */
export const MAX_VOTERS = 64

export class Ballots {
  readonly #voters: readonly NodeId[]

  constructor(voters: readonly NodeId[]) {
    this.#voters = [...voters].sort((a, b) => (a < b ? -1 : 1))
  }

  /** Who may use this ballot; undefined when nobody may. */
  ownerOf(ballot: number): NodeId | undefined {
    return ballot < MAX_VOTERS ? undefined : this.#voters[ballot % MAX_VOTERS]
  }

  /** The lowest ballot of this voter that is above another. Rounds begin at 1. */
  next(voter: NodeId, above: number): number {
    const rank = this.#voters.indexOf(voter)
    const round = Math.max(1, Math.floor((above - rank) / MAX_VOTERS) + 1)
    return round * MAX_VOTERS + rank
  }
}
