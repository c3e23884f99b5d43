// A workbench in one thread: nodes wired by queues, in virtual time, with memory disks, clients, cuts, loss and kills.
//
// Always true: equal seeds give equal histories; a node that is killed loses everything but its disks.

import { seededRandom, uniform, type Random } from '@mako/engine'
import { memoryDisk, memoryLog, type MemoryDisk } from '@mako/store/log'
import { SimProcess, VirtualTime } from '@mako/testkit'
import type { Body, Json, Message } from '../src/message.ts'
import { MaelstromNode } from '../src/node.ts'
import type { NodeOptions, StoreName } from '../src/parts.ts'

export interface BenchOptions {
  readonly nodes: number
  readonly protocol?: 'raft' | 'paxos'
  /** Milliseconds that a message between nodes takes, uniform. @default [5, 15] */
  readonly latencyMs?: readonly [low: number, high: number]
  /** Of the messages between nodes. @default 0 */
  readonly lossRate?: number
  /** Of the messages between nodes: arrive twice. @default 0 */
  readonly repeatRate?: number
  readonly seed?: number
  /** Nodes keep what they must in memory disks that outlive them. @default true */
  readonly hasStorage?: boolean
  readonly node?: Partial<NodeOptions>
}

interface Life {
  readonly process: SimProcess
  readonly node: MaelstromNode
}

export interface Answered {
  readonly body: Body
  readonly tookMs: number
}

export class Bench {
  readonly time: VirtualTime = new VirtualTime()
  readonly ids: readonly string[]
  readonly logs: string[] = []
  /** Messages between nodes, by type. */
  readonly sent: Map<string, number> = new Map()
  /** Lines that were written, of all nodes. */
  readonly lines: Message[] = []
  readonly #options: BenchOptions
  readonly #random: Random
  readonly #lives = new Map<string, Life>()
  readonly #disks = new Map<string, Map<StoreName, MemoryDisk>>()
  readonly #waiting = new Map<string, (body: Body) => void>()
  readonly #nextId = new Map<string, number>()
  readonly #cut = new Set<string>()
  #births = 0

  constructor(options: BenchOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
    this.ids = Array.from({ length: options.nodes }, (_, i) => `n${i}`)
  }

  static async start(options: BenchOptions): Promise<Bench> {
    const bench = new Bench(options)
    for (const id of bench.ids) bench.spawn(id)
    const answers = bench.ids.map((id) => bench.init(id))
    for (const answer of answers) {
      const { body } = await bench.wait(answer)
      if (body.type !== 'init_ok') throw new Error(JSON.stringify(body))
    }
    return bench
  }

  /** Starts the process of a node; it is not initialised. */
  spawn(id: string): void {
    const process = new SimProcess(this.time)
    const node = new MaelstromNode({
      protocol: this.#options.protocol ?? 'raft',
      storage:
        this.#options.hasStorage === false
          ? undefined
          : {
              exists: (name) => this.#disks.get(id)?.has(name) === true,
              open: (name) => Promise.resolve(memoryLog(this.#disk(id, name))),
            },
      memoryLog,
      clock: process.clock,
      random: seededRandom(this.#random.u32()),
      life: `life${++this.#births}`,
      write: (line) => {
        if (process.alive) this.#route(line)
        return true
      },
      log: (text) => this.logs.push(`${id} ${text}`),
      ...this.#options.node,
    })
    this.#lives.set(id, { process, node })
  }

  init(id: string): Promise<Answered> {
    return this.ask(id, { type: 'init', node_id: id, node_ids: this.ids }, 'c0')
  }

  kill(id: string): void {
    this.#lives.get(id)?.process.kill()
    this.#lives.delete(id)
  }

  /** Ends the process of a node in good order. */
  async stop(id: string): Promise<void> {
    await this.#lives.get(id)?.node.stop()
    this.kill(id)
  }

  async restart(id: string): Promise<void> {
    this.kill(id)
    this.spawn(id)
    await this.wait(this.init(id))
  }

  /** Starts a node again, unless it runs. */
  revive(id: string): void {
    if (this.#lives.has(id)) return
    this.spawn(id)
    void this.init(id)
  }

  /** The number of the last request of a client. */
  lastId(client: string): number {
    return this.#nextId.get(client) ?? 0
  }

  /** Nodes of different groups do not reach each other. */
  partition(...groups: (readonly string[])[]): void {
    this.heal()
    for (const a of groups) {
      for (const b of groups) if (a !== b) for (const x of a) for (const y of b) this.#cut.add(`${x} ${y}`)
    }
  }

  heal(): void {
    this.#cut.clear()
  }

  /** Hands a line to a node as it is. */
  feed(id: string, line: string): void {
    const life = this.#lives.get(id)
    life?.process.deliver(() => life.node.receive(line))
  }

  /** Sends a request with an id of its own; resolves with the answer, which may never come. */
  ask(id: string, body: Readonly<Record<string, unknown>>, client = 'c1', msgId?: number): Promise<Answered> {
    const number = msgId ?? (this.#nextId.get(client) ?? 0) + 1
    this.#nextId.set(client, Math.max(number, this.#nextId.get(client) ?? 0))
    const askedAt = this.time.nowMs
    return new Promise((resolve) => {
      this.#waiting.set(`${client} ${number}`, (answer) => {
        resolve({ body: answer, tookMs: this.time.nowMs - askedAt })
      })
      const line = JSON.stringify({ src: client, dest: id, body: { ...body, msg_id: number } })
      this.time.schedule(0, () => this.feed(id, line))
    })
  }

  /** Lets time pass until it has come. */
  async wait<T>(coming: Promise<T>, limitMs = 60_000): Promise<T> {
    let came: { readonly value: T } | undefined
    void coming.then((value) => {
      came = { value }
    })
    // In slices: a chain of promises that no event drives goes on only between them.
    for (const end = this.time.nowMs + limitMs; this.time.nowMs < end; ) {
      if (await this.time.runUntil(() => came !== undefined, 5)) return came!.value
    }
    throw new Error('It did not come.')
  }

  async call(id: string, body: Readonly<Record<string, unknown>>, client?: string, msgId?: number): Promise<Body> {
    return (await this.wait(this.ask(id, body, client, msgId))).body
  }

  /** Asks again, with new ids, until the answer is no error. */
  async insist(id: string, body: Readonly<Record<string, unknown>>, client?: string): Promise<Body> {
    for (let i = 0; i < 50; i++) {
      const answer = await this.call(id, body, client)
      if (answer.type !== 'error') return answer
      await this.time.runFor(200)
    }
    throw new Error(`${id} never answers ${JSON.stringify(body)}`)
  }

  /** Waits until this is answered so. */
  async until(id: string, body: Readonly<Record<string, unknown>>, holds: (answer: Body) => boolean): Promise<void> {
    for (let i = 0; i < 200; i++) {
      if (holds(await this.call(id, body, 'cwait'))) return
      await this.time.runFor(100)
    }
    throw new Error(`In vain waited for an answer of ${id} to ${JSON.stringify(body)}`)
  }

  messagesBetweenNodes(): number {
    return [...this.sent.values()].reduce((sum, count) => sum + count, 0)
  }

  #disk(id: string, name: StoreName): MemoryDisk {
    let disks = this.#disks.get(id)
    if (disks === undefined) this.#disks.set(id, (disks = new Map<StoreName, MemoryDisk>()))
    let disk = disks.get(name)
    if (disk === undefined) disks.set(name, (disk = memoryDisk()))
    return disk
  }

  #route(line: string): void {
    const message = JSON.parse(line) as Message
    const { src, dest, body } = message
    this.lines.push(message)
    if (!this.ids.includes(dest)) {
      const key = `${dest} ${body.in_reply_to ?? -1}`
      const answer = this.#waiting.get(key)
      this.#waiting.delete(key)
      answer?.(body)
      return
    }
    this.sent.set(body.type, (this.sent.get(body.type) ?? 0) + 1)
    const { latencyMs: [low, high] = [5, 15], lossRate = 0, repeatRate = 0 } = this.#options
    if (this.#cut.has(`${src} ${dest}`) || uniform(this.#random, 0, 1) < lossRate) return
    const copies = uniform(this.#random, 0, 1) < repeatRate ? 2 : 1
    for (let i = 0; i < copies; i++) {
      this.time.schedule(uniform(this.#random, low, high), () => this.feed(dest, line))
    }
  }
}

/** The list in an answer, in an order of its own. */
export function sorted(list: Json | undefined): Json[] {
  return [...(list as readonly Json[])].sort((a, b) => Number(a) - Number(b))
}
