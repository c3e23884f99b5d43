// What a user may tune, the defaults, and the checks. Always true: what `resolveOptions` returns makes a Raft that
// can elect a leader; what is merely unwise is a warning.

import { MakoError, type NodeId } from '@mako/engine'

export interface RaftOptions {
  /**
   * How often a leader lets its followers hear from it, in milliseconds.
   * @default 50: twenty small messages a second and follower, one tenth of the election timeout
   */
  readonly heartbeatMs?: number
  /**
   * How long a follower waits for a leader at least, in milliseconds. Followers of a leader that falls silent take turns
   * between 1.1 and 1.4 times this (ADR 5); every other wait is drawn anew, uniformly between one and two times this.
   * @default 500: well above the pauses of a garbage collector and of a disk, below what people notice
   */
  readonly electionTimeoutMs?: number
  /**
   * How often time is looked at, in milliseconds; also how long an idle follower may wait to hear of a commit.
   * @default 10
   */
  readonly tickMs?: number
  /**
   * Ask before campaigning, so that a node that was cut off raises no term (thesis 9.6).
   * @default true
   */
  readonly preVote?: boolean
  /**
   * A leader that has not heard from a majority for an election timeout steps down (thesis 6.2).
   * @default true
   */
  readonly checkQuorum?: boolean
  /**
   * A new leader appends an empty entry, so that everything of earlier terms is committed at once (thesis 6.4).
   * Without it (for laboratories that count entries) a leader is announced at once, and entries of earlier terms are
   * committed only together with the first entry of its own; its readers wait as long. So `leader` then promises less,
   * and what relies on it (`@mako/watermark`) must not be used.
   * @default true
   */
  readonly noopOnElection?: boolean
  /**
   * This node's wait is always short and the others' a little longer, so that it usually wins a free election. It
   * takes nothing from a leader that lives; that is what a transfer is for.
   * @default none
   */
  readonly preferredLeader?: NodeId
  /**
   * `elected`: whoever misses the leader campaigns. `fixed`: only `fixedLeader` does; the others wait for it, however
   * long, and name it in their answers. A transfer by hand moves leadership to another node; that one leads until it is
   * moved again, or until it stops leading for any reason, a restart included: then `fixedLeader` campaigns. When the log
   * of `fixedLeader` lags behind, so that nobody may vote for it (thesis 3.6.1), a node with a newer log leads for the
   * moment, brings it up to date, and hands over.
   * @default 'elected'
   */
  readonly leadership?: 'elected' | 'fixed'
  /**
   * Who leads with `leadership: 'fixed'`. All nodes must be told the same.
   * @default the first in the list of members
   */
  readonly fixedLeader?: NodeId
}

export interface ResolvedRaftOptions {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly tickMs: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly noopOnElection: boolean
  readonly preferredLeader: NodeId | undefined
  readonly leadership: 'elected' | 'fixed'
  readonly fixedLeader: NodeId | undefined
}

export const DEFAULT_RAFT_OPTIONS: ResolvedRaftOptions = {
  heartbeatMs: 50,
  electionTimeoutMs: 500,
  tickMs: 10,
  preVote: true,
  checkQuorum: true,
  noopOnElection: true,
  preferredLeader: undefined,
  leadership: 'elected',
  fixedLeader: undefined,
}

/** Below this many heartbeats in an election timeout, a few lost messages are enough for a needless election. */
const WISE_HEARTBEATS = 5

/** @throws MakoError `BAD_OPTION` */
export function resolveOptions(options: RaftOptions): ResolvedRaftOptions {
  const known = new Set(Object.keys(DEFAULT_RAFT_OPTIONS))
  for (const key of Object.keys(options)) if (!known.has(key)) throw bad(`"${key}" is not an option`)
  const resolved: ResolvedRaftOptions = { ...DEFAULT_RAFT_OPTIONS, ...withoutUndefined(options) }
  for (const key of ['heartbeatMs', 'electionTimeoutMs', 'tickMs'] as const) {
    const value: unknown = resolved[key]
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw bad(`${key} must be a positive number`)
  }
  for (const key of ['preVote', 'checkQuorum', 'noopOnElection'] as const) {
    if (typeof resolved[key] !== 'boolean') throw bad(`${key} must be true or false`)
  }
  const { heartbeatMs, electionTimeoutMs, tickMs, leadership, fixedLeader } = resolved
  if (electionTimeoutMs <= heartbeatMs) throw bad('electionTimeoutMs must be greater than heartbeatMs')
  if (tickMs > heartbeatMs) throw bad('tickMs must not be greater than heartbeatMs')
  for (const key of ['preferredLeader', 'fixedLeader'] as const) {
    const value: unknown = resolved[key]
    if (value === '' || (value !== undefined && typeof value !== 'string')) throw bad(`${key} must be the id of a node`)
  }
  if (!['elected', 'fixed'].includes(leadership)) throw bad("leadership must be 'elected' or 'fixed'")
  if (leadership === 'elected' && fixedLeader !== undefined) throw bad("fixedLeader needs leadership: 'fixed'")
  return resolved
}

/** What is unwise, though not wrong. */
export function warningsOf(options: ResolvedRaftOptions): string[] {
  const { heartbeatMs, electionTimeoutMs, noopOnElection } = options
  const warnings: string[] = []
  if (electionTimeoutMs < WISE_HEARTBEATS * heartbeatMs) {
    warnings.push(
      `electionTimeoutMs (${electionTimeoutMs}) is less than ${WISE_HEARTBEATS} heartbeats of ${heartbeatMs} ms: ` +
        'a few lost messages will cause an election',
    )
  }
  if (!noopOnElection) {
    warnings.push(
      'noopOnElection is false: leaders are announced before everything of earlier terms is applied; ' +
        'do not use @mako/watermark on top',
    )
  }
  return warnings
}

function withoutUndefined(options: RaftOptions): RaftOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function bad(what: string): MakoError {
  return new MakoError('BAD_OPTION', `raft(): ${what}.`)
}
