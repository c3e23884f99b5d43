// The command line of `pnpm mutants`.

export interface MutantArguments {
  /** Names, or beginnings of names; empty for all. */
  readonly only: readonly string[]
  readonly fast: boolean
  readonly list: boolean
  /** Only the checks that a mutant names, not all tests and 2,000 seeds after them. */
  readonly named: boolean
  /** Write the wrong version of the one mutant into a copy of the workspace here, and run nothing. */
  readonly into: string | undefined
  readonly json: boolean
}

export const HELP = `Applies known wrong versions of the code, one at a time, and requires that the tests catch each one.

  pnpm mutants

  --only NAME    this one, or all whose names begin so; may be repeated
  --fast         the few that take seconds
  --named        only the checks that a mutant names; without it all tests and 2,000 seeds
                 are tried before a mutant has survived
  --list         say what there is; run nothing
  --into DIR     copy the workspace to DIR, which is not there yet, apply the one mutant that
                 --only names, and run nothing: there it can be looked at, and any check tried
  --json         print each verdict as a JSON object as soon as it is known, and the totals as the last line
  --help         this text

It works on a copy of the workspace, never on the workspace. With --named, all of them take about a quarter of an hour.
Exit code: 0 when all are caught, 1 when one survives or no longer applies, 2 for a mistake in the arguments.`

const FLAGS: ReadonlySet<string> = new Set(['--fast', '--named', '--list', '--json'])

/** A mistake in the arguments. */
export class ArgumentError extends Error {}

/**
 * Reads the arguments; undefined when help was asked for.
 * @throws ArgumentError
 */
export function parseArguments(args: readonly string[]): MutantArguments | undefined {
  const only: string[] = []
  let into: string | undefined
  const flags = new Set<string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    // pnpm hands a separating "--" on.
    if (arg === '--') continue
    if (arg === '--help' || arg === '-h') return undefined
    if (arg === '--only' || arg === '--into') {
      const value = args[++i]
      if (value === undefined) throw new ArgumentError(`${arg} needs a value.`)
      if (arg === '--into') into = value
      else only.push(value)
    } else if (FLAGS.has(arg)) flags.add(arg)
    else throw new ArgumentError(`${arg} is not an argument.`)
  }
  const has = (flag: string): boolean => flags.has(flag)
  return { only, fast: has('--fast'), list: has('--list'), named: has('--named'), into, json: has('--json') }
}
