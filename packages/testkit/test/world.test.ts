// The pieces of the world: time, processes, the network, the disk.

import {
  encodeBlock,
  MakoError,
  seededRandom,
  type Block,
  type LogStore,
  type LogWrite,
  type Transport,
} from '@mako/engine'
import { describe, expect, it } from 'vitest'
import {
  CALM_DISK,
  CALM_NETWORK,
  SimDisk,
  SimNetwork,
  SimProcess,
  VirtualTime,
  between,
  chance,
  pick,
  stream,
  type DiskOptions,
  type NetworkOptions,
} from '../src/index.ts'

describe('time', () => {
  it('runs events in the order of their times, and of their making at one time', async () => {
    const time = new VirtualTime()
    const seen: string[] = []
    const random = seededRandom(1)
    const expected: { at: number; order: number }[] = []
    for (let order = 0; order < 500; order++) {
      const at = between(random, 0, 50)
      expected.push({ at, order })
      time.schedule(at, () => seen.push(`${at}:${order}`))
    }
    await time.runFor(100)
    expected.sort((a, b) => a.at - b.at || a.order - b.order)
    expect(seen).toEqual(expected.map(({ at, order }) => `${at}:${order}`))
    expect(time.nowMs).toBe(100)
    expect(time.events).toBe(500)
  })

  it('runs what promises wait for before the next event', async () => {
    const time = new VirtualTime()
    const seen: string[] = []
    const waiting = new Promise<void>((resolve) => time.schedule(1, resolve))
    const wait = async (): Promise<void> => {
      await waiting
      seen.push(`resolved at ${time.nowMs}`)
    }
    void wait()
    time.schedule(1, () => seen.push('next event'))
    await time.runFor(2)
    expect(seen).toEqual(['resolved at 1', 'next event'])
  })

  it('notices when it stands still', async () => {
    const time = new VirtualTime()
    const again = (): void => {
      time.schedule(0, again)
    }
    again()
    await expect(time.runFor(1)).rejects.toThrow('Time stands still')
  })

  it('forgets what was cancelled, and stops when a condition holds', async () => {
    const time = new VirtualTime()
    let count = 0
    time.cancel(time.schedule(1, () => count++))
    time.schedule(2, () => count++)
    time.schedule(3, () => count++)
    expect(await time.runUntil(() => count === 1, 10)).toBe(true)
    expect(time.nowMs).toBe(2)
    expect(await time.runUntil(() => count === 5, 10)).toBe(false)
    expect(time.nowMs).toBe(12)
  })
})

describe('randomness', () => {
  it('gives each label a stream of its own', () => {
    expect(stream(1, 'a').u32()).toBe(stream(1, 'a').u32())
    expect(stream(1, 'a').u32()).not.toBe(stream(1, 'b').u32())
    expect(stream(1, 'a').u32()).not.toBe(stream(2, 'a').u32())
  })

  it('draws within its bounds', () => {
    const random = seededRandom(3)
    const seen = new Set(Array.from({ length: 200 }, () => between(random, 2, 4)))
    expect([...seen].sort()).toEqual([2, 3, 4])
    expect(chance(random, 0)).toBe(false)
    expect(chance(random, 1)).toBe(true)
    expect(() => pick(random, [])).toThrow(RangeError)
  })
})

describe('a process', () => {
  it('is dead for ever: no timer, no turn, no message', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time)
    let ran = 0
    process.clock.setTimer(5, () => ran++)
    process.clock.defer(() => ran++)
    process.kill()
    process.deliver(() => ran++)
    process.clock.setTimer(1, () => ran++)
    process.resume()
    await time.runFor(10)
    expect(ran).toBe(0)
    expect(process.alive).toBe(false)
  })

  it('hears everything after a pause, in order, and its clock has gone on', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time, { clockStartMs: 1000 })
    const seen: string[] = []
    process.clock.setTimer(5, () => seen.push(`timer at ${process.clock.monotonicNow()}`))
    process.pause()
    process.deliver(() => seen.push('message'))
    await time.runFor(20)
    expect(seen).toEqual([])
    process.resume()
    await time.runFor(1)
    expect(seen).toEqual(['message', 'timer at 1020'])
  })

  it('starts nothing while it is busy, and its clock is ahead at once', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time)
    const seen: string[] = []
    process.clock.setTimer(1, () => {
      process.burn(10)
      seen.push(`busy until ${process.clock.monotonicNow()}`)
      process.clock.setTimer(1, () => seen.push(`later at ${time.nowMs}`))
    })
    process.clock.setTimer(2, () => seen.push(`second at ${time.nowMs}`))
    await time.runFor(20)
    expect(seen).toEqual(['busy until 11', 'second at 11', 'later at 12'])
  })

  it('has clocks that drift, timers that are late, and a wall clock that jumps', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time, { clockRate: 2, timerLateness: () => 3 })
    let at = 0
    process.clock.setTimer(10, () => (at = time.nowMs))
    const wall = process.clock.wallNow()
    process.jumpWallClock(-5000)
    await time.runFor(20)
    expect(at).toBe(8)
    expect(process.clock.monotonicNow()).toBe(40)
    expect(process.clock.wallNow() - wall).toBe(40 - 5000)
  })

  it('drifts without a jump, and its wall clock can be set', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time, { clockStartMs: 100 })
    await time.runFor(10)
    process.drift(1.5)
    expect(process.clock.monotonicNow()).toBe(110)
    await time.runFor(10)
    expect(process.clock.monotonicNow()).toBe(125)
    process.setWallClock(0)
    expect(process.clock.wallNow()).toBe(0)
    await time.runFor(10)
    expect(process.clock.wallNow()).toBe(15)
    expect(process.clock.monotonicNow()).toBe(140)
  })

  it('does nothing else while its event loop stands still', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time)
    let at = 0
    process.clock.setTimer(5, () => (at = time.nowMs))
    process.stall(20)
    await time.runFor(30)
    expect(at).toBe(20)
  })

  it('never calls a timer that was cleared, not even one that waited for a pause to end', async () => {
    const time = new VirtualTime()
    const process = new SimProcess(time)
    let ran = 0
    const timer = process.clock.setTimer(1, () => ran++)
    process.pause()
    await time.runFor(2)
    process.clock.clearTimer(timer)
    process.resume()
    await time.runFor(2)
    expect(ran).toBe(0)
  })
})

interface Station {
  readonly process: SimProcess
  readonly transport: Transport
  readonly heard: string[]
}

class Wire {
  readonly time = new VirtualTime()
  readonly network: SimNetwork
  readonly stations: Record<string, Station> = {}

  constructor(options: Partial<NetworkOptions> = {}) {
    const all = { ...CALM_NETWORK, ...options }
    this.network = new SimNetwork(this.time, seededRandom(7), ['a', 'b', 'c'], all)
  }

  async up(id: string): Promise<Station> {
    const process = new SimProcess(this.time)
    const transport = this.network.transport(id, process)
    const heard: string[] = []
    await transport.start(
      { clusterId: 'sim', nodeId: id, incarnation: 1, members: [] },
      {
        message: (from, partition, bytes) => heard.push(`${from}/${partition}: ${String(bytes[0])}`),
        connected: (peer) => heard.push(`+${peer}`),
        closed: (peer, died) => heard.push(`-${peer} ${died ? 'died' : 'lost'}`),
      },
    )
    const station = { process, transport, heard }
    this.stations[id] = station
    return station
  }

  down(id: string): void {
    this.stations[id]?.process.kill()
    this.network.down(id)
  }

  send(from: string, to: string, ...values: number[]): void {
    const { transport } = this.stations[from]!
    for (const value of values) transport.send(to, 0, Uint8Array.of(value))
    transport.flush()
  }
}

describe('the network', () => {
  const messages = (station: Station): string[] => station.heard.filter((line) => line.includes(':'))

  it('connects, delivers in order, and tells of a death', async () => {
    const wire = new Wire()
    const a = await wire.up('a')
    const b = await wire.up('b')
    await wire.time.runFor(5)
    wire.send('a', 'b', 1, 2, 3)
    wire.send('a', 'b', 4)
    await wire.time.runFor(5)
    expect(b.heard).toEqual(['+a', 'a/0: 1', 'a/0: 2', 'a/0: 3', 'a/0: 4'])
    wire.down('b')
    await wire.time.runFor(5)
    expect(a.heard).toEqual(['+b', '-b died'])
    await wire.up('b')
    await wire.time.runFor(5)
    expect(a.heard).toEqual(['+b', '-b died', '+b'])
    expect(a.transport.stats().messagesSent).toBe(4)
  })

  it('is silent about a death behind a cut, until the cut heals', async () => {
    const wire = new Wire()
    const a = await wire.up('a')
    await wire.up('b')
    await wire.time.runFor(5)
    wire.network.cut('b', 'a')
    wire.down('b')
    await wire.time.runFor(50)
    expect(a.heard).toEqual(['+b'])
    wire.network.join('b', 'a')
    await wire.time.runFor(5)
    expect(a.heard).toEqual(['+b', '-b died'])
  })

  it('cuts one way, also what is on its way, and counts it', async () => {
    const wire = new Wire()
    const a = await wire.up('a')
    const b = await wire.up('b')
    await wire.time.runFor(5)
    wire.send('a', 'b', 1)
    wire.network.cut('a', 'b')
    wire.send('a', 'b', 2)
    wire.send('b', 'a', 3)
    await wire.time.runFor(5)
    expect(messages(b)).toEqual([])
    expect(messages(a)).toEqual(['b/0: 3'])
    expect(wire.network.counters.cut).toBe(2)
    expect(wire.network.isCut('a', 'b')).toBe(true)
    wire.network.heal()
    wire.send('a', 'b', 4)
    await wire.time.runFor(5)
    expect(messages(b)).toEqual(['a/0: 4'])
  })

  it('holds everything during a clog, and loses nothing', async () => {
    const wire = new Wire()
    await wire.up('a')
    const b = await wire.up('b')
    wire.network.clog('a', 'b', 100)
    wire.send('a', 'b', 1)
    await wire.time.runFor(99)
    wire.send('a', 'b', 2)
    expect(messages(b)).toEqual([])
    await wire.time.runFor(5)
    expect(messages(b)).toEqual(['a/0: 1', 'a/0: 2'])
  })

  it('loses, repeats and reorders as often as it is told', async () => {
    const lossy = new Wire({ loss: 1 })
    await lossy.up('a')
    const deaf = await lossy.up('b')
    lossy.send('a', 'b', 1, 2)
    await lossy.time.runFor(10)
    expect(messages(deaf)).toEqual([])
    expect(lossy.network.counters.lost).toBe(2)

    const wild = new Wire({ duplicate: 0.5, reorder: 0.5, delayMs: [0.1, 5] })
    await wild.up('a')
    const b = await wild.up('b')
    const values = Array.from({ length: 100 }, (_, i) => i)
    for (const value of values) wild.send('a', 'b', value)
    await wild.time.runFor(100)
    const { duplicated, reordered } = wild.network.counters
    expect(duplicated).toBeGreaterThan(20)
    expect(reordered).toBeGreaterThan(20)
    expect(messages(b)).toHaveLength(100 + duplicated)
    expect(new Set(messages(b)).size).toBe(100)
    expect(messages(b)).not.toEqual([...messages(b)].sort((x, y) => Number(x.slice(5)) - Number(y.slice(5))))
  })

  it('lets a clog go before its time, in order', async () => {
    const wire = new Wire()
    await wire.up('a')
    const b = await wire.up('b')
    wire.network.clog('a', 'b', 1000)
    for (let i = 0; i < 5; i++) {
      wire.send('a', 'b', i)
      await wire.time.runFor(7)
    }
    expect(messages(b)).toEqual([])
    wire.network.unclog('a', 'b')
    await wire.time.runFor(1)
    expect(messages(b)).toEqual([0, 1, 2, 3, 4].map((i) => `a/0: ${i}`))
  })

  it('refuses what is damaged, and resets that connection', async () => {
    const wire = new Wire({ corrupt: 1 })
    const a = await wire.up('a')
    const b = await wire.up('b')
    await wire.time.runFor(5)
    wire.send('a', 'b', 1)
    await wire.time.runFor(5)
    expect(messages(b)).toEqual([])
    expect(b.heard).toEqual(['+a', '-a died', '+a'])
    expect(a.heard).toEqual(['+b', '-b died', '+b'])
    expect(b.transport.stats().refused).toEqual({ checksum: 1 })
    expect(wire.network.counters).toMatchObject({ corrupted: 1, resets: 1 })
  })

  it('loses what is on a connection that is reset', async () => {
    const wire = new Wire({ delayMs: [5, 6] })
    const a = await wire.up('a')
    const b = await wire.up('b')
    await wire.time.runFor(20)
    wire.send('a', 'b', 1)
    wire.network.reset('b', 'a')
    await wire.time.runFor(20)
    wire.send('a', 'b', 2)
    await wire.time.runFor(20)
    expect(messages(b)).toEqual(['a/0: 2'])
    expect(a.heard).toEqual(['+b', '-b died', '+b'])
    expect(wire.network.counters.reset).toBe(1)
  })

  it('leaves a connection half-open when a node vanishes, until it is back', async () => {
    const wire = new Wire()
    const a = await wire.up('a')
    await wire.up('b')
    await wire.time.runFor(5)
    wire.stations['b']!.process.kill()
    wire.network.vanish('b')
    await wire.time.runFor(1000)
    expect(a.heard).toEqual(['+b'])
    await wire.up('b')
    await wire.time.runFor(5)
    expect(a.heard).toEqual(['+b', '-b died', '+b'])
  })

  it('delivers old messages again, also to a later life', async () => {
    const wire = new Wire({ remembered: 4 })
    await wire.up('a')
    await wire.up('b')
    for (let i = 0; i < 250; i++) wire.send('a', 'b', i)
    await wire.time.runFor(5)
    wire.down('a')
    wire.down('b')
    await wire.time.runFor(1000)
    const later = await wire.up('b')
    expect(wire.network.replay('a', 'b', 3)).toBe(3)
    await wire.time.runFor(5)
    expect(messages(later)).toHaveLength(3)
    wire.network.heal()
    expect(wire.network.replay('a', 'b', 3)).toBe(0)
  })

  it('hands over what is no message, and counts it for this life', async () => {
    const wire = new Wire()
    const b = await wire.up('b')
    expect(wire.network.inject('a', 'b', 0, Uint8Array.of(7))).toBe(true)
    expect(messages(b)).toEqual(['a/0: 7'])
    expect(wire.network.garbageTo('b')).toBe(1)
    wire.down('b')
    expect(wire.network.inject('a', 'b', 0, Uint8Array.of(7))).toBe(false)
    await wire.up('b')
    expect(wire.network.garbageTo('b')).toBe(0)
  })

  it('is slow on one link, loses in bursts, and has a heavy tail', async () => {
    const wire = new Wire()
    await wire.up('a')
    const b = await wire.up('b')
    const c = await wire.up('c')
    wire.network.slow('a', 'b', 100)
    wire.send('a', 'b', 1)
    wire.send('a', 'c', 2)
    await wire.time.runFor(50)
    expect(messages(b)).toEqual([])
    expect(messages(c)).toEqual(['a/0: 2'])
    await wire.time.runFor(60)
    expect(messages(b)).toEqual(['a/0: 1'])
    wire.network.burst('a', 'c', 1, 10)
    wire.send('a', 'c', 3)
    await wire.time.runFor(20)
    wire.send('a', 'c', 4)
    await wire.time.runFor(20)
    expect(messages(c)).toEqual(['a/0: 2', 'a/0: 4'])

    const tailed = new Wire({ tail: 1, tailMs: 40 })
    await tailed.up('a')
    const patient = await tailed.up('b')
    for (let i = 0; i < 50; i++) tailed.send('a', 'b', i)
    await tailed.time.runFor(41)
    expect(messages(patient)).toHaveLength(50)
    expect(tailed.network.counters.tails).toBeGreaterThanOrEqual(50)
  })

  it('carries so many bytes in a millisecond, and drops what waits for too long', async () => {
    const wire = new Wire({ bytesPerMs: 1 })
    await wire.up('a')
    const b = await wire.up('b')
    for (let i = 0; i < 100; i++) wire.send('a', 'b', i)
    await wire.time.runFor(50)
    expect(messages(b).length).toBeGreaterThan(45)
    expect(messages(b).length).toBeLessThan(55)
    for (let i = 0; i < 255; i++) wire.send('a', 'b', i)
    await wire.time.runFor(1000)
    expect(messages(b).length).toBeLessThan(280)
    expect(wire.network.counters.queued).toBeGreaterThan(50)
    expect(wire.network.counters.lost).toBeGreaterThan(50)
  })

  it('gives each receiver bytes of its own', async () => {
    const wire = new Wire()
    await wire.up('a')
    const process = new SimProcess(wire.time)
    const received: Uint8Array[] = []
    await wire.network.transport('b', process).start(
      { clusterId: 'sim', nodeId: 'b', incarnation: 1, members: [] },
      {
        message: (_from, _partition, bytes) => received.push(bytes),
        connected: () => undefined,
        closed: () => undefined,
      },
    )
    const bytes = Uint8Array.of(1)
    wire.stations['a']!.transport.send('b', 0, bytes)
    wire.stations['a']!.transport.flush()
    await wire.time.runFor(5)
    expect(received[0]).toEqual(bytes)
    expect(received[0]?.buffer).not.toBe(bytes.buffer)
  })

  it('refuses what does not fit into an outbox, and what is for nobody', async () => {
    const wire = new Wire({ outboxBytes: 4 })
    const { transport } = await wire.up('a')
    expect(transport.send('b', 0, new Uint8Array(3))).toBe(true)
    expect(transport.send('b', 0, new Uint8Array(3))).toBe(false)
    expect(transport.send('z', 0, new Uint8Array(1))).toBe(false)
    transport.flush()
    expect(transport.send('b', 0, new Uint8Array(3))).toBe(true)
    await transport.stop()
    expect(transport.send('b', 0, new Uint8Array(1))).toBe(false)
    expect(transport.stats().dropped).toBe(3)
  })

  it('knows its nodes', () => {
    const wire = new Wire()
    expect(() => wire.network.cut('a', 'z')).toThrow(RangeError)
  })
})

function block(index: number, term: number, count = 1): LogWrite & { readonly block: Block } {
  const entries = Array.from({ length: count }, (_, i) => ({ kind: 'data' as const, payload: Uint8Array.of(i) }))
  const origin = { node: 'a', incarnation: 1, sequence: index }
  return { type: 'block', partition: 0, truncate: true, block: encodeBlock({ index, term }, origin, entries) }
}

class Bench {
  readonly time = new VirtualTime()
  readonly disk: SimDisk
  process = new SimProcess(this.time)

  constructor(seed = 1, options: DiskOptions = CALM_DISK, earlyMs?: number) {
    const lies = earlyMs === undefined ? undefined : { earlyMs }
    this.disk = new SimDisk(this.time, seededRandom(seed), options, {}, lies)
  }

  /** A promise's value after some virtual time; what has not settled is 'open'. */
  async after<T>(ms: number, promise: Promise<T>): Promise<T | 'open' | Error> {
    let answer: T | 'open' | Error = 'open'
    promise.then(
      (value) => (answer = value),
      (error: unknown) => (answer = error as Error),
    )
    await this.time.runFor(ms)
    return answer
  }

  async open(): Promise<{ store: LogStore; incarnation: number; indexes: number[]; state: Uint8Array | undefined }> {
    this.process = new SimProcess(this.time)
    const store = this.disk.open(this.process)
    const recovered = await this.after(10, store.recover({ clusterId: 'sim', nodeId: 'a', partitions: [0] }))
    if (recovered === 'open' || recovered instanceof Error) throw new Error('The disk does not recover.')
    const { incarnation, partitions } = recovered
    const { blocks, state } = partitions.get(0)!
    return { store, incarnation, indexes: blocks.map(({ index }) => index), state }
  }

  crash(): void {
    this.process.kill()
    this.disk.crash()
  }
}

describe('the disk', () => {
  it('keeps what has resolved, and counts its starts', async () => {
    const bench = new Bench()
    const first = await bench.open()
    expect(first.incarnation).toBe(1)
    const state: LogWrite = { type: 'state', partition: 0, state: Uint8Array.of(9) }
    expect(await bench.after(5, first.store.append([block(1, 1, 3), block(4, 1), state]))).toBeUndefined()
    bench.crash()
    const second = await bench.open()
    expect(second).toMatchObject({ incarnation: 2, indexes: [1, 4], state: Uint8Array.of(9) })
    const read = await bench.after(5, second.store.read(0, 2, 1))
    expect(read).toHaveLength(1)
    expect(await bench.after(5, second.store.read(0, 1, 10_000))).toHaveLength(2)
    expect(await bench.after(5, second.store.read(0, 5, 10_000))).toEqual([])
    expect(second.store.stats().flushes).toBe(0)
  })

  it('truncates where it is told to, and refuses to cut a block in two', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    await bench.after(5, store.append([block(1, 1), block(2, 1), block(3, 1, 2)]))
    await bench.after(5, store.append([block(2, 2)]))
    expect(bench.disk.blocks(0).map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
    ])
    await bench.after(5, store.append([block(3, 2, 3)]))
    const { block: inside } = block(4, 3)
    void store.append([{ type: 'block', partition: 0, truncate: true, block: inside }])
    await expect(bench.time.runFor(5)).rejects.toThrow(MakoError)
  })

  it('keeps a prefix of an append that a crash has interrupted', async () => {
    const kept = new Set<number>()
    for (let seed = 0; seed < 60; seed++) {
      const bench = new Bench(seed, { ...CALM_DISK, flushMs: [5, 10] })
      const { store } = await bench.open()
      const appended = bench.after(1, store.append([block(1, 1), block(2, 1), block(3, 1)]))
      expect(await appended).toBe('open')
      bench.crash()
      const { indexes } = await bench.open()
      expect(indexes).toEqual([1, 2, 3].slice(0, indexes.length))
      kept.add(indexes.length)
    }
    expect([...kept].sort()).toEqual([0, 1, 2, 3])
  })

  it('is dead to a process that has died', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    bench.crash()
    expect(await bench.after(50, store.append([block(1, 1)]))).toBe('open')
    expect(await bench.after(50, store.read(0, 1, 1))).toBe('open')
    expect(bench.disk.blocks(0)).toEqual([])
  })

  it('fails once and for all', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    bench.disk.failNext()
    expect(await bench.after(5, store.append([block(1, 1)]))).toMatchObject({ code: 'LOG_IO' })
    expect(await bench.after(5, store.append([block(1, 1)]))).toMatchObject({ code: 'LOG_IO' })
    expect(bench.disk.counters.failedAppends).toBe(1)
  })

  it('keeps nothing of an append whose flush has failed', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    await bench.after(5, store.append([block(1, 1)]))
    bench.disk.failNext('flush')
    expect(await bench.after(5, store.append([block(2, 1), block(3, 1)]))).toMatchObject({ code: 'LOG_IO' })
    expect(await bench.after(5, store.append([block(2, 1)]))).toMatchObject({ code: 'LOG_IO' })
    expect(await bench.after(5, store.read(0, 2, 1))).toEqual([])
    bench.crash()
    expect((await bench.open()).indexes).toEqual([1])
    expect(bench.disk.counters.failedFlushes).toBe(1)
  })

  it('is full until space is freed: appends and starts fail, nothing is lost', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    await bench.after(5, store.append([block(1, 1)]))
    bench.disk.fill()
    expect(await bench.after(5, store.append([block(2, 1)]))).toMatchObject({ code: 'LOG_IO' })
    bench.crash()
    await expect(bench.open()).rejects.toThrow('does not recover')
    bench.disk.free()
    expect((await bench.open()).indexes).toEqual([1])
    expect(bench.disk.counters).toMatchObject({ fullAppends: 1, refusedFull: 1 })
  })

  it('is slow for as long as it is told', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    bench.disk.slow(50)
    const appended = store.append([block(1, 1)])
    expect(await bench.after(45, appended)).toBe('open')
    expect(await bench.after(10, appended)).toBeUndefined()
    bench.disk.slow(0)
    expect(await bench.after(5, store.append([block(2, 1)]))).toBeUndefined()
  })

  it('rots: damage in the middle is refused, by reads and by every start', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    expect(bench.disk.rot(seededRandom(1))).toBe(false)
    await bench.after(5, store.append([block(1, 1), block(2, 1), block(3, 1)]))
    expect(bench.disk.rot(seededRandom(1))).toBe(true)
    const answers = [1, 2, 3].map((from) => bench.after(5, store.read(0, from, 1)))
    const refused: number[] = []
    for (const [i, answer] of answers.entries()) {
      const got = await answer
      if (got instanceof MakoError) {
        expect(got.code).toBe('CORRUPT_LOG')
        refused.push(i + 1)
      } else expect(got).toHaveLength(1)
    }
    // The newest record could not be told from a torn write, so it is never the damaged one.
    expect(refused).toHaveLength(1)
    expect(refused[0]).toBeLessThan(3)
    const upTo = await bench.after(5, store.read(0, 1, 10_000))
    if (refused[0] === 2) expect(upTo).toHaveLength(1)
    bench.crash()
    await expect(bench.open()).rejects.toThrow('does not recover')
    expect(bench.disk.counters.refusedRotten).toBe(1)
    bench.disk.wipe()
    expect(bench.disk.isRotten).toBe(false)
    expect(await bench.open()).toMatchObject({ incarnation: 1, indexes: [], state: undefined })
  })

  it('belongs to one node, and to no other', async () => {
    const bench = new Bench()
    await bench.open()
    bench.crash()
    const store = bench.disk.open(new SimProcess(bench.time))
    const other = bench.after(5, store.recover({ clusterId: 'sim', nodeId: 'b', partitions: [0] }))
    expect(await other).toMatchObject({ code: 'LOG_MISMATCH' })
    expect((await bench.open()).incarnation).toBe(2)
  })

  it('removes what a block overlaps when it does not truncate', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    await bench.after(5, store.append([block(1, 1), block(2, 1, 3), block(5, 1)]))
    await bench.after(5, store.append([{ type: 'block', partition: 0, truncate: false, block: block(3, 2).block }]))
    expect(bench.disk.blocks(0).map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [3, 2],
      [5, 1],
    ])
  })

  it('takes one append at a time', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    void store.append([block(1, 1)])
    expect(await bench.after(5, store.append([block(2, 1)]))).toMatchObject({ code: 'LOG_IO' })
  })

  it('may be stuck, and goes on', async () => {
    const bench = new Bench()
    const { store } = await bench.open()
    bench.disk.stick()
    const appended = store.append([block(1, 1)])
    expect(await bench.after(1000, appended)).toBe('open')
    bench.disk.unstick()
    expect(await bench.after(5, appended)).toBeUndefined()
  })

  it('crashes where it is armed: before anything is written, half way, and when all is durable and nobody knows', async () => {
    for (const [point, most] of [
      ['before', 0],
      ['middle', 1],
      ['after', 1],
    ] as const) {
      const bench = new Bench(3)
      const { store } = await bench.open()
      bench.disk.arm(point, () => bench.crash())
      expect(await bench.after(5, store.append([block(1, 1)]))).toBe('open')
      expect(bench.process.alive).toBe(false)
      const { indexes } = await bench.open()
      expect(indexes.length).toBeLessThanOrEqual(most)
      if (point === 'after') expect(indexes).toEqual([1])
      expect(bench.disk.counters.crashPoints).toBe(1)
    }
  })

  it('crashes while it is recovered, where it is armed', async () => {
    const bench = new Bench()
    await bench.open()
    bench.crash()
    bench.disk.arm('recover', () => bench.crash())
    await expect(bench.open()).rejects.toThrow('does not recover')
    expect(bench.process.alive).toBe(false)
    expect((await bench.open()).incarnation).toBe(2)
  })

  it('can lie', async () => {
    const bench = new Bench(1, { ...CALM_DISK, flushMs: [5, 6] }, 100)
    const { store } = await bench.open()
    expect(await bench.after(1, store.append([block(1, 1)]))).toBeUndefined()
    bench.crash()
    expect((await bench.open()).indexes).toEqual([])
  })
})
