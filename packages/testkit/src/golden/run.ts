// Runs a golden script: each command against its handler, each output against what the script expects.
//
// Always true: handlers are called in the order of the script, each once, and share whatever world they were made
// with; a script is read from a string and comes back as one. Files are the caller's business.

import { GoldenCommand } from './command.ts'
import { formatScript, parseScript } from './script.ts'

/** Carries out a command and returns what it prints; an empty text is printed as `ok`. */
export type GoldenHandler = (command: GoldenCommand) => string

export type GoldenHandlers = ReadonlyMap<string, GoldenHandler>

export interface GoldenOptions {
  /** Take what the commands print for what is expected. @default false */
  readonly update?: boolean
}

/** A command printed something else than the script expects. Has the two fields from which test runners draw a diff. */
export class GoldenMismatchError extends Error {
  readonly line: number
  readonly expected: string
  readonly actual: string

  constructor(line: number, command: string, expected: string, actual: string) {
    super(`Golden script, line ${line}: "${command}" printed something else than is expected.\n${actual}`)
    this.name = 'GoldenMismatchError'
    this.line = line
    this.expected = expected
    this.actual = actual
  }
}

/**
 * Runs a script and returns its text: the same one, or with `update` the one that has what was really printed.
 *
 * @throws GoldenMismatchError at the first command that prints something else than is expected, without `update`
 * @throws MakoError `BAD_OPTION` for a script that is none, and whatever a handler throws
 */
export function runGolden(text: string, handlers: GoldenHandlers, options: GoldenOptions = {}): string {
  const items = parseScript(text)
  const outputs: string[] = []
  for (const item of items) {
    if (item.type !== 'command') continue
    const command = new GoldenCommand(item.text, item.input, item.line)
    const handler = handlers.get(command.name)
    if (!handler) throw command.mistake(`no such command; there is: ${[...handlers.keys()].join(', ')}`)
    const printed = handler(command).replace(/\n+$/, '')
    command.finish()
    const output = printed === '' ? 'ok' : printed
    if (options.update !== true && output !== item.expected) {
      throw new GoldenMismatchError(item.line, item.text, item.expected, output)
    }
    outputs.push(output)
  }
  return formatScript(items, outputs)
}
