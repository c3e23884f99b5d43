// The file system of Node.js behind the file log's interface.
//
// Always true: a write is one system call where the system lets it be (Linux: O_DSYNC), so that it is one hop through
// the thread pool; elsewhere it is followed by fdatasync. Files are readable by this user only.

import { constants, fdatasync, write, writev } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { LogFile, LogFiles } from './files.ts'
import { lockDirectory } from './node-lock.ts'

/** On macOS O_DSYNC does not reach the platter, fdatasync (there F_FULLFSYNC) does; Windows has no O_DSYNC. */
const ONE_CALL = process.platform === 'linux'
const DSYNC = ONE_CALL ? constants.O_DSYNC : 0

const FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | DSYNC,
  write: constants.O_RDWR | DSYNC,
  read: constants.O_RDONLY,
}

export const nodeFiles: LogFiles = {
  async makeDirectory(directory) {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // Each new name lives in the directory above it; from the innermost up to the one that was already there.
    const outermost = dirname(resolve(first))
    let at = resolve(directory)
    while (at !== outermost) {
      at = dirname(at)
      await syncDirectory(at)
    }
  },
  lock: lockDirectory,
  list: (directory) => readdir(directory),
  open: async (path, mode) => new NodeFile(await open(path, FLAGS[mode], 0o600)),
  rename,
  unlink,
  syncDirectory,
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal names by themselves.
  if (process.platform === 'win32') return
  const handle = await open(join(directory, '.'), constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

class NodeFile implements LogFile {
  readonly #handle: FileHandle
  readonly #fd: number

  constructor(handle: FileHandle) {
    this.#handle = handle
    this.#fd = handle.fd
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let length = 0
    while (length < into.length) {
      const { bytesRead } = await this.#handle.read(into, length, into.length - length, position + length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return length
  }

  write(parts: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void {
    const finished = (error: Error | null, written: number): void => {
      if (error) {
        done(error)
        return
      }
      // A short write is legal, though rare: what is left follows.
      const rest = behind(parts, written)
      if (rest.length > 0) this.write(rest, position + written, done)
      else if (ONE_CALL) done(null)
      else fdatasync(this.#fd, done)
    }
    const first = parts[0]
    if (parts.length === 1 && first !== undefined) write(this.#fd, first, 0, first.length, position, finished)
    else writev(this.#fd, parts, position, finished)
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes)
    await this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function behind(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let skip = written
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return rest
}
