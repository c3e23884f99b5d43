// `pnpm sim`: puts the simulator and everything that it runs into one file, and runs that.
//
// Loaders that translate sources one by one keep the name of every function that is made, which costs a seventh of the
// time of a storm. The history of a seed is the same either way.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const folder = mkdtempSync(join(tmpdir(), 'mako-sim-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
const outfile = join(folder, 'sim.mjs')
await build({
  entryPoints: [join(import.meta.dirname, '../src/node/sim.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
  // What is bundled of other people's code may ask for modules of Node.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
})
process.setSourceMapsEnabled(true)
await import(pathToFileURL(outfile).href)
