// The file system as the file log sees it: few operations, each with one clear promise about what it makes durable.
//
// Always true of an implementation: when `write` or `truncate` has answered, the file's content and length are
// durable; a name is durable only after `syncDirectory`. Errors are the system's own, the store wraps them.

/** An open file. */
export interface LogFile {
  /** Fills `into` from this position; answers how many bytes there were, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /**
   * Writes all parts one behind the other from this position on, and calls `done` once, later, when they are durable.
   * A callback and not a promise: this is the hot path.
   */
  write(parts: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void
  /** Length in bytes. */
  size(): Promise<number>
  /** Cuts the file to this length, durably. */
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** Gives up what was locked. */
export type Unlock = () => Promise<void>

export interface LogFiles {
  /** Makes the directory and those above it where missing, durably, for this user only. */
  makeDirectory(directory: string): Promise<void>
  /**
   * Keeps others, in this process or another, out of the directory until unlocked or until this process has ended.
   * @throws MakoError `LOG_LOCKED`
   */
  lock(directory: string): Promise<Unlock>
  /** Names in the directory, in any order. */
  list(directory: string): Promise<readonly string[]>
  /** `create` empties a file that is there; `write` and `read` want it to be there. */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<LogFile>
  /** Replaces `to` when it is there. */
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  syncDirectory(directory: string): Promise<void>
}

/** `LogFile.write` as a promise, for what is not hot. */
export function writeAt(file: LogFile, parts: readonly Uint8Array[], position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(parts, position, (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

/** The whole content of a file. */
export async function readWhole(files: LogFiles, path: string): Promise<Uint8Array> {
  const file = await files.open(path, 'read')
  try {
    const bytes = new Uint8Array(await file.size())
    const length = await file.read(bytes, 0)
    return bytes.subarray(0, length)
  } finally {
    await file.close()
  }
}
