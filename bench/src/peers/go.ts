// Go programs in `bench/peers`, each of which is made when it is first needed, from its own sources and the Go libraries
// that Debian packages.
//
// Always true: a program is never older than its sources; no module is ever downloaded.

import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const BENCH = join(import.meta.dirname, '../..')
const PEERS = join(BENCH, 'peers')
const CACHE = join(BENCH, 'node_modules/.cache/mako-bench')
/** Where Go finds the packages that programs share, below `src`. */
const SHARED = join(PEERS, 'loadgen')
/** Where Debian's packages put the sources of Go libraries. */
const LIBRARIES = '/usr/share/gocode'
/** Where programs are; some servers are where only administrators look. */
export const SEARCH_PATH: string = [process.env.PATH ?? '', '/usr/sbin', '/usr/bin'].join(delimiter)

const BUILD_LIMIT_MS = 10 * 60_000

/** A file that a package brings; a name without a slash is looked up as a program is. */
export interface Needed {
  readonly debianPackage: string
  readonly file: string
}

/** What every Go program needs. */
export const GO: Needed = { debianPackage: 'golang-go', file: 'go' }

/** A Go library, by its import path. */
export function goLibrary(debianPackage: string, importPath: string): Needed {
  return { debianPackage, file: join(LIBRARIES, 'src', importPath) }
}

/** Undefined when all are there, else what to do about it. */
export function missingMessage(needed: readonly Needed[]): string | undefined {
  const isThere = (file: string): boolean =>
    file.includes('/') ? existsSync(file) : SEARCH_PATH.split(delimiter).some((path) => existsSync(join(path, file)))
  const missing = needed.filter(({ file }) => !isThere(file)).map(({ debianPackage }) => debianPackage)
  return missing.length === 0
    ? undefined
    : `not installed; apt-get install --no-install-recommends ${missing.join(' ')}`
}

/**
 * The path of the program whose sources are in `bench/peers/NAME`; it is made now unless it has been made from the same
 * sources.
 * @throws Error with what the compiler says
 */
export async function goProgram(name: string): Promise<string> {
  const sources = join(PEERS, name)
  const folder = join(CACHE, `${name}-${await hashOf([sources, SHARED])}`)
  const program = join(folder, name)
  if (existsSync(program)) return program
  process.stderr.write(`Building bench/peers/${name}; that is done once and takes up to a minute.\n`)
  await mkdir(folder, { recursive: true })
  // Others may be making it as well: whoever is done last puts the same program in the same place.
  const unfinished = `${program}-${randomUUID()}`
  await promisify(execFile)('go', ['build', '-o', unfinished, '.'], {
    cwd: sources,
    env: { ...process.env, GO111MODULE: 'off', GOFLAGS: '', GOPATH: [SHARED, LIBRARIES].join(delimiter) },
    timeout: BUILD_LIMIT_MS,
  })
  await rename(unfinished, program)
  return program
}

async function hashOf(folders: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of folders) {
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.go')).sort()
    for (const file of files) hash.update(`${file}\n`).update(await readFile(join(folder, file)))
  }
  return hash.digest('hex').slice(0, 16)
}
