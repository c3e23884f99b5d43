// What a user may tune, the defaults, and the checks. Always true: what `resolveOptions` returns makes a Paxos that can
// elect a leader; what is merely unwise is a warning.

import { MakoError, type NodeId } from '@mako/engine'

export interface PaxosOptions {
  /**
   * How often a leader lets the others hear from it, in milliseconds.
   * @default 50: twenty small messages a second and follower, one tenth of the election timeout
   */
  readonly heartbeatMs?: number
  /**
   * How long a follower waits for a leader at least, in milliseconds. Followers of a leader that falls silent take turns
   * between 1.1 and 1.4 times this (ADR 5); every other wait is drawn anew, uniformly between one and two times this,
   * and wider after attempts that failed.
   * @default 500: well above the pauses of a garbage collector and of a disk, below what people notice
   */
  readonly electionTimeoutMs?: number
  /**
   * How often time is looked at, in milliseconds; also how long an idle follower may wait to hear of a commit.
   * @default 10
   */
  readonly tickMs?: number
  /**
   * Ask whether a majority misses its leader before raising the ballot, so that a node that was cut off pre-empts nobody
   * when it comes back. The counterpart of Raft's pre-vote.
   * @default true
   */
  readonly probe?: boolean
  /**
   * A leader that has not heard from a majority for an election timeout steps down.
   * @default true
   */
  readonly checkQuorum?: boolean
  /**
   * Acceptors refuse the prepare of another while they have heard their leader within the election timeout, whether it
   * has probed or not. It keeps a leader in office; no read is answered on the strength of it.
   * @default false
   */
  readonly leases?: boolean
  /**
   * A new leader appends an empty entry of its own ballot behind what it has proposed again, so that proposals that
   * earlier leaders left open are answered at once (ADR 2). Without it they are answered with the first entry of the
   * new ballot. Either way a leader is announced only when everything of earlier ballots is applied.
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
   * moved again, or until it stops leading for any reason, a restart included: then `fixedLeader` campaigns.
   * @default 'elected'
   */
  readonly leadership?: 'elected' | 'fixed'
  /**
   * Who leads with `leadership: 'fixed'`. All nodes must be told the same.
   * @default the first voter in the list of members
   */
  readonly fixedLeader?: NodeId
}

export interface ResolvedPaxosOptions {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly tickMs: number
  readonly probe: boolean
  readonly checkQuorum: boolean
  readonly leases: boolean
  readonly noopOnElection: boolean
  readonly preferredLeader: NodeId | undefined
  readonly leadership: 'elected' | 'fixed'
  readonly fixedLeader: NodeId | undefined
}

export const DEFAULT_PAXOS_OPTIONS: ResolvedPaxosOptions = {
  heartbeatMs: 50,
  electionTimeoutMs: 500,
  tickMs: 10,
  probe: true,
  checkQuorum: true,
  leases: false,
  noopOnElection: true,
  preferredLeader: undefined,
  leadership: 'elected',
  fixedLeader: undefined,
}

/** Below this many heartbeats in an election timeout, a few lost messages are enough for a needless election. */
const WISE_HEARTBEATS = 5

/** @throws MakoError `BAD_OPTION` */
export function resolveOptions(options: PaxosOptions): ResolvedPaxosOptions {
  const known = new Set(Object.keys(DEFAULT_PAXOS_OPTIONS))
  for (const key of Object.keys(options)) if (!known.has(key)) throw bad(`"${key}" is not an option`)
  const resolved: ResolvedPaxosOptions = { ...DEFAULT_PAXOS_OPTIONS, ...withoutUndefined(options) }
  for (const key of ['heartbeatMs', 'electionTimeoutMs', 'tickMs'] as const) {
    const value: unknown = resolved[key]
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw bad(`${key} must be a positive number`)
  }
  for (const key of ['probe', 'checkQuorum', 'leases', 'noopOnElection'] as const) {
    if (typeof resolved[key] !== 'boolean') throw bad(`${key} must be true or false`)
  }
  for (const key of ['preferredLeader', 'fixedLeader'] as const) {
    const value: unknown = resolved[key]
    if (value === '' || (value !== undefined && typeof value !== 'string')) throw bad(`${key} must be the id of a node`)
  }
  const { heartbeatMs, electionTimeoutMs, tickMs, leadership, fixedLeader } = resolved
  if (electionTimeoutMs <= heartbeatMs) throw bad('electionTimeoutMs must be greater than heartbeatMs')
  if (tickMs > heartbeatMs) throw bad('tickMs must not be greater than heartbeatMs')
  if (!['elected', 'fixed'].includes(leadership)) throw bad("leadership must be 'elected' or 'fixed'")
  if (leadership === 'elected' && fixedLeader !== undefined) throw bad("fixedLeader needs leadership: 'fixed'")
  return resolved
}

/** What is unwise, though not wrong. */
export function warningsOf(options: ResolvedPaxosOptions): string[] {
  const { heartbeatMs, electionTimeoutMs } = options
  if (electionTimeoutMs >= WISE_HEARTBEATS * heartbeatMs) return []
  return [
    `electionTimeoutMs (${electionTimeoutMs}) is less than ${WISE_HEARTBEATS} heartbeats of ${heartbeatMs} ms: ` +
      'a few lost messages will cause an election',
  ]
}

function withoutUndefined(options: PaxosOptions): PaxosOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function bad(what: string): MakoError {
  return new MakoError('BAD_OPTION', `paxos(): ${what}.`)
}
