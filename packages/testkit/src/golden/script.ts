// The text of a golden script: what is a comment, what a command, what its expected output.
//
// Always true: a script that is parsed and written again with the same outputs is the same text, comments and blank lines
// included; so `--update` changes what a command printed and nothing else.

import { MakoError } from '@mako/engine'

/** What stands in a script, in order. */
export type ScriptItem =
  /** A comment or a blank line. */
  | { readonly type: 'prose'; readonly text: string }
  | {
      readonly type: 'command'
      /** Where the command stands, counted from 1. */
      readonly line: number
      readonly text: string
      readonly input: readonly string[]
      readonly expected: string
    }

const FENCE = '----'

/**
 * Cuts a script into its items. A line that begins with `#` and a blank line are prose. Everything else is a command:
 * its line, perhaps lines of input, `----`, and the expected output up to a blank line. Output that has blank lines
 * itself stands between two double fences (`----` twice).
 *
 * @throws MakoError `BAD_OPTION` for a command without `----`, and for a double fence that is not closed
 */
export function parseScript(text: string): ScriptItem[] {
  const lines = text.split('\n')
  const items: ScriptItem[] = []
  let at = 0
  while (at < lines.length) {
    const first = lines[at]!
    const line = at + 1
    at++
    if (first.trim() === '' || first.startsWith('#')) {
      items.push({ type: 'prose', text: first })
      continue
    }
    const input: string[] = []
    while (lines[at] !== FENCE) {
      if (at >= lines.length) throw bad(line, `"${first}" has no ${FENCE}`)
      input.push(lines[at++]!)
    }
    at++
    const output: string[] = []
    if (lines[at] === FENCE) {
      at++
      while (lines[at] !== FENCE || lines[at + 1] !== FENCE) {
        if (at >= lines.length) throw bad(line, `the output of "${first}" has no end`)
        output.push(lines[at++]!)
      }
      at += 2
    } else {
      while (at < lines.length && lines[at] !== '') output.push(lines[at++]!)
    }
    items.push({ type: 'command', line, text: first, input, expected: output.join('\n') })
  }
  return items
}

/** Writes a script, with these outputs in the place of those that were expected: one for each command, in order. */
export function formatScript(items: readonly ScriptItem[], outputs: readonly string[]): string {
  const lines: string[] = []
  let command = 0
  for (const item of items) {
    if (item.type === 'prose') lines.push(item.text)
    else lines.push(item.text, ...item.input, FENCE, ...fenced(outputs[command++]!, item.line))
  }
  return lines.join('\n')
}

function fenced(output: string, line: number): string[] {
  const lines = output.split('\n')
  if (!lines.includes('') && lines[0] !== FENCE) return lines
  if (lines.some((text, at) => text === FENCE && lines[at + 1] === FENCE)) {
    throw bad(line, 'the output has a double fence in it')
  }
  return [FENCE, ...lines, FENCE, FENCE]
}

function bad(line: number, what: string): MakoError {
  return new MakoError('BAD_OPTION', `Golden script, line ${line}: ${what}.`)
}
