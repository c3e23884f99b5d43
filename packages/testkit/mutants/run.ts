// `pnpm mutants`: is each known wrong version of the code caught by the ordinary tests, or by at most 2,000 seeds?
//
// Always true: every check that is named by a mutant has passed on the right code before it counts for anything.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  const started = performance.now()
  console.error(`${mutants.length} mutants; the workspace is copied first.`)
  const workspace = await Workspace.copyOf(ROOT)
  try {
    const sound = await soundChecks(workspace, mutants)
    const verdicts: Verdict[] = []
    for (const [i, mutant] of mutants.entries()) {
      const verdict = await judge(workspace, mutant, sound, options.named ? [] : LAST_RESORTS)
      verdicts.push(verdict)
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

/** The checks that pass on the right code. */
async function soundChecks(workspace: Workspace, mutants: readonly Mutant[]): Promise<Set<string>> {
  const sound = new Set<string>()
  const named = new Set(mutants.filter(({ equivalent }) => equivalent === undefined).flatMap(({ checks }) => checks))
  let done = 0
  for (const check of named) {
    const { caught, by } = await workspace.check(check, CHECK_LIMIT_MS)
    console.error(
      `check ${++done} of ${named.size} on the right code: ${caught ? `FAILS (${by})` : 'passes'}  ${check}`,
    )
    if (!caught) sound.add(check)
  }
  return sound
}

async function judge(
  workspace: Workspace,
  mutant: Mutant,
  sound: ReadonlySet<string>,
  lastResorts: readonly string[],
): Promise<Verdict> {
  const { name } = mutant
  const started = performance.now()
  const verdict = (status: Verdict['status'], check = '', by = ''): Verdict => {
    return { name, status, check, by, seconds: (performance.now() - started) / 1000 }
  }
  const files = [...new Set(mutant.hunks.map(({ file }) => file))]
  let wrong: Map<string, string>
  try {
    const texts = new Map<string, string>()
    for (const file of files) texts.set(file, await workspace.read(file))
    wrong = applyMutant(mutant, (file) => texts.get(file)!)
  } catch (error) {
    if (error instanceof MutantError || (error as { code?: unknown }).code === 'ENOENT') {
      return verdict('stale', '', (error as Error).message)
    }
    throw error
  }
  if (mutant.equivalent !== undefined) return verdict('equivalent', '', mutant.equivalent)
  try {
    for (const [file, text] of wrong) await workspace.write(file, text)
    for (const check of mutant.checks) {
      if (!sound.has(check)) continue
      const { caught, by } = await workspace.check(check, CHECK_LIMIT_MS)
      if (caught) return verdict('caught', check, by)
    }
    for (const check of lastResorts) {
      const { caught, by } = await workspace.check(check, LAST_RESORT_LIMIT_MS)
      if (caught) return verdict('caught', check, by)
    }
    return verdict('survived')
  } finally {
    await workspace.restore(files)
  }
}

function report({ json }: MutantArguments, verdicts: readonly Verdict[], seconds: number): number {
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length
  const failed = count('survived') + count('stale')
  for (const { name, status, by } of verdicts) {
    if (status === 'survived' || status === 'stale') console.error(`${status.toUpperCase()}: ${name} ${by}`)
  }
  if (json) {
    console.log(JSON.stringify({ ok: failed === 0, mutants: verdicts, seconds: Math.round(seconds) }))
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
