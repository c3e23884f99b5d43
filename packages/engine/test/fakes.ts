// Ports and a protocol under the hand of a test: time moves, writes finish and leadership changes when it says so.

import {
  encodeBlock,
  lastIndexOf,
  MakoError,
  seededRandom,
  type Admission,
  type Block,
  type Clock,
  type Core,
  type CoreOptions,
  type CoreStatus,
  type CoreWrite,
  type Input,
  type LogStore,
  type LogWrite,
  type Member,
  type Output,
  type PeerStatus,
  type Protocol,
  type Random,
  type RecoveredLog,
  type RoleChange,
  type Transport,
  type TransportHandlers,
} from '@mako/engine'

export class ManualClock implements Clock {
  #now = 0
  #deferred: (() => void)[] = []
  #timers: { at: number; fn: () => void }[] = []

  monotonicNow(): number {
    return this.#now
  }
  wallNow(): number {
    return this.#now
  }
  setTimer(delayMs: number, fn: () => void): unknown {
    const timer = { at: this.#now + delayMs, fn }
    this.#timers.push(timer)
    return timer
  }
  clearTimer(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer)
  }
  defer(fn: () => void): void {
    this.#deferred.push(fn)
  }
  /** Lets time pass without any turn: what a callback that computes for long does. */
  burn(ms: number): void {
    this.#now += ms
  }
  get pendingTimers(): number {
    return this.#timers.length
  }
  /** Runs turns until nothing is due any more. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      const deferred = this.#deferred
      this.#deferred = []
      for (const fn of deferred) fn()
      for (let i = 0; i < 10; i++) await Promise.resolve()
      idle = deferred.length === 0 && this.#deferred.length === 0 ? idle + 1 : 0
    }
  }
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.clearTimer(next)
      this.#now = Math.max(this.#now, next.at)
      next.fn()
      await this.settle()
    }
    this.#now = end
    await this.settle()
  }
}

/** A log in memory whose appends finish at once, or when the test says so. */
export class FakeLog implements LogStore {
  readonly blocks: Map<number, Block[]> = new Map()
  readonly appended: (readonly LogWrite[])[] = []
  hold = false
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined
  #flushes = 0
  incarnation = 1
  closed = 0

  recover(identity: { partitions: readonly number[] }): Promise<RecoveredLog> {
    const partitions = new Map(
      identity.partitions.map((partition) => [
        partition,
        { state: undefined, blocks: this.blocks.get(partition) ?? [] },
      ]),
    )
    return Promise.resolve({ incarnation: this.incarnation, partitions, warnings: [] })
  }
  async append(writes: readonly LogWrite[]): Promise<void> {
    if (this.#waiting !== undefined) throw new Error('two appends at once')
    this.appended.push(writes)
    if (this.hold) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { resolve, reject }
      }).finally(() => {
        this.#waiting = undefined
      })
    }
    for (const write of writes) {
      if (write.type !== 'block') continue
      const kept = (this.blocks.get(write.partition) ?? []).filter((block) => block.index < write.block.index)
      this.blocks.set(write.partition, [...kept, write.block])
    }
    this.#flushes++
  }
  get inFlight(): boolean {
    return this.#waiting !== undefined
  }
  finish(): void {
    this.#waiting!.resolve()
  }
  fail(error: Error): void {
    this.#waiting!.reject(error)
  }
  /** When it is set, answers to reads wait for it. */
  readGate: Promise<void> | undefined

  read(partition: number, from: number, maxBytes: number): Promise<readonly Block[]> {
    const found: Block[] = []
    let bytes = 0
    for (const block of this.blocks.get(partition) ?? []) {
      if (lastIndexOf(block) < from) continue
      if (found.length > 0 && bytes + block.bytes.length > maxBytes) break
      found.push(block)
      bytes += block.bytes.length
    }
    // What was read is what was there; the answer may come later.
    return this.readGate === undefined ? Promise.resolve(found) : this.readGate.then(() => found)
  }
  stats(): { flushes: number; bytes: number; flushMs: number } {
    return { flushes: this.#flushes, bytes: 0, flushMs: 0 }
  }
  close(): Promise<void> {
    this.closed++
    return Promise.resolve()
  }
}

export class FakeTransport implements Transport {
  handlers: TransportHandlers | undefined
  readonly sent: { to: string; partition: number; text: string }[] = []
  flushes = 0
  stopped = 0
  refuseToStart: MakoError | undefined

  start(_: unknown, handlers: TransportHandlers): Promise<void> {
    if (this.refuseToStart !== undefined) return Promise.reject(this.refuseToStart)
    this.handlers = handlers
    return Promise.resolve()
  }
  send(to: string, partition: number, bytes: Uint8Array): boolean {
    this.sent.push({ to, partition, text: new TextDecoder().decode(bytes) })
    return true
  }
  flush(): void {
    this.flushes++
  }
  stop(): Promise<void> {
    this.stopped++
    return Promise.resolve()
  }
  stats(): ReturnType<Transport['stats']> {
    const none = { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, writes: 0, dropped: 0 }
    return { ...none, refused: {} }
  }
}

/**
 * A core that does what the test tells it. As a leader it appends what is proposed and, unless told otherwise, commits
 * what is durable.
 */
export class PuppetCore implements Core<string> {
  readonly partition: number
  readonly inputs: Input<string>[] = []
  readonly memory: Block[] = []
  autoCommit = true
  keepInMemory = true
  throwOn: Input<string>['type'] | undefined
  throwOnPropose = false
  #admission: Admission = { status: 'NOT_LEADER', leader: undefined, term: 0 }
  #lastIndex: number
  #durableIndex: number
  peers: PeerStatus[] = []
  #term = 0
  #commit = 0
  #writes: CoreWrite[] = []
  #messages: { to: string; message: string; after: number }[] = []
  #roles: RoleChange[] = []
  #transfers: ('done' | 'aborted')[] = []
  #barriers: { readonly request: number; readonly index: number | undefined }[] = []
  #writeNumber = 0
  readonly #lastOfWrite = new Map<number, number>()

  constructor(options: CoreOptions) {
    this.partition = options.partition
    const newest = options.recovered.blocks.at(-1)
    this.#lastIndex = newest === undefined ? 0 : lastIndexOf(newest)
    this.#durableIndex = this.#lastIndex
  }

  // What the test does with it; takes effect with the next turn.
  lead(term: number, readyIndex = 0): void {
    this.#term = term
    this.#admission = { status: 'LEADER', term, nextIndex: this.#lastIndex + 1 }
    this.#roles.push({ role: 'leader', term, leader: 'a', readyIndex })
  }
  follow(term: number, leader: string | undefined): void {
    this.#term = term
    this.#admission = { status: 'NOT_LEADER', leader, term }
    this.#roles.push({ role: 'follower', term, leader, readyIndex: 0 })
  }
  campaignAs(role: 'candidate' | 'pre-candidate'): void {
    this.#admission = { status: 'NOT_LEADER', leader: undefined, term: this.#term }
    this.#roles.push({ role, term: this.#term, leader: undefined, readyIndex: 0 })
  }
  transferring(): void {
    this.#admission = { status: 'TRANSFERRING' }
  }
  endTransfer(result: 'done' | 'aborted'): void {
    this.#transfers.push(result)
  }
  commit(index: number): void {
    this.#commit = index
  }
  /** Answers a reader. */
  barrier(request: number, index: number | undefined): void {
    this.#barriers.push({ request, index })
  }
  /** Forgets what is at and after this index, as a follower does before another leader's block is put there. */
  cut(index: number): void {
    while (this.memory.length > 0 && lastIndexOf(this.memory.at(-1)!) >= index) this.memory.pop()
    this.#lastIndex = index - 1
    this.#durableIndex = Math.min(this.#durableIndex, this.#lastIndex)
  }
  message(to: string, message: string, after: number): void {
    this.#messages.push({ to, message, after })
  }
  /** Puts a block as if a leader had sent it. */
  put(block: Block): number {
    while (this.memory.length > 0 && lastIndexOf(this.memory.at(-1)!) >= block.index) this.memory.pop()
    if (this.keepInMemory) this.memory.push(block)
    this.#lastIndex = lastIndexOf(block)
    this.#durableIndex = Math.min(this.#durableIndex, block.index - 1)
    this.#writes.push({ number: ++this.#writeNumber, write: { type: 'block', block, truncate: true } })
    this.#lastOfWrite.set(this.#writeNumber, this.#lastIndex)
    return this.#writeNumber
  }

  step(input: Input<string>): void {
    this.inputs.push(input)
    if (input.type === this.throwOn) throw new Error('the core is broken')
    if (input.type === 'durable') {
      this.#durableIndex = Math.min(this.#lastIndex, this.#lastOfWrite.get(input.write) ?? 0)
    }
    if (input.type === 'durable' && this.autoCommit && this.#admission.status === 'LEADER') {
      this.#commit = Math.max(this.#commit, this.#lastOfWrite.get(input.write) ?? 0)
    }
  }
  admit(): Admission {
    return this.#admission.status === 'LEADER'
      ? { status: 'LEADER', term: this.#term, nextIndex: this.#lastIndex + 1 }
      : this.#admission
  }
  propose(block: Block): void {
    if (this.throwOnPropose) throw new Error('the core is broken')
    this.put(block)
  }
  takeOutput(): Output<string> {
    const output: Output<string> = {
      writes: this.#writes,
      messages: this.#messages,
      reads: [],
      roles: this.#roles,
      commit: this.#commit,
      transfers: this.#transfers,
      barriers: this.#barriers,
    }
    this.#writes = []
    this.#messages = []
    this.#roles = []
    this.#transfers = []
    this.#barriers = []
    return output
  }
  blockAt(index: number): Block | undefined {
    return this.memory.find((block) => block.index <= index && index <= lastIndexOf(block))
  }
  status(): CoreStatus {
    return {
      role: this.#admission.status === 'LEADER' ? 'leader' : 'follower',
      term: this.#term,
      leader: undefined,
      commit: this.#commit,
      lastIndex: this.#lastIndex,
      durableIndex: this.#durableIndex,
      peers: this.peers,
    }
  }
}

/** A protocol whose cores are puppets; messages are text, and 'garbage' is none. */
export function puppets(): { protocol: Protocol<string>; cores: Map<number, PuppetCore> } {
  const cores = new Map<number, PuppetCore>()
  const protocol: Protocol<string> = {
    name: 'puppet',
    tickMs: 10,
    electionTimeoutMs: 500,
    warnings: [],
    createCore: (options) => {
      const core = new PuppetCore(options)
      cores.set(options.partition, core)
      return core
    },
    encode: (message) => new TextEncoder().encode(message),
    decode: (bytes) => {
      const text = new TextDecoder().decode(bytes)
      if (text === 'garbage') throw new MakoError('CORRUPT_MESSAGE', 'This is garbage.')
      return text
    },
  }
  return { protocol, cores }
}

export const MEMBERS: Member[] = [
  { id: 'a', address: 'localhost:1' },
  { id: 'b', address: 'localhost:2' },
  { id: 'c', address: 'localhost:3' },
]

/** A block of entries as node `node` would have proposed it. */
export function blockOf(index: number, term: number, texts: readonly string[], node = 'b'): Block {
  return encodeBlock(
    { index, term },
    { node, incarnation: 1, sequence: 1 },
    texts.map((text) => ({ kind: 'data' as const, payload: new TextEncoder().encode(text) })),
  )
}

export function noopBlock(index: number, term: number, node = 'b'): Block {
  return encodeBlock({ index, term }, { node, incarnation: 1, sequence: 0 }, [
    { kind: 'noop', payload: new Uint8Array(0) },
  ])
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const bytes = (of: string): Uint8Array => new TextEncoder().encode(of)
export const testRandom: () => Random = () => seededRandom(1)
