// A set that only grows, on every node, without consensus: `broadcast` and `g-set`.
//
// Each node numbers the values that clients gave it: its own log. What a node has is a vector, the length of each log it
// knows; what a peer lacks is the difference between two vectors, and that is all that is ever sent. Always true: a log is
// known as a prefix, without gap; a peer is sent a value again only while it has not said that it has it; one exchange is
// in flight with each peer; the memory needed beyond the values is two vectors for each peer.
//
// Who talks to whom: a star. Everybody exchanges with the first node, which exchanges with all, so a value travels two
// links. Besides, each node visits the next of all nodes now and then (anti-entropy), and both compare what has had time
// to come over the star: this is what mends the set when the first node is dead, cut off, or has forgotten.

import type { Clock, Timer } from '@mako/engine'
import { isObject, nameOf, type Body, type Json, type Reply } from './message.ts'

export interface GossipTimings {
  /** Two exchanges with one peer are at least this far apart: what comes in between travels together. */
  readonly spacingMs: number
  /** An exchange that was not answered is given up; after that it may take twice as long. */
  readonly retryMs: number
  /** How often a node visits the next of all nodes; what is older than this and is lacking there is sent. */
  readonly visitMs: number
}

/** For links that take up to 100 ms: what two hops cost stays below half a second, and an exchange is never given up early. */
export const DEFAULT_GOSSIP_TIMINGS: GossipTimings = { spacingMs: 120, retryMs: 500, visitMs: 1_000 }

/** Characters of values in one message. */
const MESSAGE_CHARACTERS = 256 * 1024
const MAX_DOUBLINGS = 1

/** How a client sees the set: it decides how `read` is answered. */
export type SetKind = 'broadcast' | 'g-set'

export interface GossipOptions {
  readonly nodeId: string
  readonly nodeIds: readonly string[]
  /** Names this life of the process and no other. */
  readonly life: string
  /** Under which name this node's own log is known. With a journal the same in every life, else another in each. */
  readonly origin: string
  /** The own log of earlier lives. */
  readonly recovered: readonly Json[]
  readonly clock: Clock
  readonly timings: GossipTimings
  readonly send: (to: string, body: Reply) => boolean
  /** Resolves when a value of the own log will survive a restart of this process. */
  readonly keep: (value: Json) => Promise<void>
}

/** Lengths of logs, by origin. */
type Vector = Map<string, number>

interface Peer {
  readonly id: string
  life: string | undefined
  /** What it has said that it has. */
  has: Vector
  /** The exchange in flight, and when it is given up. */
  exchange: number | undefined
  giveUpAt: number
  notBefore: number
  failures: number
  /** It has just said what it has, and is sent what it lacks. */
  isWanted: boolean
}

export class Gossip {
  readonly #options: GossipOptions
  readonly #logs = new Map<string, Json[]>()
  readonly #values = new Map<string, Json>()
  readonly #peers: readonly Peer[]
  readonly #neighbours: ReadonlySet<string>
  #kind: SetKind | undefined
  #lastExchange = 0
  #nextVisit = 0
  #visitAt: number
  /** What was here at the last visit but one, and at the last. */
  #settled: Vector = new Map()
  #settling: Vector = new Map()
  #timer: Timer
  #isDue = false
  #state: 'idle' | 'running' | 'stopped' = 'idle'

  constructor(options: GossipOptions) {
    this.#options = options
    const { nodeId, nodeIds, clock, timings, origin, recovered } = options
    const others = nodeIds.filter((id) => id !== nodeId)
    const hub = nodeIds[0]!
    this.#neighbours = new Set(nodeId === hub ? others : [hub])
    this.#peers = others.map((id) => ({
      id,
      life: undefined,
      has: new Map(),
      exchange: undefined,
      giveUpAt: 0,
      notBefore: 0,
      failures: 0,
      isWanted: false,
    }))
    // Nodes begin their rounds at different places, so that they do not all visit the same one.
    this.#nextVisit = nodeIds.indexOf(nodeId)
    this.#visitAt = clock.monotonicNow() + timings.visitMs
    for (const value of recovered) this.#append(origin, value)
    if (recovered.length > 0) this.start()
  }

  /** How clients see the set, as soon as it is known here: told by a client, or by a peer that was told. */
  get kind(): SetKind | undefined {
    return this.#kind
  }

  /** A client, or a peer, has shown how the set is seen. The first word counts. */
  learnKind(kind: SetKind): void {
    this.#kind ??= kind
    this.start()
  }

  /** All values that have come here, in the order in which they came. */
  values(): Json[] {
    return [...this.#values.values()]
  }

  /** Adds a value of a client; resolves when it will not be forgotten. */
  async add(value: Json): Promise<void> {
    await this.#options.keep(value)
    this.#append(this.#options.origin, value)
    this.#pumpSoon()
  }

  /** Begins to talk to others; nothing is said before. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    this.#pumpSoon()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#options.clock.clearTimer(this.#timer)
  }

  /** A peer tells what it has and what this node lacks. */
  receive(from: string, body: Body): void {
    const peer = this.#heard(from, body)
    if (peer === undefined || this.#state === 'stopped') return
    const { exchange, kind, news, visit } = body
    if (kind === 'broadcast' || kind === 'g-set') this.learnKind(kind)
    else this.start()
    for (const run of Array.isArray(news) ? (news as readonly Json[]) : []) this.#takeIn(run)
    this.#options.send(from, {
      type: 'gossip_ok',
      life: this.#options.life,
      exchange: typeof exchange === 'number' ? exchange : null,
      has: Object.fromEntries(this.#vector()),
    })
    if (visit === true) peer.isWanted = true
    this.#pumpSoon()
  }

  /** A peer answers. */
  receiveAnswer(from: string, body: Body): void {
    const peer = this.#heard(from, body)
    if (peer === undefined) return
    if (body.exchange === peer.exchange) {
      peer.exchange = undefined
      peer.failures = 0
      // It is not known what else it lacks before it has said what it has.
      peer.isWanted = true
    }
    this.#pumpSoon()
  }

  /** Notes who speaks and what it has. */
  #heard(from: string, { life, has }: Body): Peer | undefined {
    const peer = this.#peers.find(({ id }) => id === from)
    if (peer === undefined || typeof life !== 'string' || !isObject(has)) return undefined
    if (peer.life !== life) {
      // Another life may have forgotten what the last one had.
      peer.life = life
      peer.has = new Map()
      peer.exchange = undefined
      peer.failures = 0
    } else if (peer.failures > 0) {
      // It can be reached again: what was said into the void need not be waited for.
      peer.exchange = undefined
      peer.failures = 0
    }
    for (const [origin, count] of Object.entries(has)) {
      if (Number.isSafeInteger(count)) peer.has.set(origin, Math.max(peer.has.get(origin) ?? 0, count as number))
    }
    return peer
  }

  /** Takes in `[origin, position of the first value, values]`: what follows on what is known, and nothing else. */
  #takeIn(run: Json): void {
    if (!Array.isArray(run)) return
    const [origin, first, values] = run as readonly unknown[]
    if (typeof origin !== 'string' || !Number.isSafeInteger(first) || !Array.isArray(values)) return
    // Nobody else can know more of this node's own log than itself.
    if (origin === this.#options.origin) return
    const known = this.#logs.get(origin)?.length ?? 0
    const start = first as number
    if (start > known || start < 0) return
    for (const value of values.slice(known - start) as Json[]) this.#append(origin, value)
  }

  #append(origin: string, value: Json): void {
    let log = this.#logs.get(origin)
    if (log === undefined) this.#logs.set(origin, (log = []))
    log.push(value)
    const name = nameOf(value)
    if (!this.#values.has(name)) this.#values.set(name, value)
  }

  #vector(): Vector {
    return new Map([...this.#logs].map(([origin, log]) => [origin, log.length]))
  }

  #pumpSoon(): void {
    if (this.#isDue || this.#state !== 'running') return
    this.#isDue = true
    this.#options.clock.defer(() => this.#pump())
  }

  /** Says what is due, and comes back when the next thing is. */
  #pump(): void {
    this.#isDue = false
    if (this.#state !== 'running' || this.#peers.length === 0) return
    const { clock, timings } = this.#options
    const now = clock.monotonicNow()
    for (const peer of this.#peers) {
      if (peer.exchange !== undefined && now >= peer.giveUpAt) {
        peer.exchange = undefined
        peer.failures++
      }
      if (peer.exchange !== undefined || now < peer.notBefore) continue
      const isNeighbour = this.#neighbours.has(peer.id)
      if (!isNeighbour && !peer.isWanted) continue
      const news = this.#newsFor(peer, isNeighbour ? undefined : this.#settled)
      peer.isWanted = false
      if (news.length > 0) this.#tell(peer, news, now, false)
    }
    if (now >= this.#visitAt) {
      this.#visitAt = now + timings.visitMs
      this.#settled = this.#settling
      this.#settling = this.#vector()
      const peer = this.#peers[this.#nextVisit++ % this.#peers.length]!
      if (peer.exchange === undefined) this.#tell(peer, [], now, true)
    }
    clock.clearTimer(this.#timer)
    this.#timer = clock.setTimer(this.#nextAt(now) - now, () => this.#pump())
  }

  /** When something can become due again by time alone. */
  #nextAt(now: number): number {
    let next = this.#visitAt
    for (const { exchange, giveUpAt, notBefore } of this.#peers) {
      if (exchange !== undefined) next = Math.min(next, giveUpAt)
      else if (notBefore > now) next = Math.min(next, notBefore)
    }
    return next
  }

  #tell(peer: Peer, news: Json[], now: number, visit: boolean): void {
    const { timings, life, send } = this.#options
    peer.exchange = ++this.#lastExchange
    peer.giveUpAt = now + timings.retryMs * 2 ** Math.min(peer.failures, MAX_DOUBLINGS)
    peer.notBefore = now + timings.spacingMs
    send(peer.id, {
      type: 'gossip',
      life,
      kind: this.#kind ?? null,
      exchange: peer.exchange,
      visit,
      has: Object.fromEntries(this.#vector()),
      news,
    })
  }

  /** What a peer lacks of all there is, or of what was here then: as far as is known, and as much as fits into one message. */
  #newsFor(peer: Peer, of?: Vector): Json[] {
    const news: Json[] = []
    let left = MESSAGE_CHARACTERS
    for (const [origin, log] of this.#logs) {
      const first = peer.has.get(origin) ?? 0
      let end = first
      const last = of === undefined ? log.length : (of.get(origin) ?? 0)
      while (end < last && left > 0) left -= JSON.stringify(log[end++]).length
      if (end > first) news.push([origin, first, log.slice(first, end)])
    }
    return news
  }
}
