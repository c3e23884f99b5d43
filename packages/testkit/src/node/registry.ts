// What the command line can run: protocols and workloads by name. A new one is one line here.

import type { SeedResult } from '../storm/run.ts'
import { runSeed } from '../storm/run.ts'
import type { ProtocolTuning } from '../storm/swarm.ts'
import { logWorkload } from '../workload/log.ts'
import type { WorkloadFactory } from '../workload/workload.ts'
import { ArgumentError, type SimArguments } from './arguments.ts'
import { kvWorkload } from './kv.ts'
import { raftProbe, simRaft } from './raft.ts'

interface RunnableWorkload {
  readonly make: WorkloadFactory
  /** What the workload needs of a protocol, whatever the seed has drawn. @default nothing */
  readonly tune?: (tuning: ProtocolTuning) => ProtocolTuning
}

const WORKLOADS: Readonly<Record<string, RunnableWorkload>> = {
  log: { make: logWorkload },
  // A shard opens its epoch above everything of earlier terms, so it needs leaders that are announced after that.
  kv: { make: kvWorkload, tune: (tuning) => ({ ...tuning, noopOnElection: true }) },
}

type SeedRunner = (seed: number, options: SimArguments, workload: RunnableWorkload) => Promise<SeedResult>

const PROTOCOLS: Readonly<Record<string, SeedRunner>> = {
  raft: (seed, options, { make, tune = (tuning) => tuning }) =>
    runSeed(seed, {
      ...stormOf(options),
      protocol: (tuning) => simRaft(tune(tuning)),
      probe: raftProbe,
      workload: make,
    }),
}

/**
 * The function that runs one seed.
 * @throws ArgumentError for an unknown protocol or workload
 */
export function seedRunner(options: SimArguments): (seed: number) => Promise<SeedResult> {
  const run = find('--protocol', PROTOCOLS, options.protocol)
  const workload = find('--workload', WORKLOADS, options.workload)
  return (seed) => run(seed, options, workload)
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
