// The wire: every message survives it, and nothing but messages does.

import { below, type Block, encodeBlock, MakoError, restamp, seededRandom } from '@mako/engine'
import { paxos, type PaxosMessage } from '@mako/paxos'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Ballots, MAX_VOTERS } from '../src/ballot.ts'
import { decodeHardState, encodeHardState } from '../src/codec.ts'
import { mako } from '../src/gen/paxos.js'

const protocol = paxos()

function block(index: number, proposed: number, term: number = proposed, count = 1): Block {
  const entries = Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array([1, 2, 3]) }))
  return restamp(encodeBlock({ index, term: proposed }, { node: 'node-a', incarnation: 3, sequence: 7 }, entries), term)
}

const MESSAGES: readonly PaxosMessage[] = [
  { type: 'probe', ballot: 64 },
  { type: 'probe-reply', ballot: 0, leader: undefined, asked: 64, granted: true },
  { type: 'probe-reply', ballot: 129, leader: 'b', asked: 64, granted: false },
  { type: 'prepare', ballot: 64, from: 1, handover: false },
  { type: 'prepare', ballot: 64, from: 2 ** 41, handover: true },
  { type: 'promise', ballot: 200, asked: 1, chosen: 0, blocks: [], next: undefined },
  { type: 'promise', ballot: 200, asked: 3, chosen: 5, blocks: [block(3, 64, 130, 3), block(9, 70)], next: 12 },
  { type: 'refusal', ballot: 0, leader: undefined, refused: 64 },
  { type: 'refusal', ballot: 130, leader: 'c', refused: 64 },
  { type: 'accept', ballot: 130, commit: 0, blocks: [block(1, 64, 130, 3), block(4, 130)] },
  { type: 'heartbeat', ballot: 130, commit: 7, round: 8 },
  { type: 'barrier-request', ballot: 130, id: 2 ** 52 },
  { type: 'barrier-reply', ballot: 130, id: 2 ** 52, index: 0 },
  { type: 'barrier-reply', ballot: 130, id: 1, index: undefined },
  { type: 'accepted', ballot: 130, match: 0, received: 0, span: undefined, round: 8 },
  { type: 'accepted', ballot: 130, match: 3, received: 4, span: { first: 7, last: 9 }, round: 0 },
  { type: 'handover', ballot: 130 },
  { type: 'feeding', ballot: 130, learner: 'x' },
  { type: 'learn', ballot: 130, commit: 0, blocks: [] },
  { type: 'learn', ballot: 130, commit: 9, blocks: [block(1, 64, 65, 3), block(4, 65)] },
  { type: 'learned', ballot: 130, match: 3, received: 4 },
]

/** Bytes that protobuf accepts and Paxos must not. */
function wire(body: Parameters<typeof mako.paxos.Envelope.encode>[0]): Uint8Array {
  return mako.paxos.Envelope.encode(body).finish()
}

describe('codec', () => {
  it('brings every message through', () => {
    for (const message of MESSAGES) {
      const bytes = protocol.encode(message)
      expect(protocol.decode(bytes)).toEqual(message)
      expect(protocol.decode(Buffer.from(bytes))).toEqual(message)
    }
  })

  const [one, other] = [block(1, 64), block(1, 65)]
  it.each([
    ['nothing', new Uint8Array(0)],
    ['a probe without ballot', wire({ probe: { ballot: 0 } })],
    ['a ballot that is no integer', wire({ probe: { ballot: 64.5 } })],
    ['a ballot beyond all', wire({ probe: { ballot: 2 ** 50 } })],
    ['a negative commit', wire({ heartbeat: { ballot: 64, commit: -1, round: 0 } })],
    ['a prepare from nowhere', wire({ prepare: { ballot: 64, from: 0, handover: false } })],
    ['an accept of nothing', wire({ accept: { ballot: 64, commit: 0, blocks: [] } })],
    ['an accept of damaged bytes', wire({ accept: { ballot: 64, commit: 0, blocks: [new Uint8Array(60)] } })],
    ['an accept in another ballot', wire({ accept: { ballot: 66, commit: 0, blocks: [one.bytes] } })],
    ['an accept with a gap', wire({ accept: { ballot: 64, commit: 0, blocks: [one.bytes, block(3, 64).bytes] } })],
    ['an accept that overlaps itself', wire({ accept: { ballot: 64, commit: 0, blocks: [one.bytes, one.bytes] } })],
    [
      'a promise of a higher ballot than itself',
      wire({ promise: { ballot: 64, asked: 1, chosen: 0, blocks: [other.bytes], next: 0 } }),
    ],
    [
      'a promise of what nobody has asked for',
      wire({ promise: { ballot: 64, asked: 2, chosen: 0, blocks: [one.bytes], next: 0 } }),
    ],
    [
      'a promise that goes on before its end',
      wire({ promise: { ballot: 64, asked: 1, chosen: 0, blocks: [block(1, 64, 64, 3).bytes], next: 3 } }),
    ],
    ['an empty promise that goes nowhere', wire({ promise: { ballot: 64, asked: 5, chosen: 0, blocks: [], next: 5 } })],
    [
      'more durable than received',
      wire({ accepted: { ballot: 64, match: 2, received: 1, first: 0, last: 0, round: 0 } }),
    ],
    ['half a span', wire({ accepted: { ballot: 64, match: 0, received: 0, first: 0, last: 3, round: 0 } })],
    ['a span backwards', wire({ accepted: { ballot: 64, match: 0, received: 0, first: 4, last: 3, round: 0 } })],
    ['a feeding of nobody', wire({ feeding: { ballot: 64, learner: '' } })],
    ['a lesson of what is not chosen', wire({ learn: { ballot: 64, commit: 0, blocks: [one.bytes] } })],
    ['a name that is too long', wire({ refusal: { ballot: 64, leader: 'x'.repeat(65), refused: 70 } })],
  ])('refuses %s', (_, bytes) => {
    expect(() => protocol.decode(bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }) as Error)
  })

  it('refuses damaged bytes with a MakoError, or reads another message, and never anything else', () => {
    const random = seededRandom(3)
    for (let i = 0; i < 20_000; i++) {
      const bytes = protocol.encode(MESSAGES[below(random, MESSAGES.length)]!).slice()
      for (let flips = 1 + below(random, 3); flips > 0 && bytes.length > 0; flips--) {
        bytes[below(random, bytes.length)] = below(random, 256)
      }
      try {
        protocol.decode(below(random, 4) === 0 ? bytes.subarray(0, below(random, bytes.length + 1)) : bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(MakoError)
      }
    }
  })

  it('keeps the hard state, and refuses a damaged one', () => {
    for (const state of [
      { promised: 0, commit: 0 },
      { promised: 2 ** 45, commit: 2 ** 52 },
    ]) {
      expect(decodeHardState(encodeHardState(state))).toEqual(state)
    }
    const damaged = encodeHardState({ promised: 64.5, commit: 0 })
    expect(() => decodeHardState(damaged)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }) as Error)
    expect(() => decodeHardState(Uint8Array.of(9, 1))).toThrow(MakoError)
  })

  it('is what proto/paxos.proto says', () => {
    const folder = fileURLToPath(new URL('..', import.meta.url))
    execFileSync(process.execPath, ['../engine/scripts/proto.mjs', 'paxos', '--check'], { cwd: folder })
  })
})

describe('ballots', () => {
  it('belong to one voter each, rise, and begin with round 1', () => {
    const voters = ['c', 'a', 'b']
    const ballots = new Ballots(voters)
    const random = seededRandom(5)
    for (let i = 0; i < 1000; i++) {
      const above = below(random, 1000)
      for (const voter of voters) {
        const next = ballots.next(voter, above)
        expect(next).toBeGreaterThan(above)
        expect(next - above).toBeLessThanOrEqual(Math.max(MAX_VOTERS, MAX_VOTERS + 2 - above))
        expect(ballots.ownerOf(next)).toBe(voter)
      }
    }
    expect(voters.map((voter) => ballots.next(voter, 0))).toEqual([66, 64, 65])
    expect(ballots.ownerOf(63)).toBeUndefined()
    expect(ballots.ownerOf(67)).toBeUndefined()
  })
})
