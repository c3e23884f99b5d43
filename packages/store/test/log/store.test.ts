// Both log stores under the shared suite, and what is special about the memory log.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { memoryDisk, memoryLog, openFileLog } from '../../src/log/index.ts'
import { blockOf, codeOf, IDENTITY, logSuite, put, textsFrom } from './suite.ts'

const root = await mkdtemp(join(tmpdir(), 'mako-log-'))
afterAll(() => rm(root, { recursive: true }))
let places = 0

logSuite('memoryLog', () => {
  const disk = memoryDisk()
  return Promise.resolve(() => Promise.resolve(memoryLog(disk)))
})

logSuite('openFileLog', () => {
  const directory = join(root, String(places++), 'deep', 'er')
  return Promise.resolve(() => openFileLog(directory, { segmentBytes: 1024 * 1024 }))
})

logSuite('openFileLog with tiny segments', () => {
  const directory = join(root, String(places++))
  return Promise.resolve(() => openFileLog(directory, { segmentBytes: 4096 }))
})

test('a later start on a memory disk ends the life before, as a restart without a close does', async () => {
  const disk = memoryDisk()
  const before = memoryLog(disk)
  await before.recover(IDENTITY)
  await before.append([put(0, blockOf(1, 1, 1))])
  const after = memoryLog(disk)
  expect((await after.recover(IDENTITY)).incarnation).toBe(2)
  expect(disk.incarnation).toBe(2)
  expect(await codeOf(before.append([put(0, blockOf(1, 1, 2))]))).toBe('BAD_STATE')
  expect(await textsFrom(after, 0, 1)).toEqual(['1/1/'])
})
