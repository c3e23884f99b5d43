// Packs every package as it would be published and checks the tarballs: publint, attw, and a project of its own that
// installs them and loads every entry by `import` and by `require`.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'mako-packages-'))
const pnpmFile = process.env.npm_execpath
const pnpm = pnpmFile?.includes('pnpm') ? [process.execPath, pnpmFile] : ['npx', '-y', 'pnpm@10.34.8']

function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })
  } catch (error) {
    console.error(`${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
    process.exit(1)
  }
}

/** The entries that a package publishes: '.', './log', ... */
function entriesOf(manifest) {
  return Object.keys(manifest.publishConfig.exports).filter((key) => key !== './package.json')
}

/** Whether an entry can be loaded by `require`. */
function isRequirable(manifest, entry) {
  return manifest.publishConfig.exports[entry].require !== undefined
}

const packages = readdirSync(join(root, 'packages'))
  .map((name) => ({ name, folder: join(root, 'packages', name) }))
  .filter(({ folder }) => existsSync(join(folder, 'package.json')))
  .map((each) => ({ ...each, manifest: JSON.parse(readFileSync(join(each.folder, 'package.json'), 'utf8')) }))

try {
  for (const { name, folder, manifest } of packages) {
    if (manifest.scripts?.['proto:check'] === undefined) continue
    run(pnpm[0], [...pnpm.slice(1), 'run', 'proto:check'], { cwd: folder })
    console.log(`fresh   ${name}: generated code is what its .proto says`)
  }

  console.log(`build   ${packages.length} packages`)
  run(pnpm[0], [...pnpm.slice(1), 'run', 'build'])

  const tarballs = []
  const bin = (name) => join(root, 'node_modules', '.bin', name)
  for (const { name, folder, manifest } of packages) {
    run(pnpm[0], [...pnpm.slice(1), 'pack', '--pack-destination', work], { cwd: folder })
    const tarball = join(
      work,
      readdirSync(work).find((file) => file.startsWith(`mako-${name}-`)),
    )
    tarballs.push(tarball)
    const listing = run('tar', ['-tzf', tarball]).split('\n')
    if (listing.some((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')))
      throw new Error(`${name} ships sources`)
    if (!listing.includes('package/LICENSE')) throw new Error(`${name} ships no LICENSE`)
    if (!listing.includes('package/README.md')) throw new Error(`${name} ships no README.md`)
    run(bin('publint'), ['run', tarball, '--strict'])
    const esmOnly = entriesOf(manifest).filter((entry) => !isRequirable(manifest, entry))
    const without = esmOnly.flatMap((entry) => ['--exclude-entrypoints', entry])
    run(bin('attw'), [tarball, '--format', 'ascii', ...without])
    for (const entry of esmOnly) {
      run(bin('attw'), [tarball, '--format', 'ascii', '--profile', 'esm-only', '--entrypoints', entry])
    }
    console.log(`packed  ${name}: publint and attw have no complaint`)
  }

  const project = join(work, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...tarballs], { cwd: project })
  // Matchers are for a test runner, and are loaded in one.
  const isMatchers = (entry) => entry === './vitest'
  const all = packages.flatMap(({ manifest }) => entriesOf(manifest).map((entry) => ({ manifest, entry })))
  const nameOf = ({ manifest, entry }) => manifest.name + entry.slice(1)
  const entries = all.filter(({ entry }) => !isMatchers(entry))
  writeFileSync(
    join(project, 'import.mjs'),
    entries
      .map(nameOf)
      .map((name) => `if (Object.keys(await import('${name}')).length === 0) throw new Error('${name} is empty')`)
      .join('\n'),
  )
  writeFileSync(
    join(project, 'require.cjs'),
    entries
      .filter(({ manifest, entry }) => isRequirable(manifest, entry))
      .map(nameOf)
      .map((name) => `if (Object.keys(require('${name}')).length === 0) throw new Error('${name} is empty')`)
      .join('\n'),
  )
  const { vitest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `vitest@${vitest}`], { cwd: project })
  for (const { manifest } of all.filter(({ entry }) => isMatchers(entry))) {
    const test = [
      `import { expect, it } from 'vitest'`,
      `import '${manifest.name}/vitest'`,
      `const operation = { client: 1, key: 'x', op: 'get', call: 1, ret: 2, status: 'ok' }`,
      `it('has matchers', () => expect([operation]).toBeLinearizable())`,
      `it('has matchers that fail', () => expect([{ ...operation, out: '1' }]).not.toBeLinearizable())`,
    ]
    writeFileSync(join(project, 'matchers.test.mjs'), test.join('\n'))
    run(join(project, 'node_modules', '.bin', 'vitest'), ['run'], { cwd: project })
    console.log(`used    ${manifest.name}/vitest in a test of that project`)
  }
  run(process.execPath, ['import.mjs'], { cwd: project })
  run(process.execPath, ['require.cjs'], { cwd: project })
  console.log(`loaded  ${entries.length} entries by import and by require, in a project of their own`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
