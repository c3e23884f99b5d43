// The conformance suite of transports: what an engine relies on, over any implementation.
//
// Always true: nothing is assumed that the port does not promise, save that a calm network between nodes that stay
// connected delivers what was flushed. A test waits for conditions; how long is a limit, never a measure.

import type { Member, NodeId, Transport, TransportIdentity } from '@mako/engine'
import { Recorder, type Running } from './recorder.ts'
import {
  bytesOf,
  type Case,
  type CleanUp,
  codeOf,
  REAL_TIME,
  runCases,
  type SuiteOptions,
  type TestRunner,
  type TestTime,
  Waiter,
} from './runner.ts'

/** A network with the members a, b and c, of its own for each test. */
export interface TransportNetwork {
  readonly members: readonly Member[]
  /** Makes the transport of one life of this node. */
  transport(nodeId: NodeId): Transport
}

export interface TransportSuiteOptions extends SuiteOptions {
  /** Where `outboxBytes` is given, no more may wait for one peer. */
  readonly createNetwork: (bounds: { readonly outboxBytes?: number }) => TransportNetwork | Promise<TransportNetwork>
  /** @default real time */
  readonly time?: TestTime
}

const LARGE_BYTES = 3_000_000

/** Registers the suite with the runner. */
export function transportSuite(runner: TestRunner, options: TransportSuiteOptions): void {
  const { expect } = runner
  const wait = new Waiter(options.time ?? REAL_TIME)

  /** A network of one test, and the nodes that the test has started in it. */
  class World {
    readonly network: TransportNetwork
    readonly #cleanUp: CleanUp

    constructor(network: TransportNetwork, cleanUp: CleanUp) {
      this.network = network
      this.#cleanUp = cleanUp
    }

    static async create(cleanUp: CleanUp, bounds: { outboxBytes?: number } = {}): Promise<World> {
      return new World(await options.createNetwork(bounds), cleanUp)
    }

    make(nodeId: NodeId): Running {
      const transport = this.network.transport(nodeId)
      this.#cleanUp.add(() => wait.of('stop', transport.stop()))
      return { transport, recorder: new Recorder() }
    }

    identity(nodeId: NodeId, overrides: Partial<TransportIdentity> = {}): TransportIdentity {
      return { clusterId: 'test', nodeId, incarnation: 1, members: this.network.members, ...overrides }
    }

    async start(nodeId: NodeId, overrides: Partial<TransportIdentity> = {}): Promise<Running> {
      const node = this.make(nodeId)
      await wait.of('start', node.transport.start(this.identity(nodeId, overrides), node.recorder))
      return node
    }

    /** These nodes, each connected with each. */
    async connected(...ids: NodeId[]): Promise<Running[]> {
      const nodes: Running[] = []
      for (const id of ids) nodes.push(await this.start(id))
      await wait.until('all pairs are connected', () =>
        nodes.every(({ recorder }, i) => ids.every((id, j) => i === j || recorder.isConnected(id))),
      )
      return nodes
    }

    async pair(): Promise<[Running, Running]> {
      const [a, b] = await this.connected('a', 'b')
      return [a!, b!]
    }
  }

  const delivers = async (cleanUp: CleanUp, isForward: boolean): Promise<void> => {
    const [a, b] = await (await World.create(cleanUp)).pair()
    const [from, to, fromId, toId] = isForward ? [a, b, 'a', 'b'] : [b, a, 'b', 'a']
    const expected: string[] = []
    for (let turn = 0; turn < 20; turn++) {
      for (let i = 0; i < 50; i++) {
        const text = `${turn}/${i} ${'x'.repeat((turn * 97 + i * 13) % 3000)}`
        expected.push(text)
        expect(from.transport.send(toId, 3, bytesOf(text))).toBe(true)
      }
      from.transport.flush()
      await wait.turns(1)
    }
    await wait.until('all have arrived', () => to.recorder.count('message') >= expected.length)
    await wait.turns(3)
    expect(to.recorder.texts(fromId)).toEqual(expected)
    expect(to.recorder.messages.every(({ partition }) => partition === 3)).toBe(true)
  }

  const tellsOfTheEnd = async (cleanUp: CleanUp, mortal: NodeId): Promise<void> => {
    const world = await World.create(cleanUp)
    const [a, b] = await world.pair()
    const [dying, staying, survivor] = mortal === 'a' ? [a, b, 'b'] : [b, a, 'a']
    await wait.of('stop', dying.transport.stop())
    await wait.until('closed', () => staying.recorder.closings.length === 1)
    expect(staying.recorder.closings).toEqual([{ peer: mortal, died: true }])
    expect(staying.transport.send(mortal, 0, bytesOf('into the void'))).toBe(false)
    const reborn = await world.start(mortal, { incarnation: 2 })
    await wait.until(
      'connected again',
      () => staying.recorder.isConnected(mortal) && reborn.recorder.isConnected(survivor),
    )
    staying.transport.send(mortal, 0, bytesOf('welcome'))
    staying.transport.flush()
    await wait.until('message', () => reborn.recorder.texts(survivor).length === 1)
    expect(reborn.recorder.texts(survivor)).toEqual(['welcome'])
  }

  const cases: Record<string, Case> = {
    'delivers from a to b once, in order, unchanged': (cleanUp) => delivers(cleanUp, true),
    'delivers from b to a once, in order, unchanged': (cleanUp) => delivers(cleanUp, false),

    'carries the smallest and large messages and every partition number': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      const large = Uint8Array.from({ length: LARGE_BYTES }, (_, i) => i * 31)
      for (const [partition, bytes] of [
        [0, new Uint8Array(0)],
        [0xffff_ffff, bytesOf('x')],
        [7, large],
      ] as const) {
        expect(a.transport.send('b', partition, bytes)).toBe(true)
      }
      a.transport.flush()
      await wait.until('three messages', () => b.recorder.count('message') === 3)
      const got = new Map(b.recorder.messages.map(({ partition, bytes }) => [partition, bytes]))
      expect(got.get(0)!.length).toBe(0)
      expect([...got.get(0xffff_ffff)!]).toEqual([...bytesOf('x')])
      expect(got.get(7)!.length).toBe(LARGE_BYTES)
      expect(got.get(7)!.every((byte, i) => byte === large[i])).toBe(true)
    },

    'carries every value of a byte': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      a.transport.send('b', 0, all)
      a.transport.flush()
      await wait.until('it arrives', () => b.recorder.count('message') === 1)
      expect([...b.recorder.messages[0]!.bytes]).toEqual([...all])
    },

    'neither changes nor reuses bytes that were received': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      for (let i = 0; i < 200; i++) {
        a.transport.send('b', 0, bytesOf(`message ${i} ${'.'.repeat(i)}`))
        a.transport.flush()
        if (i % 10 === 0) await wait.turns(1)
      }
      await wait.until('all', () => b.recorder.count('message') === 200)
      // The recorder has kept views; each is read only now, after all others have come.
      expect(b.recorder.texts('a')).toEqual(Array.from({ length: 200 }, (_, i) => `message ${i} ${'.'.repeat(i)}`))
    },

    'connects every pair of three nodes, and says connected before the first message': async (cleanUp) => {
      const ids = ['c', 'a', 'b']
      const nodes = await (await World.create(cleanUp)).connected(...ids)
      for (const [i, { transport }] of nodes.entries()) {
        for (const to of ids) if (to !== ids[i]) expect(transport.send(to, 0, bytesOf('hi'))).toBe(true)
        transport.flush()
      }
      await wait.until('all greetings', () => nodes.every(({ recorder }) => recorder.count('message') === 2))
      for (const { recorder } of nodes) {
        expect(recorder.count('connected')).toBe(2)
        for (const [at, told] of recorder.told.entries()) {
          if (told.type !== 'message') continue
          const connected = recorder.told.findIndex((other) => other.type === 'connected' && other.peer === told.from)
          expect(connected).toBeGreaterThanOrEqual(0)
          expect(connected).toBeLessThan(at)
        }
      }
    },

    'both ways at once, and a third node beside them, do not mix anything up': async (cleanUp) => {
      const ids = ['a', 'b', 'c']
      const nodes = await (await World.create(cleanUp)).connected(...ids)
      for (let turn = 0; turn < 20; turn++) {
        for (const [i, { transport }] of nodes.entries()) {
          for (const to of ids) if (to !== ids[i]) transport.send(to, turn % 4, bytesOf(`${ids[i]!}${to}${turn}`))
          transport.flush()
        }
      }
      await wait.until('all', () => nodes.every(({ recorder }) => recorder.count('message') === 40))
      for (const [i, { recorder }] of nodes.entries()) {
        for (const from of ids) {
          if (from === ids[i]) continue
          const expected = Array.from({ length: 20 }, (_, turn) => `${from}${ids[i]!}${turn}`)
          expect(recorder.texts(from).sort()).toEqual(expected.sort())
        }
      }
    },

    'never calls a handler from inside send or flush': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      a.transport.send('b', 0, bytesOf('x'))
      a.transport.flush()
      expect(b.recorder.count('message')).toBe(0)
      await wait.until('it arrives', () => b.recorder.count('message') === 1)
    },

    'answers from inside a handler': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      b.recorder.onMessage = (from, partition, bytes) => {
        b.transport.send(from, partition, bytes)
        b.transport.flush()
      }
      a.transport.send('b', 1, bytesOf('ping'))
      a.transport.flush()
      await wait.until('the echo', () => a.recorder.count('message') === 1)
      expect(a.recorder.texts('b')).toEqual(['ping'])
    },

    'keeps what is sent until the next flush': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      a.transport.send('b', 0, bytesOf('1'))
      a.transport.flush()
      await wait.until('1', () => b.recorder.count('message') === 1)
      a.transport.send('b', 0, bytesOf('2'))
      await wait.turns(3)
      expect(b.recorder.texts('a')).toEqual(['1'])
      a.transport.flush()
      await wait.until('2', () => b.recorder.count('message') === 2)
    },

    'a flush without messages does nothing': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      for (let i = 0; i < 10; i++) a.transport.flush()
      await wait.turns(3)
      expect(b.recorder.count('message')).toBe(0)
      expect(a.transport.stats().messagesSent).toBe(0)
    },

    'refuses what cannot be sent, counts it, and never throws': async (cleanUp) => {
      const world = await World.create(cleanUp)
      const lone = world.network.transport('a')
      expect(lone.send('b', 0, bytesOf('x'))).toBe(false)
      lone.flush()
      const a = await world.start('a')
      expect(a.transport.send('b', 0, bytesOf('x'))).toBe(false)
      expect(a.transport.send('nobody', 0, bytesOf('x'))).toBe(false)
      expect(a.transport.send('a', 0, bytesOf('x'))).toBe(false)
      a.transport.flush()
      const { dropped, messagesSent } = a.transport.stats()
      expect({ dropped, messagesSent }).toEqual({ dropped: 3, messagesSent: 0 })
    },

    'what waits for a peer is bounded: send says false, what was taken arrives, and then there is room': async (
      cleanUp,
    ) => {
      const world = await World.create(cleanUp, { outboxBytes: 64 * 1024 })
      const [a, b] = await world.pair()
      const message = new Uint8Array(1024)
      let taken = 0
      while (taken < 1000 && a.transport.send('b', 0, message)) taken++
      expect(taken).toBeGreaterThan(0)
      expect(taken).toBeLessThanOrEqual(64)
      expect(a.transport.stats().dropped).toBe(1)
      a.transport.flush()
      await wait.until('all that was taken', () => b.recorder.count('message') === taken)
      await wait.until('there is room', () => a.transport.send('b', 0, message))
    },

    'a message that is larger than the bound is refused, and takes no other with it': async (cleanUp) => {
      const world = await World.create(cleanUp, { outboxBytes: 64 * 1024 })
      const [a, b] = await world.pair()
      expect(a.transport.send('b', 0, bytesOf('before'))).toBe(true)
      expect(a.transport.send('b', 0, new Uint8Array(64 * 1024 + 1))).toBe(false)
      expect(a.transport.send('b', 0, bytesOf('after'))).toBe(true)
      a.transport.flush()
      await wait.until('both', () => b.recorder.count('message') === 2)
      expect(b.recorder.texts('a')).toEqual(['before', 'after'])
      expect(b.recorder.isConnected('a')).toBe(true)
    },

    'one peer whose outbox is full, or that is gone, costs the others nothing': async (cleanUp) => {
      const world = await World.create(cleanUp, { outboxBytes: 64 * 1024 })
      const [a, b, c] = await world.connected('a', 'b', 'c')
      while (a!.transport.send('b', 0, new Uint8Array(1024)));
      expect(a!.transport.send('c', 0, bytesOf('first'))).toBe(true)
      a!.transport.flush()
      await wait.until('first', () => c!.recorder.count('message') === 1)
      await wait.of('stop', b!.transport.stop())
      await wait.until('b is gone', () => !a!.recorder.isConnected('b'))
      a!.transport.send('b', 0, bytesOf('nobody'))
      expect(a!.transport.send('c', 0, bytesOf('second'))).toBe(true)
      a!.transport.flush()
      await wait.until('second', () => c!.recorder.count('message') === 2)
      expect(c!.recorder.texts('a')).toEqual(['first', 'second'])
    },

    'a quiet partition is heard beside a busy one': async (cleanUp) => {
      const world = await World.create(cleanUp, { outboxBytes: 256 * 1024 })
      const [a, b] = await world.pair()
      const isHeard = (): boolean => b.recorder.messages.some(({ partition }) => partition === 2)
      let isSent = false
      // The busy one always has more to send; the quiet one gets in when there is room, and is then not overtaken for ever.
      await wait.until('the quiet one', () => {
        isSent ||= a.transport.send('b', 2, bytesOf('quiet'))
        for (let i = 0; i < 64; i++) a.transport.send('b', 1, new Uint8Array(1024))
        a.transport.flush()
        return isHeard()
      })
    },

    'counts what it carries': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      for (let i = 0; i < 10; i++) a.transport.send('b', i % 3, new Uint8Array(100))
      a.transport.flush()
      await wait.until('all', () => b.recorder.count('message') === 10)
      await wait.until('counted', () => a.transport.stats().messagesSent === 10)
      const [sent, received] = [a.transport.stats(), b.transport.stats()]
      expect([sent.dropped, received.messagesReceived]).toEqual([0, 10])
      expect(sent.bytesSent).toBeGreaterThanOrEqual(1000)
      expect(received.bytesReceived).toBeGreaterThanOrEqual(1000)
      expect(sent.writes).toBeGreaterThanOrEqual(1)
      expect(sent.writes).toBeLessThanOrEqual(10)
    },

    'tells of the end of a, and of its next life': (cleanUp) => tellsOfTheEnd(cleanUp, 'a'),
    'tells of the end of b, and of its next life': (cleanUp) => tellsOfTheEnd(cleanUp, 'b'),

    'calls no handler after stop, and stops more than once': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      b.transport.send('a', 0, bytesOf('late'))
      b.transport.flush()
      const stopped = a.transport.stop()
      const told = a.recorder.told.length
      await wait.of('stop', stopped)
      await wait.of('stop', a.transport.stop())
      await wait.until('b has heard of it', () => b.recorder.closings.length === 1)
      expect(a.recorder.told.length).toBe(told)
      expect(a.transport.send('b', 0, bytesOf('x'))).toBe(false)
      a.transport.flush()
    },

    'can be stopped from inside a handler': async (cleanUp) => {
      const [a, b] = await (await World.create(cleanUp)).pair()
      b.recorder.onMessage = () => void b.transport.stop()
      for (let i = 0; i < 5; i++) a.transport.send('b', i, bytesOf('x'))
      a.transport.flush()
      await wait.until('b is gone', () => a.recorder.closings.length === 1)
      expect(b.recorder.count('message')).toBe(1)
    },

    'can be stopped before it has started': async (cleanUp) => {
      const world = await World.create(cleanUp)
      const unused = world.network.transport('a')
      await wait.of('stop', unused.stop())
      expect(unused.send('b', 0, bytesOf('x'))).toBe(false)
      // Its place is free.
      await world.pair()
    },

    'keeps clusters apart': async (cleanUp) => {
      const world = await World.create(cleanUp)
      const a = await world.start('a')
      const b = await world.start('b', { clusterId: 'other' })
      const c = await world.start('c')
      await wait.until('a and c', () => a.recorder.isConnected('c') && c.recorder.isConnected('a'))
      await wait.turns(3)
      expect(b.recorder.told).toEqual([])
      expect(a.recorder.isConnected('b')).toBe(false)
      expect(a.transport.send('b', 0, bytesOf('x'))).toBe(false)
    },

    'is started once, by a member, at a place of its own': async (cleanUp) => {
      const world = await World.create(cleanUp)
      const a = await world.start('a')
      const handlers = new Recorder()
      expect(await codeOf(wait.of('start', a.transport.start(world.identity('a'), handlers)))).toBe('BAD_STATE')
      const second = world.make('a').transport
      expect(await codeOf(wait.of('start', second.start(world.identity('a'), handlers)))).toBe('ADDRESS_IN_USE')
      const stranger = world.make('z').transport
      expect(await codeOf(wait.of('start', stranger.start(world.identity('z'), handlers)))).toBe('BAD_OPTION')
      expect(handlers.told).toEqual([])
    },
  }

  runCases(runner, `${options.name}: a transport`, cases, options.skip)
}
