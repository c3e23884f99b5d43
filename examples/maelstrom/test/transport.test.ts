// The transport over bodies, under the conformance suite of all transports, and against what no peer would say.

import { systemClock, type NodeId, type Transport, type TransportIdentity } from '@mako/engine'
import { SimProcess, VirtualTime } from '@mako/testkit'
import { transportSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { describe, expect, it } from 'vitest'
import { MAX_LINE_BYTES } from '../src/lines.ts'
import type { Body, Reply } from '../src/message.ts'
import { MAX_BATCH_BYTES, maelstromTransport, type MaelstromTransport } from '../src/transport.ts'

const members = ['a', 'b', 'c'].map((id) => ({ id, address: id }))

/** Lines between transports in one process: each arrives in a turn of its own, as text. */
class Wires {
  readonly lines: { readonly from: NodeId; readonly to: NodeId; readonly text: string }[] = []
  readonly #ends = new Map<NodeId, MaelstromTransport>()
  lose: (body: Reply) => boolean = () => false

  transport(nodeId: NodeId, bounds: { readonly outboxBytes?: number } = {}): Transport {
    const transport = maelstromTransport({
      ...bounds,
      clock: systemClock,
      send: (to, body) => {
        const text = JSON.stringify(body)
        this.lines.push({ from: nodeId, to, text })
        if (!this.lose(body)) systemClock.defer(() => this.#ends.get(to)?.receive(nodeId, JSON.parse(text) as Body))
        return true
      },
    })
    const start = transport.start.bind(transport)
    transport.start = async (...args): Promise<void> => {
      this.#ends.set(nodeId, transport)
      await start(...args)
    }
    return transport
  }
}

transportSuite(vitest, {
  name: 'maelstrom',
  createNetwork: (bounds) => {
    const wires = new Wires()
    return { members, transport: (nodeId) => wires.transport(nodeId, bounds) }
  },
  skip: [
    {
      reason: 'a line has at most 1 MiB; the limits of the engine keep its messages below that',
      tests: ['carries the smallest and large messages and every partition number'],
    },
    {
      reason: 'a place is a process that the workbench started; nobody can take it twice',
      tests: ['is started once, by a member, at a place of its own'],
    },
  ],
})

describe('the transport over bodies', () => {
  const identity = (nodeId: NodeId, incarnation = 1): TransportIdentity => ({
    clusterId: 'test',
    nodeId,
    incarnation,
    members,
  })

  /** One end, whose peer b is played by the test. */
  async function lone(): Promise<{ transport: MaelstromTransport; said: Reply[]; told: string[]; time: VirtualTime }> {
    const time = new VirtualTime()
    const said: Reply[] = []
    const told: string[] = []
    const transport = maelstromTransport({
      clock: new SimProcess(time).clock,
      send: (to, body) => {
        if (to === 'b') said.push(body)
        return true
      },
    })
    await transport.start(identity('a'), {
      message: (from, partition, bytes) => told.push(`${from} ${partition} ${Buffer.from(bytes).toString()}`),
      connected: (peer) => told.push(`connected ${peer}`),
      closed: (peer, died) => told.push(`closed ${peer} ${died}`),
    })
    return { transport, said, told, time }
  }

  const word = (part: string, life = 1, more: object = {}): Body => ({
    type: 'mako',
    cluster: 'test',
    life,
    part,
    ...more,
  })
  const frame = (text: string, partition = 0): string => {
    const header = Buffer.alloc(8)
    header.writeUInt32LE(partition, 0)
    header.writeUInt32LE(text.length, 4)
    return Buffer.concat([header, Buffer.from(text)]).toString('base64')
  }

  it('sends all messages of one turn to one peer in one line', async () => {
    const { transport, said } = await lone()
    transport.receive('b', word('hello'))
    said.length = 0
    for (let i = 0; i < 100; i++) transport.send('b', i, new Uint8Array(100))
    transport.flush()
    expect(said).toHaveLength(1)
    expect(transport.stats()).toMatchObject({ writes: 1, messagesSent: 100 })
  })

  it('cuts a turn into lines that are short enough', async () => {
    const { transport, said } = await lone()
    transport.receive('b', word('hello'))
    said.length = 0
    for (let i = 0; i < 5; i++) expect(transport.send('b', 0, new Uint8Array(MAX_BATCH_BYTES / 2))).toBe(true)
    expect(transport.send('b', 0, new Uint8Array(MAX_BATCH_BYTES))).toBe(false)
    transport.flush()
    expect(said).toHaveLength(5)
    for (const body of said) expect(JSON.stringify(body).length).toBeLessThan(MAX_LINE_BYTES - 1024)
  })

  it('greets those who were never heard until they answer', async () => {
    const { transport, said, time } = await lone()
    expect(said.map(({ part }) => part)).toEqual(['hello'])
    for (let i = 0; i < 10; i++) {
      await time.runFor(100)
      transport.flush()
    }
    expect(said.length).toBeGreaterThanOrEqual(4)
    expect(said.length).toBeLessThanOrEqual(6)
    transport.receive('b', word('welcome'))
    const before = said.length
    await time.runFor(1_000)
    transport.flush()
    expect(said).toHaveLength(before)
  })

  it('a later life ends the earlier one, and stragglers of that one are not heard', async () => {
    const { transport, told } = await lone()
    transport.receive('b', word('batch', 1, { batch: frame('one') }))
    transport.receive('b', word('batch', 3, { batch: frame('three', 7) }))
    transport.receive('b', word('batch', 1, { batch: frame('late') }))
    transport.receive('b', word('goodbye', 3))
    transport.receive('b', word('batch', 3, { batch: frame('later') }))
    expect(told).toEqual(['connected b', 'b 0 one', 'closed b true', 'connected b', 'b 7 three', 'closed b true'])
    expect(transport.stats().refused).toEqual({ ended: 2 })
  })

  it.each([
    ['a stranger', 'z', word('hello'), 'stranger'],
    ['another cluster', 'b', word('hello', 1, { cluster: 'other' }), 'cluster'],
    ['no life', 'b', word('hello', Number.NaN), 'malformed'],
    ['half a life', 'b', word('hello', 0.5), 'malformed'],
    ['an unknown part', 'b', word('sing'), 'malformed'],
    ['a batch that is no text', 'b', word('batch', 1, { batch: 7 }), 'malformed'],
    ['a batch of half a header', 'b', word('batch', 1, { batch: 'AAAA' }), 'malformed'],
    ['a batch that ends too early', 'b', word('batch', 1, { batch: frame('abcdef').slice(0, -4) }), 'malformed'],
  ])('refuses %s and counts it', async (_, from, body, reason) => {
    const { transport, told } = await lone()
    transport.receive(from, body)
    expect(transport.stats().refused).toEqual({ [reason]: 1 })
    expect(told.filter((each) => !each.startsWith('connected'))).toEqual([])
  })
})
