// Blocks and writes for the tests of log stores, and how what was read is told in a few characters.
//
// Always true: the payload of an entry says where it belongs, so that a block in the wrong place is seen by its text.

import {
  type Block,
  encodeBlock,
  entriesOf,
  type LogIdentity,
  type LogStore,
  type LogWrite,
  MakoError,
  type MakoErrorCode,
} from '@mako/engine'
import { expect } from 'vitest'

export const IDENTITY: LogIdentity = { clusterId: 'orders', nodeId: 'a', partitions: [0, 1] }

/** A block of `count` entries whose payloads say index, term and `note`. */
export function blockOf(index: number, count: number, term: number, note = '', payloadBytes = 0): Block {
  const payloads = Array.from({ length: count }, (_, i) => {
    const text = new TextEncoder().encode(`${index + i}/${term}/${note}`)
    const payload = new Uint8Array(Math.max(text.length, payloadBytes))
    payload.set(text)
    return { kind: 'data' as const, payload }
  })
  return encodeBlock({ index, term }, { node: 'a', incarnation: 1, sequence: index }, payloads)
}

export function put(partition: number, block: Block, truncate = true): LogWrite {
  return { type: 'block', partition, block, truncate }
}

export function state(partition: number, text: string): LogWrite {
  return { type: 'state', partition, state: new TextEncoder().encode(text) }
}

export async function codeOf(work: Promise<unknown>): Promise<MakoErrorCode | 'none'> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof MakoError) return error.code
    throw error
  }
}

/** Everything of a partition from `from` on, entry by entry, as `index/term/note`. */
export async function textsFrom(log: LogStore, partition: number, from: number, maxBytes = 1e6): Promise<string[]> {
  const texts: string[] = []
  for (let next = from; ; ) {
    const blocks = await log.read(partition, next, maxBytes)
    if (blocks.length === 0) return texts
    for (const block of blocks) {
      for (const entry of entriesOf(block, partition)) {
        if (entry.index < from) continue
        expect(entry.index).toBe(from + texts.length)
        expect(entry.origin.sequence).toBe(entry.index)
        texts.push(new TextDecoder().decode(entry.payload).replace(/\0+$/, ''))
      }
      next = block.index + block.count
    }
  }
}
