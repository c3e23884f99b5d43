// The log on disk, beside the plainest durable write that Node.js can do: O_DSYNC into a file that is already there.
// The directory is that of temporary files: set TMPDIR to measure another disk.

import { closeSync, constants, fsyncSync, openSync, write, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBlock } from '@mako/engine'
import { openFileLog } from '@mako/store/log'
import type { BenchCase } from '../case.ts'
import { repeatAsync, sideBySide } from '../measure.ts'
import { withDirectory } from '../temporary.ts'

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

function logCase(count: number): BenchCase {
  return {
    name: `log/${count}`,
    description: `file log: one durable append of ${count} x 100 B at a time, beside raw O_DSYNC writes of the same bytes`,
    unit: 'appends/s',
    setupSeconds: 0.3,
    run: (seconds) =>
      withDirectory(async (directory) => {
        const log = await openFileLog(join(directory, 'log'), { segmentBytes: FILE_BYTES })
        await log.recover({ clusterId: 'bench', nodeId: 'a', partitions: [0] })
        const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array(100) }))
        const origin = { node: 'a', incarnation: 1, sequence: 1 }
        const { bytes } = encodeBlock({ index: 1, term: 1 }, origin, entries)
        const raw = new RawFile(join(directory, 'raw'), bytes)
        let index = 1
        const append = (): Promise<void> => {
          const block = encodeBlock({ index, term: 1 }, { ...origin, sequence: index }, entries)
          index += count
          return log.append([{ type: 'block', partition: 0, block, truncate: true }])
        }
        try {
          return await sideBySide(
            seconds,
            'raw',
            (slice) => repeatAsync(slice, 1, () => raw.append()),
            (slice) => repeatAsync(slice, 1, append),
          )
        } finally {
          raw.close()
          await log.close()
        }
      }),
  }
}

export const logCases: readonly BenchCase[] = [1, 16, 256].map(logCase)
