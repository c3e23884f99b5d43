// Directories of tests that start processes, and whether any of these is still there.

import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'

const directories: string[] = []

/** An empty one that is removed after the test. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mako-peers-'))
  directories.push(directory)
  return directory
}

/** Which processes work in this directory or below. */
export function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((process) => {
    try {
      return readlinkSync(`/proc/${process}/cwd`).startsWith(directory)
    } catch {
      return false
    }
  })
}

export async function untilNoneIn(directory: string): Promise<void> {
  await expect.poll(() => processesIn(directory), { timeout: 10_000 }).toEqual([])
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
