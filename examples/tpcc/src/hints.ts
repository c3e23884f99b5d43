// Which node a client believes to lead. Hints arrive from everywhere and in any order, so each carries a term.
//
// Always true: a hint of an older term than the newest one seen is not followed, unless the node that the newest one
// named has itself denied it or gone away since then.

import type { LeaderHint } from '@mako/engine'

export class LeaderHints {
  #newest: LeaderHint | undefined

  get newest(): LeaderHint | undefined {
    return this.#newest
  }

  /** Takes a hint in; true when it names a leader of a newer term than any before. */
  observe(hint: LeaderHint | undefined): boolean {
    if (hint === undefined) return false
    if (this.#newest !== undefined && hint.term <= this.#newest.term) return false
    this.#newest = hint
    return true
  }

  /** The node said itself that it does not lead, or can no longer be reached. */
  denied(nodeId: string): void {
    if (this.#newest?.nodeId === nodeId) this.#newest = undefined
  }
}
