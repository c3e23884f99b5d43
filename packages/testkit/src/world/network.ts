// A network in virtual time, with everything that networks do.
//
// Always true: it changes no message and invents none that a node could take for one. It may lose, repeat, delay and
// reorder them, cut links one way or both, and hold a link up (a clog). Bytes that were damaged on the way are caught by
// the frame's checksum: the message is lost and its connection reset. Each message is copied on arrival, so nodes never
// share memory. A peer learns that a process has died only when the news can travel: a cut link stays silent, as TCP does.

import {
  uniform,
  type NodeId,
  type Random,
  type Transport,
  type TransportHandlers,
  type TransportIdentity,
  type TransportStats,
} from '@mako/engine'
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
  /** Probability that a message's bytes are damaged: the checksum refuses it, and the connection is reset. @default 0 */
  readonly corrupt?: number
  /** Probability that a delay is drawn from a heavy tail instead, and its longest. @default 0 */
  readonly tail?: number
  readonly tailMs?: number
  /** What one direction of a link carries in a millisecond. @default everything */
  readonly bytesPerMs?: number
  /** Messages of each link that are remembered, to arrive again much later (`replay`). @default 0 */
  readonly remembered?: number
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
  /** Refused because of its checksum. */
  corrupted: number
  /** Connections that were reset, and messages that were on them. */
  resets: number
  reset: number
  /** Waited for the bandwidth of a link. */
  queued: number
  /** Delays from the heavy tail. */
  tails: number
  /** Old messages that arrived again, much later. */
  stale: number
  /** Bytes that are no message, handed over as if they were one. */
  garbage: number
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
  /** Its last process went without a word (a power cut): peers learn of it when the next one starts. */
  vanished: boolean
  /** Frames that were refused because of their checksum, in this life. */
  refused: number
  /** Bytes that are no message and were handed over in this life. */
  garbage: number
}

/** One direction between two nodes. */
interface Link {
  readonly from: Station
  readonly to: Station
  cuts: number
  cloggedUntilMs: number
  /** Arrival of the newest message that was not reordered. */
  lastArrivalMs: number
  /** When the bandwidth is free again. */
  freeAtMs: number
  /** What is added to each delay. */
  slowMs: number
  /** Until then messages are lost with this probability. */
  lossyUntilMs: number
  lossy: number
  /** Counts resets: what was sent before the last one does not arrive. */
  connection: number
  /** A few messages that were sent, the newest last. */
  readonly remembered: Parcel[]
  /** What a clog holds, in order, each with the connection that it is on. */
  held: { readonly parcels: readonly Parcel[]; readonly connection: number }[]
}

export interface NetworkHooks {
  /** Just before a message leaves its sender. */
  readonly onSend?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
  /** Just before a message is handed over. */
  readonly onDeliver?: (from: NodeId, to: NodeId, partition: number, bytes: Uint8Array) => void
}

/** Share of the messages that a link remembers when it remembers any. */
const REMEMBERED_SHARE = 0.02

/** What a link of limited bandwidth takes before it drops, as the time that it needs to carry it. */
const MOST_QUEUED_MS = 200

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
    corrupted: 0,
    resets: 0,
    reset: 0,
    queued: 0,
    tails: 0,
    stale: 0,
    garbage: 0,
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
      nodes.map((id) => [
        id,
        {
          id,
          process: undefined,
          handlers: undefined,
          connections: new Map(),
          vanished: false,
          refused: 0,
          garbage: 0,
        },
      ]),
    )
    const stations = [...this.#stations.values()]
    this.#links = new Map(stations.map((from) => [from.id, new Map(stations.map((to) => [to.id, newLink(from, to)]))]))
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
        station.vanished = false
        station.refused = 0
        station.garbage = 0
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
        refused: station.refused === 0 ? {} : { checksum: station.refused },
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

  /** The same without the news: the connections of its peers stay half-open until the node is back. */
  vanish(nodeId: NodeId): void {
    const station = this.#station(nodeId)
    station.vanished = true
    this.down(nodeId)
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
    const link = this.#link(from, to)
    link.cloggedUntilMs = this.#time.nowMs + durationMs
    this.#time.schedule(durationMs, () => this.#release(link))
  }

  /** Lets one direction go on at once. */
  unclog(from: NodeId, to: NodeId): void {
    const link = this.#link(from, to)
    link.cloggedUntilMs = 0
    this.#release(link)
  }

  /** Adds this much to every delay of one direction; 0 takes it back. */
  slow(from: NodeId, to: NodeId, byMs: number): void {
    this.#link(from, to).slowMs = byMs
  }

  /** Loses messages of one direction with this probability for this long: loss comes in bursts. */
  burst(from: NodeId, to: NodeId, loss: number, durationMs: number): void {
    const link = this.#link(from, to)
    link.lossy = loss
    link.lossyUntilMs = this.#time.nowMs + durationMs
  }

  /**
   * Resets the connection between two nodes: what is on it is lost, both ends are told that the other's side was
   * closed, and it is made anew.
   */
  reset(a: NodeId, b: NodeId): void {
    const [here, there] = [this.#station(a), this.#station(b)]
    this.counters.resets++
    this.#link(a, b).connection++
    this.#link(b, a).connection++
    for (const [station, peer] of [
      [here, there],
      [there, here],
    ] as const) {
      if (!station.connections.delete(peer.id)) continue
      const { process, handlers } = station
      process?.deliver(() => handlers?.closed(peer.id, true))
    }
    this.#notice(here)
  }

  /** Delivers remembered messages of this link once more, however old, and of whichever life of their sender. */
  replay(from: NodeId, to: NodeId, most: number): number {
    const link = this.#link(from, to)
    const parcels = link.remembered.splice(0, most)
    this.counters.stale += parcels.length
    if (parcels.length > 0) this.#arrive(link, parcels, this.#delay())
    return parcels.length
  }

  /** Hands bytes over as if they were a message from this peer; false when nobody is there to take them. */
  inject(from: NodeId, to: NodeId, partition: number, bytes: Uint8Array): boolean {
    const { process, handlers } = this.#link(from, to).to
    if (process === undefined || handlers === undefined) return false
    this.counters.garbage++
    this.#station(to).garbage++
    process.deliver(() => handlers.message(from, partition, bytes))
    return true
  }

  /** How many messages that are none this life of a node was given. */
  garbageTo(nodeId: NodeId): number {
    return this.#station(nodeId).garbage
  }

  /** Takes back all cuts, clogs, bursts and slow links, and forgets old messages. */
  heal(): void {
    for (const links of this.#links.values()) {
      for (const link of links.values()) {
        link.cuts = 0
        link.cloggedUntilMs = 0
        link.slowMs = 0
        link.lossyUntilMs = 0
        link.freeAtMs = 0
        link.lastArrivalMs = 0
        link.remembered.length = 0
        this.#release(link)
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
    const lossy = this.#time.nowMs < link.lossyUntilMs ? link.lossy : 0
    const { corrupt = 0, remembered = 0 } = options
    const inOrder: Parcel[] = []
    for (const parcel of parcels) {
      if (chance(this.#random, options.loss) || chance(this.#random, lossy)) {
        this.counters.lost++
        continue
      }
      if (chance(this.#random, corrupt)) {
        this.counters.corrupted++
        this.#refuse(link)
        return
      }
      if (remembered > 0 && chance(this.#random, REMEMBERED_SHARE)) {
        link.remembered.push(parcel)
        if (link.remembered.length > remembered) link.remembered.shift()
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
    const leavesMs = this.#leaveAt(link, inOrder)
    if (leavesMs === undefined) {
      this.counters.lost += inOrder.length
      return
    }
    const arrivalMs = Math.max(leavesMs + this.#delay() + link.slowMs, link.lastArrivalMs)
    link.lastArrivalMs = arrivalMs
    this.#arrive(link, inOrder, arrivalMs - this.#time.nowMs)
  }

  /**
   * When these have left their sender: a link of limited bandwidth carries one after the other. Undefined when too much
   * waits already: routers drop what comes then.
   */
  #leaveAt(link: Link, parcels: readonly Parcel[]): number | undefined {
    const { nowMs } = this.#time
    const { bytesPerMs } = this.#options
    if (bytesPerMs === undefined) return nowMs
    let bytes = 0
    for (const parcel of parcels) bytes += parcel.bytes.length
    if (link.freeAtMs - nowMs > MOST_QUEUED_MS) return undefined
    if (link.freeAtMs > nowMs) this.counters.queued += parcels.length
    link.freeAtMs = Math.max(link.freeAtMs, nowMs) + bytes / bytesPerMs
    return link.freeAtMs
  }

  /** A frame with a wrong checksum has arrived: the receiver closes that connection, and counts why. */
  #refuse(link: Link): void {
    this.#time.schedule(this.#delay(), () => {
      link.to.refused++
      this.reset(link.from.id, link.to.id)
    })
  }

  #delay(): number {
    const { delayMs, tail = 0, tailMs = 0 } = this.#options
    if (chance(this.#random, tail)) {
      this.counters.tails++
      // Pareto with exponent 1: half of them twice as long as the usual longest, a tenth ten times.
      return Math.min(tailMs, delayMs[1] / uniform(this.#random, 0.001, 1))
    }
    return skewed(this.#random, delayMs[0], delayMs[1])
  }

  #arrive(link: Link, parcels: readonly Parcel[], delayMs: number, connection: number = link.connection): void {
    this.#time.schedule(delayMs, () => {
      if (link.cuts > 0) {
        this.counters.cut += parcels.length
        return
      }
      if (link.connection !== connection) {
        this.counters.reset += parcels.length
        return
      }
      if (this.#time.nowMs < link.cloggedUntilMs) {
        link.held.push({ parcels, connection })
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

  /** The clog is over, unless a later one holds this link as well. */
  #release(link: Link): void {
    if (this.#time.nowMs < link.cloggedUntilMs) return
    const held = link.held
    link.held = []
    for (const { parcels, connection } of held) this.#arrive(link, parcels, 0, connection)
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
    if (known !== undefined && known !== peer.process && back.cuts === 0 && !peer.vanished) {
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

function newLink(from: Station, to: Station): Link {
  return {
    from,
    to,
    cuts: 0,
    cloggedUntilMs: 0,
    lastArrivalMs: 0,
    freeAtMs: 0,
    slowMs: 0,
    lossyUntilMs: 0,
    lossy: 0,
    connection: 0,
    remembered: [],
    held: [],
  }
}
