// What must be true of the repository as a whole: which way the packages point, and what the documents promise.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly publishConfig: { readonly exports: Readonly<Record<string, unknown>> }
}

const packages = readdirSync(join(root, 'packages')).map((folder) => ({
  folder,
  manifest: JSON.parse(read(`packages/${folder}/package.json`)) as Manifest,
}))

/** The files below a folder with this ending, as paths from the root. */
function filesBelow(folder: string, ending: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.name === 'node_modules' || entry.name === 'dist' || path === 'docs/api') continue
    if (entry.isDirectory()) found.push(...filesBelow(path, ending))
    else if (path.endsWith(ending)) found.push(path)
  }
  return found
}

/** Everything that a source file imports. */
function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:^|[\s}])(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!)
}

describe('the packages', () => {
  // DESIGN section 2: everything points at engine; of the siblings only store uses watermark.
  const allowed: Readonly<Record<string, readonly string[]>> = {
    engine: [],
    raft: ['engine'],
    paxos: ['engine'],
    watermark: ['engine'],
    store: ['engine', 'watermark'],
    transport: ['engine'],
    testkit: ['engine'],
  }

  it.each(packages)('$folder depends on what it may, in its manifest and in its sources', ({ folder, manifest }) => {
    const may = allowed[folder]!.map((name) => `@mako/${name}`)
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    expect(declared.filter((name) => name.startsWith('@mako/') && !may.includes(name))).toEqual([])
    for (const file of filesBelow(`packages/${folder}/src`, '.ts')) {
      // Command lines of the testkit run on every implementation there is; they are not part of its library.
      if (file.startsWith('packages/testkit/src/node/')) continue
      for (const imported of importsOf(file)) {
        if (imported.startsWith('.') || imported.startsWith('node:')) continue
        const name = imported.startsWith('@') ? imported.split('/').slice(0, 2).join('/') : imported.split('/')[0]!
        expect(declared, `${file} imports ${imported}`).toContain(name)
      }
    }
  })

  it.each(packages)('$folder publishes the entries that it has in the workspace', ({ manifest }) => {
    expect(Object.keys(manifest.publishConfig.exports)).toEqual(Object.keys(manifest.exports))
  })

  it('keep Node out of what must run in a browser tab as well', () => {
    const nodeFolders = ['packages/store/src/log/file/', 'packages/transport/src/', 'packages/testkit/src/node/']
    for (const { folder } of packages) {
      for (const file of filesBelow(`packages/${folder}/src`, '.ts')) {
        if (nodeFolders.some((prefix) => file.startsWith(prefix))) continue
        expect(
          importsOf(file).filter((name) => name.startsWith('node:')),
          file,
        ).toEqual([])
      }
    }
  })

  it('pin every dependency', () => {
    for (const { folder, manifest } of packages) {
      for (const [name, version] of Object.entries(manifest.dependencies ?? {})) {
        expect(version, `${folder} on ${name}`).toMatch(/^(\d+\.\d+\.\d+|workspace:\^)$/)
      }
    }
  })
})

describe('the documents', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...filesBelow('docs', '.md')].concat(
    filesBelow('packages', '.md'),
    filesBelow('examples', '.md'),
  )

  it.each(documents)('%s links only to what is there', (document) => {
    for (const [, target] of read(document).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      expect(existsSync(join(root, dirname(document), target!)), `${document} links to ${target!}`).toBe(true)
    }
  })

  it('show only code that runs: the first example of the README does what it says', () => {
    const [, code] = /```ts\n([\s\S]*?)```/.exec(read('README.md'))!
    // Beside the example, so that the packages are found as a user's project would find them.
    const folder = mkdtempSync(join(root, 'examples/hello-log/.readme-'))
    try {
      writeFileSync(join(folder, 'main.ts'), code!)
      const printed = execFileSync(process.execPath, ['--import', 'tsx', join(folder, 'main.ts')], {
        encoding: 'utf8',
        cwd: join(root, 'examples/hello-log'),
        timeout: 25_000,
      })
      for (const node of ['a', 'b', 'c']) expect(printed).toContain(`${node} applies hello`)
      expect(printed).toContain('APPLIED')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('name only commands that exist', () => {
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
    for (const [, command] of read('README.md').matchAll(/pnpm(?:@[\d.]+)? (?:run )?([a-z:]+)/g)) {
      if (command !== 'install' && command !== 'add') expect(scripts).toContain(command)
    }
  })
})
