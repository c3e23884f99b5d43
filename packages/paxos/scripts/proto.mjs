// Makes src/gen/paxos.js from proto/paxos.proto; with --check it only says whether that file is fresh (exit code 1 when
// it is not). The types beside it, src/gen/paxos.d.ts, are written by hand: they are the shape that the codec relies on.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const target = join(folder, 'src', 'gen', 'paxos.js')
const cli = dirname(createRequire(import.meta.url).resolve('protobufjs-cli/package.json'))

const made = spawnSync(
  process.execPath,
  [
    join(cli, 'bin', 'pbjs'),
    ...['--target', 'static-module', '--wrap', 'esm', '--dependency', 'protobufjs/minimal.js', '--root', 'mako-paxos'],
    ...[
      '--no-create',
      '--no-verify',
      '--no-convert',
      '--no-delimited',
      '--no-typeurl',
      '--no-comments',
      '--no-service',
    ],
    join('proto', 'paxos.proto'),
  ],
  { cwd: folder, encoding: 'utf8' },
)
if (made.status !== 0) {
  process.stderr.write(made.stderr)
  process.exit(1)
}
if (process.argv.includes('--check')) {
  let present = ''
  try {
    present = readFileSync(target, 'utf8')
  } catch {
    // A file that is missing is a file that is not fresh.
  }
  if (present !== made.stdout) {
    process.stderr.write(
      'src/gen/paxos.js is not what proto/paxos.proto makes: run `pnpm --filter @mako/paxos run proto`\n',
    )
    process.exit(1)
  }
} else {
  writeFileSync(target, made.stdout)
}
