// What phase 1 obliges a leader to propose (PI6, PI9, PI10; docs/adr/0003, "Phase 1").
//
// Always true: a leader may leave answers aside as long as the rest comes from a majority, so a choice is right when it
// follows from some of the answers that were heard.

import { lastIndexOf, type NodeId } from '@mako/engine'
import type { TracedBlock } from '../trace/event.ts'
import { isSameValue, proposedIn } from './accepted.ts'
import type { PromiseMessage } from './paxos-message.ts'

interface Told {
  readonly from: NodeId
  readonly message: PromiseMessage
}

export interface Phase1 {
  readonly ballot: number
  readonly quorum: number
  /** Up to here the leader knows what is chosen; the last of it was first proposed in `knownTerm`. */
  readonly known: number
  readonly knownTerm: number
  /** What it has accepted itself behind that. */
  readonly own: readonly TracedBlock[]
  readonly promises: readonly Told[]
  /** What it proposes, and then its own entries. */
  readonly actual: readonly TracedBlock[]
}

/** Answers that may be left aside, at most: parts of answers come one by one, and few are ever asked twice. */
const MOST_ASIDE = 10

/** How many of the proposals are owed to phase 1, or what is wrong with them. */
export function fitsPhase1(phase: Phase1): number | 'no-majority' | 'other-values' {
  const { promises, quorum } = phase
  if (tellers(phase, promises) + 1 < quorum) return 'no-majority'
  const aside = promises.slice(-MOST_ASIDE)
  const always = promises.slice(0, promises.length - aside.length)
  for (let mask = 0; mask < 1 << aside.length; mask++) {
    const counted = [...always, ...aside.filter((_, i) => (mask & (1 << i)) === 0)]
    if (mask > 0 && tellers(phase, counted) + 1 < quorum) continue
    const due = proposalsOf(phase, counted)
    if (due.every((block, i) => isProposal(block, phase.actual[i]))) return due.length
  }
  return 'other-values'
}

/** How many others have told everything behind what is known (PI10). */
function tellers({ known }: Phase1, promises: readonly Told[]): number {
  let count = 0
  for (const node of new Set(promises.map(({ from }) => from))) {
    const parts = promises.filter(({ from }) => from === node).map(({ message }) => message)
    let at = known + 1
    for (;;) {
      const ends = parts.filter(({ asked }) => asked <= at).map(({ next = Number.POSITIVE_INFINITY }) => next)
      const end = Math.max(at, ...ends)
      if (end === at) break
      at = end
    }
    if (at === Number.POSITIVE_INFINITY) count++
  }
  return count
}

/** The blocks that were found, the highest ballot first, without those that contradict; and no-ops between. */
function proposalsOf({ ballot, known, knownTerm, own }: Phase1, promises: readonly Told[]): TracedBlock[] {
  const reported = promises.flatMap(({ message: { blocks, chosen } }) =>
    blocks.filter((block) => lastIndexOf(block) > chosen),
  )
  const found = [...own, ...reported]
    .filter((block) => block.index > known && proposedIn(block) >= knownTerm)
    .sort((a, b) => b.term - a.term || a.index - b.index)
  const kept: TracedBlock[] = []
  for (const block of found) if (kept.every((other) => isInOrder(block, other))) kept.push(block)
  kept.sort((a, b) => a.index - b.index)
  const proposals: TracedBlock[] = []
  let next = known + 1
  let proposed = Math.max(1, knownTerm)
  for (const block of kept) {
    if (block.index > next) proposals.push({ index: next, count: block.index - next, term: ballot, proposed })
    proposals.push(block)
    next = lastIndexOf(block) + 1
    proposed = proposedIn(block)
  }
  return proposals
}

/** One lies wholly before the other, and was not first proposed after it. */
function isInOrder(one: TracedBlock, other: TracedBlock): boolean {
  const [before, after] = one.index < other.index ? [one, other] : [other, one]
  return lastIndexOf(before) < after.index && proposedIn(before) <= proposedIn(after)
}

/** A no-op that fills a hole has a value that nobody knows before. */
function isProposal(due: TracedBlock, actual: TracedBlock | undefined): boolean {
  if (actual === undefined || proposedIn(due) !== proposedIn(actual)) return false
  return isSameValue(due.value === undefined ? { ...due, ...valueOf(actual) } : due, actual)
}

function valueOf({ value }: TracedBlock): { value?: number } {
  return value === undefined ? {} : { value }
}
