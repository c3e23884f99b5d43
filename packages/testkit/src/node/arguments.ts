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
  /** The file that the trace of the first failing seed is written to, or of a single seed. */
  readonly trace: string | undefined
  /** Only these faults and operations, by their ordinals. */
  readonly faults: readonly number[] | undefined
  readonly operations: readonly number[] | undefined
  readonly timeline: boolean
  readonly shrink: boolean
  readonly bail: boolean
  readonly json: boolean
  readonly checkDeterminism: boolean
  readonly oneProcess: boolean
}

/** What there is to choose from, by name and with a few words. */
export type Choices = Readonly<Record<string, string>>

/** The text of `--help`. */
export function helpOf(protocols: Choices, workloads: Choices): string {
  return `Runs whole clusters in virtual time, one history for each seed, and checks the laws.

  pnpm sim --protocol raft --seeds 1000
  pnpm sim --seed 4711 --seeds 1 --shrink

  --protocol NAME       see below                                (default raft)
  --workload NAME       see below                                (default log)
  --profile NAME        see below                                (default storm)
  --seeds N             how many seeds                           (default 100)
  --seed S              the first seed                           (default 1)
  --seconds V           virtual seconds of storm for each seed   (default 10)
  --nodes N             nodes of a cluster                       (default 1 to 5, drawn, mostly 3 and 5)
  --bail                stop at the first seed that fails
  --shrink              leave out of it what is not needed, for up to two minutes
  --timeline            what happened last, a column for each node; without --json also shown when a seed fails
  --trace FILE          write what happened, as lines of JSON: of the seed that failed first, or of a single seed
  --history FILE        write what the clients of one seed did, as lines of JSON (--workload register, list-append)
  --faults LIST         of the faults of one seed only these, such as 3,17, or none
  --operations LIST     of the operations of its clients only these
  --check-determinism   run each seed twice and compare
  --one-process         do not share the work between two processes
  --json                print the result as one JSON object, as the last line
  --help                this text

Protocols:
${listed(protocols)}

Workloads:
${listed(workloads)}

Profiles:
${listed(PROFILES)}

With 500 storms or more, every fault and every situation in the table must have been reached at least once. Virtual
seconds and seeds per real second are those of all processes together.

Exit code: 0 when all seeds are well, 1 when one has failed or something was never
reached, 2 for a mistake in the arguments.`
}

const PROFILES: Readonly<Record<Profile, string>> = {
  storm: 'looks for bugs: all faults, crashes every few election timeouts',
  gentle: 'a day with a few crashes, and a network that loses nothing',
}

function listed(choices: Choices): string {
  return Object.entries(choices)
    .map(([name, what]) => `  ${name.padEnd(20)}  ${what}`)
    .join('\n')
}

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
  if (!isProfile(profile)) {
    throw new ArgumentError(`--profile must be ${Object.keys(PROFILES).join(' or ')}, not ${profile}.`)
  }
  const seeds = integer(values, '--seeds', 100, 1, 10_000_000)
  for (const name of ['--history', '--faults', '--operations']) {
    if (values.has(name) && seeds !== 1) throw new ArgumentError(`${name} is for a single seed: --seeds 1.`)
  }
  const nodes = values.has('--nodes') ? integer(values, '--nodes', 3, 1, 9) : undefined
  return {
    protocol: values.get('--protocol') ?? 'raft',
    seeds,
    seed: integer(values, '--seed', 1, 0, 0xffff_ffff),
    seconds: number(values, '--seconds', 10, 0.001, 1_000_000),
    nodes,
    profile,
    workload: values.get('--workload') ?? 'log',
    history: values.get('--history'),
    trace: values.get('--trace'),
    faults: ordinals(values, '--faults'),
    operations: ordinals(values, '--operations'),
    timeline: flags.has('--timeline'),
    shrink: flags.has('--shrink'),
    bail: flags.has('--bail'),
    json: flags.has('--json'),
    checkDeterminism: flags.has('--check-determinism'),
    oneProcess: flags.has('--one-process'),
  }
}

const FLAGS: readonly string[] = ['--json', '--check-determinism', '--one-process', '--timeline', '--shrink', '--bail']

const VALUED: readonly string[] = [
  '--protocol',
  '--seeds',
  '--seed',
  '--seconds',
  '--nodes',
  '--profile',
  '--workload',
  '--history',
  '--trace',
  '--faults',
  '--operations',
]

function isProfile(name: string): name is Profile {
  return Object.hasOwn(PROFILES, name)
}

function integer(
  values: ReadonlyMap<string, string>,
  name: string,
  otherwise: number,
  low: number,
  high: number,
): number {
  const value = number(values, name, otherwise, low, high)
  if (Number.isInteger(value)) return value
  throw new ArgumentError(`${name} must be a whole number from ${low} to ${high}, not ${value}.`)
}

function number(
  values: ReadonlyMap<string, string>,
  name: string,
  otherwise: number,
  low: number,
  high: number,
): number {
  const text = values.get(name)
  if (text === undefined) return otherwise
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= low && value <= high) return value
  throw new ArgumentError(`${name} must be a number from ${low} to ${high}, not ${text}.`)
}

/** Whole numbers with commas between them, or `none`. */
function ordinals(values: ReadonlyMap<string, string>, name: string): readonly number[] | undefined {
  const text = values.get(name)
  if (text === undefined) return undefined
  if (text === 'none') return []
  return text.split(',').map((part) => {
    if (/^\d{1,9}$/.test(part)) return Number(part)
    throw new ArgumentError(`${name} must be none or whole numbers such as 3,17, not ${text}.`)
  })
}
