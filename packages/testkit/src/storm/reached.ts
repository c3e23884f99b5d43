// What a run of many storms must have reached: every fault, and every situation that hides bugs ("sometimes"
// assertions, as Antithesis calls them). A simulator that no longer gets somewhere is silent about what is wrong there.
//
// Always true: the names are those of the counters of a seed, so whatever is counted can be demanded here.

import type { Counters } from '../laws/book.ts'

/** From this many seeds on, of a storm of any length, everything must have been reached. */
export const SEEDS_THAT_REACH_ALL = 500

const FAULTS: readonly string[] = [
  'fault: crash',
  'fault: crash before a write',
  'fault: crash in a write',
  'fault: crash after a write',
  'fault: crash while sending',
  'fault: crash while starting',
  'fault: crash loop',
  'fault: crash of all',
  'fault: half-open connection',
  'fault: stop',
  'fault: pause',
  'fault: pause of a leader',
  'fault: event loop stall',
  'fault: wall clock jump',
  'fault: wall clock at 1970',
  'fault: clock drift',
  'fault: wild clock drift',
  'fault: isolated node',
  'fault: isolated leader',
  'fault: all but one isolated',
  'fault: deaf node',
  'fault: mute node',
  'fault: one way',
  'fault: bridge',
  'fault: split',
  'fault: ring',
  'fault: different majorities',
  'fault: flapping link',
  'fault: clog',
  'fault: swizzled clogs',
  'fault: burst loss',
  'fault: slow link',
  'fault: connection reset',
  'fault: stale messages',
  'fault: garbage',
  'fault: slow disk',
  'fault: stuck disk',
  'fault: full disk',
  'fault: failing write',
  'fault: failing flush',
  'fault: bit rot',
  'fault: wiped disk',
  'fault: disk of another node',
  'fault: transfer',
  'fault: transfer to a dying node',
  'fault: flapping leadership',
  'fault: throwing listener',
  'network: lost',
  'network: duplicated',
  'network: reordered',
  'network: cut',
  'network: corrupted',
  'network: reset',
  'network: queued',
  'network: tails',
  'network: stale',
  'network: unheard',
  'disk: hiccups',
  'disk: lostAppends',
  'disk: tornAppends',
  'disk: keptAppends',
  'disk: failedAppends',
  'disk: failedFlushes',
  'disk: fullAppends',
  'disk: crashPoints',
]

const SITUATIONS: readonly string[] = [
  'elections',
  'disk: blocksRead',
  'disk: refusedRotten',
  'disk: refusedFull',
  'disk: refusedForeign',
  'start refused CORRUPT_LOG',
  'start refused LOG_IO',
  'start refused LOG_MISMATCH',
  'fault LOG_IO',
  'transfer DONE',
  'transfer ABORTED',
  'transfer NOT_LEADER',
  'caught up after a restart',
  'a bare majority alone',
  'replaced disks',
]

/** What only clients of plain logs count. */
const OF_THE_LOG_WORKLOAD: readonly string[] = [
  'fault: slow callback',
  'fault: busy callback',
  'fault: throwing callback',
  'fault: callback throwing again',
  'fault: callback that never ends',
  'fault: reentrant callback',
  'fault: flood of tiny proposals',
  'fault: huge proposal',
  'fault CALLBACK_FAILED',
  'resumed after a callback fault',
  'restarts of hung nodes',
  'event stalled',
  'NOT_LEADER with a hint',
  'NOT_LEADER without a hint',
  'BUSY entries',
  'BUSY bytes',
  'BUSY apply-lag',
  'BUSY disk',
  'BUSY transfer',
  'BUSY recovering',
  'REJECTED unknown-partition',
  'REJECTED too-large',
  'REJECTED fenced',
  'REJECTED stopped',
  'REJECTED faulted',
  'outcome APPLIED',
  'outcome LOST',
  'outcome UNKNOWN',
  'outcomeOf APPLIED',
  'outcomeOf LOST',
  'outcomeOf UNKNOWN',
]

/** What only some protocols do. */
const OF_PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
  raft: ['truncations', 'a refused pre-vote', 'a refused vote', 'a transfer that was told', 'a log that did not match'],
  paxos: [
    'holes filled',
    'accepted behind a hole',
    'an acceptance behind a hole',
    'accepted instead of another value',
    'accepted again in a later term',
    'a promise in parts',
    'a refused probe',
    'a refused ballot',
    'a transfer that was told',
  ],
}

/** What storms of this protocol and workload must have reached, all seeds together. */
export function mustReach(protocol: string, workload: string): readonly string[] {
  return [
    ...FAULTS,
    ...SITUATIONS,
    ...(workload === 'log' ? OF_THE_LOG_WORKLOAD : []),
    ...(OF_PROTOCOLS[protocol] ?? []),
  ]
}

/** One line of the table: how often something has happened, and in how many seeds. */
export interface Reached {
  readonly name: string
  readonly total: number
  readonly seeds: number
}

/** Adds up seeds. */
export class ReachedTable {
  readonly #totals = new Map<string, { total: number; seeds: number }>()
  #seeds = 0

  get seeds(): number {
    return this.#seeds
  }

  add(counters: Counters): void {
    this.#seeds++
    for (const [name, count] of Object.entries(counters)) {
      if (count === 0) continue
      const of = this.#totals.get(name)
      if (of === undefined) this.#totals.set(name, { total: count, seeds: 1 })
      else {
        of.total += count
        of.seeds++
      }
    }
  }

  /** Everything that has happened, by name. */
  rows(): readonly Reached[] {
    return [...this.#totals].map(([name, of]) => ({ name, ...of })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Of these, what has never happened. */
  missing(names: readonly string[]): readonly string[] {
    return names.filter((name) => !this.#totals.has(name))
  }
}
