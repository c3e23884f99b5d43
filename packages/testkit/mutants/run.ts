// `pnpm mutants`: is each known wrong version of the code caught by the ordinary tests, or by at most 2,000 seeds?
//
// Always true: a check counts only when it passes on the right code.

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ArgumentError, HELP, parseArguments, type MutantArguments } from './arguments.ts'
import { applyMutant, type Mutant, MutantError, parseMutant } from './mutant.ts'
import { mutantNames, Workspace } from './workspace.ts'

const DIRECTORY = fileURLToPath(new URL('.', import.meta.url))
const ROOT = join(DIRECTORY, '../../..')
const CHECK_LIMIT_MS = 240_000
/** What is tried when the named checks have not told: all tests, then 2,000 seeds. */
const LAST_RESORTS: readonly string[] = [
  'vitest',
  'sim --protocol raft --seeds 1000 --seed 1',
  'sim --protocol raft --workload kv --seeds 1000 --seed 1',
  'sim --protocol paxos --seeds 1000 --seed 1',
  'sim --protocol paxos --workload kv --seeds 1000 --seed 1',
]
const LAST_RESORT_LIMIT_MS = 1_200_000

interface Verdict {
  readonly name: string
  readonly status: 'caught' | 'survived' | 'stale' | 'equivalent'
  /** The check that told, and what it said. */
  readonly check: string
  readonly by: string
  readonly seconds: number
}

async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2))
  if (options === undefined) {
    console.log(HELP)
    return 0
  }
  const mutants = await load(options)
  if (options.list) {
    for (const { name, what } of mutants) console.log(`${name.padEnd(44)} ${what}`)
    return 0
  }
  if (options.into !== undefined) {
    const [mutant, another] = mutants
    if (!mutant || another) throw new ArgumentError('--into needs --only with the name of one mutant.')
    const workspace = await Workspace.copyOf(ROOT, resolve(options.into))
    for (const [file, text] of await wrongVersion(workspace, mutant)) await workspace.write(file, text)
    console.log(`${options.into}: ${mutant.what}`)
    return 0
  }
  const started = performance.now()
  console.error(`${mutants.length} mutants; the workspace is copied first.`)
  const workspace = await Workspace.copyOf(ROOT)
  try {
    const isSound = soundness(workspace)
    const verdicts: Verdict[] = []
    for (const [i, mutant] of mutants.entries()) {
      const verdict = await judge(workspace, mutant, isSound, options.named ? [] : LAST_RESORTS)
      verdicts.push(verdict)
      if (options.json) console.log(JSON.stringify(verdict))
      const place = `${String(i + 1).padStart(String(mutants.length).length)} of ${mutants.length}`
      console.error(
        `${place}  ${verdict.status.padEnd(10)} ${mutant.name.padEnd(44)} ${verdict.seconds.toFixed(0).padStart(4)} s  ${verdict.by}`,
      )
    }
    return report(options, verdicts, (performance.now() - started) / 1000)
  } finally {
    await workspace.remove()
  }
}

async function load({ only, fast }: MutantArguments): Promise<Mutant[]> {
  const names = await mutantNames(DIRECTORY)
  for (const wanted of only) {
    if (!names.some((name) => name.startsWith(wanted))) throw new ArgumentError(`There is no mutant ${wanted}.`)
  }
  const chosen = only.length === 0 ? names : names.filter((name) => only.some((wanted) => name.startsWith(wanted)))
  const mutants = await Promise.all(
    chosen.map(async (name) => parseMutant(name, await readFile(join(DIRECTORY, `${name}.mutant`), 'utf8'))),
  )
  return mutants.filter((mutant) => !fast || mutant.fast)
}

/** Does a check pass on the right code? Asked only of those that have told a mutant from it, and of each only once. */
function soundness(workspace: Workspace): (check: string, limitMs: number) => Promise<boolean> {
  const known = new Map<string, boolean>()
  return async (check, limitMs) => {
    const before = known.get(check)
    if (before !== undefined) return before
    const { caught, by } = await workspace.check(check, limitMs)
    if (caught) console.error(`does not count, because it FAILS on the right code (${by}): ${check}`)
    known.set(check, !caught)
    return !caught
  }
}

async function judge(
  workspace: Workspace,
  mutant: Mutant,
  isSound: ReturnType<typeof soundness>,
  lastResorts: readonly string[],
): Promise<Verdict> {
  const { name, checks, equivalent } = mutant
  const started = performance.now()
  const verdict = (status: Verdict['status'], check = '', by = ''): Verdict => {
    return { name, status, check, by, seconds: (performance.now() - started) / 1000 }
  }
  let wrong: Map<string, string>
  try {
    wrong = await wrongVersion(workspace, mutant)
  } catch (error) {
    if (error instanceof MutantError || (error as { code?: unknown }).code === 'ENOENT') {
      return verdict('stale', '', (error as Error).message)
    }
    throw error
  }
  if (equivalent !== undefined) return verdict('equivalent', '', equivalent)
  for (const [i, check] of [...checks, ...lastResorts].entries()) {
    const limitMs = i < checks.length ? CHECK_LIMIT_MS : LAST_RESORT_LIMIT_MS
    for (const [file, text] of wrong) await workspace.write(file, text)
    const { caught, by } = await workspace.check(check, limitMs)
    await workspace.restore(wrong.keys())
    if (caught && (await isSound(check, limitMs))) return verdict('caught', check, by)
  }
  return verdict('survived')
}

/** The files that a mutant changes. */
async function wrongVersion(workspace: Workspace, mutant: Mutant): Promise<Map<string, string>> {
  const right = new Map<string, string>()
  for (const { file } of mutant.hunks) right.set(file, await workspace.read(file))
  return applyMutant(mutant, (file) => right.get(file)!)
}

function report({ json }: MutantArguments, verdicts: readonly Verdict[], seconds: number): number {
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length
  const failed = count('survived') + count('stale')
  for (const { name, status, by } of verdicts) {
    if (status === 'survived' || status === 'stale') console.error(`${status.toUpperCase()}: ${name} ${by}`)
  }
  if (json) {
    const counts = { caught: count('caught'), survived: count('survived'), stale: count('stale') }
    const totals = { mutants: verdicts.length, ...counts, equivalent: count('equivalent') }
    console.log(JSON.stringify({ ok: failed === 0, ...totals, seconds: Math.round(seconds) }))
  } else {
    console.log(
      `${failed === 0 ? 'ok' : 'FAILED'}: ${verdicts.length} mutants, ${count('caught')} caught, ` +
        `${count('survived')} survived, ${count('stale')} stale, ${count('equivalent')} equivalent, ${seconds.toFixed(0)} s`,
    )
  }
  return failed === 0 ? 0 : 1
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    if (error instanceof ArgumentError) console.error(`${error.message}\n\n${HELP}`)
    else console.error(error)
    process.exitCode = 2
  },
)
