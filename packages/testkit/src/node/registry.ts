// What the command line can run: protocols and workloads by name. A new one is one line here.

import type { SeedResult } from '../storm/run.ts'
import { runSeed } from '../storm/run.ts'
import type { Swarm } from '../storm/swarm.ts'
import { listAppendWorkload } from '../workload/list-append.ts'
import { logWorkload } from '../workload/log.ts'
import { registerWorkload } from '../workload/register.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import { ArgumentError, type SimArguments } from './arguments.ts'
import { fitForDatabases, kvWorkload } from './kv.ts'
import { paxosProbe, simPaxos } from './paxos.ts'
import { raftProbe, simRaft } from './raft.ts'

interface RunnableWorkload {
  readonly make: WorkloadFactory
  /** What the workload needs of the cluster, whatever the seed has drawn. @default nothing */
  readonly fit?: (swarm: Swarm) => Swarm
}

const WORKLOADS: Readonly<Record<string, RunnableWorkload>> = {
  log: { make: logWorkload },
  kv: { make: kvWorkload, fit: fitForDatabases },
  register: { make: registerWorkload },
  'list-append': { make: listAppendWorkload },
}

type SeedRunner = (seed: number, options: SimArguments, workload: RunnableWorkload) => Promise<SeedResult>

const PROTOCOLS: Readonly<Record<string, SeedRunner>> = {
  raft: (seed, options, { make, fit }) =>
    runSeed(seed, {
      ...stormOf(options),
      protocol: simRaft,
      probe: raftProbe,
      workload: make,
      ...(fit === undefined ? {} : { fit }),
    }),
  paxos: (seed, options, { make, fit }) =>
    runSeed(seed, {
      ...stormOf(options),
      protocol: simPaxos,
      probe: paxosProbe,
      workload: make,
      ...(fit === undefined ? {} : { fit }),
    }),
}

/**
 * The function that runs one seed. `onWorkload` is given what the clients of each seed are.
 * @throws ArgumentError for an unknown protocol or workload
 */
export function seedRunner(
  options: SimArguments,
  onWorkload: (workload: Workload) => void = () => undefined,
): (seed: number) => Promise<SeedResult> {
  const run = find('--protocol', PROTOCOLS, options.protocol)
  const workload = find('--workload', WORKLOADS, options.workload)
  const make: WorkloadFactory = (world) => {
    const made = workload.make(world)
    onWorkload(made)
    return made
  }
  return (seed) => run(seed, options, { ...workload, make })
}

function stormOf({ seconds, nodes, profile }: SimArguments): {
  seconds: number
  nodes?: number
  profile: 'storm' | 'gentle'
} {
  return { seconds, profile, ...(nodes === undefined ? {} : { nodes }) }
}

function find<T>(argument: string, choices: Readonly<Record<string, T>>, name: string): T {
  const names = Object.keys(choices)
  const choice = names.includes(name) ? choices[name] : undefined
  if (choice === undefined)
    throw new ArgumentError(`${argument} ${name} is not available; there is: ${names.join(', ')}.`)
  return choice
}
