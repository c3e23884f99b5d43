// Messages and hard states of any bytes: a value, or a typed error. `SWEEP=full` takes a million inputs of each kind.

import { below, type Block, encodeBlock, type Random } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { expect, it } from 'vitest'
import { allocatedBytes, fuzz, type FuzzedCodec } from '../../testkit/src/node/fuzz.ts'
import { decodeHardState, encodeHardState, type HardState } from '../src/codec.ts'
import type { ElectionKind, Position } from '../src/messages.ts'

const protocol = raft()
const ELECTIONS: readonly ElectionKind[] = ['pre-vote', 'vote', 'transfer']

const termBelow = (random: Random, limit: number): number => 1 + below(random, limit)
const positionOf = (random: Random, termLimit: number): Position =>
  below(random, 4) === 0
    ? { index: 0, term: 0 }
    : { index: 1 + below(random, 2 ** 45), term: termBelow(random, termLimit) }
const nameOf = (random: Random): string | undefined => [undefined, 'b', 'ö'.repeat(32), '__proto__'][below(random, 4)]

function blocksAfter(random: Random, previous: Position, term: number): Block[] {
  const blocks: Block[] = []
  let { index } = previous
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const entries = Array.from({ length: 1 + below(random, 3) }, () => ({
      kind: 'data' as const,
      payload: new Uint8Array(below(random, 30)).fill(7),
    }))
    blocks.push(encodeBlock({ index: index + 1, term }, { node: 'a', incarnation: 2, sequence: 9 }, entries))
    index += entries.length
  }
  return blocks
}

function drawMessage(random: Random): RaftMessage {
  const term = termBelow(random, 2 ** 39)
  const commit = below(random, 2 ** 50)
  switch (below(random, 6)) {
    case 0: {
      const previous = positionOf(random, term)
      return { type: 'append', term, previous, commit, blocks: blocksAfter(random, previous, term) }
    }
    case 1: {
      // A place before the first entry is not probed for: protobuf has no message for what is all zero.
      const probe = below(random, 2) === 0 ? undefined : { index: 1 + below(random, 99), term: termBelow(random, 9) }
      return { type: 'heartbeat', term, commit, probe, round: below(random, 3) }
    }
    case 2: {
      const match = below(random, 1000)
      const found = positionOf(random, term)
      const hint = below(random, 2) === 0 ? undefined : { asked: found.index + below(random, 9), found }
      const received = match + below(random, 9)
      return { type: 'append-reply', term, leader: nameOf(random), match, received, hint, round: below(random, 3) }
    }
    case 3:
      return { type: 'vote-request', term, election: ELECTIONS[below(random, 3)]!, last: positionOf(random, term) }
    case 4: {
      const election = ELECTIONS[below(random, 3)]!
      const granted = below(random, 2) === 0
      const requestedTerm = termBelow(random, 2 ** 39)
      return { type: 'vote-reply', term: term - 1, leader: nameOf(random), election, requestedTerm, granted }
    }
    default:
      return { type: 'timeout-now', term }
  }
}

const messages: FuzzedCodec<RaftMessage> = {
  name: 'raft messages',
  draw: drawMessage,
  encode: (message) => new Uint8Array(protocol.encode(message)),
  decode: (bytes) => protocol.decode(bytes),
  codes: ['CORRUPT_MESSAGE'],
}

const hardStates: FuzzedCodec<HardState> = {
  name: 'hard states',
  draw: (random) => ({ term: below(random, 2 ** 39), votedFor: nameOf(random) }),
  encode: (state) => new Uint8Array(encodeHardState(state)),
  decode: decodeHardState,
  codes: ['CORRUPT_LOG'],
}

it.each([messages, hardStates] as readonly FuzzedCodec<unknown>[])(
  'decodes any bytes to $name or a typed error',
  { timeout: 300_000 },
  (codec) => {
    const report = fuzz(codec)
    expect(report.random.refused).toBeGreaterThan(0)
    expect(report.mutated.accepted).toBeGreaterThan(0)
    expect(report.heldBytes).toBeLessThan(50e6)
    console.log(JSON.stringify(report))
  },
)

it('takes no memory for a length that the bytes do not bear out', () => {
  // Field 1 (append), two gigabytes long; and in it field 4 (blocks), as long.
  for (const bytes of [
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x07),
    Uint8Array.of(0x0a, 0x08, 0x22, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0),
  ]) {
    expect(() => protocol.decode(bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }))
    expect(allocatedBytes(() => protocol.decode(bytes))).toBeLessThan(100_000)
  }
})
