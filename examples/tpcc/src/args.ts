// The command line of the demo. Parsing is pure: arguments in, options or a message out; nothing is read or printed.
//
// Always true: options that come out of here are whole, in range, and of this demo's vocabulary.

import { parseArgs } from 'node:util'

/** What replicates the streams. */
export const PROTOCOLS = ['raft', 'paxos'] as const
export type ProtocolName = (typeof PROTOCOLS)[number]

export interface DemoOptions {
  readonly warehouses: number
  /** Replicated logs over which the transactions are spread. */
  readonly streams: number
  /** How long the terminals run, without loading and proof. */
  readonly seconds: number
  /** Fraction of the specification's table sizes, in (0, 1]. */
  readonly scale: number
  readonly seed: number
  /** Terminals in each of the three processes. */
  readonly terminals: number
  /** Transactions that one terminal may have on their way at once. */
  readonly outstanding: number
  readonly protocol: ProtocolName
  readonly json: boolean
  /** Where the nodes keep their logs; undefined means a new temporary folder. */
  readonly data: string | undefined
  /** Keep the data folder even when all went well. */
  readonly keep: boolean
}

export type ParsedArguments =
  | { readonly status: 'RUN'; readonly options: DemoOptions }
  | { readonly status: 'HELP' }
  | { readonly status: 'WRONG'; readonly message: string }

export const HELP = `pnpm demo [options]

Three processes, real TCP, real disks, TPC-C; the leader is killed, the next one is paused, and at the end it is
proved that nothing was lost.

  --warehouses N    warehouses (1)
  --streams N       replicated logs, 1 to 64 (4)
  --seconds N       how long the terminals run, at least 6 (24)
  --scale X         fraction of the specification's table sizes, above 0 and up to 1 (0.05)
  --seed N          seed of the data and of the transactions (1)
  --terminals N     terminals in each process (8)
  --outstanding N   transactions that one terminal may have on their way (16)
  --protocol NAME   raft or paxos (raft)
  --data DIR        where the nodes keep their logs; must be empty or new (a temporary folder)
  --keep            keep the data folder; it is always kept when a proof has failed
  --json            one JSON object as the last line; everything else goes to stderr
  --help            this text`

/** What is run when nothing is said: done in well under a minute on two cores, load and proof included. */
export const DEFAULTS: DemoOptions = {
  warehouses: 1,
  streams: 4,
  seconds: 24,
  scale: 0.05,
  seed: 1,
  terminals: 8,
  outstanding: 16,
  protocol: 'raft',
  json: false,
  data: undefined,
  keep: false,
}

export function parseArguments(argv: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      // A package manager hands its `--` on to the script.
      args: argv.filter((argument, position) => !(position === 0 && argument === '--')),
      allowPositionals: false,
      options: {
        warehouses: { type: 'string' },
        streams: { type: 'string' },
        seconds: { type: 'string' },
        scale: { type: 'string' },
        seed: { type: 'string' },
        terminals: { type: 'string' },
        outstanding: { type: 'string' },
        protocol: { type: 'string' },
        data: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { status: 'HELP' }
    return {
      status: 'RUN',
      options: {
        warehouses: integer('--warehouses', values.warehouses, DEFAULTS.warehouses, 1, 64),
        streams: integer('--streams', values.streams, DEFAULTS.streams, 1, 64),
        seconds: number('--seconds', values.seconds, DEFAULTS.seconds, 6, 86_400),
        scale: fraction('--scale', values.scale, DEFAULTS.scale),
        seed: integer('--seed', values.seed, DEFAULTS.seed, 0, 0xffff_ffff),
        terminals: integer('--terminals', values.terminals, DEFAULTS.terminals, 1, 256),
        outstanding: integer('--outstanding', values.outstanding, DEFAULTS.outstanding, 1, 1024),
        protocol: protocol(values.protocol),
        json: values.json ?? false,
        data: folder(values.data),
        keep: values.keep ?? false,
      },
    }
  } catch (error) {
    return { status: 'WRONG', message: error instanceof Error ? error.message : String(error) }
  }
}

function number(name: string, text: string | undefined, byDefault: number, low: number, high: number): number {
  if (text === undefined) return byDefault
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= low && value <= high) return value
  throw new Error(`${name} must be a number from ${low} to ${high}, not '${text}'.`)
}

function integer(name: string, text: string | undefined, byDefault: number, low: number, high: number): number {
  const value = number(name, text, byDefault, low, high)
  if (Number.isSafeInteger(value)) return value
  throw new Error(`${name} must be a whole number, not '${text ?? ''}'.`)
}

function fraction(name: string, text: string | undefined, byDefault: number): number {
  const value = number(name, text, byDefault, 0, 1)
  if (value > 0) return value
  throw new Error(`${name} must be above 0.`)
}

function protocol(text: string | undefined): DemoOptions['protocol'] {
  const name = text === undefined ? DEFAULTS.protocol : PROTOCOLS.find((each) => each === text)
  if (name !== undefined) return name
  throw new Error(`--protocol must be one of ${PROTOCOLS.join(', ')}, not '${text ?? ''}'.`)
}

function folder(text: string | undefined): string | undefined {
  if (text === '') throw new Error('--data must name a folder.')
  return text
}
