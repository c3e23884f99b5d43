// `pnpm maelstrom`: a workload of Maelstrom against real processes; one table at the end, and a verdict as the exit code.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ArgumentError, HELP, parseArguments, type MaelstromArguments } from './maelstrom/arguments.ts'
import { StartError } from './maelstrom/cluster.ts'
import type { Fault } from './maelstrom/nemesis.ts'
import { tableOf } from './maelstrom/result.ts'
import { runMaelstrom, type Progress } from './maelstrom/run.ts'

const PROGRAM = fileURLToPath(new URL('../../../../examples/maelstrom/bin/node', import.meta.url))

/** Without a terminal that shows them in one place, progress is told less often. */
const SECONDS_WITHOUT_TERMINAL = 5

async function main(args: readonly string[]): Promise<number> {
  let options: MaelstromArguments | undefined
  try {
    options = parseArguments(args, PROGRAM)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    process.stderr.write(`${error.message} See --help.\n`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  // A path is meant from where it was typed; a name is looked up like every command.
  const program = options.program.includes('/') ? resolve(options.program) : options.program
  const { history, json, seconds } = options
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interruption.abort(new Interruption(signal))
    })
  }
  try {
    const result = await runMaelstrom(
      { ...options, program },
      {
        signal: interruption.signal,
        onProgress: (progress) => {
          tell(progress, seconds)
        },
        onHistory: (text) => {
          if (history !== undefined) writeFileSync(history, text)
        },
      },
    )
    if (process.stderr.isTTY) process.stderr.write('\n')
    process.stdout.write(`${tableOf(result)}\n`)
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
    return result.ok ? 0 : 1
  } catch (error) {
    if (error instanceof Interruption) return 130
    if (!(error instanceof StartError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 3
  }
}

class Interruption extends Error {}

function tell({ seconds, ok, fail, info, faults }: Progress, of: number): void {
  const second = Math.round(seconds)
  if (!process.stderr.isTTY && second % SECONDS_WITHOUT_TERMINAL !== 0) return
  const now = faults.length === 0 ? '' : `; now ${faults.map(describeFault).join(', ')}`
  const text = `${second} of ${of} s: ${ok} ok, ${fail} fail, ${info} info${now}`
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
}

function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'partition':
      return `partition (${fault.shape})`
    case 'kill':
    case 'pause':
      return `${fault.kind} ${fault.nodes.join(' ')}`
  }
}

process.exitCode = await main(process.argv.slice(2))
