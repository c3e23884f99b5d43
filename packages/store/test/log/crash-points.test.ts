// The machine stops at every call of the file system in a scripted run, and everything that was promised is there.
//
// Always true of a point: the call has been made and is not answered, and neither are others in the background. What
// the platter then holds is for the power cut to say; what a killed process leaves is the cache. After that comes a
// recovery which is itself cut off, one that is not, and a power cut right behind it: what a recovery has once said is
// durable. `SWEEP=full` visits every point, the default run every n-th one.

import { below, seededRandom } from '@mako/engine'
import { describe, expect, test } from 'vitest'
import type { LogFile, LogFiles } from '../../src/log/index.ts'
import { type FilesHost, type PowerCut, SimFiles } from '../../../testkit/src/node/sim-files.ts'
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
import { blockOf, put } from './suite.ts'

/** How a life ends: as the power cut says, or by a kill that leaves the cache. */
type End = PowerCut | 'killed'

const STEPS = 200
const STRIDE = FULL ? 1 : 23

/** One call of the run, in flight, and what had been acknowledged until then. */
interface Point {
  readonly files: SimFiles
  readonly appends: number
  readonly what: string
}

/** Runs the script once and shows every point of it, while the run stands still. */
async function eachPoint(
  script: Script,
  seed: number,
  visit: (point: Point) => Promise<void>,
  lie: (files: LogFiles) => LogFiles = (files) => files,
): Promise<number> {
  const random = seededRandom(seed)
  const files = new SimFiles(random)
  const points: Point[] = []
  const waiting: (() => void)[] = []
  let appends = 0
  const host: FilesHost = {
    later: ({ ordinal, kind, path }, answer) => {
      waiting.push(answer)
      if (ordinal % STRIDE !== 0) return
      points.push({ files: files.clone(seededRandom(ordinal)), appends, what: `call ${ordinal}, ${kind} ${path}` })
    },
  }
  const state = { isDone: false }
  const run = runScript(
    script,
    () => openOn(files, host, { files: lie(files.open(host)) }),
    (count) => (appends = count),
  ).finally(() => (state.isDone = true))
  // Its error is thrown at the end; until then the points that were seen are visited.
  run.catch(() => undefined)
  for (;;) {
    await new Promise(setImmediate)
    for (const point of points.splice(0)) await visit(point)
    if (state.isDone) break
    // Calls in the background and in the foreground are answered in any order.
    waiting.splice(below(random, waiting.length), 1)[0]?.()
  }
  await run
  return files.calls
}

function end(files: SimFiles, how: End): void {
  if (how === 'killed') files.kill()
  else files.cutPower(how)
}

/** A life that recovers and is cut off at this call of it, or later. */
async function recoverUntil(files: SimFiles, call: number): Promise<void> {
  const last = files.calls + call
  await new Promise<void>((resolve) => {
    const host: FilesHost = {
      later: ({ ordinal }, answer) => {
        if (ordinal >= last) resolve()
        else queueMicrotask(answer)
      },
    }
    openOn(files, host)
      .then((log) => log.recover(SCRIPT_IDENTITY))
      .then(() => {
        resolve()
      }, resolve)
  })
}

async function recoverWhole(files: SimFiles): Promise<{ content: string; log: Awaited<ReturnType<typeof openOn>> }> {
  const log = await openOn(files, AT_ONCE)
  const recovered = await log.recover(SCRIPT_IDENTITY)
  return { content: await contentOf(log, recovered), log }
}

/** Whatever happens at this point, nothing acknowledged is lost, nothing else appears, and the log goes on. */
async function check(script: Script, { files, appends, what }: Point, how: End): Promise<void> {
  const where = `${what}, ${how}, ${appends} appends acknowledged`
  const random = seededRandom(appends * 7 + how.length)
  end(files, how)
  // A recovery that does not come to its end, and the end of that life.
  await recoverUntil(files, 1 + below(random, 40))
  end(files, how === 'killed' ? (['killed', 'lost', 'subset'] as const)[below(random, 3)]! : how)

  const first = await recoverWhole(files)
  expect(allowedAfter(script, appends), where).toContain(first.content)
  // What recovery has shown may have been acted on: no power cut takes it back.
  files.cutPower('lost')
  const second = await recoverWhole(files)
  expect(second.content, where).toBe(first.content)
  await second.log.append([put(2, blockOf(10_000, 1, 10_000), false)])
  await second.log.close()
  files.cutPower('lost')
  const log = await openOn(files, AT_ONCE)
  const recovered = await log.recover(SCRIPT_IDENTITY)
  expect(recovered.warnings, where).toEqual([])
  expect((await contentOf(log, recovered)).startsWith(first.content), where).toBe(true)
  await log.close()
}

const ENDS: readonly End[] = ['kept', 'lost', 'subset', 'torn', 'killed']

test('a seal that only the cache had is written again before anything relies on it', async () => {
  const files = new SimFiles(seededRandom(1))
  let isClosing = false
  let killed: (() => void) | undefined
  const sealed = new Promise<void>((resolve) => (killed = resolve))
  const log = await openOn(files, {
    later: ({ kind }, answer) => {
      if (isClosing && kind === 'write') killed!()
      else queueMicrotask(answer)
    },
  })
  await log.recover(SCRIPT_IDENTITY)
  await log.append([put(0, blockOf(1, 1, 1))])
  isClosing = true
  void log.close()
  await sealed
  // A kill, not a power cut: the next life reads the seal from the cache, and takes the segment for complete.
  files.kill()
  const { content } = await recoverWhole(files)
  files.cutPower('lost')
  const again = await recoverWhole(files)
  expect(again.content).toBe(content)
  expect(content).toContain('1+1@1')
  await again.log.close()
})

/** File systems that lie, to see that the sweep finds it. */
const LIES: readonly (readonly [name: string, (files: LogFiles) => LogFiles])[] = [
  ['names are not flushed', (files) => ({ ...files, syncDirectory: () => Promise.resolve() })],
  [
    'a write is answered before it is flushed',
    (files) => ({
      ...files,
      open: async (path, mode) => {
        const file = await files.open(path, mode)
        const write: LogFile['write'] = (parts, position, done) => {
          file.write(parts, position, () => undefined)
          queueMicrotask(() => {
            done(null)
          })
        }
        return { ...file, write }
      },
    }),
  ],
]

describe('a stop at every call of the file system', () => {
  const script = makeScript(STEPS, 1)

  test('finds a script of many segments, truncations, holes, restarts and appends larger than a segment', async () => {
    const files = new SimFiles(seededRandom(1))
    await runScript(
      script,
      () => openOn(files),
      () => undefined,
    )
    expect(files.paths().length).toBeGreaterThan(20)
    const { content, log } = await recoverWhole(files)
    expect(content).toBe(script.last)
    await log.close()
  })

  test.each(LIES)('catches a file system that lies: %s', async (_name, lie) => {
    const errors: unknown[] = []
    const tryOne = async (point: Point): Promise<void> => {
      await check(script, point, 'lost').catch((error: unknown) => errors.push(error))
    }
    await eachPoint(script, 2, tryOne, lie)
    expect(errors.length).toBeGreaterThan(0)
  })

  test('loses nothing that was acknowledged and shows nothing that was not written', { timeout: 600_000 }, async () => {
    let visited = 0
    const calls = await eachPoint(script, 2, async (point) => {
      for (const how of ENDS) {
        await check(script, { ...point, files: point.files.clone(seededRandom(visited)) }, how)
        visited++
      }
    })
    expect(calls).toBeGreaterThan(500)
    expect(visited).toBe(Math.floor(calls / STRIDE) * ENDS.length)
    console.log(`crash points: ${visited} (${calls} calls, every ${STRIDE}, ${ENDS.length} ends each)`)
  })
})
