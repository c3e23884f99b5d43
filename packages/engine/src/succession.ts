// Who campaigns first when a leader is gone: those who are left take turns instead of drawing lots (ADR 5).
//
// Always true: the order is the same on every node, so in every partition that one node led the same one is first.

import type { NodeId } from './entry.ts'
import type { Random } from './ports.ts'
import { uniform } from './random.ts'

/**
 * Turns of a silent leader's followers, in election timeouts. The first one is so late that whoever heard the leader a
 * little later is no longer loyal to it either; the last one so early that an election in it ends before 1.5 of them.
 */
const FIRST_TURN = 1.1
const LAST_TURN = 1.4

/** Part of the time between two turns within which each is drawn anew. */
const JITTER = 0.25

export class Succession {
  readonly #others: number
  readonly #turns: ReadonlyMap<NodeId, number>

  /** As `node` sees it. `members` are those that vote; `preferred` is the first in line, unless it is the one that is gone. */
  constructor(node: NodeId, members: readonly NodeId[], preferred: NodeId | undefined) {
    this.#others = members.filter((member) => member !== node).length
    this.#turns = turnsOf(node, members, preferred)
  }

  /** How many others campaign before this node when this leader is gone; who is no member, and never does, comes last. */
  turnAfter(leader: NodeId): number {
    return this.#turns.get(leader) ?? this.#others
  }

  /** How long this node waits for a leader that was heard just now, in election timeouts. */
  waitFor(leader: NodeId, random: Random): number {
    const gap = (LAST_TURN - FIRST_TURN) / this.#others
    return FIRST_TURN + gap * (this.turnAfter(leader) + uniform(random, 0, JITTER))
  }
}

/**
 * For each other member, should it lead and be gone: how many campaign before `node` then. The preferred leader is the
 * first, then come those that follow the one that is gone in the list of members, which goes round. Empty when `node`
 * is not a member.
 */
export function turnsOf(
  node: NodeId,
  members: readonly NodeId[],
  preferred: NodeId | undefined,
): ReadonlyMap<NodeId, number> {
  const turns = new Map<NodeId, number>()
  if (!members.includes(node)) return turns
  for (const [at, gone] of members.entries()) {
    if (gone === node) continue
    const line = [...members.slice(at + 1), ...members.slice(0, at)]
    if (preferred !== undefined && line.includes(preferred)) {
      line.splice(line.indexOf(preferred), 1)
      line.unshift(preferred)
    }
    turns.set(gone, line.indexOf(node))
  }
  return turns
}
