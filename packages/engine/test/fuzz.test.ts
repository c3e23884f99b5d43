// Blocks of any bytes: a block, or CORRUPT_BLOCK. `SWEEP=full` takes a million inputs of each kind.

import {
  below,
  decodeBlock,
  encodeBlock,
  type Entry,
  type EntryKind,
  entriesOf,
  type Origin,
  originOf,
} from '@mako/engine'
import { expect, it } from 'vitest'
import { allocatedBytes, fuzz, type FuzzedCodec } from '../../testkit/src/node/fuzz.ts'

interface Blocks {
  readonly index: number
  readonly term: number
  readonly origin: Origin
  readonly entries: readonly { readonly kind: EntryKind; readonly payload: Uint8Array }[]
}

const KINDS: readonly EntryKind[] = ['noop', 'data', 'advancer', 'ending', 'bound', 'noop-barrier']

const blocks: FuzzedCodec<Blocks> = {
  name: 'blocks',
  draw: (random) => ({
    index: 1 + below(random, 2 ** 48),
    term: 1 + below(random, 2 ** 40),
    origin: { node: 'ä'.repeat(1 + below(random, 32)), incarnation: below(random, 2 ** 40), sequence: random.u32() },
    entries: Array.from({ length: 1 + below(random, 6) }, () => ({
      kind: KINDS[below(random, KINDS.length)]!,
      payload: new Uint8Array(below(random, 60)).fill(random.u32()),
    })),
  }),
  encode: ({ index, term, origin, entries }) => encodeBlock({ index, term }, origin, entries).bytes,
  decode: (bytes) => {
    const block = decodeBlock(bytes)
    const origin = originOf(block)
    const entries = entriesOf(block, 3)
    expectConsistent(entries, block.index, block.count, origin)
    return {
      index: block.index,
      term: block.term,
      origin,
      entries: entries.map(({ kind, payload }) => ({ kind, payload })),
    }
  },
  codes: ['CORRUPT_BLOCK'],
  mend: (bytes) => {
    if (bytes.length >= 44) new DataView(bytes.buffer, bytes.byteOffset).setUint32(40, bytes.length, true)
  },
}

function expectConsistent(entries: readonly Entry[], index: number, count: number, origin: Origin): void {
  const last = entries.at(-1)
  if (entries.length === count && entries[0]?.index === index && last?.index === index + count - 1) {
    if (Number.isSafeInteger(last.index) && last.origin.node === origin.node && last.partition === 3) return
  }
  throw new Error('entries do not fit their block')
}

it('decodes any bytes to a block or a typed error', { timeout: 300_000 }, () => {
  const report = fuzz(blocks)
  expect(report.random.refused).toBeGreaterThan(0)
  expect(report.mutated.accepted).toBeGreaterThan(0)
  expect(report.heldBytes).toBeLessThan(50e6)
  console.log(JSON.stringify(report))
})

it('takes no memory for a count that the bytes do not bear out', () => {
  const { bytes } = encodeBlock({ index: 1, term: 1 }, { node: 'a', incarnation: 1, sequence: 1 }, [
    { kind: 'data', payload: new Uint8Array(1000) },
  ])
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (const count of [190, 200, 1e6, 0x7fff_ffff, 0xffff_ffff]) {
    view.setUint32(4, count, true)
    expect(allocatedBytes(() => entriesOf(decodeBlock(bytes), 0))).toBeLessThan(100_000)
  }
})
