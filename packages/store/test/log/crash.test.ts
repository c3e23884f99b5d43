// The file log and the worst moment: a stop of the machine at every call that changes the disk, damage to every byte,
// and errors of the system.

import { entriesOf, type LogStore, type LogWrite, lastIndexOf, MakoError, seededRandom } from '@mako/engine'
import { describe, expect, test } from 'vitest'
import { openFileLog } from '../../src/log/index.ts'
import { CrashFiles, type Tear } from './crash-files.ts'
import { blockOf, codeOf, IDENTITY, put, state, textsFrom } from './suite.ts'

const open = (files: CrashFiles, segmentBytes = 4096): Promise<LogStore> =>
  openFileLog('/log', { files, segmentBytes, random: seededRandom(files.calls + 1) })

/** The appends of the script: what partition 0 holds after append `n` is known from `n` alone. */
function scripted(n: number): LogWrite[] {
  const writes: LogWrite[] = [state(0, `state ${n}`), put(0, blockOf(n, 1, 1, '', (n * 37) % 300))]
  if (n % 7 === 0) writes.push(put(1, blockOf(1 + (n % 14), 3, n, 'over', 20)))
  return writes
}

/** Runs lives of the script until `appends` are acknowledged or the machine stops; answers the last that was. */
async function runScript(files: CrashFiles, appends: number, restartEvery: number): Promise<number> {
  let acked = 0
  const stop = new Promise<'stop'>((resolve) => {
    files.stopped = () => {
      resolve('stop')
    }
  })
  const work = async (): Promise<'done'> => {
    let log = await open(files)
    await log.recover(IDENTITY)
    for (let n = 1; n <= appends; n++) {
      await log.append(scripted(n))
      acked = n
      if (n % restartEvery !== 0) continue
      await log.close()
      log = await open(files)
      await log.recover(IDENTITY)
    }
    await log.close()
    return 'done'
  }
  await Promise.race([work(), stop])
  return acked
}

async function checkAfter(files: CrashFiles, acked: number, where: string): Promise<void> {
  const log = await open(files)
  const recovered = await log.recover(IDENTITY)
  const texts = await textsFrom(log, 0, 1)
  expect([acked, acked + 1], where).toContain(texts.length)
  expect(texts, where).toEqual(Array.from({ length: texts.length }, (_, i) => `${i + 1}/1/`))
  const kept = recovered.partitions.get(0)!.state
  if (acked > 0) {
    expect([`state ${acked}`, `state ${acked + 1}`], where).toContain(new TextDecoder().decode(kept))
  }
  // And it goes on: what is appended now is not disturbed by what was dropped.
  const next = texts.length + 1
  await log.append([put(0, blockOf(next, 1, 1))])
  await log.close()
  const again = await open(files)
  expect((await again.recover(IDENTITY)).warnings, where).toEqual([])
  expect(await textsFrom(again, 0, next), where).toEqual([`${next}/1/`])
  await again.close()
}

describe('a stop of the machine', () => {
  const APPENDS = 100
  test.each<[Tear, boolean]>([
    ['all', false],
    ['all', true],
    ['none', false],
    ['none', true],
    ['half', false],
    ['sectors', true],
  ])('at any call, %s of the last write kept, unflushed names lost: %s', async (tear, loseNames) => {
    const whole = new CrashFiles()
    expect(await runScript(whole, APPENDS, 30)).toBe(APPENDS)
    expect(whole.names().length).toBeGreaterThan(5)
    const points = whole.calls
    expect(points).toBeGreaterThan(150)
    for (let stopAt = 1; stopAt <= points; stopAt++) {
      const files = new CrashFiles()
      files.stopAt = stopAt
      files.tear = tear
      const acked = await runScript(files, APPENDS, 30)
      await checkAfter(files.afterCrash(loseNames), acked, `stop at ${stopAt}, ${tear}`)
    }
  })

  test('during recovery after a stop: the second recovery still finds everything', async () => {
    for (let second = 1; second <= 12; second++) {
      const first = new CrashFiles()
      first.stopAt = 90
      first.tear = 'half'
      const acked = await runScript(first, APPENDS, 1000)
      const files = first.afterCrash(true)
      files.stopAt = second
      files.tear = 'half'
      await runScript(files, 0, 1000)
      await checkAfter(files.afterCrash(true), acked, `second stop at ${second}`)
    }
  })

  test('a torn append is reported with segment and offset, and cut off', async () => {
    const files = new CrashFiles()
    files.tear = 'half'
    const log = await open(files)
    await log.recover(IDENTITY)
    await log.append([put(0, blockOf(1, 1, 1))])
    files.stopAt = files.calls + 1
    void log.append([put(0, blockOf(2, 1, 1, 'long'.repeat(100)))])
    const after = files.afterCrash(true)
    const again = await open(after)
    const { warnings, incarnation } = await again.recover(IDENTITY)
    expect(incarnation).toBe(2)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/0000000001\.segment from offset 600 /)
    expect(await textsFrom(again, 0, 1)).toEqual(['1/1/'])
    expect(after.bytesOf('0000000001.segment')).toHaveLength(600 + 24)
    await again.close()
  })
})

describe('damage', () => {
  /** About 8 KiB in several segments; `closed` says whether the last life ended in order. */
  async function small(closed: boolean): Promise<CrashFiles> {
    const files = new CrashFiles()
    const log = await open(files)
    await log.recover(IDENTITY)
    for (let n = 1; n <= 24; n++)
      await log.append([put(0, blockOf(2 * n - 1, 2, 1, '', 60), true), state(0, `state ${n}`)])
    if (closed) await log.close()
    return files.afterCrash(true)
  }

  /** Every entry that can be read, or the error; anything else than a MakoError with a place fails the test. */
  async function look(files: CrashFiles): Promise<string[] | MakoError> {
    const log = await open(files)
    try {
      const { partitions } = await log.recover(IDENTITY)
      const texts: string[] = []
      for (const span of partitions.get(0)!.blocks) {
        for (const block of await log.read(0, span.index, 1)) {
          for (const entry of entriesOf(block, 0)) {
            if (entry.index > lastIndexOf(span)) continue
            texts.push(new TextDecoder().decode(entry.payload).replace(/\0+$/, ''))
          }
        }
      }
      return texts
    } catch (error) {
      if (!(error instanceof MakoError)) throw error
      expect(['CORRUPT_LOG', 'LOG_MISMATCH']).toContain(error.code)
      expect(error.message).toMatch(/(\d{10}\.segment|log\.meta)/)
      if (error.code === 'CORRUPT_LOG') expect(error.message).toMatch(/at offset \d+\.$/)
      return error
    } finally {
      await log.close()
    }
  }

  const ALL = Array.from({ length: 48 }, (_, i) => `${i + 1}/1/`)
  const last = '0000000002.segment'

  test.each([true, false])(
    'a flipped bit in any byte never gives a wrong entry (closed in order: %s)',
    async (closed) => {
      const base = await small(closed)
      const names = base.names()
      expect(names).toEqual(['0000000001.segment', last, 'log.meta'])
      const seen = { refused: 0, dropped: 0, whole: 0 }
      for (const name of names) {
        const original = base.bytesOf(name)
        // Where the bytes that mean something end, and where the last append begins.
        let used = original.length
        while (used > 0 && original[used - 1] === 0) used--
        for (let at = 0; at < used; at++) {
          const files = base.afterCrash(true)
          const bytes = original.slice()
          bytes[at]! ^= 1 << (at % 8)
          files.put(name, bytes)
          const result = await look(files)
          if (result instanceof MakoError) seen.refused++
          else if (result.length === ALL.length) {
            expect(result).toEqual(ALL)
            seen.whole++
          } else {
            // Only the last append of a segment that was not closed may be taken for an unfinished one.
            expect(result).toEqual(ALL.slice(0, 46))
            expect([closed, name]).toEqual([false, last])
            seen.dropped++
          }
        }
      }
      expect(seen.refused).toBeGreaterThan(4000)
      if (closed) expect(seen).toMatchObject({ dropped: 0, whole: 0 })
      else expect(seen.dropped).toBeGreaterThan(50)
    },
  )

  test.each([true, false])('a file cut at any byte (closed in order: %s)', async (closed) => {
    const base = await small(closed)
    for (const name of base.names()) {
      const original = base.bytesOf(name)
      let shortest = ALL.length
      for (let length = original.length - 1; length >= 0; length--) {
        const files = base.afterCrash(true)
        files.put(name, original.slice(0, length))
        const result = await look(files)
        if (result instanceof MakoError) continue
        expect(result).toEqual(ALL.slice(0, result.length))
        // Entries only ever go from the end, and only from the newest segment of a life that was cut off.
        expect(result.length).toBeLessThanOrEqual(shortest)
        shortest = result.length
        if (closed || name !== last) expect(result).toEqual(ALL)
      }
    }
  })

  test('records of another segment, at the very offset at which they were valid there, are not taken for records', async () => {
    const files = await small(false)
    const bytes = files.bytesOf(last)
    let end = bytes.length
    while (bytes[end - 1] === 0) end--
    end = Math.ceil(end / 8) * 8
    const older = files.bytesOf('0000000001.segment')
    expect(older[end + 16]).toBe(1)
    bytes.set(older.subarray(end, end + 1000), end)
    expect(await look(files)).toEqual(ALL)
  })

  test('a missing segment or missing metadata is refused by name', async () => {
    for (const name of ['0000000001.segment', last, 'log.meta']) {
      const files = await small(true)
      await files.unlink(`/log/${name}`)
      const result = await look(files)
      expect(result).toBeInstanceOf(MakoError)
      expect(String(result)).toContain(name)
    }
  })

  test('a block that rots while the log is open is an error of read, with segment and offset', async () => {
    const files = new CrashFiles()
    const log = await open(files)
    await log.recover(IDENTITY)
    await log.append([put(0, blockOf(1, 1, 1)), put(0, blockOf(2, 1, 1))])
    files.bytesOf('0000000001.segment')[512 + 88 + 40]! ^= 1
    await expect(log.read(0, 2, 1000)).rejects.toThrow(/0000000001\.segment at offset 600/)
    expect(await log.read(0, 1, 1)).toHaveLength(1)
    expect(await codeOf(log.read(0, 1, 1000))).toBe('CORRUPT_LOG')
    await log.close()
  })

  test('a segment of another log is refused', async () => {
    const files = await small(true)
    const other = new CrashFiles()
    const log = await open(other)
    await log.recover({ ...IDENTITY, nodeId: 'b' })
    await log.append([put(0, blockOf(1, 1, 1))])
    await log.close()
    files.put('0000000001.segment', other.bytesOf('0000000001.segment'))
    expect((await look(files)) as MakoError).toMatchObject({ code: 'LOG_MISMATCH' })
  })
})

describe('errors of the system', () => {
  const system = (code: string): Error => Object.assign(new Error(`${code}: from the test`), { code })

  test('a failed write rejects with its cause, and nothing is ever written again in this life', async () => {
    const files = new CrashFiles()
    const log = await open(files)
    await log.recover(IDENTITY)
    await log.append([put(0, blockOf(1, 1, 1))])
    files.fault = () => system('EIO')
    await expect(log.append([put(0, blockOf(2, 1, 1))])).rejects.toMatchObject({
      code: 'LOG_IO',
      cause: { code: 'EIO' },
    })
    files.fault = () => undefined
    const calls = files.calls
    await expect(log.append([put(0, blockOf(2, 1, 1))])).rejects.toMatchObject({ code: 'LOG_IO' })
    expect(await textsFrom(log, 0, 1)).toEqual(['1/1/'])
    await log.close()
    expect(files.calls).toBe(calls)
    const again = await open(files)
    await again.recover(IDENTITY)
    expect(await textsFrom(again, 0, 1)).toEqual(['1/1/'])
    await again.close()
  })

  test('no space for the next segment: the log is used to its end, then refuses, and loses nothing', async () => {
    const files = new CrashFiles()
    const log = await open(files)
    await log.recover(IDENTITY)
    files.fault = (path) => (path.includes('0000000002') ? system('ENOSPC') : undefined)
    let acked = 0
    const fill = async (): Promise<void> => {
      for (;;) {
        await log.append([put(0, blockOf(acked + 1, 1, 1, '', 100))])
        acked++
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'LOG_IO', cause: { code: 'ENOSPC' } })
    expect(acked).toBe(Math.floor((4096 - 512 - 24) / 184))
    await log.close()
    files.fault = () => undefined
    const again = await open(files)
    await again.recover(IDENTITY)
    expect(await textsFrom(again, 0, 1)).toHaveLength(acked)
    await again.append([put(0, blockOf(acked + 1, 1, 1, '', 3000))])
    expect(await textsFrom(again, 0, 1)).toHaveLength(acked + 1)
    await again.close()
  })

  test('space that came back in time is used', async () => {
    const files = new CrashFiles()
    const log = await open(files)
    await log.recover(IDENTITY)
    let failed = 0
    files.fault = (path) => (path.includes('0000000002') && failed++ === 0 ? system('ENOSPC') : undefined)
    for (let n = 1; n <= 60; n++) await log.append([put(0, blockOf(n, 1, 1, '', 92))])
    expect(failed).toBeGreaterThan(1)
    expect(await textsFrom(log, 0, 1)).toHaveLength(60)
    await log.close()
    expect(files.names()).toEqual(['0000000001.segment', '0000000002.segment', '0000000003.segment', 'log.meta'])
  })

  test('an error while recovering is typed too', async () => {
    const files = new CrashFiles()
    files.fault = () => system('EROFS')
    const log = await open(files)
    expect(await codeOf(log.recover(IDENTITY))).toBe('LOG_IO')
    expect(await codeOf(log.append([]))).toBe('BAD_STATE')
    await log.close()
  })
})
