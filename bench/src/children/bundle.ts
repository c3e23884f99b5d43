// One file that holds everything that children run, made once: translated ahead of time and all together, as the
// programs of peers are compiled. Loaders that translate sources one by one keep the name of every function that is made,
// which costs a seventh of the speed; a source map inside the file is a large object of the heap for ever, with which
// the collector runs three times as often and takes a fifth.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Tells a child where the file is, so that it can start children of its own. */
const VARIABLE = 'MAKO_BENCH_CHILDREN'
/** Where each child leaves a profile when it ends in the ordinary way. */
const PROFILE_VARIABLE = 'MAKO_BENCH_PROFILE'

let made: Promise<string> | undefined

/** The path of the file; it is gone when this process ends. */
export function childrenFile(): Promise<string> {
  const inherited = process.env[VARIABLE]
  if (inherited !== undefined) return Promise.resolve(inherited)
  made ??= make()
  return made
}

/** What a child finds in its environment. */
export function childEnvironment(file: string): NodeJS.ProcessEnv {
  return { ...process.env, [VARIABLE]: file }
}

/** From now on every child leaves a profile of its processor time in this directory. */
export function profileChildren(directory: string): void {
  process.env[PROFILE_VARIABLE] = resolve(directory)
}

/** What Node.js is told when it starts a child: nothing of what this process was told, such as a loader. */
export function childArguments(program: string): string[] {
  const directory = process.env[PROFILE_VARIABLE]
  if (directory === undefined) return []
  const name = `${program}.${performance.now().toFixed(0)}.${profiles++}.cpuprofile`
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}`]
}

let profiles = 0

async function make(): Promise<string> {
  // Only who makes the file needs the bundler; it is not in the file.
  const { build } = await import('esbuild')
  const folder = mkdtempSync(join(tmpdir(), 'mako-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'children.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile,
    bundle: true,
    external: ['esbuild'],
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    // What is bundled of other people's code may ask for modules of Node.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  return outfile
}
