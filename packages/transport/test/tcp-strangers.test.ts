// What a stranger, a wrong peer, or a damaged stream does to the TCP transport: its own connection is closed for a
// counted reason, and nothing else happens.

import { connect, type Socket } from 'node:net'
import { seededRandom, below } from '@mako/engine'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { tcpTransport } from '../src/index.ts'
import { connectionTag, encodeFrame, encodeMessages, HEADER_BYTES } from '../src/tcp/frame.ts'
import { encodeHello, type Hello } from '../src/tcp/hello.ts'
import { bytesOf, freeAddresses, Recorder, until } from './support.ts'

const MAX_FRAME_BYTES = 100_000

let b: ReturnType<typeof tcpTransport>
let c: ReturnType<typeof tcpTransport>
let toldB: Recorder
let toldC: Recorder
let port: number
let logged: string[]
let sockets: Socket[]

/** b and c are well and connected; a exists in their configuration and is played by the test. */
beforeEach(async () => {
  const addresses = await freeAddresses(3)
  const members = ['a', 'b', 'c'].map((id, i) => ({ id, address: addresses[i]! }))
  port = Number(addresses[1]!.split(':')[1])
  logged = []
  sockets = []
  toldB = new Recorder()
  toldC = new Recorder()
  b = tcpTransport({
    maxFrameBytes: MAX_FRAME_BYTES,
    helloTimeoutMs: 300,
    maxPendingConnections: 4,
    minBackoffMs: 60_000,
    maxBackoffMs: 60_000,
    log: (message) => logged.push(message),
  })
  c = tcpTransport({ minBackoffMs: 60_000, maxBackoffMs: 60_000 })
  await b.start({ clusterId: 'test', nodeId: 'b', incarnation: 5, members }, toldB)
  await c.start({ clusterId: 'test', nodeId: 'c', incarnation: 5, members }, toldC)
  await until('b and c', () => toldB.isConnected('c') && toldC.isConnected('b'))
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await b.stop()
  await c.stop()
})

/** Nothing else was disturbed. */
async function expectBAndCWell(): Promise<void> {
  const before = toldC.count('message')
  expect(b.send('c', 0, bytesOf('well?'))).toBe(true)
  b.flush()
  await until('b and c are well', () => toldC.count('message') === before + 1)
  expect(toldB.closings().filter(({ peer }) => peer === 'c')).toEqual([])
}

interface Stranger {
  readonly socket: Socket
  readonly received: Buffer[]
  isClosed: boolean
}

function dial(...frames: Uint8Array[]): Stranger {
  const socket = connect({ host: '127.0.0.1', port })
  const stranger: Stranger = { socket, received: [], isClosed: false }
  sockets.push(socket)
  socket.on('data', (chunk) => stranger.received.push(chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => {
    stranger.isClosed = true
  })
  for (const frame of frames) socket.write(frame)
  return stranger
}

const HELLO: Hello = {
  version: 1,
  clusterId: 'test',
  from: 'a',
  to: 'b',
  incarnation: 3,
  attempt: 1,
  purpose: 'link',
}
const TAG = connectionTag('test', 'a', 'b', 3)
const hello = (overrides: Partial<Hello> = {}): Uint8Array => encodeHello({ ...HELLO, ...overrides })
const data = (text: string, tag: number = TAG): Uint8Array =>
  new Uint8Array(Buffer.concat(encodeMessages([{ partition: 0, bytes: bytesOf(text) }], tag, MAX_FRAME_BYTES)))

function altered(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = frame.slice()
  copy[at] = value
  return copy
}

/** A header that announces a body of this length, without the body. */
function announcing(bodyBytes: number): Uint8Array {
  const header = data('x').slice(0, HEADER_BYTES)
  new DataView(header.buffer).setUint32(8, bodyBytes, true)
  return header
}

it.each<[string, () => Uint8Array, string]>([
  ['garbage', () => new Uint8Array(100).fill(0x55), 'bad-magic'],
  ['HTTP', () => bytesOf('GET / HTTP/1.1\r\nHost: example\r\n\r\n'), 'bad-magic'],
  ['another version of frames', () => altered(hello(), 2, 9), 'bad-version'],
  ['an unknown type of frame', () => altered(hello(), 3, 77), 'bad-type'],
  ['a hello with a wrong checksum', () => altered(hello(), 20, 0xff), 'bad-checksum'],
  ['a hello that is none', () => encodeFrame('hello', 0, new Uint8Array(20).fill(0xff)), 'malformed'],
  ['an empty hello', () => encodeFrame('hello', 0, new Uint8Array(0)), 'malformed'],
  ['a hello that is too long', () => encodeFrame('hello', 0, new Uint8Array(5000)), 'oversized'],
  ['data before hello', () => data('x'), 'unexpected-frame'],
  ['another version in the hello', () => hello({ version: 2 }), 'bad-version'],
  ['another cluster', () => hello({ clusterId: 'other' }), 'wrong-cluster'],
  ['a hello for another node', () => hello({ to: 'c' }), 'wrong-node'],
  ['a node that is no member', () => hello({ from: 'z' }), 'unknown-node'],
  ['a node that is this one', () => hello({ from: 'b' }), 'unknown-node'],
  ['a knock from the side that opens the link', () => hello({ purpose: 'knock' }), 'unexpected-frame'],
  ['a link from the side that knocks', () => hello({ from: 'c' }), 'unexpected-frame'],
])('refuses %s', async (_name, frame, reason) => {
  const stranger = dial(frame())
  await until('it is closed', () => stranger.isClosed)
  expect(b.stats().refused).toEqual({ [reason]: 1 })
  expect(logged.filter((line) => line.includes(reason))).toHaveLength(1)
  expect(stranger.received).toEqual([])
  expect(toldB.isConnected('a')).toBe(false)
  await expectBAndCWell()
})

it.each<[string, () => Uint8Array, string]>([
  ['garbage', () => new Uint8Array(100).fill(0x55), 'bad-magic'],
  ['a wrong checksum', () => altered(data('hello'), HEADER_BYTES + 9, 0), 'bad-checksum'],
  ['a frame of another connection', () => data('x', connectionTag('test', 'a', 'c', 3)), 'wrong-tag'],
  ['a frame of an earlier life', () => data('x', connectionTag('test', 'a', 'b', 2)), 'wrong-tag'],
  ['a second hello', () => encodeFrame('hello', TAG, new Uint8Array(0)), 'unexpected-frame'],
  ['lengths that do not add up', () => encodeFrame('data', TAG, new Uint8Array(12).fill(1)), 'malformed'],
  ['half of a message header', () => encodeFrame('data', TAG, new Uint8Array(5)), 'malformed'],
  ['a frame that is announced too long', () => announcing(MAX_FRAME_BYTES), 'oversized'],
  ['a frame of 4 GiB', () => announcing(0xffff_ffff), 'oversized'],
])('closes a link on %s', async (_name, frame, reason) => {
  const peer = dial(hello(), data('first'))
  await until('the first message', () => toldB.texts('a').length === 1)
  peer.socket.write(Buffer.concat([frame(), data('never')]))
  await until('it is closed', () => peer.isClosed && toldB.closings().length === 1)
  expect(b.stats().refused).toEqual({ [reason]: 1 })
  expect(toldB.texts('a')).toEqual(['first'])
  expect(toldB.closings()).toEqual([{ peer: 'a', died: false }])
  await expectBAndCWell()
})

it('takes a hello and messages in pieces of one byte', async () => {
  const peer = dial()
  peer.socket.setNoDelay(true)
  const stream = Buffer.concat([hello(), data('one'), data('x'.repeat(3000)), data('')])
  for (const byte of stream.subarray(0, 400)) {
    peer.socket.write(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  peer.socket.write(stream.subarray(400))
  await until('all messages', () => toldB.texts('a').length === 3)
  expect(toldB.texts('a')).toEqual(['one', 'x'.repeat(3000), ''])
})

it('closes who says nothing, and who says half a hello, after the deadline', async () => {
  const silent = dial()
  const half = dial(hello().subarray(0, 10))
  await until('both are closed', () => silent.isClosed && half.isClosed)
  expect(b.stats().refused).toEqual({ 'hello-timeout': 2 })
})

it('bounds the strangers that it waits for', async () => {
  const strangers = Array.from({ length: 10 }, () => dial())
  await until('six are refused', () => b.stats().refused['too-many-connections'] === 6)
  await expectBAndCWell()
  await until('all are closed', () => strangers.every(({ isClosed }) => isClosed))
  dial(hello())
  await until('there is room again', () => toldB.isConnected('a'))
})

it('lets a newer life and a later attempt take the place of a link, and no other', async () => {
  const first = dial(hello())
  await until('first', () => toldB.isConnected('a'))
  const repeated = dial(hello())
  const older = dial(hello({ incarnation: 2, attempt: 9 }))
  await until('both are refused', () => repeated.isClosed && older.isClosed)
  expect(b.stats().refused).toEqual({ stale: 2 })
  expect(first.isClosed).toBe(false)
  const later = dial(hello({ attempt: 2 }))
  await until('the first is closed', () => first.isClosed)
  await until('its place is taken', () => toldB.count('connected') === 3)
  const newer = dial(hello({ incarnation: 4 }))
  await until('the second is closed', () => later.isClosed)
  await until('its place is taken', () => toldB.count('connected') === 4)
  expect(newer.isClosed).toBe(false)
  expect(toldB.closings()).toEqual([
    { peer: 'a', died: false },
    { peer: 'a', died: true },
  ])
})

it('tells a link that is given up on purpose from one whose process has ended', async () => {
  const goodbye = dial(hello(), encodeFrame('bye', TAG, new Uint8Array(0)))
  await until('closed', () => toldB.closings().length === 1)
  const reset = dial(hello({ attempt: 2 }))
  await until('connected', () => toldB.isConnected('a'))
  reset.socket.resetAndDestroy()
  await until('closed', () => toldB.closings().length === 2)
  expect(toldB.closings().map(({ died }) => died)).toEqual([false, true])
  goodbye.socket.destroy()
})

it('survives random streams and random damage', async () => {
  const random = seededRandom(20_261_121)
  const valid = Buffer.concat([hello({ attempt: 1 }), data('fine'), data('y'.repeat(2000))])
  for (let round = 0; round < 150; round++) {
    const attempt = round + 1
    let stream: Uint8Array
    if (round % 3 === 0) {
      stream = Uint8Array.from({ length: 1 + below(random, 5000) }, () => below(random, 256))
    } else {
      const damaged = Uint8Array.from(
        round % 3 === 1 ? valid : Buffer.concat([hello({ attempt }), data('fine'), data('y'.repeat(2000))]),
      )
      for (let i = 0; i <= below(random, 4); i++) damaged[below(random, damaged.length)]! ^= 1 << below(random, 8)
      stream = damaged.subarray(0, 1 + below(random, damaged.length))
    }
    const stranger = dial(stream)
    stranger.socket.end()
    await until('it is closed', () => stranger.isClosed)
  }
  for (const text of toldB.texts('a')) expect(['fine', 'y'.repeat(2000)]).toContain(text)
  const counted = Object.values(b.stats().refused).reduce((sum, count) => sum + count, 0)
  expect(counted).toBeGreaterThan(50)
  expect(logged.length).toBeLessThan(counted)
  await expectBAndCWell()
})
