// A log file of 64 KiB, cut and flipped at every byte.
//
// Always true: what can be read is what was written, or there is a typed error with file and offset. Only the last
// append of a segment that was never sealed may be dropped, as the unfinished one that it then cannot be told from, and
// that is said; damage before it is refused. `SWEEP=full` visits every byte, the default every n-th.

import { type LogWrite, MakoError, seededRandom } from '@mako/engine'
import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../../testkit/src/node/sim-files.ts'
import { payloadOf } from '../../src/log/file/batch.ts'
import { HEADER_BYTES, recordBytes } from '../../src/log/file/format.ts'
import { AT_ONCE, contentOf, FULL, openOn, Oracle, SCRIPT_IDENTITY } from './script.ts'
import { blockOf, put, state } from './suite.ts'

const FILE_BYTES = 64 * 1024
const SEGMENT = '/log/0000000001.segment'
/** Odd, and no length of a record, so that every part of a record has its turn. */
const STRIDE = FULL ? 1 : 97

/** Where a record ends, and what the store holds when everything up to there is written. */
interface Mark {
  readonly end: number
  readonly content: string
}

interface Written {
  /** A copy of it is damaged, each time. */
  readonly files: SimFiles
  /** The start, and each record. */
  readonly marks: readonly Mark[]
  readonly lastAppend: number
}

/** Fills one segment of 64 KiB with appends of three partitions. */
async function fill(ending: 'closed' | 'cut off'): Promise<Written> {
  const files = new SimFiles(seededRandom(5))
  const log = await openOn(files, AT_ONCE, { segmentBytes: FILE_BYTES })
  await log.recover(SCRIPT_IDENTITY)
  const oracle = new Oracle()
  let end = HEADER_BYTES
  let lastAppend = end
  const marks: Mark[] = [{ end, content: oracle.content() }]
  for (let n = 1; end < FILE_BYTES - 2000; n++) {
    const writes: LogWrite[] = [
      state(n % 3, `term ${n}`),
      put(n % 3, blockOf(Math.ceil(n / 3), 1, n, 'x'.repeat((n * 53) % 400))),
      state((n + 1) % 3, `vote ${n}`),
    ]
    lastAppend = end
    for (const write of writes) {
      oracle.apply(write)
      end += recordBytes(payloadOf(write).length)
      marks.push({ end, content: oracle.content() })
    }
    await log.append(writes)
  }
  if (ending === 'closed') await log.close()
  files.cutPower('lost')
  return { files, marks, lastAppend }
}

/** What a next life finds, all blocks read back; or why it refuses. */
async function look(files: SimFiles): Promise<{ content: string; warnings: readonly string[] } | MakoError> {
  const log = await openOn(files, AT_ONCE, { segmentBytes: FILE_BYTES })
  try {
    const recovered = await log.recover(SCRIPT_IDENTITY)
    return { content: await contentOf(log, recovered), warnings: recovered.warnings }
  } catch (error) {
    if (!(error instanceof MakoError)) throw error
    return error
  }
}

/** What the records that end at or before this offset say. */
function contentUpTo(marks: readonly Mark[], offset: number): string {
  return marks.findLast(({ end }) => end <= offset)?.content ?? marks[0]!.content
}

describe.each(['closed', 'cut off'] as const)('a log of 64 KiB that was %s', { timeout: 600_000 }, (ending) => {
  const isClosed = ending === 'closed'

  test('and is flipped at any byte', async () => {
    const { files: original, marks, lastAppend } = await fill(ending)
    const { end, content } = marks.at(-1)!
    const { length } = original.bytesOf(SEGMENT)
    expect(length).toBe(isClosed ? end + 24 : FILE_BYTES)
    const seen = { refused: 0, dropped: 0, whole: 0 }
    for (let at = 0; at < length; at += STRIDE) {
      const files = original.clone(seededRandom(at))
      files.flip(SEGMENT, at, 1 << (at % 8))
      const found = await look(files)
      const where = `byte ${at}, written ${end}, last append at ${lastAppend}`
      if (isClosed || at < lastAppend) {
        expect(found, where).toMatchObject({ code: 'CORRUPT_LOG' })
        expect(found instanceof MakoError ? found.message : '', where).toMatch(
          /in 0000000001\.segment at offset \d+\.$/,
        )
        seen.refused++
        continue
      }
      // An append that was not finished looks the same: its good records stay, and the rest is dropped and named. The
      // same goes for what lies behind the end.
      const warning = expect.stringMatching(/0000000001\.segment from offset \d+ on/) as unknown
      expect(found, where).toEqual({ content: contentUpTo(marks, at), warnings: [warning] })
      if (at < end) seen.dropped++
      else seen.whole++
      if (at >= end) expect(contentUpTo(marks, at), where).toBe(content)
    }
    console.log(`flips, ${ending}: ${JSON.stringify(seen)} of ${length} bytes, every ${STRIDE}`)
  })

  test('and is cut at any byte', async () => {
    const { files: original, marks } = await fill(ending)
    const { end } = marks.at(-1)!
    const bytes = original.bytesOf(SEGMENT)
    const seen = { refused: 0, shorter: 0, whole: 0 }
    for (let length = bytes.length - 1; length >= 0; length -= STRIDE) {
      const files = original.clone(seededRandom(length))
      files.put(SEGMENT, bytes.slice(0, length))
      const found = await look(files)
      const where = `cut to ${length}, written ${end}`
      if (isClosed || length < HEADER_BYTES) {
        expect(found, where).toMatchObject({ code: 'CORRUPT_LOG' })
        expect(found instanceof MakoError ? found.message : '', where).toMatch(
          /in 0000000001\.segment at offset \d+\.$/,
        )
        seen.refused++
        continue
      }
      // Whole records stay, and a record that was cut in the middle is named.
      const isTorn = !marks.some((mark) => mark.end === length) && length < end
      expect(found, where).toMatchObject({ content: contentUpTo(marks, length) })
      if (!isTorn && !(found instanceof MakoError)) expect(found.warnings, where).toEqual([])
      if (length < end) seen.shorter++
      else seen.whole++
    }
    console.log(`cuts, ${ending}: ${JSON.stringify(seen)} of ${bytes.length} bytes, every ${STRIDE}`)
  })
})
