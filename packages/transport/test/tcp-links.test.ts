// The links of the TCP transport: one for each pair, one write a turn, bounded memory, and how they are made again.

import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Clock, type Member, type NodeId, seededRandom, systemClock } from '@mako/engine'
import { afterEach, expect, it, vi } from 'vitest'
import { type TcpTransportOptions, tcpTransport } from '../src/index.ts'
import { encodeHello } from '../src/tcp/hello.ts'
import { bytesOf, freeAddresses, Recorder, type Running, until } from './support.ts'

const running: Running[] = []
const children: ChildProcess[] = []
const servers: Server[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const { transport } of running.splice(0)) await transport.stop()
  for (const server of servers.splice(0)) server.close()
})

async function twoMembers(): Promise<Member[]> {
  const addresses = await freeAddresses(2)
  return ['a', 'b'].map((id, i) => ({ id, address: addresses[i]! }))
}

async function start(
  nodeId: NodeId,
  members: readonly Member[],
  options: TcpTransportOptions = {},
  incarnation = 1,
): Promise<Running> {
  const node = { transport: tcpTransport(options), recorder: new Recorder() }
  running.push(node)
  await node.transport.start({ clusterId: 'test', nodeId, incarnation, members }, node.recorder)
  return node
}

async function pair(options: TcpTransportOptions = {}): Promise<[Running, Running]> {
  const members = await twoMembers()
  const a = await start('a', members, options)
  const b = await start('b', members, options)
  await until('a and b', () => a.recorder.isConnected('b') && b.recorder.isConnected('a'))
  return [a, b]
}

/** A peer that accepts as node b, says hello, and reads nothing. */
async function deafPeer(members: readonly Member[]): Promise<Socket[]> {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    accepted.push(socket)
    socket.on('error', () => undefined)
    const common = { version: 1, clusterId: 'test', from: 'b', to: 'a' } as const
    socket.write(encodeHello({ ...common, incarnation: 1, attempt: 0, purpose: 'link' }))
    socket.pause()
  })
  servers.push(server)
  const port = Number(members[1]!.address.split(':')[1])
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return accepted
}

it('makes one connection when both start at the same moment', async () => {
  for (let round = 0; round < 10; round++) {
    const members = await twoMembers()
    const [a, b] = await Promise.all([start('a', members), start('b', members)])
    await until('both', () => a.recorder.isConnected('b') && b.recorder.isConnected('a'))
    for (let i = 0; i < 5; i++) {
      a.transport.send('b', 0, bytesOf(String(i)))
      a.transport.flush()
      b.transport.send('a', 0, bytesOf(String(i)))
      b.transport.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('messages', () => a.recorder.count('message') === 5 && b.recorder.count('message') === 5)
    expect(a.recorder.count('connected')).toBe(1)
    expect(b.recorder.count('connected')).toBe(1)
    expect([a.transport.stats().refused, b.transport.stats().refused]).toEqual([{}, {}])
  }
})

it('writes once for each peer and turn, however many messages and partitions there are', async () => {
  const [a, b] = await pair({ pingMs: 60_000 })
  const writes = [vi.spyOn(Socket.prototype, '_write'), vi.spyOn(Socket.prototype, '_writev')]
  const before = a.transport.stats().writes
  for (let turn = 1; turn <= 20; turn++) {
    for (let i = 0; i < 64; i++) a.transport.send('b', i % 8, new Uint8Array(i % 16 === 0 ? 4000 : 100))
    a.transport.flush()
    await until('the turn has arrived', () => b.recorder.count('message') === turn * 64)
  }
  expect(a.transport.stats().writes - before).toBe(20)
  expect(writes.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBe(20)
})

it('costs a bounded outbox and one write when the peer does not read, and goes on when it does', async () => {
  const members = await twoMembers()
  const accepted = await deafPeer(members)
  const outboxBytes = 4 * 1024 * 1024
  const a = await start('a', members, { outboxBytes, pingMs: 60_000 })
  await until('connected', () => a.recorder.isConnected('b'))
  const message = new Uint8Array(64 * 1024)
  let taken = 0
  let refusedInARow = 0
  // The system's own buffers fill first; then the write in flight stays there, then the outbox.
  while (refusedInARow < 20) {
    if (a.transport.send('b', 0, message)) {
      taken++
      refusedInARow = 0
    } else {
      refusedInARow++
    }
    a.transport.flush()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { bytesSent, dropped } = a.transport.stats()
  expect(dropped).toBe(20)
  const waiting = taken * message.length - bytesSent
  expect(waiting).toBeGreaterThan(outboxBytes - 2 * message.length)
  expect(waiting).toBeLessThanOrEqual(outboxBytes)
  let received = 0
  accepted[0]!.on('data', (chunk) => {
    received += chunk.length
  })
  accepted[0]!.resume()
  // Nobody flushes any more: what waits leaves as the writes before it are done.
  await until('everything has arrived', () => received >= taken * message.length)
  expect(a.transport.send('b', 0, message)).toBe(true)
})

it('lets the heartbeat of one partition pass the queue of another', async () => {
  const [a, b] = await pair()
  for (let i = 0; i < 200; i++) a.transport.send('b', 1, new Uint8Array(50_000))
  a.transport.send('b', 2, bytesOf('heartbeat'))
  a.transport.flush()
  await until('all', () => b.recorder.count('message') === 201)
  const place = b.recorder.told
    .filter(({ type }) => type === 'message')
    .findIndex((told) => {
      return told.type === 'message' && told.partition === 2
    })
  expect(place).toBeLessThanOrEqual(1)
})

it('drops and counts a message that fits into no frame, and carries the largest that does', async () => {
  const [a, b] = await pair({ maxFrameBytes: 10_000 })
  expect(a.transport.send('b', 0, new Uint8Array(10_000 - 24 + 1))).toBe(false)
  expect(a.transport.stats().dropped).toBe(1)
  expect(a.transport.send('b', 0, new Uint8Array(10_000 - 24))).toBe(true)
  for (let i = 0; i < 30; i++) expect(a.transport.send('b', 0, new Uint8Array(900))).toBe(true)
  a.transport.flush()
  await until('all', () => b.recorder.count('message') === 31)
  expect(b.transport.stats().refused).toEqual({})
})

it('does not keep much more memory alive than a message needs', async () => {
  const [a, b] = await pair()
  for (const length of [10, 1000, 70_000, 200_000, 100, 900_000]) a.transport.send('b', length, new Uint8Array(length))
  a.transport.flush()
  await until('all', () => b.recorder.count('message') === 6)
  for (const told of b.recorder.told) {
    if (told.type !== 'message') continue
    expect(told.bytes.length).toBe(told.partition)
    expect(told.bytes.buffer.byteLength).toBeLessThanOrEqual(4 * told.bytes.length)
  }
})

it('drops what waits for a peer that is gone', async () => {
  const [a, b] = await pair()
  for (let i = 0; i < 7; i++) a.transport.send('b', 0, new Uint8Array(10))
  await b.transport.stop()
  await until('closed', () => a.recorder.closings().length === 1)
  expect(a.transport.stats().dropped).toBe(7)
})

it.each(['a', 'b'])('hears at once that the process of %s was killed, and of its next life', async (mortal) => {
  const members = await twoMembers()
  const survivor = mortal === 'a' ? 'b' : 'a'
  // Back-offs of a minute: only the new process itself can bring the link about.
  const node = await start(survivor, members, { minBackoffMs: 60_000, maxBackoffMs: 60_000 })
  const launch = (incarnation: number): ChildProcess => {
    const script = fileURLToPath(new URL('child.ts', import.meta.url))
    const args = ['--import', 'tsx', script, mortal, String(incarnation), JSON.stringify(members)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    children.push(child)
    return child
  }
  const child = launch(1)
  await until('connected', () => node.recorder.isConnected(mortal), 20_000)
  child.kill('SIGKILL')
  await until('closed', () => node.recorder.closings().length === 1)
  expect(node.recorder.closings()).toEqual([{ peer: mortal, died: true }])
  launch(2)
  await until('connected again', () => node.recorder.isConnected(mortal), 20_000)
})

/** The real clock, but timers of a second or more wait until the test fires them. */
function patientClock(): { clock: Clock; delays: number[]; fire: () => void } {
  const waiting = new Map<object, () => void>()
  const delays: number[] = []
  return {
    delays,
    clock: {
      ...systemClock,
      setTimer(delayMs, fn) {
        const timer = {}
        waiting.set(timer, fn)
        delays.push(delayMs)
        return timer
      },
      clearTimer: (timer) => void waiting.delete(timer as object),
    },
    fire() {
      const [timer, fn] = [...waiting].at(-1)!
      waiting.delete(timer)
      fn()
    },
  }
}

it.each(['a', 'b'])('backs off with jitter when nobody is there, up to a bound (%s)', async (nodeId) => {
  const members = await twoMembers()
  const { clock, delays, fire } = patientClock()
  const options = {
    clock,
    random: seededRandom(7),
    minBackoffMs: 100,
    maxBackoffMs: 1_600,
    pingMs: 1,
    helloTimeoutMs: 2,
  }
  await start(nodeId, members, options)
  const backoffs = (): number[] => delays.filter((delay) => delay > 2)
  for (let i = 1; i <= 8; i++) {
    await until(`back-off ${i}`, () => backoffs().length === i)
    fire()
  }
  const steps = [100, 200, 400, 800, 1600, 1600, 1600, 1600]
  for (const [i, delay] of backoffs().slice(0, 8).entries()) {
    expect(delay).toBeGreaterThanOrEqual(steps[i]! / 2)
    expect(delay).toBeLessThan(steps[i]!)
  }
  expect(new Set(backoffs().map((delay, i) => delay / (steps[i] ?? 1600))).size).toBeGreaterThan(4)
})

it('closes a link on which nothing is heard any more', async () => {
  const members = await twoMembers()
  await deafPeer(members)
  const logged: string[] = []
  const a = await start('a', members, { pingMs: 10, log: (message) => logged.push(message) })
  await until('closed', () => a.recorder.closings().length >= 1)
  expect(a.recorder.closings()[0]).toEqual({ peer: 'b', died: false })
  expect(a.transport.stats().refused['silent']).toBeGreaterThanOrEqual(1)
  expect(logged.join()).toContain('silent')
})

it('keeps an idle link alive with pings', async () => {
  const [a, b] = await pair({ pingMs: 5 })
  const before = b.transport.stats().bytesReceived
  // Far more periods than silence is allowed to last.
  await until('pings', () => b.transport.stats().bytesReceived - before >= 40 * 16)
  expect(a.recorder.closings()).toEqual([])
  expect(b.recorder.closings()).toEqual([])
})

it('says typed and clearly why it cannot start', async () => {
  const members = await twoMembers()
  await start('a', members)
  const startWith = (options: TcpTransportOptions, its: readonly Member[], clusterId = 'test'): Promise<void> =>
    tcpTransport(options).start({ clusterId, nodeId: 'a', incarnation: 1, members: its }, new Recorder())
  await expect(startWith({}, members)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  await expect(startWith({ listen: '203.0.113.1:7101' }, members)).rejects.toMatchObject({ code: 'NETWORK' })
  await expect(startWith({}, [{ id: 'a', address: 'nowhere' }])).rejects.toMatchObject({ code: 'BAD_OPTION' })
  await expect(startWith({}, [...members, members[1]!])).rejects.toMatchObject({ code: 'BAD_OPTION' })
  await expect(startWith({}, [...members, members[0]!])).rejects.toMatchObject({ code: 'BAD_OPTION' })
  await expect(startWith({}, [])).rejects.toMatchObject({ code: 'BAD_OPTION' })
  await expect(startWith({}, members, 'x'.repeat(5000))).rejects.toMatchObject({ code: 'BAD_OPTION' })
  expect(() => tcpTransport({ listen: 'x' })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }) as Error)
  expect(() => tcpTransport({ maxFrameBytes: 10 })).toThrow(/maxFrameBytes/)
  expect(() => tcpTransport({ outboxBytes: 0.5 })).toThrow(/outboxBytes/)
  expect(() => tcpTransport({ minBackoffMs: 10, maxBackoffMs: 5 })).toThrow(/maxBackoffMs/)
})

it('can be stopped before it has started, and while it starts', async () => {
  const members = await twoMembers()
  await tcpTransport().stop()
  const transport = tcpTransport()
  const recorder = new Recorder()
  const starting = transport.start({ clusterId: 'test', nodeId: 'a', incarnation: 1, members }, recorder)
  await transport.stop()
  await starting
  expect(transport.send('b', 0, bytesOf('x'))).toBe(false)
  // The address is free again.
  await start('a', members)
})
