// Which part of a node a request is for.
//
// Always true: all types but `read` and `add` belong to one workload. A `read` with a key is lin-kv's, an `add` says by its
// fields what it adds to. For a bare `read` the option decides, then what was seen before: `topology` or `broadcast` or an
// element for the set, a running engine for the counter; before that nobody can tell, and nobody guesses.

import type { SetKind } from './gossip.ts'
import type { ReplicatedWorkload } from './machine.ts'
import type { Body } from './message.ts'

export const WORKLOADS = [
  'echo',
  'unique-ids',
  'broadcast',
  'g-set',
  'g-counter',
  'pn-counter',
  'lin-kv',
  'kafka',
  'txn-rw-register',
  'txn-list-append',
] as const

export type WorkloadName = (typeof WORKLOADS)[number]

export type Destination =
  | { readonly to: 'echo' | 'unique-ids' }
  | { readonly to: 'topology' | 'broadcast' | 'broadcast-read' | 'g-set-add' | 'g-set-read' }
  | { readonly to: 'log'; readonly workload: ReplicatedWorkload }
  /** A bare `read`, and nothing that would tell whose it is. */
  | { readonly to: 'undecided' }
  | { readonly to: 'nobody' }

export interface Seen {
  readonly option: WorkloadName | undefined
  readonly setKind: SetKind | undefined
  readonly isEngineStarted: boolean
}

export function destinationOf(body: Body, seen: Seen): Destination {
  switch (body.type) {
    case 'echo':
      return { to: 'echo' }
    case 'generate':
      return { to: 'unique-ids' }
    case 'topology':
      return { to: 'topology' }
    case 'broadcast':
      return { to: 'broadcast' }
    case 'add':
      return body.element === undefined ? { to: 'log', workload: 'counter' } : { to: 'g-set-add' }
    case 'read':
      return body.key === undefined ? bareRead(seen) : { to: 'log', workload: 'lin-kv' }
    case 'write':
    case 'cas':
      return { to: 'log', workload: 'lin-kv' }
    case 'send':
    case 'poll':
    case 'commit_offsets':
    case 'list_committed_offsets':
      return { to: 'log', workload: 'kafka' }
    case 'txn':
      return { to: 'log', workload: 'transactions' }
    default:
      return { to: 'nobody' }
  }
}

function bareRead({ option, setKind, isEngineStarted }: Seen): Destination {
  if (option === 'broadcast') return { to: 'broadcast-read' }
  if (option === 'g-set') return { to: 'g-set-read' }
  if (option === 'g-counter' || option === 'pn-counter') return { to: 'log', workload: 'counter' }
  if (option === 'lin-kv') return { to: 'log', workload: 'lin-kv' }
  if (setKind !== undefined) return { to: setKind === 'broadcast' ? 'broadcast-read' : 'g-set-read' }
  return isEngineStarted ? { to: 'log', workload: 'counter' } : { to: 'undecided' }
}
