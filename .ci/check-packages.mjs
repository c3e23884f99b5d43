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
  for (const { name, folder } of packages) {
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
    run(bin('attw'), [tarball, '--format', 'ascii'])
    console.log(`packed  ${name}: publint and attw have no complaint`)
  }

  const project = join(work, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...tarballs], { cwd: project })
  const entries = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.publishConfig.exports)
      .filter((key) => key !== './package.json')
      .map((key) => manifest.name + key.slice(1)),
  )
  writeFileSync(
    join(project, 'import.mjs'),
    entries
      .map((entry) => `if (Object.keys(await import('${entry}')).length === 0) throw new Error('${entry} is empty')`)
      .join('\n'),
  )
  writeFileSync(
    join(project, 'require.cjs'),
    entries
      .map((entry) => `if (Object.keys(require('${entry}')).length === 0) throw new Error('${entry} is empty')`)
      .join('\n'),
  )
  run(process.execPath, ['import.mjs'], { cwd: project })
  run(process.execPath, ['require.cjs'], { cwd: project })
  console.log(`loaded  ${entries.length} entries by import and by require, in a project of their own`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
