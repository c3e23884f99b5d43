// A copy of the workspace in which code may be wrong, and the checks that run there.
//
// Always true: the workspace itself is never changed, and what happens to it later does not matter. The copy has its own
// sources and shares what is installed.

import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'

/** What the copy does not need, or has from the workspace by a link. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.git', 'dist', '.changeset'])

/** What came of one check. */
export interface CheckResult {
  /** True when the check has failed: the code was told from the right one. */
  readonly caught: boolean
  /** The test, or the law and the seed, that told. */
  readonly by: string
}

export class Workspace {
  readonly #copy: string
  /** The right version of each file that has been read. */
  readonly #right = new Map<string, string>()

  private constructor(copy: string) {
    this.#copy = copy
  }

  /** `copy`: a folder that is made, or empty. @default a new temporary one */
  static async copyOf(root: string, copy?: string): Promise<Workspace> {
    copy ??= await mkdtemp(join(tmpdir(), 'mako-mutants-'))
    await cp(root, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => {
        const parts = relative(root, path).split(sep)
        return parts[0] !== 'node_modules' && !parts.some((part) => LEFT_OUT.has(part))
      },
    })
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
    return new Workspace(copy)
  }

  /** The right version of a file. */
  async read(file: string): Promise<string> {
    const text = this.#right.get(file) ?? (await readFile(join(this.#copy, file), 'utf8'))
    this.#right.set(file, text)
    return text
  }

  write(file: string, text: string): Promise<void> {
    return writeFile(join(this.#copy, file), text)
  }

  async restore(files: Iterable<string>): Promise<void> {
    for (const file of files) await this.write(file, await this.read(file))
  }

  remove(): Promise<void> {
    return rm(this.#copy, { recursive: true, force: true })
  }

  /**
   * Runs `vitest FILES...` or `sim ARGUMENTS...` in the copy. A check that does not end in time has failed: wrong code
   * often hangs.
   */
  async check(line: string, limitMs: number): Promise<CheckResult> {
    const [tool, ...args] = line.split(/\s+/)
    if (tool === 'vitest') {
      return await this.#run(
        ['node_modules/vitest/vitest.mjs', 'run', '--bail=1', '--reporter=dot', ...args],
        limitMs,
        byTest,
      )
    }
    if (tool === 'sim') {
      const file = 'packages/testkit/src/node/sim.ts'
      return await this.#run(['--import', 'tsx', file, '--json', '--one-process', ...args], limitMs, byLaw)
    }
    throw new RangeError(`There is no check "${line}".`)
  }

  #run(args: readonly string[], limitMs: number, by: (output: string) => string): Promise<CheckResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, {
        cwd: this.#copy,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
      })
      let output = ''
      const gather = (chunk: Buffer): void => {
        output = (output + chunk.toString('utf8')).slice(-200_000)
      }
      child.stdout.on('data', gather)
      child.stderr.on('data', gather)
      let late = false
      const timer = setTimeout(() => {
        late = true
        // The whole group: test runners have children of their own.
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      }, limitMs)
      child.on('error', reject)
      child.on('close', (code) => {
        clearTimeout(timer)
        if (late) resolve({ caught: true, by: `does not end within ${limitMs / 1000} s` })
        else resolve({ caught: code !== 0, by: code === 0 ? '' : by(output) })
      })
    })
  }
}

function byTest(output: string): string {
  const failed = /FAIL\s+(\S+?\.test\.ts)(?: > )?(.*)/.exec(output)
  if (failed === null) return lastLine(output)
  return `${failed[1]!.replace(/^.*\//, '')}: ${failed[2]!.trim() || 'the file does not load'}`
}

function byLaw(output: string): string {
  const json = output
    .trimEnd()
    .split('\n')
    .findLast((line) => line.startsWith('{'))
  if (json === undefined) return lastLine(output)
  const { failed } = JSON.parse(json) as { failed: readonly { seed: number; law: string }[] }
  const [first] = failed
  return first === undefined ? lastLine(output) : `seed ${first.seed}: ${first.law}`
}

function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)?.slice(0, 120) ?? ''
}

/** The names of the mutants there are. */
export async function mutantNames(directory: string): Promise<string[]> {
  const names = await readdir(directory)
  return names
    .filter((name) => name.endsWith('.mutant'))
    .map((name) => name.slice(0, -'.mutant'.length))
    .sort()
}
