// The command line of the workbench: what may be said, and what is said when it is wrong.

import { FAULT_KINDS, type FaultKind } from './nemesis.ts'
import type { LatencyDistribution } from './network.ts'
import type { MaelstromOptions } from './run.ts'
import { TOPOLOGIES, type TopologyName } from './topology.ts'
import { isWorkload, WORKLOADS } from './workloads/index.ts'

export interface MaelstromArguments extends MaelstromOptions {
  readonly history: string | undefined
  readonly json: boolean
}

/** A mistake in the arguments. */
export class ArgumentError extends Error {}

const DISTRIBUTIONS: readonly LatencyDistribution[] = ['constant', 'uniform', 'exponential']

export const HELP: string = `Runs a workload of Maelstrom against nodes that are real processes, and judges their answers.

  pnpm maelstrom --workload kafka --nodes 5 --time-limit 20 --rate 100 --latency 10 --nemesis partition,kill
  pnpm maelstrom --workload echo --bin ./my-node --nodes 1

  --workload NAME        see below
  --bin PATH             the program of a node                         (default examples/maelstrom/bin/node)
  --protocol NAME        raft or paxos, handed on to the program; none: nothing is  (default raft)
  --nodes N              how many                                      (default 3)
  --time-limit SECONDS   how long clients ask                          (default 20)
  --rate N               requests a second, all clients together       (default 100)
  --concurrency N        clients, each with one request open           (default 2 for each node)
  --timeout MS           how long a client waits for an answer         (default 5000)
  --resend MS            a client that waits that long asks the next node the same, with the same msg_id; for nodes
                         that promise to execute it once all the same  (default never)
  --latency MS           mean delay between nodes                      (default 0)
  --latency-dist NAME    constant, uniform or exponential              (default uniform)
  --loss P               of a message between nodes, 0 to 1            (default 0)
  --topology NAME        grid, line, total or tree4                    (default grid)
  --nemesis LIST         partition, kill, pause, with commas           (default none)
  --seed S               of the requests, the delays and the nemesis   (default 1)
  --history FILE         write what clients asked and were answered, as lines of JSON
  --log-stderr DIR       keep what the nodes write to stderr
  --json                 print the result as one JSON object, as the last line
  --help                 this text

Workloads:
${Object.entries(WORKLOADS)
  .map(([name, what]) => `  ${name.padEnd(21)}  ${what}`)
  .join('\n')}

The program is started with --workload NAME and --protocol NAME; MAKO_DATA is a folder for what it must keep over its death.

Exit code: 0 when all is well, 1 when something is wrong or could not be decided, 2 for a mistake in
the arguments, 3 when the program does not start.`

/**
 * Reads the arguments; undefined when help was asked for.
 * @throws ArgumentError naming the argument
 */
export function parseArguments(args: readonly string[], defaultProgram: string): MaelstromArguments | undefined {
  const values = new Map<string, string>()
  let json = false
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!
    // pnpm hands a separating "--" on.
    if (name === '--') continue
    if (name === '--help' || name === '-h') return undefined
    if (name === '--json') json = true
    else if (VALUED.includes(name)) {
      const value = args[++i]
      if (value === undefined || value === '') throw new ArgumentError(`${name} needs a value.`)
      values.set(name, value)
    } else throw new ArgumentError(`${name} is not an argument.`)
  }
  const number = numbersOf(values)
  const workload = values.get('--workload')
  if (workload === undefined) throw new ArgumentError('--workload is missing.')
  if (!isWorkload(workload)) {
    throw new ArgumentError(`--workload must be one of ${Object.keys(WORKLOADS).join(', ')}, not ${workload}.`)
  }
  const protocol = oneOf(values, '--protocol', ['raft', 'paxos', 'none'], 'raft')
  const nodes = number('--nodes', 3, 1, 100, true)
  return {
    workload,
    protocol,
    program: values.get('--bin') ?? defaultProgram,
    args: [...(protocol === 'none' ? [] : ['--protocol', protocol]), '--workload', workload],
    nodes,
    seconds: number('--time-limit', 20, 0.5, 100_000),
    rate: number('--rate', 100, 0.01, 100_000),
    concurrency: number('--concurrency', 2 * nodes, 1, 10_000, true),
    timeoutMs: number('--timeout', 5_000, 1, 1_000_000),
    resendMs: values.has('--resend') ? number('--resend', 1_000, 1, 1_000_000) : undefined,
    latencyMs: number('--latency', 0, 0, 100_000),
    distribution: oneOf<LatencyDistribution>(values, '--latency-dist', DISTRIBUTIONS, 'uniform'),
    lossProbability: number('--loss', 0, 0, 1),
    topology: oneOf<TopologyName>(values, '--topology', TOPOLOGIES, 'grid'),
    nemesis: nemesisOf(values.get('--nemesis')),
    seed: number('--seed', 1, 0, 0xffff_ffff, true),
    stderrFolder: values.get('--log-stderr'),
    history: values.get('--history'),
    json,
  }
}

const VALUED: readonly string[] = [
  '--workload',
  '--bin',
  '--protocol',
  '--nodes',
  '--time-limit',
  '--rate',
  '--concurrency',
  '--timeout',
  '--resend',
  '--latency',
  '--latency-dist',
  '--loss',
  '--topology',
  '--nemesis',
  '--seed',
  '--history',
  '--log-stderr',
]

type NumberOf = (name: string, otherwise: number, low: number, high: number, whole?: boolean) => number

function numbersOf(values: ReadonlyMap<string, string>): NumberOf {
  return (name, otherwise, low, high, whole = false) => {
    const text = values.get(name)
    if (text === undefined) return otherwise
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value
    throw new ArgumentError(`${name} must be a ${whole ? 'whole ' : ''}number from ${low} to ${high}, not ${text}.`)
  }
}

function oneOf<T extends string>(
  values: ReadonlyMap<string, string>,
  name: string,
  choices: readonly T[],
  otherwise: T,
): T {
  const value = values.get(name)
  if (value === undefined) return otherwise
  const chosen = choices.find((choice) => choice === value)
  if (chosen !== undefined) return chosen
  throw new ArgumentError(`${name} must be one of ${choices.join(', ')}, not ${value}.`)
}

function nemesisOf(list: string | undefined): readonly FaultKind[] {
  if (list === undefined || list === 'none') return []
  const kinds = list.split(',').map((name) => {
    const kind = FAULT_KINDS.find((each) => each === name)
    if (kind !== undefined) return kind
    throw new ArgumentError(`--nemesis must be none or some of ${FAULT_KINDS.join(',')}, not ${list}.`)
  })
  return [...new Set(kinds)]
}
