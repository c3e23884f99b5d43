// `pnpm sim`: many seeds, one line at the end, and for each seed that fails the line that reproduces it; of the first of
// them also what happened last (`sim-failure.ts`).
//
// A run of many storms also fails when a fault never struck or a situation was never reached (`storm/reached.ts`).
//
// Always true: a seed's history does not depend on how many processes share the work, nor on their pace; results are
// put together in the order of the seeds.

import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { combine, hashText } from '../laws/hash.ts'
import type { Counters } from '../laws/book.ts'
import { mustReach, ReachedTable, SEEDS_THAT_REACH_ALL } from '../storm/reached.ts'
import type { SeedResult } from '../storm/run.ts'
import type { Workload } from '../workload/workload.ts'
import { ArgumentError, parseArguments, type SimArguments } from './arguments.ts'
import { writeHistory } from './history-file.ts'
import { help, seedRunner } from './registry.ts'
import { examine, repeatLine } from './sim-failure.ts'

/** From this many seeds on the work is shared by two processes. */
const SHARED_FROM = 20

/** Most of what a history allocates is soon forgotten: a larger nursery saves a tenth of the time. */
const YOUNG_GENERATION = '--max-semi-space-size=32'

/** What is kept of a seed, small enough for millions of them. */
interface SeedLine {
  readonly seed: number
  readonly hash: string
  readonly virtualMs: number
  readonly events: number
  readonly counters: Counters
  readonly law: string | undefined
  readonly message: string | undefined
}

interface Share {
  readonly options: SimArguments
  /** Seeds `seed + offset`, `seed + offset + stride`, ... */
  readonly offset: number
  readonly stride: number
}

const started = performance.now()

async function runShare(share: Share, done: (line: SeedLine) => void, signal?: AbortSignal): Promise<void> {
  const { options, offset, stride } = share
  let clients: Workload | undefined
  const run = seedRunner(options, (workload) => (clients = workload))
  for (let i = offset; i < options.seeds && signal?.aborted !== true; i += stride) {
    const result = await run(options.seed + i)
    if (options.history !== undefined) keepHistory(options.history, options.workload, clients)
    done(options.checkDeterminism ? compare(result, await run(options.seed + i)) : lineOf(result))
    // Lets the operating system's events in: messages to the parent, signals.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function keepHistory(file: string, name: string, clients: Workload | undefined): void {
  const history = clients?.history?.()
  if (history === undefined) throw new ArgumentError(`--workload ${name} keeps no history.`)
  writeHistory(file, history)
}

function lineOf(result: SeedResult): SeedLine {
  const { seed, hash, virtualMs, events, counters, violation } = result
  return { seed, hash, virtualMs, events, counters, law: violation?.law, message: violation?.message }
}

function compare(first: SeedResult, second: SeedResult): SeedLine {
  const line = lineOf(first)
  if (first.hash === second.hash && first.events === second.events) return line
  return { ...line, law: 'determinism', message: `one run has hash ${first.hash}, another ${second.hash}` }
}

/** Runs a share in a child process, which is this same file. */
function runChild(share: Share, done: (line: SeedLine) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL(import.meta.url), [], {
      env: { ...process.env, MAKO_SIM_SHARE: JSON.stringify(share) },
      execArgv: [...process.execArgv, YOUNG_GENERATION],
    })
    // Messages may still be on their way when the process has ended: what counts is that all lines are there.
    let missing = Math.ceil((share.options.seeds - share.offset) / share.stride)
    child.on('message', (line) => {
      done(line as SeedLine)
      if (--missing === 0) resolve()
    })
    signal.addEventListener('abort', () => {
      child.kill()
      resolve()
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code !== 0 && !signal.aborted) reject(new Error(`A child process ended with code ${String(code)}.`))
    })
  })
}

async function runAll(options: SimArguments): Promise<SeedLine[]> {
  const lines: (SeedLine | undefined)[] = new Array<SeedLine | undefined>(options.seeds)
  const over = new AbortController()
  let finished = 0
  let failed = 0
  let shownAt = 0
  const done = (line: SeedLine): void => {
    lines[line.seed - options.seed] = line
    finished++
    if (line.law !== undefined) {
      failed++
      if (options.bail) over.abort()
      process.stderr.write(
        `\nseed ${line.seed}: ${line.law}: ${line.message ?? ''}\n  ${repeatLine(options, line.seed)}\n`,
      )
    }
    const now = performance.now()
    const everyMs = process.stderr.isTTY ? 200 : 5000
    if (now - shownAt < everyMs && finished < options.seeds) return
    shownAt = now
    const text = `${finished} of ${options.seeds} seeds, ${failed} failed, ${((now - started) / 1000).toFixed(1)} s`
    process.stderr.write(process.stderr.isTTY ? `\r${text}${finished === options.seeds ? '\n' : ''}` : `${text}\n`)
  }
  const processes = !options.oneProcess && options.seeds > SHARED_FROM && availableParallelism() > 1 ? 2 : 1
  const shares = Array.from({ length: processes }, (_, offset) => ({ options, offset, stride: processes }))
  await Promise.all(
    shares.map((share, i) => (i === 0 ? runShare(share, done, over.signal) : runChild(share, done, over.signal))),
  )
  return lines.filter((line) => line !== undefined)
}

function report(options: SimArguments, lines: readonly SeedLine[]): boolean {
  const failed = lines
    .filter((line) => line.law !== undefined)
    .map(({ seed, law, message }) => ({ seed, law, message }))
  const virtualSeconds = Math.round(lines.reduce((sum, line) => sum + line.virtualMs, 0) / 1000)
  const realSeconds = Math.round((performance.now() - started) / 10) / 100
  const hash = lines
    .reduce((all, line) => combine(all, hashText(line.hash)), 0)
    .toString(16)
    .padStart(14, '0')
  const table = new ReachedTable()
  let events = 0
  for (const line of lines) {
    events += line.events
    table.add(line.counters)
  }
  // A seed that has failed has not come to its end: what is missing then may be missing because of that.
  const demands = options.profile === 'storm' && options.seeds >= SEEDS_THAT_REACH_ALL && failed.length === 0
  const missing = demands ? table.missing(mustReach(options.protocol, options.workload)) : []
  const ok = failed.length === 0 && lines.length === options.seeds && missing.length === 0
  const seedsPerSecond = Math.round((lines.length / realSeconds) * 10) / 10
  const virtualSecondsPerSecond = Math.round((virtualSeconds / realSeconds) * 10) / 10
  if (options.json) {
    const { protocol, seeds, seed: firstSeed } = options
    const speed = { seedsPerSecond, virtualSecondsPerSecond }
    const reached = { missing, rows: table.rows() }
    const result = { ok, protocol, seeds, firstSeed, failed, virtualSeconds, realSeconds, hash, ...speed, reached }
    console.log(JSON.stringify(result))
    return ok
  }
  for (const { name, total, seeds } of table.rows()) {
    const share = `${((100 * seeds) / table.seeds).toFixed(1)} %`
    console.log(`${String(total).padStart(12)}  ${share.padStart(8)} of seeds  ${name}`)
  }
  for (const name of missing) console.log(`${'never'.padStart(12)}  ${'0 %'.padStart(8)} of seeds  ${name}`)
  console.log(
    `${ok ? 'ok' : 'FAILED'}: ${lines.length} seeds, ${failed.length} failed, ${missing.length} never reached, ` +
      `${virtualSeconds} virtual seconds in ${realSeconds} s (${virtualSecondsPerSecond} x, ${seedsPerSecond} seeds/s), ` +
      `${events} events, hash ${hash}`,
  )
  return ok
}

async function main(): Promise<void> {
  const share = process.env['MAKO_SIM_SHARE']
  if (share !== undefined && process.send !== undefined) {
    await runShare(JSON.parse(share) as Share, (line) => process.send?.(line))
    process.disconnect()
    return
  }
  const options = parseArguments(process.argv.slice(2))
  if (options === undefined) {
    console.log(help())
    return
  }
  seedRunner(options)
  const lines = await runAll(options)
  if (!report(options, lines)) process.exitCode = 1
  const failed = lines.find((line) => line.law !== undefined)
  const isSingle = options.seeds === 1 && (options.timeline || options.trace !== undefined)
  const seed = failed?.seed ?? (isSingle ? options.seed : undefined)
  const isAsked = !options.json || options.timeline || options.shrink || options.trace !== undefined
  if (seed !== undefined && isAsked) await examine(options, seed, (text) => process.stderr.write(text))
}

main().catch((error: unknown) => {
  if (error instanceof ArgumentError) {
    console.error(`${error.message}\n\n${help()}`)
    process.exitCode = 2
  } else {
    console.error(error)
    process.exitCode = 1
  }
})
