// The block codec: what an entry costs on its way into the log and out of it.

import { BlockBuilder, decodeBlock, entriesOf } from '@mako/engine'
import { type MicroCase, microCase, repeat } from './case.ts'

const ENTRIES = 64

function encodeCase(bytes: number): MicroCase {
  return microCase({
    name: 'block-encode',
    about: `gather ${ENTRIES} entries and seal a block`,
    unit: 'entries/s',
    bytes,
    run: (seconds) => {
      const payload = new Uint8Array(bytes).fill(7)
      const builder = new BlockBuilder('a', 1)
      return repeat(seconds, ENTRIES, () => {
        for (let i = 0; i < ENTRIES; i++) builder.add('data', payload)
        builder.seal(1, 1, 1)
      })
    },
  })
}

function decodeCase(bytes: number): MicroCase {
  return microCase({
    name: 'block-decode',
    about: `check a block of ${ENTRIES} entries and decode them`,
    unit: 'entries/s',
    bytes,
    run: (seconds) => {
      const payload = new Uint8Array(bytes).fill(7)
      const builder = new BlockBuilder('a', 1)
      for (let i = 0; i < ENTRIES; i++) builder.add('data', payload)
      const block = builder.seal(1, 1, 1).bytes
      return repeat(seconds, ENTRIES, () => void entriesOf(decodeBlock(block), 0))
    },
  })
}

export const blockCases: readonly MicroCase[] = [...[100, 1024].map(encodeCase), ...[100, 1024].map(decodeCase)]
