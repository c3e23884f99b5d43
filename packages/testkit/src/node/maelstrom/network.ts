// The network between nodes and clients: delays, losses and cuts between nodes, and counts of what passed.
//
// Always true: clients and their nodes are in one place: what passes between them is neither delayed nor lost nor counted
// as a message between nodes. What is under way when a link is cut is lost.

import { uniform, type Random } from '@mako/engine'
import { chance } from '../../world/random.ts'
import type { Message } from './protocol.ts'

export type LatencyDistribution = 'constant' | 'uniform' | 'exponential'

export interface NetworkOptions {
  readonly random: Random
  /** The mean delay of a message between nodes. */
  readonly latencyMs: number
  /** `uniform` is from nothing to twice the mean: messages overtake each other. */
  readonly distribution: LatencyDistribution
  /** Of a message between nodes, from 0 to 1. */
  readonly lossProbability: number
}

export interface NetworkCounters {
  /** Messages that nodes have sent to other nodes. */
  readonly servers: number
  /** Of them: lost by chance, by a cut, or because too many were under way. */
  readonly lost: number
  readonly cut: number
  readonly overflowed: number
}

/** From whom to whom nothing passes. */
export type Cut = readonly [from: string, to: string]

/** Where messages are put; false when there is nobody. */
export type Inbox = (line: string, message: Message) => boolean

/** Messages between nodes that may be under way at once. */
const UNDER_WAY = 200_000

export class Network {
  readonly #options: NetworkOptions
  readonly #nodes = new Map<string, Inbox>()
  readonly #clients = new Map<string, Inbox>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #cuts: ReadonlySet<string> = new Set()
  readonly #counters = { servers: 0, lost: 0, cut: 0, overflowed: 0 }

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  get counters(): NetworkCounters {
    return { ...this.#counters }
  }

  addNode(id: string, inbox: Inbox): void {
    this.#nodes.set(id, inbox)
  }

  addClient(id: string, inbox: Inbox): void {
    this.#clients.set(id, inbox)
  }

  /** Clients that have left stay known: what is sent to them is lost, and no mistake. */
  removeClient(id: string): void {
    this.#clients.set(id, () => true)
  }

  /** Cuts exactly these links; none heals all. */
  cut(links: readonly Cut[]): void {
    this.#cuts = new Set(links.map(([from, to]) => linkOf(from, to)))
  }

  /** Takes a line. False when nobody has the name that it is sent to. */
  send(line: string, message: Message): boolean {
    const { src, dest } = message
    const toNode = this.#nodes.get(dest)
    if (toNode === undefined || !this.#nodes.has(src)) {
      const inbox = toNode ?? this.#clients.get(dest)
      if (inbox === undefined) return false
      inbox(line, message)
      return true
    }
    if (src === dest) {
      // A node that talks to itself needs no network.
      toNode(line, message)
      return true
    }
    this.#counters.servers++
    if (this.#isCut(src, dest)) return true
    if (chance(this.#options.random, this.#options.lossProbability)) {
      this.#counters.lost++
      return true
    }
    if (this.#timers.size >= UNDER_WAY) {
      this.#counters.overflowed++
      return true
    }
    const delayMs = this.#delay()
    if (delayMs === 0) {
      toNode(line, message)
      return true
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (!this.#isCut(src, dest)) toNode(line, message)
    }, delayMs)
    this.#timers.add(timer)
    return true
  }

  /** Forgets all that is under way. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #isCut(from: string, to: string): boolean {
    if (!this.#cuts.has(linkOf(from, to))) return false
    this.#counters.cut++
    return true
  }

  #delay(): number {
    const { random, latencyMs, distribution } = this.#options
    switch (distribution) {
      case 'constant':
        return latencyMs
      case 'uniform':
        return uniform(random, 0, 2 * latencyMs)
      case 'exponential':
        return -latencyMs * Math.log(1 - uniform(random, 0, 1))
    }
  }
}

function linkOf(from: string, to: string): string {
  return `${from} ${to}`
}
