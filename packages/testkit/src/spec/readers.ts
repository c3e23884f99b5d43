// What a leader may tell a node that asks how far its readers must be: the same in both specifications (thesis 6.4).
//
// Always true: an answer needs a majority that has answered a round which the leader had not yet sent when it was asked,
// in the term of the answer; the index is at least what the leader knew to be committed when it was asked.

import type { NodeId } from '@mako/engine'
import { check } from './verdict.ts'

interface Asked {
  readonly term: number
  /** The newest round that was sent in that term by then, and what was committed. */
  readonly round: number
  readonly commit: number
}

export class ReaderRounds {
  /** By term that this node leads: its newest round. */
  readonly #sent = new Map<number, number>()
  readonly #heard = new Map<number, Map<NodeId, number>>()
  readonly #asked = new Map<string, Asked>()

  /** The node asks the others. */
  sent(term: number, round: number): void {
    this.#sent.set(term, Math.max(round, this.#sent.get(term) ?? 0))
  }

  /** Another voter has answered a round. */
  heard(term: number, from: NodeId, round: number): void {
    const ofTerm = this.#heard.get(term) ?? new Map<NodeId, number>()
    this.#heard.set(term, ofTerm)
    ofTerm.set(from, Math.max(round, ofTerm.get(from) ?? 0))
  }

  /** Another node asks; the first time counts, because each answer is true for that. */
  asked(from: NodeId, id: number, term: number, commit: number): void {
    const key = `${from}/${id}`
    if (!this.#asked.has(key)) this.#asked.set(key, { term, round: this.#sent.get(term) ?? 0, commit })
  }

  /** The node answers with this index, in this term, which it leads. */
  mayAnswer(to: NodeId, id: number, answer: { term: number; index: number; commit: number; quorum: number }): void {
    const { term, index, commit, quorum } = answer
    const asked = this.#asked.get(`${to}/${id}`)
    check(asked !== undefined, 'reply-asked', `answers reader ${id} of ${to}, who has not asked`)
    const after = asked.term === term ? asked.round : 0
    const voters = [...(this.#heard.get(term)?.values() ?? [])].filter((round) => round > after).length + 1
    check(voters >= quorum, 'reader-round', `answers a reader of ${to} with ${voters} voters behind it`)
    const isSo = asked.commit <= index && index <= commit
    check(isSo, 'reader-index', `answers a reader of ${to} with ${index}, commit was ${asked.commit} and is ${commit}`)
  }
}
