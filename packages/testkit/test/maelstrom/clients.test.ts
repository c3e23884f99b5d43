// Clients: what they ask whom, how a request ends, and what they are called afterwards.

import { seededRandom } from '@mako/engine'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Clients, type ClientsOptions } from '../../src/node/maelstrom/clients.ts'
import { Network } from '../../src/node/maelstrom/network.ts'
import type { Body, Message } from '../../src/node/maelstrom/protocol.ts'

interface Bench {
  readonly clients: Clients
  /** What nodes were sent. */
  readonly heard: Message[]
  readonly mistakes: string[]
  readonly down: Set<string>
  /** A node answers the message before the last, or whichever from the end. */
  readonly answer: (body: Body, from?: string, back?: number) => void
}

function benchOf(options: Partial<ClientsOptions> = {}): Bench {
  const network = new Network({ random: seededRandom(1), latencyMs: 0, distribution: 'constant', lossProbability: 0 })
  const heard: Message[] = []
  const mistakes: string[] = []
  const down = new Set<string>()
  const nodes = ['n0', 'n1', 'n2']
  for (const node of nodes) network.addNode(node, (_, message) => heard.push(message) > 0)
  const clients = new Clients({
    network,
    nodes,
    timeoutMs: 5_000,
    resendMs: undefined,
    now: () => Date.now(),
    isRunning: (node) => !down.has(node),
    answers: [20],
    onMistake: (text) => mistakes.push(text),
    ...options,
  })
  const answer = (body: Body, from?: string, back = 1): void => {
    const asked = heard.at(-back)!
    const message = { src: from ?? asked.dest, dest: asked.src, body: { ...body, in_reply_to: asked.body.msg_id! } }
    network.send(JSON.stringify(message), message)
  }
  return { clients, heard, mistakes, down, answer }
}

const READ: Body = { type: 'read', key: 1 }
const error = (code: number): Body => ({ type: 'error', code, text: 'no' })

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a request', () => {
  it('is sent to the node of its client, and is ok when it is answered', async () => {
    const { clients, heard, answer } = benchOf()
    const client = clients.client('n1')
    const asked = client.ask(READ)
    expect(heard).toEqual([{ src: 'c1', dest: 'n1', body: { type: 'read', key: 1, msg_id: 1 } }])
    vi.advanceTimersByTime(7)
    answer({ type: 'read_ok', value: 3 })
    const operation = await asked
    expect(operation).toEqual({
      process: 1,
      node: 'n1',
      request: READ,
      call: 1_000,
      ret: 1_007,
      status: 'ok',
      reply: { type: 'read_ok', value: 3, in_reply_to: 1 },
      final: false,
    })
    expect(clients.history).toEqual([operation])
  })

  it.each([
    [11, 'fail'],
    [14, 'fail'],
    [20, 'ok'],
    [22, 'fail'],
    [0, 'info'],
    [13, 'info'],
    [4711, 'info'],
  ])('that is answered by error %i is %s', async (code, status) => {
    const { clients, answer } = benchOf()
    const asked = clients.client('n0').ask(READ)
    answer(error(code))
    expect((await asked).status).toBe(status)
  })

  it('that is not answered in time is info; its client goes on under a new name, and the answer is too late', async () => {
    const { clients, heard, answer } = benchOf()
    const client = clients.client('n0')
    const asked = client.ask(READ)
    vi.advanceTimersByTime(5_000)
    expect(await asked).toMatchObject({ status: 'info', process: 1, call: 1_000, ret: 6_000 })
    const next = client.ask(READ)
    expect(heard.at(-1)).toMatchObject({ src: 'c2', dest: 'n0' })
    answer({ type: 'read_ok', value: 'late' }, 'n0', 2)
    answer({ type: 'read_ok', value: 'right' })
    expect(await next).toMatchObject({ status: 'ok', process: 2, reply: { value: 'right' } })
  })

  it('is info when its node dies, and is asked of the next while that is down', async () => {
    const { clients, heard, down, answer } = benchOf()
    const client = clients.client('n1')
    const asked = client.ask(READ)
    down.add('n1')
    clients.nodeDied('n0')
    clients.nodeDied('n1')
    expect((await asked).status).toBe('info')
    const next = client.ask(READ)
    expect(heard.at(-1)!.dest).toBe('n2')
    answer({ type: 'read_ok' })
    expect(await next).toMatchObject({ status: 'ok', node: 'n2' })
  })

  it('has failed when nobody is there to take it; a final one when its node is not', async () => {
    const { clients, heard, down } = benchOf()
    down.add('n1')
    expect(await clients.client('n1').ask(READ, true)).toMatchObject({ status: 'fail', node: 'n1', final: true })
    down.add('n0').add('n2')
    expect(await clients.client('n1').ask(READ)).toMatchObject({ status: 'fail' })
    expect(heard).toEqual([])
  })

  it('that is answered by something else is a mistake, and nobody knows', async () => {
    const { clients, mistakes, answer } = benchOf()
    const asked = clients.client('n0').ask(READ)
    answer({ type: 'write_ok' })
    expect((await asked).status).toBe('info')
    expect(mistakes).toHaveLength(1)
  })

  it('ignores answers to other requests', async () => {
    const { clients, answer } = benchOf()
    const client = clients.client('n0')
    const first = client.ask(READ)
    answer({ type: 'read_ok', value: 1 })
    await first
    const second = client.ask(READ)
    answer({ type: 'read_ok', value: 'again' }, 'n0', 2)
    expect(clients.late).toBe(1)
    answer({ type: 'read_ok', value: 2 })
    expect((await second).reply).toMatchObject({ value: 2 })
  })
})

describe('a request that is sent again', () => {
  const again = { resendMs: 1_000 }

  it('goes to the next nodes, with one number, and the first answer counts', async () => {
    const { clients, heard, answer } = benchOf(again)
    const asked = clients.client('n1').ask(READ)
    vi.advanceTimersByTime(2_500)
    expect(heard.map(({ dest, body }) => [dest, body.msg_id])).toEqual([
      ['n1', 1],
      ['n2', 1],
      ['n0', 1],
    ])
    answer({ type: 'read_ok' }, 'n2')
    expect(await asked).toMatchObject({ status: 'ok', node: 'n2' })
    answer({ type: 'read_ok' }, 'n0')
    expect(clients.history).toHaveLength(1)
    expect(clients.late).toBe(1)
  })

  it('is in the history once, also when two answers come at once', async () => {
    const { clients, answer } = benchOf(again)
    const asked = clients.client('n1').ask(READ)
    vi.advanceTimersByTime(1_500)
    answer({ type: 'read_ok' }, 'n1')
    answer({ type: 'read_ok' }, 'n2')
    expect((await asked).node).toBe('n1')
    expect(clients.history).toHaveLength(1)
  })

  it('has not failed when one of several has refused it', async () => {
    const { clients, answer } = benchOf(again)
    const asked = clients.client('n1').ask(READ)
    vi.advanceTimersByTime(1_500)
    answer(error(11))
    vi.advanceTimersByTime(3_500)
    expect((await asked).status).toBe('info')
  })

  it('waits for the next node when its node dies, and has failed when the only one has refused it', async () => {
    const { clients, heard, down, answer } = benchOf(again)
    const asked = clients.client('n1').ask(READ)
    down.add('n1')
    clients.nodeDied('n1')
    vi.advanceTimersByTime(1_000)
    expect(heard.at(-1)!.dest).toBe('n2')
    answer({ type: 'read_ok' })
    expect((await asked).status).toBe('ok')
    const other = clients.client('n0').ask(READ)
    answer(error(11))
    expect((await other).status).toBe('fail')
  })

  it('is never a final one', async () => {
    const { clients, heard } = benchOf(again)
    const asked = clients.client('n1').ask(READ, true)
    vi.advanceTimersByTime(5_000)
    expect((await asked).status).toBe('info')
    expect(heard).toHaveLength(1)
  })
})
