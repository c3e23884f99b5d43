// The log on disk, beside the plainest durable write that Node.js can do: O_DSYNC into a file that is already there.
// The directory is that of temporary files: set TMPDIR to measure another disk.

import { closeSync, constants, fsyncSync, openSync, write, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBlock } from '@mako/engine'
import { openFileLog } from '@mako/store/log'
import { type MicroCase, microCase, repeatAsync } from './case.ts'
import { withDirectory } from './directory.ts'

/** Smaller than the default: a round need not lay out 128 MiB. */
const FILE_BYTES = 16 * 1024 * 1024

/** Writes these bytes durably, one behind the other, and from the front again at the end of the file. */
class RawFile {
  readonly #file: number
  readonly #bytes: Uint8Array
  #position = 0

  constructor(path: string, bytes: Uint8Array) {
    const zeros = openSync(path, 'w')
    writeSync(zeros, new Uint8Array(FILE_BYTES))
    fsyncSync(zeros)
    closeSync(zeros)
    this.#file = openSync(path, constants.O_WRONLY | constants.O_DSYNC)
    this.#bytes = bytes
  }

  append(): Promise<void> {
    const { length } = this.#bytes
    if (this.#position + length > FILE_BYTES) this.#position = 0
    const position = this.#position
    this.#position += length
    return new Promise((resolve, reject) => {
      write(this.#file, this.#bytes, 0, length, position, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }

  close(): void {
    closeSync(this.#file)
  }
}

const ORIGIN = { node: 'a', incarnation: 1, sequence: 1 }

function entriesOf(count: number, bytes: number): { readonly kind: 'data'; readonly payload: Uint8Array }[] {
  return Array.from({ length: count }, () => ({ kind: 'data', payload: new Uint8Array(bytes) }))
}

function logCase(count: number, bytes: number): readonly MicroCase[] {
  const shared = { name: `log-${count}`, unit: 'appends/s', bytes, overheadSeconds: 0.3 }
  return [
    microCase({
      ...shared,
      about: `file log: one durable append of ${count} entries at a time`,
      peers: ['raw-file'],
      run: (seconds) =>
        withDirectory(async (directory) => {
          const log = await openFileLog(join(directory, 'log'), { segmentBytes: FILE_BYTES })
          await log.recover({ clusterId: 'bench', nodeId: 'a', partitions: [0] })
          const entries = entriesOf(count, bytes)
          let index = 1
          try {
            return await repeatAsync(seconds, 1, () => {
              const block = encodeBlock({ index, term: 1 }, { ...ORIGIN, sequence: index }, entries)
              index += count
              return log.append([{ type: 'block', partition: 0, block, truncate: true }])
            })
          } finally {
            await log.close()
          }
        }),
    }),
    microCase({
      ...shared,
      system: 'raw-file',
      about: 'an O_DSYNC write of the same bytes into a file that is already there',
      run: (seconds) =>
        withDirectory(async (directory) => {
          const { bytes: block } = encodeBlock({ index: 1, term: 1 }, ORIGIN, entriesOf(count, bytes))
          const raw = new RawFile(join(directory, 'raw'), block)
          try {
            return await repeatAsync(seconds, 1, () => raw.append())
          } finally {
            raw.close()
          }
        }),
    }),
  ]
}

export const logCases: readonly MicroCase[] = [
  ...[1, 16, 256].flatMap((count) => logCase(count, 100)),
  ...[1, 64].flatMap((count) => logCase(count, 1024)),
]
