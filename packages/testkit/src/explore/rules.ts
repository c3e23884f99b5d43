// What must be true in every state of an exhaustive search, and what is remembered of its past for that.
//
// Always true: a ledger is immutable and interned, so equal pasts are the same object. Every question about logs is
// asked once for each pair of logs and then remembered.

import type { LocalState, SharedLog } from './local.ts'

/** What has happened, as far as a law depends on it. */
export interface Ledger {
  readonly id: number
  /** The terms that had a leader, ascending, and the node that led them. */
  readonly leaders: readonly (readonly [term: number, node: number])[]
  /** The entries that were ever seen committed, and by whose term each was seen first. */
  readonly committed: SharedLog
  readonly seenInTerm: readonly number[]
}

const NOTHING: SharedLog = { id: -1, entries: [], terms: [] }

export class Rules {
  readonly #quorum: number
  readonly #byIndex: boolean
  readonly #ledgers = new Map<string, Ledger>()
  readonly #matching = new Map<number, boolean>()
  readonly first: Ledger

  constructor(nodes: number, byIndex = false) {
    this.#quorum = Math.floor(nodes / 2) + 1
    this.#byIndex = byIndex
    this.first = this.#ledger([], NOTHING, [])
  }

  /** The ledger after this node has moved; a text instead when a law is broken by it. */
  moved(ledger: Ledger, state: LocalState): Ledger | string {
    let { leaders, committed, seenInTerm } = ledger
    if (state.role === 'leader') {
      const known = leaders.find(([term]) => term === state.term)
      if (known !== undefined && known[1] !== state.node) return `one-leader: a second leader of term ${state.term}`
      if (known === undefined) leaders = [...leaders, [state.term, state.node] as const].sort(([a], [b]) => a - b)
    }
    const { log, commit, term } = state
    if (commit > log.entries.length) return `commit-in-log: commit ${commit} of ${log.entries.length}`
    if (!agree(log, committed, Math.min(commit, committed.entries.length))) {
      return `one-history: ${commit} is committed over another history`
    }
    if (commit > committed.entries.length) {
      const entries = log.entries.slice(0, commit)
      if (entries.includes(0)) return `commit-in-log: commit ${commit} over a hole`
      seenInTerm = entries.map((_, i) => seenInTerm[i] ?? term)
      committed = { ...NOTHING, entries }
    }
    return leaders === ledger.leaders && committed === ledger.committed
      ? ledger
      : this.#ledger(leaders, committed, seenInTerm)
  }

  /** The law that this state breaks, if it does. */
  broken(ledger: Ledger, states: readonly LocalState[]): string | undefined {
    const { committed, seenInTerm } = ledger
    const end = committed.entries.length
    for (const [i, state] of states.entries()) {
      for (const other of states.slice(i + 1)) {
        if (this.#match(state.log, other.log)) continue
        return this.#byIndex
          ? 'one-value: a term has two values for an index'
          : 'log-matching: equal entries behind different ones'
      }
      if (state.role !== 'leader') continue
      // Bounded by term: what was committed in this term or later need not be there.
      let due = end
      while (due > 0 && seenInTerm[due - 1]! >= state.term) due--
      if (!agree(state.log, committed, due))
        return `leader-completeness: term ${state.term} lacks one of ${due} entries`
    }
    const durable = this.#durable(committed, states)
    return durable >= this.#quorum ? undefined : `quorum-durable: ${end} entries are committed and on ${durable} disks`
  }

  /** On how many disks all that was committed is. Where each index is decided by itself, each may be on others. */
  #durable(committed: SharedLog, states: readonly LocalState[]): number {
    const { entries } = committed
    if (!this.#byIndex) return states.filter(({ disk }) => agree(disk, committed, entries.length)).length
    let fewest = states.length
    for (const [i, entry] of entries.entries()) {
      fewest = Math.min(fewest, states.filter(({ disk }) => disk.entries[i] === entry).length)
    }
    return fewest
  }

  /**
   * Log Matching (thesis 3.5): where two logs have the same entry, they are the same up to there. Where each index is
   * decided by itself, there is one value for an index and a term ("Paxos Made Simple", 2.3: one proposal, one value).
   */
  #match(one: SharedLog, other: SharedLog): boolean {
    if (one === other) return true
    const key = one.id < other.id ? one.id * 1_000_000 + other.id : other.id * 1_000_000 + one.id
    let known = this.#matching.get(key)
    if (known === undefined) {
      known = this.#byIndex ? haveOneValue(one, other) : haveOneHistory(one, other)
      this.#matching.set(key, known)
    }
    return known
  }

  #ledger(leaders: Ledger['leaders'], committed: SharedLog, seenInTerm: readonly number[]): Ledger {
    const key = `${leaders.join(';')}|${committed.entries.join(',')}|${seenInTerm.join(',')}`
    let ledger = this.#ledgers.get(key)
    if (ledger === undefined) {
      ledger = { id: this.#ledgers.size, leaders, committed, seenInTerm }
      this.#ledgers.set(key, ledger)
    }
    return ledger
  }
}

function agree(one: SharedLog, other: SharedLog, length: number): boolean {
  if (one.entries.length < length || other.entries.length < length) return false
  for (let i = 0; i < length; i++) if (one.entries[i] !== other.entries[i]) return false
  return true
}

function haveOneHistory(one: SharedLog, other: SharedLog): boolean {
  let last = Math.min(one.entries.length, other.entries.length)
  while (last > 0 && one.entries[last - 1] !== other.entries[last - 1]) last--
  return agree(one, other, last)
}

function haveOneValue(one: SharedLog, other: SharedLog): boolean {
  return one.entries.every((entry, i) => one.terms[i] !== other.terms[i] || entry === other.entries[i])
}
