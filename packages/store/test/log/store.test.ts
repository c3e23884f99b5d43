// What is special about the memory log.

import { expect, test } from 'vitest'
import { memoryDisk, memoryLog } from '../../src/log/index.ts'
import { blockOf, codeOf, IDENTITY, put, textsFrom } from './suite.ts'

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
