// `pnpm demo`: three real processes, TPC-C, a killed leader, a paused leader, and the proof that nothing was lost.
//
// Always true: no process of the demo outlives it, whichever way it ends. The exit code is 0 only when everything was
// proved.

import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type DemoOptions, HELP, parseArguments } from './args.ts'
import { killAll } from './cluster-process.ts'
import type { NodeAddress } from './control.ts'
import { freePorts } from './ports.ts'
import { violationsOf } from './proof.ts'
import { Demo } from './script.ts'
import { summarize, summaryLines } from './summary.ts'
import { Screen } from './view.ts'

const NODE_IDS = ['n1', 'n2', 'n3']
const REDRAW_EVERY_MS = 200

/** A data folder that goes when the demo is interrupted. */
let temporaryFolder: string | undefined

async function runDemo(options: DemoOptions): Promise<boolean> {
  const folder = await dataFolder(options)
  if (options.data === undefined && !options.keep) temporaryFolder = folder
  const screen = new Screen(options.json ? process.stderr : process.stdout, process.env)
  const demo = new Demo(options, folder, await addresses(), (event) => screen.event(event))
  const timers = [setInterval(() => screen.show(demo.view()), REDRAW_EVERY_MS), setInterval(() => demo.sample(), 1_000)]
  let ok = false
  try {
    const result = await demo.run()
    const violations = violationsOf(result.evidence)
    const summary = summarize(options, result, violations)
    ok = summary.ok
    screen.show(demo.view())
    screen.print(summaryLines(summary, violations))
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
  } finally {
    for (const timer of timers) clearInterval(timer)
    killAll()
    if (ok && temporaryFolder !== undefined) await rm(temporaryFolder, { recursive: true, force: true })
    else screen.print([`The logs of the nodes are in ${folder}`])
  }
  return ok
}

async function dataFolder({ data }: DemoOptions): Promise<string> {
  if (data === undefined) return await mkdtemp(join(tmpdir(), 'mako-tpcc-'))
  const folder = resolve(data)
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty.`)
  return folder
}

async function addresses(): Promise<NodeAddress[]> {
  const ports = await freePorts(2 * NODE_IDS.length)
  return NODE_IDS.map((id, position) => ({
    id,
    address: `127.0.0.1:${ports[2 * position]!}`,
    server: `127.0.0.1:${ports[2 * position + 1]!}`,
  }))
}

/** Ends everything at once; `code` as a shell would give it. */
function abandon(code: number): void {
  killAll()
  if (temporaryFolder !== undefined) rmSync(temporaryFolder, { recursive: true, force: true })
  process.exit(code)
}

process.on('exit', killAll)
process.on('SIGINT', () => abandon(130))
process.on('SIGTERM', () => abandon(143))
process.on('SIGHUP', () => abandon(129))

const parsed = parseArguments(process.argv.slice(2))
switch (parsed.status) {
  case 'HELP':
    process.stdout.write(`${HELP}\n`)
    break
  case 'WRONG':
    process.stderr.write(`${parsed.message}\n\n${HELP}\n`)
    process.exitCode = 2
    break
  case 'RUN':
    try {
      process.exitCode = (await runDemo(parsed.options)) ? 0 : 1
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
      if (parsed.options.json) process.stdout.write(`${JSON.stringify({ ok: false, error: String(error) })}\n`)
      process.exitCode = 1
    }
    break
}
