// The block codec: what an entry costs on its way into the log and out of it.

import { BlockBuilder, decodeBlock, entriesOf } from '@mako/engine'
import type { BenchCase } from '../case.ts'
import { rate, repeat } from '../measure.ts'

const ENTRIES = 64
const payload = new Uint8Array(100).fill(7)

export const blockCases: readonly BenchCase[] = [
  {
    name: 'block/encode',
    description: 'gather 64 entries of 100 B and seal a block',
    unit: 'entries/s',
    setupSeconds: 0,
    run: (seconds) => {
      const builder = new BlockBuilder('a', 1)
      const cost = repeat(seconds, ENTRIES, () => {
        for (let i = 0; i < ENTRIES; i++) builder.add('data', payload)
        builder.seal(1, 1, 1)
      })
      return Promise.resolve(rate(cost))
    },
  },
  {
    name: 'block/decode',
    description: 'check a block of 64 entries of 100 B and decode its entries',
    unit: 'entries/s',
    setupSeconds: 0,
    run: (seconds) => {
      const builder = new BlockBuilder('a', 1)
      for (let i = 0; i < ENTRIES; i++) builder.add('data', payload)
      const { bytes } = builder.seal(1, 1, 1)
      const cost = repeat(seconds, ENTRIES, () => void entriesOf(decodeBlock(bytes), 0))
      return Promise.resolve(rate(cost))
    },
  },
]
