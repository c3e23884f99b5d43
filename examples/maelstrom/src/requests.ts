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
  | { readonly to: 'echo' | 'unique-ids' | 'topology' }
  | { readonly to: 'set-add' | 'set-read'; readonly kind: SetKind }
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
      return { to: 'set-add', kind: 'broadcast' }
    case 'add':
      return body.element === undefined ? { to: 'log', workload: 'counter' } : { to: 'set-add', kind: 'g-set' }
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
  if (option === 'broadcast' || option === 'g-set') return { to: 'set-read', kind: option }
  if (option === 'g-counter' || option === 'pn-counter') return { to: 'log', workload: 'counter' }
  if (option === 'lin-kv') return { to: 'log', workload: 'lin-kv' }
  if (setKind !== undefined) return { to: 'set-read', kind: setKind }
  return isEngineStarted ? { to: 'log', workload: 'counter' } : { to: 'undecided' }
}
