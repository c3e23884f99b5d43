// Makes src/gen/NAME.js of a protocol's package from its proto/NAME.proto; with --check it only says whether that file is
// fresh (exit code 1 when it is not). The types beside it, src/gen/NAME.d.ts, are written by hand: they are the shape that
// the codec relies on.
//
//   node ../engine/scripts/proto.mjs NAME [--check]     in the folder of the package

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [name, ...options] = process.argv.slice(2)
const target = join('src', 'gen', `${name}.js`)
const source = join('proto', `${name}.proto`)
const cli = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('protobufjs-cli/package.json'))

const made = spawnSync(
  process.execPath,
  [
    join(cli, 'bin', 'pbjs'),
    ...[
      '--target',
      'static-module',
      '--wrap',
      'esm',
      '--dependency',
      'protobufjs/minimal.js',
      '--root',
      `mako-${name}`,
    ],
    ...[
      '--no-create',
      '--no-verify',
      '--no-convert',
      '--no-delimited',
      '--no-typeurl',
      '--no-comments',
      '--no-service',
    ],
    source,
  ],
  { encoding: 'utf8' },
)
if (made.status !== 0) {
  process.stderr.write(made.stderr)
  process.exit(1)
}
if (options.includes('--check')) {
  let present = ''
  try {
    present = readFileSync(target, 'utf8')
  } catch {
    // A file that is missing is a file that is not fresh.
  }
  if (present !== made.stdout) {
    process.stderr.write(`${target} is not what ${source} makes: run \`pnpm --filter @mako/${name} run proto\`\n`)
    process.exit(1)
  }
} else {
  writeFileSync(target, made.stdout)
}
