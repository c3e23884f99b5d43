// Every log store under the conformance suite.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { memoryDisk, memoryLog, openFileLog } from '../../src/log/index.ts'
import { CrashFiles } from './crash-files.ts'

const root = await mkdtemp(join(tmpdir(), 'mako-log-'))
vitest.afterAll(() => rm(root, { recursive: true }))
let places = 0

logSuite(vitest, {
  name: 'memoryLog',
  hooks: ['crash'],
  createPlace: () => {
    const disk = memoryDisk()
    // A later start ends the life before, as a restart without a close does.
    return { open: () => memoryLog(disk), crash: () => undefined }
  },
})

for (const [name, segmentBytes] of [
  ['openFileLog', 1024 * 1024],
  ['openFileLog with tiny segments', 4096],
] as const) {
  logSuite(vitest, {
    name,
    createPlace: () => {
      const directory = join(root, String(places++), 'deep', 'er')
      return { open: () => openFileLog(directory, { segmentBytes }) }
    },
  })
}

logSuite(vitest, {
  name: 'openFileLog on a file system that crashes and fails',
  hooks: ['crash', 'failNextAppend'],
  createPlace: () => {
    let files = new CrashFiles()
    return {
      open: () => openFileLog('/log', { segmentBytes: 4096, files }),
      crash: () => {
        files = files.afterCrash(true)
      },
      failNextAppend: () => {
        const { fault } = files
        files.fault = () => {
          files.fault = fault
          return new Error('EIO')
        }
      },
    }
  },
})
