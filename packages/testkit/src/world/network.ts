// A network in virtual time, with everything that networks do.
//
// Always true: it changes no message and invents none. It may lose, repeat, delay and reorder them, cut links one way
// or both, and hold a link up (a clog). Each message is copied on arrival, so nodes never share memory. A peer learns
// that a process has died only when the news can travel: a cut link stays silent, as TCP does.

import type { NodeId, Random, Transport, TransportHandlers, TransportIdentity, TransportStats } from '@mako/engine'
import type { SimProcess } from './process.ts'
import { chance, skewed } from './random.ts'
import type { VirtualTime } from './time.ts'

export interface NetworkOptions {
  /** One-way delay in milliseconds: most messages near the first, some up to the second. */
  readonly delayMs: readonly [number, number]
  /** Probability that one message is lost, arrives twice, or is overtaken by later ones. */
  readonly loss: number
  readonly duplicate: number
  readonly reorder: number
  /** Bytes that may wait for one peer in one turn; what is beyond is dropped. */
  readonly outboxBytes: number
}

export const CALM_NETWORK: NetworkOptions = {
  delayMs: [0.05, 0.5],
  loss: 0,
  duplicate: 0,
  reorder: 0,
  outboxBytes: 64 * 1024 * 1024,
}

export interface NetworkCounters {
  sent: number
  delivered: number
  lost: number
  duplicated: number
  reordered: number
  /** Lost because the link was cut, when sent or on the way. */
  cut: number
  /** Arrived where no process was running. */
  unheard: number
  clogged: number
}

interface Parcel {
  readonly partition: number
  readonly bytes: Uint8Array
}

/** One node as the network sees it. */
interface Station {
  readonly id: NodeId
  process: SimProcess | undefined
  handlers: TransportHandlers | undefined
  /** The life of each peer that this node has a connection to. */
  readonly connections: Map<NodeId, SimProcess>
}

/** One direction between two nodes. */
interface Link {
  readonly from: Station
  readonly to: Station
  cuts: number
  cloggedUntilMs: number
  /** Arrival of the newest message that was not reordered. */
  lastArrivalMs: number
}

export interface NetworkHooks {
  /** Just before a message leaves its sender. */
  readonly onSend?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
  /** Just before a message is handed over. */
  readonly onDeliver?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
}

export class SimNetwork {
  readonly counters: NetworkCounters = {
    sent: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    cut: 0,
    unheard: 0,
    clogged: 0,
  }
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #hooks: NetworkHooks
  readonly #stations: ReadonlyMap<NodeId, Station>
  readonly #links: ReadonlyMap<NodeId, ReadonlyMap<NodeId, Link>>
  #options: NetworkOptions

  constructor(
    time: VirtualTime,
    random: Random,
    nodes: readonly NodeId[],
    options: NetworkOptions = CALM_NETWORK,
    hooks: NetworkHooks = {},
  ) {
    this.#time = time
    this.#random = random
    this.#options = options
    this.#hooks = hooks
    this.#stations = new Map(
      nodes.map((id) => [id, { id, process: undefined, handlers: undefined, connections: new Map() }]),
    )
    const stations = [...this.#stations.values()]
    this.#links = new Map(
      stations.map((from) => [
        from.id,
        new Map(stations.map((to) => [to.id, { from, to, cuts: 0, cloggedUntilMs: 0, lastArrivalMs: 0 }])),
      ]),
    )
  }

  /** Changes how the network behaves from now on. */
  behave(options: NetworkOptions): void {
    this.#options = options
  }

  /** The transport port for one life of a node. */
  transport(nodeId: NodeId, process: SimProcess): Transport {
    const station = this.#station(nodeId)
    const outboxes = new Map<NodeId, Parcel[]>()
    const outboxBytes = new Map<NodeId, number>()
    let sent = 0
    let bytesSent = 0
    let received = 0
    let bytesReceived = 0
    let writes = 0
    let dropped = 0
    const up = (): boolean => station.process === process && process.alive
    return {
      start: (_identity: TransportIdentity, handlers: TransportHandlers): Promise<void> => {
        if (!process.alive) return new Promise(() => undefined)
        station.process = process
        station.connections.clear()
        station.handlers = {
          message: (from, partition, bytes) => {
            received++
            bytesReceived += bytes.length
            handlers.message(from, partition, bytes)
          },
          connected: (peer) => handlers.connected(peer),
          closed: (peer, died) => handlers.closed(peer, died),
        }
        this.#notice(station)
        return Promise.resolve()
      },
      send: (to, partition, bytes) => {
        const queuedBytes = outboxBytes.get(to) ?? 0
        if (!up() || !this.#stations.has(to) || queuedBytes + bytes.length > this.#options.outboxBytes) {
          dropped++
          return false
        }
        this.#hooks.onSend?.(nodeId, to, partition, bytes)
        // The hook may have ended this process in the middle of its turn.
        if (!up()) return false
        sent++
        bytesSent += bytes.length
        outboxBytes.set(to, queuedBytes + bytes.length)
        const outbox = outboxes.get(to)
        if (outbox === undefined) outboxes.set(to, [{ partition, bytes }])
        else outbox.push({ partition, bytes })
        return true
      },
      flush: () => {
        if (!up()) return
        for (const [to, parcels] of outboxes) {
          writes++
          this.#carry(this.#link(nodeId, to), parcels)
        }
        outboxes.clear()
        outboxBytes.clear()
      },
      stats: (): TransportStats => ({
        bytesSent,
        bytesReceived,
        messagesSent: sent,
        messagesReceived: received,
        writes,
        dropped,
        refused: {},
      }),
      stop: (): Promise<void> => {
        if (station.process === process) this.down(nodeId)
        return Promise.resolve()
      },
    }
  }

  /** The process of this node has ended: its connections are reset, where the news can travel. */
  down(nodeId: NodeId): void {
    const station = this.#station(nodeId)
    station.process = undefined
    station.handlers = undefined
    station.connections.clear()
    this.#notice(station)
  }

  /** Cuts one direction; cuts add up, each is taken back by one `join`. */
  cut(from: NodeId, to: NodeId): void {
    this.#link(from, to).cuts++
  }

  join(from: NodeId, to: NodeId): void {
    const link = this.#link(from, to)
    link.cuts = Math.max(0, link.cuts - 1)
    this.#notice(link.from)
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).cuts > 0
  }

  /** Holds everything on one direction for this long; nothing is lost. */
  clog(from: NodeId, to: NodeId, durationMs: number): void {
    this.counters.clogged++
    this.#link(from, to).cloggedUntilMs = this.#time.nowMs + durationMs
  }

  /** Takes back all cuts and clogs. */
  heal(): void {
    for (const links of this.#links.values()) {
      for (const link of links.values()) {
        link.cuts = 0
        link.cloggedUntilMs = 0
      }
    }
    for (const station of this.#stations.values()) this.#notice(station)
  }

  #carry(link: Link, parcels: readonly Parcel[]): void {
    const options = this.#options
    this.counters.sent += parcels.length
    if (link.cuts > 0) {
      this.counters.cut += parcels.length
      return
    }
    const inOrder: Parcel[] = []
    for (const parcel of parcels) {
      if (chance(this.#random, options.loss)) {
        this.counters.lost++
        continue
      }
      if (chance(this.#random, options.duplicate)) {
        this.counters.duplicated++
        this.#arrive(link, [parcel], this.#delay() * 4)
      }
      if (chance(this.#random, options.reorder)) {
        this.counters.reordered++
        this.#arrive(link, [parcel], this.#delay() * 4)
      } else inOrder.push(parcel)
    }
    if (inOrder.length === 0) return
    const arrivalMs = Math.max(this.#time.nowMs + this.#delay(), link.lastArrivalMs)
    link.lastArrivalMs = arrivalMs
    this.#arrive(link, inOrder, arrivalMs - this.#time.nowMs)
  }

  #delay(): number {
    const [low, high] = this.#options.delayMs
    return skewed(this.#random, low, high)
  }

  #arrive(link: Link, parcels: readonly Parcel[], delayMs: number): void {
    this.#time.schedule(delayMs, () => {
      if (link.cuts > 0) {
        this.counters.cut += parcels.length
        return
      }
      const heldMs = link.cloggedUntilMs - this.#time.nowMs
      if (heldMs > 0) {
        link.lastArrivalMs = Math.max(link.lastArrivalMs, link.cloggedUntilMs)
        this.#arrive(link, parcels, heldMs)
        return
      }
      const { process, handlers } = link.to
      if (process === undefined || handlers === undefined) {
        this.counters.unheard += parcels.length
        return
      }
      process.deliver(() => {
        for (const { partition, bytes } of parcels) {
          if (!process.alive || link.to.process !== process) return
          this.counters.delivered++
          this.#hooks.onDeliver?.(link.from.id, link.to.id, partition, bytes)
          handlers.message(link.from.id, partition, bytes.slice())
        }
      })
    })
  }

  /** After a change at this node, or of its links: each side learns what it can, one delay later. */
  #notice(station: Station): void {
    for (const peer of this.#stations.values()) {
      if (peer === station) continue
      this.#time.schedule(this.#delay(), () => {
        this.#reconcile(station, peer)
        this.#reconcile(peer, station)
      })
    }
  }

  /** Brings what `here` knows about its connection to `peer` up to date. */
  #reconcile(here: Station, peer: Station): void {
    const { process, handlers } = here
    if (process === undefined || handlers === undefined) return
    const back = this.#link(peer.id, here.id)
    const forth = this.#link(here.id, peer.id)
    const known = here.connections.get(peer.id)
    if (known !== undefined && known !== peer.process && back.cuts === 0) {
      here.connections.delete(peer.id)
      process.deliver(() => handlers.closed(peer.id, true))
    }
    const other = peer.process
    if (other !== undefined && back.cuts === 0 && forth.cuts === 0 && !here.connections.has(peer.id)) {
      here.connections.set(peer.id, other)
      process.deliver(() => handlers.connected(peer.id))
    }
  }

  #station(id: NodeId): Station {
    const station = this.#stations.get(id)
    if (station === undefined) throw new RangeError(`There is no node ${id} in this network.`)
    return station
  }

  #link(from: NodeId, to: NodeId): Link {
    const link = this.#links.get(from)?.get(to)
    if (link === undefined) throw new RangeError(`There is no link from ${from} to ${to} in this network.`)
    return link
  }
}
