// The wire: every message survives it, and nothing but messages does.

import { below, encodeBlock, MakoError, type NodeId, seededRandom } from '@mako/engine'
import { raft, type RaftMessage } from '@mako/raft'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { decodeHardState, encodeHardState } from '../src/codec.ts'
import { mako } from '../src/gen/raft.js'

const protocol = raft()
const block = (index: number, term: number, count = 1): ReturnType<typeof encodeBlock> =>
  encodeBlock(
    { index, term },
    { node: 'node-a', incarnation: 3, sequence: 7 },
    Array.from({ length: count }, () => ({ kind: 'data' as const, payload: new Uint8Array([1, 2, 3]) })),
  )

const leader: NodeId | undefined = undefined
const MESSAGES: readonly RaftMessage[] = [
  { type: 'append', term: 7, previous: { index: 0, term: 0 }, commit: 0, blocks: [block(1, 1, 3), block(4, 7)] },
  { type: 'append', term: 7, previous: { index: 2 ** 41, term: 6 }, commit: 2 ** 41, blocks: [block(2 ** 41 + 1, 7)] },
  { type: 'heartbeat', term: 1, commit: 0, probe: undefined, round: 0 },
  { type: 'heartbeat', term: 1, commit: 5, probe: { index: 3, term: 1 }, round: 8 },
  { type: 'append-reply', term: 2, leader, match: 0, received: 0, hint: undefined, round: 0 },
  {
    type: 'append-reply',
    term: 2,
    leader: 'b',
    match: 3,
    received: 9,
    hint: { asked: 9, found: { index: 4, term: 1 } },
    round: 8,
  },
  { type: 'barrier-request', term: 1, id: 2 ** 52 },
  { type: 'barrier-reply', term: 1, id: 2 ** 52, index: 0 },
  { type: 'barrier-reply', term: 1, id: 1, index: undefined },
  { type: 'vote-request', term: 3, election: 'pre-vote', last: { index: 0, term: 0 } },
  { type: 'vote-request', term: 3, election: 'transfer', last: { index: 8, term: 2 } },
  { type: 'vote-reply', term: 0, leader, election: 'pre-vote', requestedTerm: 1, granted: true },
  { type: 'vote-reply', term: 3, leader: 'c', election: 'vote', requestedTerm: 3, granted: false },
  { type: 'timeout-now', term: 4 },
]

/** Bytes that protobuf accepts and Raft must not. */
function wire(body: Parameters<typeof mako.raft.Envelope.encode>[0]): Uint8Array {
  return mako.raft.Envelope.encode(body).finish()
}

describe('codec', () => {
  it('brings every message through', () => {
    for (const message of MESSAGES) {
      const bytes = protocol.encode(message)
      expect(protocol.decode(bytes)).toEqual(message)
      expect(protocol.decode(Buffer.from(bytes))).toEqual(message)
    }
  })

  it('keeps the bytes of blocks without a copy', () => {
    const bytes = Uint8Array.from(protocol.encode(MESSAGES[0]!))
    const decoded = protocol.decode(bytes)
    if (decoded.type !== 'append') throw new Error('another message')
    expect(decoded.blocks[0]?.bytes.buffer).toBe(bytes.buffer)
    expect(decoded.blocks[0]?.bytes.constructor).toBe(Uint8Array)
  })

  it('refuses what is protobuf and no message', () => {
    const found = { index: 1, term: 1 }
    const previous = { index: 4, term: 2 }
    const bad: Parameters<typeof mako.raft.Envelope.encode>[0][] = [
      {},
      { timeoutNow: { term: 0 } },
      { timeoutNow: { term: -1 } },
      { timeoutNow: { term: 1.5 } },
      { timeoutNow: { term: Number.NaN } },
      { timeoutNow: { term: Number.POSITIVE_INFINITY } },
      { timeoutNow: { term: 2 ** 40 } },
      { heartbeat: { term: 1, commit: 2 ** 53, probe: null, round: 0 } },
      { heartbeat: { term: 1, commit: 0, probe: { index: 0, term: 1 }, round: 0 } },
      { heartbeat: { term: 1, commit: 0, probe: { index: 1, term: 0 }, round: 0 } },
      { append: { term: 2, previous, commit: 0, blocks: [] } },
      { append: { term: 2, previous, commit: 0, blocks: [new Uint8Array(50)] } },
      { append: { term: 2, previous, commit: 0, blocks: [block(6, 2).bytes] } },
      { append: { term: 2, previous, commit: 0, blocks: [block(5, 1).bytes] } },
      { append: { term: 2, previous, commit: 0, blocks: [block(5, 3).bytes] } },
      { append: { term: 2, previous, commit: 0, blocks: [block(5, 2).bytes, block(5, 2).bytes] } },
      { appendReply: { term: 1, leader: 'x'.repeat(65), match: 0, received: 0, hint: null, round: 0 } },
      { appendReply: { term: 1, leader: '', match: 2, received: 1, hint: null, round: 0 } },
      { appendReply: { term: 1, leader: '', match: 0, received: 0, hint: { asked: 0, found }, round: 0 } },
      { voteRequest: { term: 1, election: 0, last: null } },
      { voteRequest: { term: 1, election: 4, last: null } },
      { voteRequest: { term: 1, election: 1, last: { index: 1, term: 2 } } },
      { voteReply: { term: 1, leader: '', election: 9, requestedTerm: 1, granted: true } },
    ]
    for (const body of bad) {
      expect(() => protocol.decode(wire(body)), JSON.stringify(body)).toThrow(
        expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
      )
    }
  })

  it('throws nothing but its own error, whatever the bytes', () => {
    const random = seededRandom(4)
    const samples = MESSAGES.map((message) => Uint8Array.from(protocol.encode(message)))
    for (let round = 0; round < 30_000; round++) {
      let bytes: Uint8Array
      if (round % 2 === 0) {
        bytes = Uint8Array.from({ length: below(random, 60) }, () => below(random, 256))
      } else {
        bytes = Uint8Array.from(samples[below(random, samples.length)]!)
        for (let i = below(random, 4); i >= 0; i--) bytes[below(random, bytes.length)] = below(random, 256)
        if (below(random, 3) === 0) bytes = bytes.subarray(0, below(random, bytes.length))
      }
      try {
        protocol.encode(protocol.decode(bytes))
      } catch (error) {
        if (!(error instanceof MakoError) || error.code !== 'CORRUPT_MESSAGE') throw error
      }
    }
  })

  it('keeps term and vote', () => {
    for (const state of [
      { term: 0, votedFor: undefined },
      { term: 12, votedFor: 'b' },
    ]) {
      expect(decodeHardState(encodeHardState(state))).toEqual(state)
    }
    expect(() => decodeHardState(mako.raft.HardState.encode({ term: 0.5, votedFor: '' }).finish())).toThrow(
      expect.objectContaining({ code: 'CORRUPT_LOG' }),
    )
  })

  it('is made from the schema that is published', () => {
    const folder = fileURLToPath(new URL('..', import.meta.url))
    execFileSync(process.execPath, ['../engine/scripts/proto.mjs', 'raft', '--check'], { cwd: folder })
  })
})

describe('options', () => {
  it('warns of what is unwise', () => {
    expect(raft().warnings).toEqual([])
    expect(raft({ heartbeatMs: 50, electionTimeoutMs: 249 }).warnings).toHaveLength(1)
    expect(raft({ heartbeatMs: 50, electionTimeoutMs: 250 }).warnings).toEqual([])
    expect(raft({ noopOnElection: false }).warnings).toEqual([expect.stringContaining('@mako/watermark')])
  })

  it('refuses what cannot work', () => {
    const bad: unknown[] = [
      { heartbeatMs: 0 },
      { heartbeatMs: Number.NaN },
      { heartbeatMs: '50' },
      { electionTimeoutMs: -1 },
      { electionTimeoutMs: 50, heartbeatMs: 50 },
      { tickMs: 60 },
      { preVote: 1 },
      { preferredLeader: '' },
      { electionTimeout: 500 },
    ]
    for (const options of bad) {
      expect(() => raft(options as object), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'BAD_OPTION' }),
      )
    }
    expect(raft({ heartbeatMs: 40 }).electionTimeoutMs).toBe(500)
  })
})
