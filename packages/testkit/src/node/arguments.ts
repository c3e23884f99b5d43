// The command line of the simulator: what may be said, and what is said when it is wrong.

import type { Profile } from '../storm/swarm.ts'

export interface SimArguments {
  readonly protocol: string
  readonly seeds: number
  readonly seed: number
  readonly seconds: number
  readonly nodes: number | undefined
  readonly profile: Profile
  readonly workload: string
  /** The file that the history of clients is written to; for a single seed. */
  readonly history: string | undefined
  readonly json: boolean
  readonly checkDeterminism: boolean
  readonly oneProcess: boolean
}

export const HELP = `Runs whole clusters in virtual time, one history for each seed, and checks the laws.

  pnpm sim --protocol raft --seeds 1000

  --protocol NAME       raft                                     (default raft)
  --seeds N             how many seeds                           (default 100)
  --seed S              the first seed                           (default 1)
  --seconds V           virtual seconds of storm for each seed   (default 10)
  --nodes N             nodes of a cluster                       (default 1 to 5, drawn, mostly 3 and 5)
  --profile NAME        storm, gentle                            (default storm)
  --workload NAME       log, kv, register, list-append           (default log)
  --history FILE        write what the clients of one seed did, as lines of JSON (--workload register, list-append)
  --check-determinism   run each seed twice and compare
  --one-process         do not share the work between two processes
  --json                print the result as one JSON object, as the last line
  --help                this text

With 500 storms or more, every fault and every situation in the table must have been reached at least once. Virtual
seconds and seeds per real second are those of all processes together.

Exit code: 0 when all seeds are well, 1 when one has failed or something was never
reached, 2 for a mistake in the arguments.`

/** A mistake in the arguments. */
export class ArgumentError extends Error {}

/**
 * Reads the arguments; undefined when help was asked for.
 * @throws ArgumentError naming the argument
 */
export function parseArguments(args: readonly string[]): SimArguments | undefined {
  const values = new Map<string, string>()
  const flags = new Set<string>()
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!
    // pnpm hands a separating "--" on.
    if (name === '--') continue
    if (name === '--help' || name === '-h') return undefined
    if (FLAGS.includes(name)) flags.add(name)
    else if (VALUED.includes(name)) {
      const value = args[++i]
      if (value === undefined) throw new ArgumentError(`${name} needs a value.`)
      values.set(name, value)
    } else throw new ArgumentError(`${name} is not an argument.`)
  }
  const profile = values.get('--profile') ?? 'storm'
  if (profile !== 'storm' && profile !== 'gentle') {
    throw new ArgumentError(`--profile must be storm or gentle, not ${profile}.`)
  }
  const seeds = integer(values, '--seeds', 100, 1, 10_000_000)
  const history = values.get('--history')
  if (history !== undefined && seeds !== 1) throw new ArgumentError('--history is for a single seed: --seeds 1.')
  const nodes = values.has('--nodes') ? integer(values, '--nodes', 3, 1, 9) : undefined
  return {
    protocol: values.get('--protocol') ?? 'raft',
    seeds,
    seed: integer(values, '--seed', 1, 0, 0xffff_ffff),
    seconds: integer(values, '--seconds', 10, 1, 1_000_000),
    nodes,
    profile,
    workload: values.get('--workload') ?? 'log',
    history,
    json: flags.has('--json'),
    checkDeterminism: flags.has('--check-determinism'),
    oneProcess: flags.has('--one-process'),
  }
}

const FLAGS: readonly string[] = ['--json', '--check-determinism', '--one-process']

const VALUED: readonly string[] = [
  '--protocol',
  '--seeds',
  '--seed',
  '--seconds',
  '--nodes',
  '--profile',
  '--workload',
  '--history',
]

function integer(
  values: ReadonlyMap<string, string>,
  name: string,
  otherwise: number,
  low: number,
  high: number,
): number {
  const text = values.get(name)
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new ArgumentError(`${name} must be a whole number from ${low} to ${high}, not ${text}.`)
  }
  return value
}
