// `pnpm bench`: says what it does and how long that takes, measures, and prints tables or one JSON object.
//
// Exit code: 0 when all of ours ran (peers may be missing or fail), 1 when one has failed, 2 for a mistake in the
// arguments.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type BenchOptions, DEFAULT_SECONDS, parseArguments } from './arguments.ts'
import { type Group, isNamed } from './cell.ts'
import { profileChildren } from './children/bundle.ts'
import { groupsOf } from './groups/index.ts'
import { plotHtml } from './plot/html.ts'
import { terminalProgress } from './progress.ts'
import { type RunReport, thisMachine } from './report.ts'
import { rowsOf } from './rows.ts'
import { estimateSeconds, runStages } from './run.ts'
import { ours, peers } from './systems/index.ts'
import { presence } from './systems/present.ts'
import { tablesText } from './table.ts'

// An early end goes the ordinary way, so that children and temporary directories are removed.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const argv = process.argv.slice(2)
const parsed = parseArguments(argv, {
  groups: groupsOf([...ours, ...peers], DEFAULT_SECONDS),
  peers: peers.map(({ name }) => name),
})
switch (parsed.status) {
  case 'HELP':
    console.log(parsed.text)
    break
  case 'WRONG':
    console.error(parsed.message)
    process.exitCode = 2
    break
  case 'RUN': {
    const report = await run(parsed.options)
    if (parsed.options.plot !== undefined) {
      mkdirSync(dirname(parsed.options.plot), { recursive: true })
      writeFileSync(parsed.options.plot, plotHtml(report))
      console.error(`The plots are in ${parsed.options.plot}.`)
    }
    console.log(parsed.options.json ? JSON.stringify(report) : tablesText(report))
    break
  }
}

async function run(options: BenchOptions): Promise<RunReport> {
  if (options.profile !== undefined) profileChildren(options.profile)
  const startedAt = new Date()
  const machine = thisMachine()
  const wanted = peers.filter(({ name }) => options.peers.includes(name))
  const needed = new Set(systemsOf(chosen(groupsOf([...ours, ...wanted], DEFAULT_SECONDS), options.only)))
  const { present, notes: absent } = await presence(wanted.filter(({ name }) => needed.has(name)))
  const notes = [...absent]
  const systems = [...ours, ...present]
  const groups = chosen(groupsOf(systems, DEFAULT_SECONDS), options.only)
  const stages = groups.flatMap((group) => group.stages)
  const about = Math.ceil(estimateSeconds(stages, options))
  const count = stages.reduce((sum, { cells }) => sum + cells.length, 0)
  for (const message of notes) console.error(message)
  console.error(`${count} cells, ${options.rounds} rounds each: about ${about} s.`)

  const progress = terminalProgress(process.stderr, count * options.rounds)
  const results = await runStages(stages, options, {
    ...progress,
    failed: (message, isFatal) => {
      notes.push(message)
      progress.failed(message, isFatal)
      if (isFatal) process.exitCode = 1
    },
  })
  progress.end()
  return {
    rows: rowsOf(results),
    command: ['pnpm bench', ...argv].join(' '),
    startedAt: startedAt.toISOString(),
    tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    machine,
    rounds: options.rounds,
    seconds: options.seconds,
    notes,
    systems: systems.map(({ name, kind, title, shape }) => ({ name, kind, title, shape })),
    groups: groups.map(({ name, about: what }) => ({ name, about: what })),
  }
}

/** The groups with only those cells that are asked for. */
function chosen(groups: readonly Group[], only: readonly string[]): Group[] {
  if (only.length === 0) return [...groups]
  return groups.map((group) => ({
    ...group,
    stages: group.stages.flatMap((stage) => {
      const cells = stage.cells.filter((cell) => only.some((name) => isNamed(cell, name)))
      return cells.length === 0 ? [] : [{ ...stage, cells }]
    }),
  }))
}

/** Names of the systems in them. */
function systemsOf(groups: readonly Group[]): string[] {
  return groups.flatMap(({ stages }) => stages.flatMap(({ cells }) => cells.map(({ system }) => system)))
}
