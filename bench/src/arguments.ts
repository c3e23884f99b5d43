// The command line. Parsing is pure: arguments in, a request or a message out; nothing is read or printed.

import { parseArgs } from 'node:util'
import type { BenchCase } from './case.ts'

export interface BenchOptions {
  readonly cases: readonly BenchCase[]
  /** Measured time for each case, over all rounds. */
  readonly seconds: number
  readonly json: boolean
}

export type ParsedArguments =
  | { readonly status: 'RUN'; readonly options: BenchOptions }
  | { readonly status: 'HELP'; readonly text: string }
  | { readonly status: 'WRONG'; readonly message: string }

const DEFAULT_SECONDS = 2
const MAX_SECONDS = 600

export function parseArguments(argv: readonly string[], cases: readonly BenchCase[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      // A package manager hands its `--` on to the script.
      args: argv.filter((argument, position) => !(position === 0 && argument === '--')),
      allowPositionals: false,
      options: {
        only: { type: 'string', multiple: true },
        seconds: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { status: 'HELP', text: helpText(cases) }
    const seconds = Number(values.seconds ?? DEFAULT_SECONDS)
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      return wrong(`--seconds must be above 0 and at most ${MAX_SECONDS}, not ${values.seconds ?? ''}.`)
    }
    const wanted = values.only ?? []
    for (const name of wanted) {
      if (!cases.some((each) => isNamed(each, name))) {
        return wrong(`--only ${name}: there is no such case. There are:\n${namesText(cases)}`)
      }
    }
    const chosen = cases.filter((each) => wanted.length === 0 || wanted.some((name) => isNamed(each, name)))
    return { status: 'RUN', options: { cases: chosen, seconds, json: values.json === true } }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

/** `engine/64` by its name, and by that of its group. */
function isNamed(each: BenchCase, name: string): boolean {
  return each.name === name || each.name.startsWith(`${name}/`)
}

function wrong(message: string): ParsedArguments {
  return { status: 'WRONG', message }
}

function namesText(cases: readonly BenchCase[]): string {
  return cases.map(({ name }) => `  ${name}`).join('\n')
}

function helpText(cases: readonly BenchCase[]): string {
  const width = Math.max(...cases.map(({ name }) => name.length))
  const list = cases.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`).join('\n')
  return `pnpm bench [options]

Measures the parts and the whole. Rounds of all cases alternate, so figures of one run may be compared with each other;
those of different runs or machines may not.

  --only NAME     a case or a group of cases, as often as you like (all)
  --seconds N     measured seconds for each case, over all its rounds (${DEFAULT_SECONDS})
  --json          one JSON object with every round; everything else goes to stderr
  --help          this text

${list}`
}
