// A network in virtual time, with everything that networks do.
//
// Always true: it changes no message and invents none that a node could take for one. It may lose, repeat, delay and
// reorder them, cut links one way or both, and hold a link up (a clog). Bytes that were damaged on the way are caught by
// the frame's checksum: the message is lost and its connection reset. A peer learns that a process has died only when the
// news can travel: a cut link stays silent, as TCP does.

import type { NodeId, Random, Transport, TransportHandlers, TransportIdentity, TransportStats } from '@mako/engine'
import { drawDelay, Link, type Parcel, type Station, type Wires } from './link.ts'
import {
  CALM_NETWORK,
  newCounters,
  type NetworkCounters,
  type NetworkHooks,
  type NetworkOptions,
} from './network-options.ts'
import type { SimProcess } from './process.ts'
import type { VirtualTime } from './time.ts'

export class SimNetwork {
  readonly counters: NetworkCounters = newCounters()
  readonly #time: VirtualTime
  readonly #wires: Wires
  readonly #stations: ReadonlyMap<NodeId, Station>
  readonly #links: ReadonlyMap<NodeId, ReadonlyMap<NodeId, Link>>

  constructor(
    time: VirtualTime,
    random: Random,
    nodes: readonly NodeId[],
    options: NetworkOptions = CALM_NETWORK,
    hooks: NetworkHooks = {},
  ) {
    this.#time = time
    this.#wires = { time, random, counters: this.counters, hooks, options }
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
    const newLink = (from: Station, to: Station): Link => {
      return new Link(this.#wires, from, to, () => this.#refuse(from, to))
    }
    this.#links = new Map(stations.map((from) => [from.id, new Map(stations.map((to) => [to.id, newLink(from, to)]))]))
  }

  /** Changes how the network behaves from now on. */
  behave(options: NetworkOptions): void {
    this.#wires.options = options
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
        if (!up() || !this.#stations.has(to) || queuedBytes + bytes.length > this.#wires.options.outboxBytes) {
          dropped++
          return false
        }
        this.#wires.hooks.onSend?.(nodeId, to, partition, bytes)
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
          this.#link(nodeId, to).carry(parcels)
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
    this.#link(from, to).clog(durationMs)
  }

  /** Lets one direction go on at once. */
  unclog(from: NodeId, to: NodeId): void {
    this.#link(from, to).unclog()
  }

  /** Adds this much to every delay of one direction; 0 takes it back. */
  slow(from: NodeId, to: NodeId, byMs: number): void {
    this.#link(from, to).slow(byMs)
  }

  /** Loses messages of one direction with this probability for this long: loss comes in bursts. */
  burst(from: NodeId, to: NodeId, loss: number, durationMs: number): void {
    this.#link(from, to).burst(loss, durationMs)
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
    const count = this.#link(from, to).replay(most)
    this.counters.stale += count
    return count
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
      for (const link of links.values()) link.heal()
    }
    for (const station of this.#stations.values()) this.#notice(station)
  }

  /** A frame with a wrong checksum has arrived: the receiver closes that connection, and counts why. */
  #refuse(from: Station, to: Station): void {
    this.#time.schedule(drawDelay(this.#wires), () => {
      to.refused++
      this.reset(from.id, to.id)
    })
  }

  /** After a change at this node, or of its links: each side learns what it can, one delay later. */
  #notice(station: Station): void {
    for (const peer of this.#stations.values()) {
      if (peer === station) continue
      this.#time.schedule(drawDelay(this.#wires), () => {
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
