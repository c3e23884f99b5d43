// What is true of every transport, whatever it is made of.

import type { Member, NodeId, Transport, TransportIdentity } from '@mako/engine'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesOf, Recorder, type Running, until } from './support.ts'

export interface SuiteWorld {
  readonly members: readonly Member[]
  transport(nodeId: NodeId): Transport
}

/** `world` makes a fresh network with the members a, b and c. */
export function transportSuite(name: string, world: () => Promise<SuiteWorld>): void {
  describe(`${name}: what is true of every transport`, () => {
    let network: SuiteWorld
    let running: Running[]

    beforeEach(async () => {
      network = await world()
      running = []
    })
    afterEach(async () => {
      for (const { transport } of running) await transport.stop()
    })

    const start = async (nodeId: NodeId, overrides: Partial<TransportIdentity> = {}): Promise<Running> => {
      const node = { transport: network.transport(nodeId), recorder: new Recorder() }
      running.push(node)
      const identity = { clusterId: 'test', nodeId, incarnation: 1, members: network.members, ...overrides }
      await node.transport.start(identity, node.recorder)
      return node
    }
    const pair = async (): Promise<[Running, Running]> => {
      const a = await start('a')
      const b = await start('b')
      await until('a and b are connected', () => a.recorder.isConnected('b') && b.recorder.isConnected('a'))
      return [a, b]
    }

    it.each([
      ['a', 'b'],
      ['b', 'a'],
    ])('delivers from %s to %s once, in order, unchanged', async (from, to) => {
      const nodes = new Map<NodeId, Running>()
      const [a, b] = await pair()
      nodes.set('a', a).set('b', b)
      const expected: string[] = []
      for (let turn = 0; turn < 20; turn++) {
        for (let i = 0; i < 50; i++) {
          const text = `${turn}/${i} ${'x'.repeat((turn * 97 + i * 13) % 3000)}`
          expected.push(text)
          expect(nodes.get(from)!.transport.send(to, 3, bytesOf(text))).toBe(true)
        }
        nodes.get(from)!.transport.flush()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const receiver = nodes.get(to)!.recorder
      await until('all have arrived', () => receiver.count('message') >= expected.length)
      expect(receiver.texts(from)).toEqual(expected)
      expect(receiver.told.every((told) => told.type !== 'message' || told.partition === 3)).toBe(true)
    })

    it('carries the smallest and large messages and every partition number', async () => {
      const [a, b] = await pair()
      const large = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 31)
      a.transport.send('b', 0, new Uint8Array(0))
      a.transport.send('b', 0xffff_ffff, bytesOf('x'))
      a.transport.send('b', 7, large)
      a.transport.flush()
      await until('three messages', () => b.recorder.count('message') === 3)
      const got = b.recorder.told.flatMap((told) => (told.type === 'message' ? [told] : []))
      expect(got.map(({ partition, bytes }) => [partition, bytes.length])).toEqual(
        expect.arrayContaining([
          [0, 0],
          [0xffff_ffff, 1],
          [7, 3_000_000],
        ]),
      )
      expect(Buffer.compare(got.find(({ partition }) => partition === 7)!.bytes, large)).toBe(0)
    })

    it('connects every pair of three nodes, and says connected before the first message', async () => {
      const nodes = [await start('c'), await start('a'), await start('b')]
      await until('all pairs', () => nodes.every(({ recorder }) => recorder.count('connected') === 2))
      for (const [i, { transport }] of nodes.entries()) {
        for (const to of ['a', 'b', 'c']) {
          if (to !== ['c', 'a', 'b'][i]) expect(transport.send(to, 0, bytesOf('hi'))).toBe(true)
        }
        transport.flush()
      }
      await until('all greetings', () => nodes.every(({ recorder }) => recorder.count('message') === 2))
      for (const { recorder } of nodes) {
        for (const told of recorder.told) {
          if (told.type !== 'message') continue
          const connected = recorder.told.findIndex((other) => other.type === 'connected' && other.peer === told.from)
          expect(connected).toBeGreaterThanOrEqual(0)
          expect(connected).toBeLessThan(recorder.told.indexOf(told))
        }
      }
    })

    it('never calls a handler from inside send or flush', async () => {
      const [a, b] = await pair()
      a.transport.send('b', 0, bytesOf('x'))
      a.transport.flush()
      expect(b.recorder.count('message')).toBe(0)
      await until('it arrives', () => b.recorder.count('message') === 1)
    })

    it('answers from inside a handler', async () => {
      const [a, b] = await pair()
      b.recorder.onMessage = (from, partition, bytes) => {
        b.transport.send(from, partition, bytes)
        b.transport.flush()
      }
      a.transport.send('b', 1, bytesOf('ping'))
      a.transport.flush()
      await until('the echo', () => a.recorder.texts('b').length === 1)
    })

    it('keeps what is sent until the next flush', async () => {
      const [a, b] = await pair()
      a.transport.send('b', 0, bytesOf('1'))
      a.transport.flush()
      await until('1', () => b.recorder.texts('a').length === 1)
      a.transport.send('b', 0, bytesOf('2'))
      await new Promise((resolve) => setImmediate(resolve))
      expect(b.recorder.texts('a')).toEqual(['1'])
      a.transport.flush()
      await until('2', () => b.recorder.texts('a').length === 2)
    })

    it('refuses what cannot be sent, counts it, and never throws', async () => {
      const lone = network.transport('a')
      expect(lone.send('b', 0, bytesOf('x'))).toBe(false)
      lone.flush()
      const a = await start('a')
      expect(a.transport.send('b', 0, bytesOf('x'))).toBe(false)
      expect(a.transport.send('nobody', 0, bytesOf('x'))).toBe(false)
      expect(a.transport.send('a', 0, bytesOf('x'))).toBe(false)
      a.transport.flush()
      expect(a.transport.stats()).toMatchObject({ dropped: 3, messagesSent: 0 })
    })

    it('counts what it carries', async () => {
      const [a, b] = await pair()
      for (let i = 0; i < 10; i++) a.transport.send('b', i % 3, new Uint8Array(100))
      a.transport.flush()
      await until('all', () => b.recorder.count('message') === 10)
      expect(a.transport.stats()).toMatchObject({ messagesSent: 10, dropped: 0 })
      expect(a.transport.stats().bytesSent).toBeGreaterThanOrEqual(1000)
      expect(b.transport.stats()).toMatchObject({ messagesReceived: 10 })
      expect(b.transport.stats().bytesReceived).toBeGreaterThanOrEqual(1000)
    })

    it.each(['a', 'b'])('tells of the end of %s, and of its next life', async (mortal) => {
      const survivor = mortal === 'a' ? 'b' : 'a'
      const [a, b] = await pair()
      const [dying, staying] = mortal === 'a' ? [a, b] : [b, a]
      await dying.transport.stop()
      await until('closed', () => staying.recorder.closings().length === 1)
      expect(staying.recorder.closings()).toEqual([{ peer: mortal, died: true }])
      expect(staying.transport.send(mortal, 0, bytesOf('into the void'))).toBe(false)
      const reborn = await start(mortal, { incarnation: 2 })
      await until(
        'connected again',
        () => staying.recorder.isConnected(mortal) && reborn.recorder.isConnected(survivor),
      )
      staying.transport.send(mortal, 0, bytesOf('welcome'))
      staying.transport.flush()
      await until('message', () => reborn.recorder.texts(survivor).length === 1)
      expect(reborn.recorder.texts(survivor)).toEqual(['welcome'])
    })

    it('calls no handler after stop, and stops more than once', async () => {
      const [a, b] = await pair()
      b.transport.send('a', 0, bytesOf('late'))
      b.transport.flush()
      const stopped = a.transport.stop()
      const told = a.recorder.told.length
      await stopped
      await a.transport.stop()
      await until('b has heard of it', () => b.recorder.closings().length === 1)
      expect(a.recorder.told.length).toBe(told)
      expect(a.transport.send('b', 0, bytesOf('x'))).toBe(false)
      a.transport.flush()
    })

    it('can be stopped from inside a handler', async () => {
      const [a, b] = await pair()
      b.recorder.onMessage = () => void b.transport.stop()
      for (let i = 0; i < 5; i++) a.transport.send('b', i, bytesOf('x'))
      a.transport.flush()
      await until('b is gone', () => a.recorder.closings().length === 1)
      expect(b.recorder.count('message')).toBe(1)
    })

    it('keeps clusters apart', async () => {
      const a = await start('a')
      const b = await start('b', { clusterId: 'other' })
      const c = await start('c')
      await until('a and c', () => a.recorder.isConnected('c') && c.recorder.isConnected('a'))
      expect(b.recorder.told).toEqual([])
      expect(a.recorder.isConnected('b')).toBe(false)
    })

    it('is started once, by a member, at a place of its own', async () => {
      const a = await start('a')
      const handlers = new Recorder()
      const identity = { clusterId: 'test', nodeId: 'a', incarnation: 1, members: network.members }
      await expect(a.transport.start(identity, handlers)).rejects.toMatchObject({ code: 'BAD_STATE' })
      await expect(network.transport('a').start(identity, handlers)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
      const stranger = { ...identity, nodeId: 'z' }
      await expect(network.transport('z').start(stranger, handlers)).rejects.toMatchObject({ code: 'BAD_OPTION' })
    })
  })
}
