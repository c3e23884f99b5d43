// The lock of a log directory, with real processes, and what a killed process leaves behind.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { MakoError } from '@mako/engine'
import { openFileLog } from '../../src/log/index.ts'
import { blockOf, codeOf, IDENTITY, put } from './suite.ts'

const root = await mkdtemp(join(tmpdir(), 'mako-lock-'))
const children: ChildProcess[] = []
const OPTIONS = { segmentBytes: 4096 }

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rm(root, { recursive: true }))

function holder(directory: string, ...rest: string[]): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = fileURLToPath(new URL('holder.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, directory, ...rest], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

async function line(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next()
  return next.done === true ? 'ended' : next.value
}

const lockNames = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.startsWith('lock.'))

test('a second process is refused with the id of the first, and a killed one never blocks the next', async () => {
  const directory = join(root, 'two')
  const first = holder(directory)
  expect(await line(first.lines)).toBe('holds 1 0')
  const error = await openFileLog(directory, OPTIONS).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MakoError)
  expect(error).toMatchObject({ code: 'LOG_LOCKED' })
  expect(String(error)).toContain(`process ${first.child.pid ?? 0};`)
  expect(await line(holder(directory).lines)).toMatch(/^error LOG_LOCKED /)

  const ended = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  await ended
  const log = await openFileLog(directory, OPTIONS)
  expect((await log.recover(IDENTITY)).incarnation).toBe(2)
  expect(await lockNames(directory)).toHaveLength(1)
  await log.close()
  expect(await lockNames(directory)).toEqual([])
})

test('a second store in the same process is refused until the first is closed', async () => {
  const directory = join(root, 'same')
  const log = await openFileLog(directory, OPTIONS)
  expect(await codeOf(openFileLog(directory, OPTIONS))).toBe('LOG_LOCKED')
  await expect(openFileLog(directory, OPTIONS)).rejects.toThrow(`this process (${process.pid})`)
  await log.close()
  await (await openFileLog(directory, OPTIONS)).close()
})

test('of many contenders at once at most one gets it', async () => {
  const directory = join(root, 'many')
  for (let round = 0; round < 10; round++) {
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => openFileLog(directory, OPTIONS)))
    const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(winners).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'LOG_LOCKED' })
    }
    await winners[0]!.close()
  }
})

test('the lock of a process whose id now belongs to another is stale', async () => {
  const directory = join(root, 'reused')
  await (await openFileLog(directory, OPTIONS)).close()
  // The process that runs this test, said to have started at another time, and on another boot of the machine.
  await writeFile(join(directory, `lock.${process.pid}.1.00000000.abc`), '')
  await writeFile(join(directory, `lock.${process.ppid}.1.00000000.abc`), '')
  await (await openFileLog(directory, OPTIONS)).close()
  expect(await lockNames(directory)).toEqual([])
})

test('every append that was acknowledged before a kill is there afterwards', { timeout: 60_000 }, async () => {
  const directory = join(root, 'killed')
  let acked = 0
  for (let round = 1; round <= 4; round++) {
    const { child, lines } = holder(directory, 'append')
    const [, incarnation, last] = (await line(lines)).split(' ')
    expect(Number(incarnation)).toBe(round)
    expect(Number(last)).toBeGreaterThanOrEqual(acked)
    const until = Number(last) + 40 * round
    const ended = once(child, 'exit')
    for (;;) {
      const said = await line(lines)
      if (said === 'ended') break
      acked = Number(said.split(' ')[1])
      if (acked === until) child.kill('SIGKILL')
    }
    await ended
  }
  const log = await openFileLog(directory)
  const { partitions } = await log.recover({ ...IDENTITY, partitions: [0] })
  expect(partitions.get(0)!.blocks.at(-1)!.index).toBeGreaterThanOrEqual(acked)
  let next = 1
  for (let blocks = await log.read(0, 1, 1e6); blocks.length > 0; blocks = await log.read(0, next, 1e6)) {
    next = blocks.at(-1)!.index + 1
  }
  expect(next).toBeGreaterThan(acked)
  await log.close()
})

test('directory and files are for this user only, and the directory is made when it is missing', async () => {
  const directory = join(root, 'private', 'x', 'y')
  const log = await openFileLog(directory, OPTIONS)
  await log.recover(IDENTITY)
  await log.append([put(0, blockOf(1, 1, 1))])
  await log.close()
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  for (const name of await readdir(directory))
    expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600)
})

test('options and directories that cannot be are typed errors', async () => {
  expect(await codeOf(openFileLog(join(root, 'options'), { segmentBytes: 100 }))).toBe('BAD_OPTION')
  expect(await codeOf(openFileLog(join(root, 'options'), { segmentBytes: Number.NaN }))).toBe('BAD_OPTION')
  expect(await codeOf(openFileLog(''))).toBe('BAD_OPTION')
  const file = join(root, 'file')
  await writeFile(file, '')
  await chmod(file, 0o600)
  expect(await codeOf(openFileLog(join(file, 'log')))).toBe('LOG_IO')
  const log = await openFileLog(join(root, 'names'), OPTIONS)
  expect(await codeOf(log.recover({ ...IDENTITY, clusterId: 'x'.repeat(201) }))).toBe('BAD_OPTION')
  expect(await codeOf(log.recover({ ...IDENTITY, partitions: [1.5] }))).toBe('BAD_OPTION')
  await log.close()
})
