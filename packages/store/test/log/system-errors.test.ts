// The system fails at every call of a scripted run, in every way, and the disk is full at every size.
//
// Always true: the error is typed, what was acknowledged is there in the next life and survives a power cut, nothing
// else appears, and once the fault is gone the log goes on. `SWEEP=full` visits every point, the default every n-th.

import { MakoError, seededRandom } from '@mako/engine'
import { describe, expect, test } from 'vitest'
import { type FileCall, type FileFault, SimFiles, systemError } from '../../../testkit/src/node/sim-files.ts'
import {
  allowedAfter,
  AT_ONCE,
  contentOf,
  FULL,
  makeScript,
  openOn,
  runScript,
  SCRIPT_IDENTITY,
  type Script,
} from './script.ts'
import { blockOf, codeOf, put } from './suite.ts'

const STRIDE = FULL ? 1 : 37

/** What the system does from a call on: to that one, or to all that follow as well. */
const FAULTS: readonly (readonly [name: string, once: boolean, (call: FileCall) => FileFault])[] = [
  ['the call is refused', true, () => ({ type: 'refused', error: systemError('EIO') })],
  ['half of a write is there', true, ({ bytes }) => ({ type: 'short', error: systemError('EIO'), bytes: bytes >> 1 })],
  ['the flush fails once', true, () => ({ type: 'unflushed', error: systemError('EIO') })],
  ['everything is refused from then on', false, () => ({ type: 'refused', error: systemError('EROFS') })],
  ['no flush succeeds from then on', false, () => ({ type: 'unflushed', error: systemError('EIO') })],
]

async function contentAfter(files: SimFiles): Promise<string> {
  const log = await openOn(files)
  const content = await contentOf(log, await log.recover(SCRIPT_IDENTITY))
  files.kill()
  return content
}

/** The life that failed has ended; the next ones find what they may, and the same each time. */
async function checkNextLives(script: Script, files: SimFiles, appends: number, where: string): Promise<void> {
  const content = await contentAfter(files)
  expect(allowedAfter(script, appends), where).toContain(content)
  files.cutPower('lost')
  expect(await contentAfter(files), where).toBe(content)
  const log = await openOn(files)
  await log.recover(SCRIPT_IDENTITY)
  await log.append([put(2, blockOf(10_000, 1, 10_000), false)])
  await log.close()
  files.cutPower('lost')
  expect((await contentAfter(files)).startsWith(content), where).toBe(true)
}

/** Runs the script until it fails or ends; answers what was acknowledged, and the error. */
async function run(script: Script, files: SimFiles, host: typeof AT_ONCE): Promise<[number, MakoError | undefined]> {
  let appends = 0
  try {
    await runScript(
      script,
      () => openOn(files, host),
      (count) => (appends = count),
    )
    return [appends, undefined]
  } catch (error) {
    if (!(error instanceof MakoError)) throw error
    return [appends, error]
  }
}

describe('the system fails', { timeout: 600_000 }, () => {
  const script = makeScript(120, 3)
  const appendCount = script.contents.length

  test.each(FAULTS)('at every call: %s', async (name, once, faultOf) => {
    const whole = new SimFiles(seededRandom(1))
    expect(await run(script, whole, AT_ONCE)).toEqual([appendCount, undefined])
    const seen = { failed: 0, survived: 0 }
    for (let at = 1; at <= whole.calls; at += STRIDE) {
      for (const restart of ['killed', 'power cut'] as const) {
        const files = new SimFiles(seededRandom(at))
        const [appends, error] = await run(script, files, {
          ...AT_ONCE,
          fault: (call) => (call.ordinal === at || (!once && call.ordinal > at) ? faultOf(call) : undefined),
        })
        const where = `${name}, call ${at} of ${whole.calls}, ${restart}`
        if (error === undefined) {
          expect(appends, where).toBe(appendCount)
          seen.survived++
        } else {
          expect(error, where).toMatchObject({ code: 'LOG_IO' })
          seen.failed++
        }
        if (restart === 'killed') files.kill()
        else files.cutPower('subset')
        await checkNextLives(script, files, appends, where)
      }
    }
    expect(seen.failed).toBeGreaterThan(10)
    console.log(`system errors, ${name}: ${seen.failed + seen.survived} (${seen.survived} did no harm)`)
  })

  test('no space at every size of the disk: nothing is lost, and freed space is used', async () => {
    const whole = new SimFiles(seededRandom(1))
    await run(script, whole, AT_ONCE)
    let total = 0
    for (const path of whole.paths()) total += whole.bytesOf(path).length
    const seen = { full: 0, fits: 0, startedFull: 0 }
    for (let capacity = 0; capacity <= total + 8192; capacity += 256 * STRIDE) {
      const files = new SimFiles(seededRandom(capacity))
      files.capacityBytes = capacity
      const where = `${capacity} bytes`
      const [appends, error] = await run(script, files, AT_ONCE)
      files.kill()
      if (error === undefined) {
        seen.fits++
        continue
      }
      seen.full++
      expect(error, where).toMatchObject({ code: 'LOG_IO', cause: { code: 'ENOSPC' } })
      // A start on a disk that is still full either works or says why not, and harms nothing.
      const log = await openOn(files)
      const code = await codeOf(log.recover(SCRIPT_IDENTITY))
      expect(['none', 'LOG_IO'], where).toContain(code)
      if (code === 'none') seen.startedFull++
      files.cutPower('lost')
      files.capacityBytes = Infinity
      await checkNextLives(script, files, appends, where)
    }
    expect(seen.full).toBeGreaterThan(10)
    expect(seen.fits).toBeGreaterThan(0)
    console.log(`disk full: ${seen.full} sizes, ${seen.startedFull} starts while full, ${seen.fits} sizes that fit`)
  })
})
