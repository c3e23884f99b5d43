// What a new leader proposes: chosen from what a majority has accepted, with every hole filled (ADR 3 has the proof).
//
// Always true of what is returned: it begins behind `commit`, has neither overlap nor hole, the terms in which its blocks
// were first proposed never fall, and every block that may have been chosen is in it. Lamport's rule for one instance
// ("the value of the highest-numbered proposal among the answers") is here a rule for blocks that may overlap: blocks of
// higher ballots go first, and what contradicts them was not chosen.

import {
  type Block,
  encodeBlock,
  type EntryKind,
  lastIndexOf,
  type Origin,
  proposedTermOf,
  restamp,
} from '@mako/engine'

/** What is known to be chosen: everything up to `commit`, whose last block was first proposed in `term`. */
export interface Chosen {
  readonly commit: number
  readonly term: number
}

interface Candidate {
  readonly block: Block
  readonly proposedTerm: number
}

/** Of the blocks that were found accepted, those that must be proposed again; ascending. */
export function choose(found: Iterable<Block>, chosen: Chosen): Block[] {
  const candidates = Array.from(found, (block): Candidate => ({ block, proposedTerm: proposedTermOf(block) }))
  candidates.sort((a, b) => b.block.term - a.block.term || a.block.index - b.block.index)
  const kept: Candidate[] = []
  for (const candidate of candidates) {
    if (candidate.block.index <= chosen.commit || candidate.proposedTerm < chosen.term) continue
    const at = placeOf(kept, candidate.block.index)
    if (doesFit(candidate, kept[at - 1], kept[at])) kept.splice(at, 0, candidate)
  }
  return kept.map(({ block }) => block)
}

/**
 * The blocks that are chosen again, as proposals of `ballot`, with a block of no-ops in each hole. A no-op bears the
 * term of what is before it, so that terms in a log never fall.
 */
export function fill(kept: readonly Block[], chosen: Chosen, ballot: number, origin: Origin): Block[] {
  const proposals: Block[] = []
  let next = chosen.commit + 1
  // Before the first entry of all there is no term; 1 is nobody's.
  let term = Math.max(1, chosen.term)
  for (const block of kept) {
    if (block.index > next) {
      const noop: { kind: EntryKind; payload: Uint8Array } = { kind: 'noop', payload: new Uint8Array(0) }
      const entries = Array.from({ length: block.index - next }, () => noop)
      proposals.push(restamp(encodeBlock({ index: next, term }, origin, entries), ballot))
    }
    proposals.push(restamp(block, ballot))
    next = lastIndexOf(block) + 1
    term = proposedTermOf(block)
  }
  return proposals
}

/** Where a block that begins at this index belongs. */
function placeOf(kept: readonly Candidate[], index: number): number {
  let low = 0
  let high = kept.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (kept[middle]!.block.index < index) low = middle + 1
    else high = middle
  }
  return low
}

function doesFit(one: Candidate, before: Candidate | undefined, after: Candidate | undefined): boolean {
  if (before && (lastIndexOf(before.block) >= one.block.index || before.proposedTerm > one.proposedTerm)) return false
  return !after || (lastIndexOf(one.block) < after.block.index && one.proposedTerm <= after.proposedTerm)
}
