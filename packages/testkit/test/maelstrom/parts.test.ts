// The parts of the workbench by themselves: lines, messages, the network, the plan of the nemesis, arguments, generators.

import { seededRandom } from '@mako/engine'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ArgumentError, parseArguments, type MaelstromArguments } from '../../src/node/maelstrom/arguments.ts'
import { LineSplitter } from '../../src/node/maelstrom/lines.ts'
import { cutsOf, FAULT_KINDS, Nemesis, planNemesis, type Fault } from '../../src/node/maelstrom/nemesis.ts'
import { Network, type NetworkOptions } from '../../src/node/maelstrom/network.ts'
import type { Operation } from '../../src/node/maelstrom/history.ts'
import { isDefinite, parseMessage, type Message } from '../../src/node/maelstrom/protocol.ts'
import { quantilesOf } from '../../src/node/maelstrom/quantiles.ts'
import { TOPOLOGIES, topologyOf } from '../../src/node/maelstrom/topology.ts'
import { Keys } from '../../src/node/maelstrom/workloads/keys.ts'
import { isWorkload, workloadOf, WORKLOADS } from '../../src/node/maelstrom/workloads/index.ts'
import type { FinalReads } from '../../src/node/maelstrom/workloads/workload.ts'

const NODES = ['n0', 'n1', 'n2', 'n3', 'n4']

describe('lines', () => {
  function split(pieces: readonly string[], limit?: number): readonly (string | undefined)[] {
    const lines: (string | undefined)[] = []
    const splitter = new LineSplitter((line) => lines.push(line), limit)
    for (const piece of pieces) splitter.push(piece)
    return lines
  }

  it('are put together from pieces', () => {
    expect(split(['a', 'b\nc', '\n\nd\ne'])).toEqual(['ab', 'c', '', 'd'])
  })

  it('over the limit are told as nothing, once, and the next is whole again', () => {
    expect(split(['12345', '67', '89\nok\n'], 6)).toEqual([undefined, 'ok'])
    expect(split(['123456\n1234567\n'], 6)).toEqual(['123456', undefined])
  })
})

describe('messages', () => {
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'is not an object'],
    ['null', 'is not an object'],
    ['{"dest":"n1","body":{"type":"x"}}', 'has no src'],
    ['{"src":"n1","dest":1,"body":{"type":"x"}}', 'has no dest'],
    ['{"src":"n1","dest":"n2"}', 'has no body with a type'],
    ['{"src":"n1","dest":"n2","body":{"type":7}}', 'has no body with a type'],
  ])('%s %s', (line, what) => {
    expect(parseMessage(line)).toBe(what)
  })

  it('knows which errors are definite', () => {
    const codes = [0, 1, 10, 11, 12, 13, 14, 20, 21, 22, 30, 1000]
    expect(codes.filter(isDefinite)).toEqual([1, 10, 11, 12, 14, 20, 21, 22, 30])
  })
})

describe('the network', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function networkOf(options: Partial<NetworkOptions> = {}): { network: Network; heard: string[] } {
    const all = { latencyMs: 0, distribution: 'constant', lossProbability: 0, ...options } as const
    const network = new Network({ random: seededRandom(1), ...all })
    const heard: string[] = []
    for (const node of ['n0', 'n1', 'n2']) network.addNode(node, (line) => heard.push(`${node} ${line}`) > 0)
    network.addClient('c1', (line) => heard.push(`c1 ${line}`) > 0)
    return { network, heard }
  }
  const message = (src: string, dest: string): Message => ({ src, dest, body: { type: 'x' } })
  const send = (network: Network, src: string, dest: string, line = 'x'): boolean =>
    network.send(line, message(src, dest))

  it('delays what nodes say to each other, and only that', () => {
    const { network, heard } = networkOf({ latencyMs: 100 })
    send(network, 'c1', 'n0')
    send(network, 'n0', 'c1')
    send(network, 'n0', 'n0')
    expect(heard).toEqual(['n0 x', 'c1 x', 'n0 x'])
    send(network, 'n0', 'n1')
    vi.advanceTimersByTime(99)
    expect(heard).toHaveLength(3)
    vi.advanceTimersByTime(1)
    expect(heard.at(-1)).toBe('n1 x')
    expect(network.counters).toEqual({ servers: 1, lost: 0, cut: 0, overflowed: 0 })
  })

  it.each(['uniform', 'exponential'] as const)(
    'has the same mean delay, and lets messages overtake: %s',
    (distribution) => {
      const { network, heard } = networkOf({ latencyMs: 100, distribution })
      for (let i = 0; i < 2_000; i++) send(network, 'n0', 'n1', String(i))
      vi.advanceTimersByTime(100)
      // Half of an even distribution, and 1 - 1/e of an exponential one.
      const expected = distribution === 'uniform' ? 1_000 : 1_264
      expect(Math.abs(heard.length - expected)).toBeLessThan(100)
      vi.advanceTimersByTime(10_000)
      expect(heard).toHaveLength(2_000)
      expect(heard).not.toEqual([...heard].sort((a, b) => Number(a.slice(3)) - Number(b.slice(3))))
    },
  )

  it('loses what is under way when a link is cut, one way, until it heals', () => {
    const { network, heard } = networkOf({ latencyMs: 10 })
    send(network, 'n0', 'n1', 'under way')
    network.cut([['n0', 'n1']])
    send(network, 'n0', 'n1', 'cut')
    send(network, 'n1', 'n0', 'the other way')
    send(network, 'c1', 'n1', 'of a client')
    vi.advanceTimersByTime(10)
    network.cut([])
    send(network, 'n0', 'n1', 'healed')
    vi.advanceTimersByTime(10)
    expect(heard).toEqual(['n1 of a client', 'n0 the other way', 'n1 healed'])
    expect(network.counters.cut).toBe(2)
  })

  it('loses by chance, of what nodes say to each other', () => {
    const { network, heard } = networkOf({ lossProbability: 0.3 })
    for (let i = 0; i < 1_000; i++) {
      send(network, 'n0', 'n1')
      send(network, 'c1', 'n2')
    }
    expect(heard.filter((each) => each.startsWith('n2'))).toHaveLength(1_000)
    const lost = 1_000 - heard.filter((each) => each.startsWith('n1')).length
    expect(network.counters.lost).toBe(lost)
    expect(Math.abs(lost - 300)).toBeLessThan(60)
  })

  it('knows clients that have left, and nobody else', () => {
    const { network, heard } = networkOf()
    network.removeClient('c1')
    expect(send(network, 'n0', 'c1')).toBe(true)
    expect(send(network, 'n0', 'n9')).toBe(false)
    expect(heard).toEqual([])
  })

  it('forgets what is under way when it is closed', () => {
    const { network, heard } = networkOf({ latencyMs: 10 })
    send(network, 'n0', 'n1')
    network.close()
    vi.advanceTimersByTime(100)
    expect(heard).toEqual([])
  })
})

describe('partitions', () => {
  /** By node, whom it hears, itself among them. */
  function groups(shape: Parameters<typeof cutsOf>[0], nodes: readonly string[]): readonly number[] {
    const cuts = new Set(cutsOf(shape, nodes).map(([from, to]) => `${from} ${to}`))
    for (const cut of cuts) expect(cuts.has(cut.split(' ').reverse().join(' ')), 'both ways').toBe(true)
    return nodes.map((node) => nodes.filter((other) => !cuts.has(`${other} ${node}`)).length)
  }

  it('have their shapes', () => {
    expect(groups('one', NODES)).toEqual([1, 4, 4, 4, 4])
    expect(groups('halves', NODES)).toEqual([2, 2, 3, 3, 3])
    expect(groups('bridge', NODES)).toEqual([3, 3, 5, 3, 3])
    expect(groups('ring', NODES)).toEqual([3, 3, 3, 3, 3])
  })

  it.each([4, 5, 6, 7, 9])('a ring of %i leaves everybody a majority, and not everything', (count) => {
    const nodes = Array.from({ length: count }, (_, i) => `n${i}`)
    for (const size of groups('ring', nodes)) {
      expect(size).toBeGreaterThan(count / 2)
      expect(size).toBeLessThan(count)
    }
  })
})

describe('the nemesis', () => {
  const plan = (seed: number, runMs: number, nodes: readonly string[] = NODES): readonly Fault[] =>
    planNemesis({ seed, nodes, kinds: FAULT_KINDS, runMs })

  it('plans the same for the same seed, and something else for another', () => {
    expect(plan(7, 20_000)).toEqual(plan(7, 20_000))
    expect(plan(7, 20_000)).not.toEqual(plan(8, 20_000))
  })

  it.each([2_000, 10_000, 20_000, 60_000])('strikes several times in %i ms, and it is quiet at the end', (runMs) => {
    for (let seed = 0; seed < 50; seed++) {
      const faults = plan(seed, runMs)
      for (const kind of FAULT_KINDS) {
        const mine = faults.filter((fault) => fault.kind === kind)
        expect(mine.length).toBeGreaterThanOrEqual(2)
        for (const [i, { atMs, untilMs }] of mine.entries()) {
          expect(untilMs).toBeGreaterThan(atMs)
          expect(untilMs).toBeLessThanOrEqual(runMs - Math.min(5_000, runMs / 2))
          if (i > 0) expect(atMs).toBeGreaterThan(mine[i - 1]!.untilMs)
        }
      }
    }
  })

  it('has every shape, one victim, several and all', () => {
    const faults = Array.from({ length: 30 }, (_, seed) => plan(seed, 60_000)).flat()
    const shapes = new Set(faults.map((fault) => (fault.kind === 'partition' ? fault.shape : fault.nodes.length)))
    expect([...shapes].sort()).toEqual([1, 2, 5, 'bridge', 'halves', 'one', 'ring'])
  })

  it('does not cut off a single node', () => {
    expect(new Set(plan(1, 20_000, ['n0']).map(({ kind }) => kind))).toEqual(new Set(['kill', 'pause']))
  })

  it('ends what it has begun, also when it is stopped', () => {
    vi.useFakeTimers()
    try {
      const done: string[] = []
      const faults: readonly Fault[] = [
        { kind: 'kill', atMs: 10, untilMs: 30, nodes: ['n1'] },
        { kind: 'pause', atMs: 20, untilMs: 90, nodes: ['n0', 'n2'] },
        { kind: 'partition', shape: 'one', atMs: 25, untilMs: 95, cuts: [['n0', 'n1']] },
        { kind: 'kill', atMs: 60, untilMs: 70, nodes: ['n2'] },
      ]
      const nemesis = new Nemesis(faults, FAULT_KINDS, {
        partition: (cuts) => done.push(`partition ${cuts.length}`),
        kill: (node) => done.push(`kill ${node}`),
        restart: (node) => done.push(`restart ${node}`),
        pause: (node) => done.push(`pause ${node}`),
        resume: (node) => done.push(`resume ${node}`),
      })
      vi.advanceTimersByTime(50)
      expect(done).toEqual(['kill n1', 'pause n0', 'pause n2', 'partition 1', 'restart n1'])
      nemesis.stop()
      vi.advanceTimersByTime(100)
      expect(done.slice(5)).toEqual(['resume n0', 'resume n2', 'partition 0'])
      expect(nemesis.counts).toEqual({ partition: 1, kill: 1, pause: 1 })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('topologies', () => {
  it.each(TOPOLOGIES)('%s connects all, both ways', (name) => {
    for (const count of [1, 2, 5, 25]) {
      const nodes = Array.from({ length: count }, (_, i) => `n${i}`)
      const topology = topologyOf(name, nodes)
      expect(Object.keys(topology)).toEqual(nodes)
      const reached = new Set(['n0'])
      for (const node of reached) for (const other of topology[node]!) reached.add(other)
      expect(reached.size).toBe(count)
      for (const [node, others] of Object.entries(topology)) {
        expect(others).not.toContain(node)
        for (const other of others) expect(topology[other]).toContain(node)
      }
    }
  })

  it('a grid of 25 has two to four neighbours', () => {
    const nodes = Array.from({ length: 25 }, (_, i) => `n${i}`)
    const counts = Object.values(topologyOf('grid', nodes)).map((others) => others.length)
    expect([2, 3, 4].map((count) => counts.filter((each) => each === count).length)).toEqual([4, 12, 9])
  })
})

describe('quantiles', () => {
  it('are figures of the list', () => {
    expect(quantilesOf([])).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 })
    expect(quantilesOf([3, 1, 2])).toEqual({ p50: 2, p90: 3, p99: 3, max: 3 })
    expect(quantilesOf(Array.from({ length: 200 }, (_, i) => 200 - i))).toEqual({
      p50: 100,
      p90: 180,
      p99: 198,
      max: 200,
    })
  })
})

describe('generators', () => {
  it('give a key up after so many uses, and never come back to it', () => {
    const keys = new Keys(2, 3)
    const random = seededRandom(1)
    const drawn = Array.from({ length: 60 }, () => keys.draw(random))
    for (const key of keys.all) {
      const uses = drawn.filter((each) => each === key).length
      if (keys.active.includes(key)) expect(uses).toBeLessThan(3)
      else expect(uses).toBe(3)
    }
    expect(keys.active).toHaveLength(2)
  })

  it.each(Object.keys(WORKLOADS).filter(isWorkload))('%s asks the same for the same seed', (name) => {
    const requests = (seed: number): readonly unknown[] => {
      const workload = workloadOf(name, { clients: 4 })
      const random = seededRandom(seed)
      return Array.from({ length: 200 }, (_, i) => workload.next(random, i % 4))
    }
    expect(requests(5)).toEqual(requests(5))
    if (name !== 'unique-ids') expect(requests(5)).not.toEqual(requests(6))
  })
})

describe('arguments', () => {
  const parse = (text: string): MaelstromArguments | undefined => parseArguments(text.split(' '), '/the/node')

  it('have defaults', () => {
    expect(parse('--workload kafka')).toMatchObject({
      workload: 'kafka',
      program: '/the/node',
      args: ['--protocol', 'raft', '--workload', 'kafka'],
      nodes: 3,
      seconds: 20,
      rate: 100,
      concurrency: 6,
      nemesis: [],
      resendMs: undefined,
      json: false,
    })
  })

  it('are read', () => {
    const text =
      '-- --workload echo --bin x --protocol none --nodes 5 --time-limit 2.5 --rate 7 --latency 10 --latency-dist constant ' +
      '--loss 0.1 --nemesis partition,kill --seed 9 --concurrency 3 --topology tree4 --timeout 70 --resend 80 ' +
      '--history h --log-stderr d --json'
    expect(parse(text)).toEqual({
      workload: 'echo',
      program: 'x',
      protocol: 'none',
      args: ['--workload', 'echo'],
      nodes: 5,
      seconds: 2.5,
      rate: 7,
      latencyMs: 10,
      distribution: 'constant',
      lossProbability: 0.1,
      nemesis: ['partition', 'kill'],
      seed: 9,
      concurrency: 3,
      topology: 'tree4',
      timeoutMs: 70,
      resendMs: 80,
      history: 'h',
      stderrFolder: 'd',
      json: true,
    })
    expect(parse('--workload echo --help')).toBeUndefined()
  })

  it.each([
    '--nodes 3',
    '--workload chess',
    '--workload',
    '--workload echo --nodes 0',
    '--workload echo --nodes 1.5',
    '--workload echo --nodes many',
    '--workload echo --loss 2',
    '--workload echo --nemesis fire',
    '--workload echo --nemesis kill,fire',
    '--workload echo --topology star',
    '--workload echo --protocol zab',
    '--workload echo --fast',
  ])('are refused by name: %s', (text) => {
    expect(() => parse(text)).toThrow(ArgumentError)
    expect(() => parse(text)).toThrow(/^--/)
  })
})

describe('the last reads of a set', () => {
  it.each(['g-set', 'broadcast'] as const)('of %s go on until a node has all, whatever else it has', async (name) => {
    const workload = workloadOf(name, { clients: 4 })
    const [add, element, elements] =
      name === 'g-set' ? ['add', 'element', 'value'] : ['broadcast', 'message', 'messages']
    const common = { process: 0, node: 'n0', call: 1, ret: 2, final: false }
    const history: Operation[] = [
      { ...common, request: { type: add, [element]: 1 }, status: 'ok' },
      { ...common, request: { type: add, [element]: 2 }, status: 'ok' },
      { ...common, request: { type: add, [element]: 3 }, status: 'info' },
    ]
    const answers: Record<string, number[][]> = {
      n0: [
        [1, 3],
        [1, 3, 2],
      ],
      n1: [[1, 2]],
    }
    const asked: string[] = []
    let waits = 0
    const reads: FinalReads = {
      nodes: ['n0', 'n1'],
      ask: (node) => {
        asked.push(node)
        return Promise.resolve({ type: 'read_ok', [elements]: answers[node]!.shift()! })
      },
      again: () => Promise.resolve(++waits < 5),
    }
    await workload.finish(reads, history)
    expect(asked).toEqual(['n0', 'n1', 'n0'])
    expect(waits).toBe(1)
  })
})
