// Who campaigns first when a leader is gone: those who are left take turns instead of drawing lots.
//
// Always true: the order is the same on every node, so in every partition that one node led the same one is first.

import type { NodeId } from './entry.ts'

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
