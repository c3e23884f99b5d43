// The metadata of a log directory: what has the right checksum may still be nonsense.

import { describe, expect, it } from 'vitest'
import { crc32 } from 'node:zlib'
import { decodeMeta, encodeMeta, type LogMeta } from '../../src/log/file/meta.ts'

const meta: LogMeta = { version: 1, clusterId: 'mako', nodeId: 'a', incarnation: 3, first: 1, sealed: 2 }

/** Any text under its right checksum. */
function sealed(json: string): Uint8Array {
  const sum = crc32(json).toString(16).padStart(8, '0')
  return new TextEncoder().encode(`${sum} ${json}\n`)
}

describe('metadata', () => {
  it('comes back, and is what its checksum says', () => {
    expect(decodeMeta(encodeMeta(meta))).toEqual(meta)
    expect(decodeMeta(sealed(JSON.stringify(meta)))).toEqual(meta)
  })

  it.each([
    ['no JSON', '{"version":1,'],
    ['no object', '7'],
    ['nothing', 'null'],
    ['no version', '{}'],
    ['no node', JSON.stringify({ ...meta, nodeId: undefined })],
    ['a cluster that is a number', JSON.stringify({ ...meta, clusterId: 7 })],
    ['half a start', JSON.stringify({ ...meta, incarnation: 1.5 })],
    ['fewer segments than none', JSON.stringify({ ...meta, sealed: -1 })],
    ['a list', '[1,2]'],
  ])('is refused under a right checksum when it has %s', (_, json) => {
    expect(() => decodeMeta(sealed(json))).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }) as Error)
  })

  it('of another version is said to be that', () => {
    const newer = sealed(JSON.stringify({ ...meta, version: 2 }))
    expect(() => decodeMeta(newer)).toThrow(expect.objectContaining({ code: 'LOG_MISMATCH' }) as Error)
  })
})
