// One direction between two nodes of a simulated network: what becomes of each message on its way.
//
// Always true: what is in order stays in order; a message is of one connection, and does not outlive it. Each message is
// copied on arrival, so nodes never share memory.

import { uniform, type NodeId, type Random, type TransportHandlers } from '@mako/engine'
import type { NetworkCounters, NetworkHooks, NetworkOptions } from './network-options.ts'
import type { SimProcess } from './process.ts'
import { chance, skewed } from './random.ts'
import type { VirtualTime } from './time.ts'

export interface Parcel {
  readonly partition: number
  readonly bytes: Uint8Array
}

/** One node as the network sees it. */
export interface Station {
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

/** What all links of a network share. */
export interface Wires {
  readonly time: VirtualTime
  readonly random: Random
  readonly counters: NetworkCounters
  readonly hooks: NetworkHooks
  options: NetworkOptions
}

/** Share of the messages that a link remembers when it remembers any. */
const REMEMBERED_SHARE = 0.02

/** What a link of limited bandwidth takes before it drops, as the time that it needs to carry it. */
const MOST_QUEUED_MS = 200

/** A delay of this network, in milliseconds. */
export function drawDelay({ random, options, counters }: Wires): number {
  const { delayMs, tail = 0, tailMs = 0 } = options
  if (chance(random, tail)) {
    counters.tails++
    // Pareto with exponent 1: half of them twice as long as the usual longest, a tenth ten times.
    return Math.min(tailMs, delayMs[1] / uniform(random, 0.001, 1))
  }
  return skewed(random, delayMs[0], delayMs[1])
}

export class Link {
  readonly from: Station
  readonly to: Station
  /** Cuts add up. */
  cuts = 0
  /** Counts resets: what was sent before the last one does not arrive. */
  connection = 0
  readonly #wires: Wires
  /** A frame with a wrong checksum is on its way. */
  readonly #onDamage: () => void
  #cloggedUntilMs = 0
  /** Arrival of the newest message that was not reordered. */
  #lastArrivalMs = 0
  /** When the bandwidth is free again. */
  #freeAtMs = 0
  /** What is added to each delay. */
  #slowMs = 0
  /** Until then messages are lost with this probability. */
  #lossyUntilMs = 0
  #lossy = 0
  /** A few messages that were sent, the newest last. */
  readonly #remembered: Parcel[] = []
  /** What a clog holds, in order, each with the connection that it is on. */
  #held: { readonly parcels: readonly Parcel[]; readonly connection: number }[] = []

  constructor(wires: Wires, from: Station, to: Station, onDamage: () => void) {
    this.#wires = wires
    this.from = from
    this.to = to
    this.#onDamage = onDamage
  }

  /** Takes what a node sends in one turn. */
  carry(parcels: readonly Parcel[]): void {
    const { time, random, counters, options } = this.#wires
    counters.sent += parcels.length
    if (this.cuts > 0) {
      counters.cut += parcels.length
      return
    }
    const lossy = time.nowMs < this.#lossyUntilMs ? this.#lossy : 0
    const { corrupt = 0, remembered = 0 } = options
    const inOrder: Parcel[] = []
    for (const parcel of parcels) {
      if (chance(random, options.loss) || chance(random, lossy)) {
        counters.lost++
        continue
      }
      if (chance(random, corrupt)) {
        counters.corrupted++
        this.#onDamage()
        return
      }
      if (remembered > 0 && chance(random, REMEMBERED_SHARE)) {
        this.#remembered.push(parcel)
        if (this.#remembered.length > remembered) this.#remembered.shift()
      }
      if (chance(random, options.duplicate)) {
        counters.duplicated++
        this.#arrive([parcel], this.#delay() * 4)
      }
      if (chance(random, options.reorder)) {
        counters.reordered++
        this.#arrive([parcel], this.#delay() * 4)
      } else inOrder.push(parcel)
    }
    if (inOrder.length === 0) return
    const leavesMs = this.#leaveAt(inOrder)
    if (leavesMs === undefined) {
      counters.lost += inOrder.length
      return
    }
    const arrivalMs = Math.max(leavesMs + this.#delay() + this.#slowMs, this.#lastArrivalMs)
    this.#lastArrivalMs = arrivalMs
    this.#arrive(inOrder, arrivalMs - time.nowMs)
  }

  /** Holds everything for this long; nothing is lost. */
  clog(durationMs: number): void {
    const { time } = this.#wires
    this.#cloggedUntilMs = time.nowMs + durationMs
    time.schedule(durationMs, () => this.#release())
  }

  /** Goes on at once. */
  unclog(): void {
    this.#cloggedUntilMs = 0
    this.#release()
  }

  /** Adds this much to every delay; 0 takes it back. */
  slow(byMs: number): void {
    this.#slowMs = byMs
  }

  /** Loses messages with this probability for this long. */
  burst(loss: number, durationMs: number): void {
    this.#lossy = loss
    this.#lossyUntilMs = this.#wires.time.nowMs + durationMs
  }

  /** Delivers remembered messages once more, and forgets them; how many. */
  replay(most: number): number {
    const parcels = this.#remembered.splice(0, most)
    if (parcels.length > 0) this.#arrive(parcels, this.#delay())
    return parcels.length
  }

  /** Takes back all that was done to it, and forgets old messages. */
  heal(): void {
    this.cuts = 0
    this.#slowMs = 0
    this.#lossyUntilMs = 0
    this.#freeAtMs = 0
    this.#lastArrivalMs = 0
    this.#remembered.length = 0
    this.unclog()
  }

  #delay(): number {
    return drawDelay(this.#wires)
  }

  /**
   * When these have left their sender: a link of limited bandwidth carries one after the other. Undefined when too much
   * waits already: routers drop what comes then.
   */
  #leaveAt(parcels: readonly Parcel[]): number | undefined {
    const { time, counters, options } = this.#wires
    const { nowMs } = time
    const { bytesPerMs } = options
    if (bytesPerMs === undefined) return nowMs
    let bytes = 0
    for (const parcel of parcels) bytes += parcel.bytes.length
    if (this.#freeAtMs - nowMs > MOST_QUEUED_MS) return undefined
    if (this.#freeAtMs > nowMs) counters.queued += parcels.length
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + bytes / bytesPerMs
    return this.#freeAtMs
  }

  #arrive(parcels: readonly Parcel[], delayMs: number, connection: number = this.connection): void {
    const { time, counters, hooks } = this.#wires
    const { from, to } = this
    time.schedule(delayMs, () => {
      if (this.cuts > 0) {
        counters.cut += parcels.length
        return
      }
      if (this.connection !== connection) {
        counters.reset += parcels.length
        return
      }
      if (time.nowMs < this.#cloggedUntilMs) {
        this.#held.push({ parcels, connection })
        return
      }
      const { process, handlers } = to
      if (process === undefined || handlers === undefined) {
        counters.unheard += parcels.length
        return
      }
      process.deliver(() => {
        for (const { partition, bytes } of parcels) {
          if (!process.alive || to.process !== process) return
          counters.delivered++
          hooks.onDeliver?.(from.id, to.id, partition, bytes)
          handlers.message(from.id, partition, bytes.slice())
        }
      })
    })
  }

  /** The clog is over, unless a later one holds this link as well. */
  #release(): void {
    if (this.#wires.time.nowMs < this.#cloggedUntilMs) return
    const held = this.#held
    this.#held = []
    for (const { parcels, connection } of held) this.#arrive(parcels, 0, connection)
  }
}
