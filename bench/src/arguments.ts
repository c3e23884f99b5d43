// The command line. Parsing is pure: arguments in, a request or a message out; nothing is read or printed.

import { parseArgs } from 'node:util'
import { type Cell, type Group, isNamed } from './cell.ts'

export interface BenchOptions {
  /** Names of groups or cells; all when there is none. */
  readonly only: readonly string[]
  /** Measured time of each cell, over all its rounds. */
  readonly seconds: number
  readonly rounds: number
  /** Names of peers that may be measured. */
  readonly peers: readonly string[]
  readonly json: boolean
  /** Where the report with plots goes. */
  readonly plot: string | undefined
  /** Directory for profiles of our processes. */
  readonly profile: string | undefined
}

export type ParsedArguments =
  | { readonly status: 'RUN'; readonly options: BenchOptions }
  | { readonly status: 'HELP'; readonly text: string }
  | { readonly status: 'WRONG'; readonly message: string }

/** What can be asked for. */
export interface Choice {
  readonly groups: readonly Group[]
  readonly peers: readonly string[]
}

export const DEFAULT_SECONDS = 0.2
export const DEFAULT_ROUNDS = 3
const DEFAULT_PLOT = '.data/bench-report.html'
const MAX_SECONDS = 600
const MAX_ROUNDS = 100

export function parseArguments(argv: readonly string[], choice: Choice): ParsedArguments {
  try {
    const { values } = parseArgs({
      args: withPlotFile(argv),
      allowPositionals: false,
      options: {
        only: { type: 'string', multiple: true },
        seconds: { type: 'string' },
        rounds: { type: 'string' },
        peers: { type: 'string' },
        json: { type: 'boolean' },
        plot: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { status: 'HELP', text: helpText(choice) }
    const seconds = Number(values.seconds ?? DEFAULT_SECONDS)
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      return wrong(`--seconds must be above 0 and at most ${MAX_SECONDS}, not ${values.seconds ?? ''}.`)
    }
    const rounds = Number(values.rounds ?? DEFAULT_ROUNDS)
    if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= MAX_ROUNDS)) {
      return wrong(`--rounds must be a whole number from 1 to ${MAX_ROUNDS}, not ${values.rounds ?? ''}.`)
    }
    const only = values.only ?? []
    const paths = pathsOf(choice.groups)
    for (const name of only) {
      if (paths.every(({ cells }) => cells.every((cell) => !isNamed(cell, name)))) {
        return wrong(`--only ${name}: there is no such group or cell. There are:\n${namesText(choice)}`)
      }
    }
    const peers = values.peers === undefined ? choice.peers : values.peers === 'none' ? [] : values.peers.split(',')
    for (const name of peers) {
      if (!choice.peers.includes(name)) {
        return wrong(`--peers ${name}: there is no such peer. There are: none, ${choice.peers.join(', ')}.`)
      }
    }
    const { plot, profile } = values
    return { status: 'RUN', options: { only, seconds, rounds, peers, json: values.json === true, plot, profile } }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

/** The arguments, in which `--plot` has a file in any case; a package manager hands its `--` on to the script. */
function withPlotFile(argv: readonly string[]): string[] {
  return argv
    .filter((argument, position) => !(position === 0 && argument === '--'))
    .map((argument, position, all) => {
      const next = all[position + 1]
      const hasFile = next !== undefined && !next.startsWith('-')
      return argument === '--plot' && !hasFile ? `--plot=${DEFAULT_PLOT}` : argument
    })
}

function wrong(message: string): ParsedArguments {
  return { status: 'WRONG', message }
}

interface NamedCells {
  readonly name: string
  readonly about: string
  readonly cells: readonly Cell[]
}

/** Cells of all groups by their names, once for each name. */
function pathsOf(groups: readonly Group[]): NamedCells[] {
  const names = new Map<string, Cell[]>()
  for (const cell of groups.flatMap(({ stages }) => stages.flatMap(({ cells }) => cells))) {
    names.set(cell.name, [...(names.get(cell.name) ?? []), cell])
  }
  return [...names].map(([name, cells]) => ({ name, about: cells[0]!.about, cells }))
}

function namesText({ groups }: Choice): string {
  const paths = pathsOf(groups)
  const width = Math.max(...paths.map(({ name }) => name.length))
  return groups
    .flatMap(({ name, about }) => [
      `${name}: ${about}`,
      ...paths
        .filter(({ cells }) => isNamed(cells[0]!, name))
        .map((each) => `  ${each.name.padEnd(width)}  ${each.about}${loadsText(each.cells)}`),
    ])
    .join('\n')
}

/** What follows the name of a cell in its path: loads, when there is more than one. */
function loadsText(cells: readonly Cell[]): string {
  const loads = cells.map(({ inFlight, bytes }) => [inFlight, bytes].filter((part) => part !== null).join('/'))
  const different = [...new Set(loads)]
  return different.length < 2 ? '' : ` (/${different.join(' /')})`
}

function helpText(choice: Choice): string {
  return `pnpm bench [options]

Measures the parts and the whole, beside the peers that are installed. Rounds of cells that are compared alternate, so
figures of one run may be compared with each other; those of different runs or machines may not.

  --only NAME     a group, or the front of a path such as engine/disk/64/100/mako-raft, as often as you like (all)
  --seconds S     measured seconds of a cell over all its rounds (${DEFAULT_SECONDS})
  --rounds N      rounds (${DEFAULT_ROUNDS})
  --peers NAMES   which peers, with commas between, or none (all that are installed): ${choice.peers.join(', ')}
  --json          the last line is one JSON object with all rows; everything else goes to stderr
  --plot [FILE]   also writes a report with plots (${DEFAULT_PLOT})
  --profile DIR   leaves a CPU profile of each of our processes there
  --help          this text

${namesText(choice)}`
}
