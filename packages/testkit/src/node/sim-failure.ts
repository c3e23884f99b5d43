// What `pnpm sim` tells of a seed besides its verdict: what of it is enough to fail, what happened last, and the trace.
//
// Always true: a seed is run again for it, and that run is the same history; nothing here is printed to the standard
// output, where the last line is the result.

import { renameSync, writeFileSync } from 'node:fs'
import type { TimedOperation } from '../checkers/history.ts'
import { isTransactional } from '../checkers/history.ts'
import { describeOperation } from '../checkers/register-model.ts'
import { describeFailure, lastMoments } from '../shrink/report.ts'
import { shrinkSeed } from '../shrink/shrink.ts'
import { runSeed, type StormOptions } from '../storm/run.ts'
import type { Trace } from '../trace/event.ts'
import { formatTrace } from '../trace/json.ts'
import { TraceRecorder } from '../trace/recorder.ts'
import { logWorkload } from '../workload/log.ts'
import type { Workload } from '../workload/workload.ts'
import type { SimArguments } from './arguments.ts'
import { withStorm } from './registry.ts'

/** How long a seed may be shrunk. */
const SHRINK_LIMIT_MS = 120_000
const SHRINK_LIMIT_RUNS = 2_000

/** The line that repeats a seed, with these faults and operations only when they are given. */
export function repeatLine(
  options: SimArguments,
  seed: number,
  only: {
    readonly faults?: readonly number[]
    readonly operations?: readonly number[]
    readonly seconds?: number
  } = {},
): string {
  const { protocol, profile, workload, nodes } = options
  const { faults = options.faults, operations = options.operations, seconds = options.seconds } = only
  const parts = [`pnpm sim --protocol ${protocol} --seeds 1 --seed ${seed} --seconds ${seconds}`]
  parts.push(`--profile ${profile} --workload ${workload}`)
  if (nodes !== undefined) parts.push(`--nodes ${nodes}`)
  if (faults !== undefined) parts.push(`--faults ${faults.join(',') || 'none'}`)
  if (operations !== undefined) parts.push(`--operations ${operations.join(',') || 'none'}`)
  return parts.join(' ')
}

/** Runs a seed once more and tells what the arguments ask for, to `print`. */
export async function examine(options: SimArguments, seed: number, print: (text: string) => void): Promise<void> {
  let clients: Workload | undefined
  await withStorm(
    options,
    (workload) => (clients = workload),
    async (storm) => {
      const shrunk = options.shrink
        ? await shrinkSeed(seed, storm, {
            limitRuns: SHRINK_LIMIT_RUNS,
            signal: AbortSignal.timeout(SHRINK_LIMIT_MS),
            progress: async ({ runs, faults, operations }) => {
              if (process.stderr.isTTY) print(`\r${runs} runs, ${faults} faults and ${operations} operations left   `)
              // Lets the limit of time come.
              await new Promise((resolve) => setImmediate(resolve))
            },
          })
        : undefined
      const { result, trace } = await traced(seed, { ...storm, ...shrunk?.replay })
      const isTold = options.timeline || !options.json
      if (result.violation !== undefined) {
        const only = shrunk === undefined ? {} : { ...shrunk, faults: shrunk.schedule.map(({ ordinal }) => ordinal) }
        print(
          `\n${describeFailure({
            result,
            repeat: repeatLine(options, seed, only),
            ...(shrunk === undefined ? {} : { shrunk, clients: linesOf(clients) }),
            ...(isTold ? { trace } : {}),
          })}`,
        )
      } else if (options.timeline) print(`\n${lastMoments(trace)}`)
      if (options.trace === undefined) return
      writeTrace(options.trace, trace)
      print(`The trace of seed ${seed}, ${trace.events.length} events, is in ${options.trace}\n`)
    },
  )
}

async function traced<Message>(
  seed: number,
  storm: StormOptions<Message>,
): Promise<{ readonly result: Awaited<ReturnType<typeof runSeed>>; readonly trace: Trace }> {
  const recorder = new TraceRecorder()
  const result = await runSeed(seed, { ...storm, workload: storm.workload ?? logWorkload, trace: recorder })
  return { result, trace: recorder.trace() }
}

/** What clients did, where they have noted it. */
function linesOf(clients: Workload | undefined): string[] {
  const history = clients?.history?.() ?? []
  if (isTransactional(history)) {
    return history.map(
      ({ process, time, type, value }) => `process ${process} at ${time}  ${type} ${JSON.stringify(value)}`,
    )
  }
  return history.map((operation) => `${timesOf(operation)}  ${operation.key} ${describeOperation(operation)}`)
}

function timesOf({ client, call, ret }: TimedOperation): string {
  const ends = ret === undefined ? 'not answered' : `to ${(ret / 1000).toFixed(3)}`
  return `client ${client}  ${(call / 1000).toFixed(3)} ${ends} ms`
}

/** A file that is there is whole. */
function writeTrace(file: string, trace: Trace): void {
  const beside = `${file}.tmp`
  writeFileSync(beside, formatTrace(trace))
  renameSync(beside, file)
}
