// What the command line can run: protocols and workloads by name. A new one is one line here.

import { runSeed, type SeedResult, type StormOptions } from '../storm/run.ts'
import type { Swarm } from '../storm/swarm.ts'
import { listAppendWorkload } from '../workload/list-append.ts'
import { logWorkload } from '../workload/log.ts'
import { registerWorkload } from '../workload/register.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import { ArgumentError, helpOf, type Choices, type SimArguments } from './arguments.ts'
import { fitForDatabases, kvWorkload } from './kv.ts'
import { paxosProbe, simPaxos } from './paxos.ts'
import { raftProbe, simRaft } from './raft.ts'

interface RunnableWorkload {
  readonly what: string
  readonly make: WorkloadFactory
  /** What the workload needs of the cluster, whatever the seed has drawn. @default nothing */
  readonly fit?: (swarm: Swarm) => Swarm
}

const WORKLOADS: Readonly<Record<string, RunnableWorkload>> = {
  log: { what: 'payloads are added to logs; what was answered is compared with the logs', make: logWorkload },
  kv: { what: 'transactions of a database, speculative and safe', make: kvWorkload, fit: fitForDatabases },
  register: { what: 'get, put, cas, del, incr on keys; linearizable', make: registerWorkload },
  'list-append': { what: 'transactions on lists; strictly serializable', make: listAppendWorkload },
}

/** Everything of a storm but the protocol. */
type Settings = Omit<StormOptions<never>, 'protocol' | 'probe'>

/** Hands on a storm of one protocol, whatever its messages are. */
export type UseStorm<T> = <Message>(storm: StormOptions<Message>) => T

interface RunnableProtocol {
  readonly what: string
  readonly with: <T>(settings: Settings, use: UseStorm<T>) => T
}

const PROTOCOLS: Readonly<Record<string, RunnableProtocol>> = {
  raft: {
    what: 'Raft',
    with: (settings, use) => use({ ...settings, protocol: simRaft, probe: raftProbe }),
  },
  paxos: {
    what: 'Multi-Paxos',
    with: (settings, use) => use({ ...settings, protocol: simPaxos, probe: paxosProbe }),
  },
}

/**
 * The function that runs one seed. `onWorkload` is given what the clients of each seed are.
 * @throws ArgumentError for an unknown protocol or workload
 */
export function seedRunner(
  options: SimArguments,
  onWorkload: (workload: Workload) => void = () => undefined,
): (seed: number) => Promise<SeedResult> {
  return withStorm(options, onWorkload, (storm) => (seed) => runSeed(seed, storm))
}

/**
 * What the command line asks for, as a storm. `onWorkload` is given what the clients of each seed are.
 * @throws ArgumentError for an unknown protocol or workload
 */
export function withStorm<T>(options: SimArguments, onWorkload: (workload: Workload) => void, use: UseStorm<T>): T {
  const protocol = find('--protocol', PROTOCOLS, options.protocol)
  const { make, fit } = find('--workload', WORKLOADS, options.workload)
  const workload: WorkloadFactory = (world) => {
    const made = make(world)
    onWorkload(made)
    return made
  }
  const { seconds, profile, nodes, faults, operations } = options
  return protocol.with(
    {
      seconds,
      profile,
      workload,
      ...(nodes === undefined ? {} : { nodes }),
      ...(fit === undefined ? {} : { fit }),
      ...(faults === undefined ? {} : { skip: allBut(faults) }),
      ...(operations === undefined ? {} : { skipOperation: allBut(operations) }),
    },
    use,
  )
}

/** The text of `--help`. */
export function help(): string {
  return helpOf(described(PROTOCOLS), described(WORKLOADS))
}

function described(choices: Readonly<Record<string, { readonly what: string }>>): Choices {
  return Object.fromEntries(Object.entries(choices).map(([name, { what }]) => [name, what]))
}

function allBut(ordinals: readonly number[]): (ordinal: number) => boolean {
  const kept = new Set(ordinals)
  return (ordinal) => !kept.has(ordinal)
}

function find<T>(argument: string, choices: Readonly<Record<string, T>>, name: string): T {
  const names = Object.keys(choices)
  const choice = names.includes(name) ? choices[name] : undefined
  if (choice === undefined)
    throw new ArgumentError(`${argument} ${name} is not available; there is: ${names.join(', ')}.`)
  return choice
}
