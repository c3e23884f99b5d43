// Blocks and writes for the tests of log stores, and how what was read is told in a few characters.
//
// Always true: the payload of an entry says where it belongs, so that a block in the wrong place is seen by its text.

import { encodeBlock, entriesOf, type Block, type LogStore, type LogWrite, type RecoveredLog } from '@mako/engine'
import { bytesOf, textOf, type TestRunner } from './runner.ts'

/** A block of `count` entries whose payloads say index, term and `note`. */
export function blockOf(index: number, count: number, term: number, note = '', payloadBytes = 0): Block {
  const payloads = Array.from({ length: count }, (_, i) => {
    const text = bytesOf(`${index + i}/${term}/${note}`)
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
  return { type: 'state', partition, state: bytesOf(text) }
}

/** What a store tells, as text; complains when what it tells contradicts itself. */
export class LogReadings {
  readonly #expect: TestRunner['expect']

  constructor(expect: TestRunner['expect']) {
    this.#expect = expect
  }

  /** Everything of a partition from `from` up to the next gap, entry by entry, as `index/term/note`. */
  readonly textsFrom = async (log: LogStore, partition: number, from: number, maxBytes = 1e6): Promise<string[]> => {
    const texts: string[] = []
    for (let next = from; ; ) {
      const blocks = await log.read(partition, next, maxBytes)
      if (blocks.length === 0) return texts
      for (const block of blocks) {
        for (const entry of entriesOf(block, partition)) {
          if (entry.index < from) continue
          this.#expect(entry.index).toBe(from + texts.length)
          this.#expect(entry.origin.sequence).toBe(entry.index)
          texts.push(textOf(entry.payload).replace(/\0+$/, ''))
        }
        next = block.index + block.count
      }
    }
  }

  /** The blocks that were recovered of a partition, as `index+count@term`. */
  readonly spansOf = (recovered: RecoveredLog, partition: number): string[] =>
    recovered.partitions.get(partition)!.blocks.map(({ index, count, term }) => `${index}+${count}@${term}`)
}
