// Directories that are gone when they are no longer needed, also when the process ends early.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directories = new Set<string>()

process.on('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'mako-bench-'))
  directories.add(directory)
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
    directories.delete(directory)
  }
}
