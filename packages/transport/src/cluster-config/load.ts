// Reads a cluster file from the disk; what it means is decided in `parse.ts`.

import { readFile, stat } from 'node:fs/promises'
import { MakoError } from '@mako/engine'
import { parseClusterConfig } from './parse.ts'
import type { ClusterConfig } from './schema.ts'

/** A larger file is something else. */
const MAX_FILE_BYTES = 1024 * 1024

/**
 * Reads a cluster file (YAML).
 * @throws MakoError `BAD_CONFIG` when it cannot be read (`cause` has the system's error) or is not right; then with all
 * faults, one a line
 */
export async function loadClusterConfig(file: string): Promise<ClusterConfig> {
  return parseClusterConfig(await readText(file), file)
}

async function readText(file: string): Promise<string> {
  let size: number
  try {
    size = (await stat(file)).size
    if (size <= MAX_FILE_BYTES) return await readFile(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MakoError('BAD_CONFIG', `${file} cannot be read: ${reason}`, { cause })
  }
  throw new MakoError('BAD_CONFIG', `${file} has ${size} bytes, a cluster file has at most ${MAX_FILE_BYTES}.`)
}
