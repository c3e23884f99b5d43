// Libraries of the npm registry that replicate a log, as systems that are measured side by side. Which were looked at
// is in `bench/peers/README.md`.
//
// Always true: they are installed in a folder of their own, not in the workspace; clients are in the leader's process.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { System } from '../system.ts'
import { LoadGenerator } from './load-generator.ts'

const FOLDER = join(import.meta.dirname, '../../peers/npm')

export const skiffAlgorithm: System = npmSystem(
  'skiff-algorithm',
  'skiff-algorithm 0.8.2, Raft in JavaScript',
  'Clients in the process of the leader, 8 commands under way in the library while the others wait in its driver; ' +
    'it keeps what it replicates in memory. memory: JSON over TCP between three processes. one-process: JSON in the ' +
    'next turn.',
)

function npmSystem(name: string, title: string, shape: string): System {
  const command = [process.execPath, join(FOLDER, `${name}.mjs`)]
  return {
    name,
    kind: 'library',
    title,
    shape,
    setups: ['memory', 'one-process'],
    missing: () => Promise.resolve(missingMessage(name)),
    start: (setup, directory) => LoadGenerator.start({ name, command, setup, directory, warmUpSeconds: 1 }),
  }
}

function missingMessage(name: string): string | undefined {
  return existsSync(join(FOLDER, 'node_modules', name)) ? undefined : 'not installed; npm ci --prefix bench/peers/npm'
}
