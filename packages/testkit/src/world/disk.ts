// A disk in virtual time: a log store that keeps what was durable when its node crashed, and may misbehave.
//
// Always true: writes take effect in order. An append that has resolved is kept, whatever happens; one that has not may
// be kept in part, and then as a prefix of its writes (a write that was torn in the middle fails its checksum and counts
// as not written), exactly as a log of checksummed records does. A failed append is never tried again.

import {
  decodeBlock,
  lastIndexOf,
  MakoError,
  type Block,
  type LogStore,
  type LogWrite,
  type Random,
  type RecoveredPartition,
} from '@mako/engine'
import type { SimProcess } from './process.ts'
import { below, uniform } from '@mako/engine'
import { chance, skewed } from './random.ts'
import type { VirtualTime } from './time.ts'

export interface DiskOptions {
  /** Milliseconds of one flush: most near the first, some up to the second. */
  readonly flushMs: readonly [number, number]
  /** Probability that a flush takes `hiccupMs` more. */
  readonly hiccup: number
  readonly hiccupMs: number
}

export const CALM_DISK: DiskOptions = { flushMs: [0.05, 0.5], hiccup: 0, hiccupMs: 0 }

/** A disk that tells lies: for tests that the laws catch it, never for anything else. */
export interface DiskLies {
  /** Says that an append is durable this many milliseconds before it is. */
  readonly earlyMs: number
}

export interface DiskCounters {
  flushes: number
  /** Crashes with an append in flight: nothing, part, or all of it was kept. */
  lostAppends: number
  tornAppends: number
  keptAppends: number
  failedAppends: number
  hiccups: number
  /** Crashes at an armed point. */
  crashPoints: number
}

export interface DiskHooks {
  /** A write has become durable in the life of this process. */
  readonly onDurable?: (process: SimProcess, write: LogWrite) => void
}

interface StoredPartition {
  state: Uint8Array | undefined
  /** Ascending, without overlap. */
  blocks: Block[]
}

interface Flight {
  readonly process: SimProcess
  readonly writes: readonly LogWrite[]
  resolved: boolean
}

/** Where in an append a crash may be armed: before anything is durable, or when all is and nobody knows. */
export type CrashPoint = 'before' | 'after'

export class SimDisk {
  readonly counters: DiskCounters = {
    flushes: 0,
    lostAppends: 0,
    tornAppends: 0,
    keptAppends: 0,
    failedAppends: 0,
    hiccups: 0,
    crashPoints: 0,
  }
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #hooks: DiskHooks
  readonly #lies: DiskLies | undefined
  readonly #partitions = new Map<number, StoredPartition>()
  #options: DiskOptions
  #incarnation = 0
  #owner: SimProcess | undefined
  #flight: Flight | undefined
  #stuck = false
  #held: (() => void)[] = []
  #failNext = false
  #armed: { readonly point: CrashPoint; readonly crash: () => void } | undefined

  constructor(
    time: VirtualTime,
    random: Random,
    options: DiskOptions = CALM_DISK,
    hooks: DiskHooks = {},
    lies?: DiskLies,
  ) {
    this.#time = time
    this.#random = random
    this.#options = options
    this.#hooks = hooks
    this.#lies = lies
  }

  behave(options: DiskOptions): void {
    this.#options = options
  }

  /** Flushes take for ever, until `unstick`. */
  stick(): void {
    this.#stuck = true
  }

  unstick(): void {
    this.#stuck = false
    const held = this.#held
    this.#held = []
    for (const finish of held) this.#time.schedule(0, finish)
  }

  /** The next append fails, and with it this life of the store. */
  failNext(): void {
    this.#failNext = true
  }

  /** Calls `crash` at this point of the next append; it must end the process. */
  arm(point: CrashPoint, crash: () => void): void {
    this.#armed = { point, crash }
  }

  disarm(): void {
    this.#armed = undefined
    this.#failNext = false
  }

  /** The durable blocks of a partition, ascending. */
  blocks(partition: number): readonly Block[] {
    return this.#partitions.get(partition)?.blocks ?? []
  }

  /** The durable hard state of a partition. */
  state(partition: number): Uint8Array | undefined {
    return this.#partitions.get(partition)?.state
  }

  /** The power of this node is gone: what becomes of the append in flight is for the seed to say. */
  crash(): void {
    const flight = this.#flight
    this.#flight = undefined
    this.#owner = undefined
    this.#stuck = false
    this.#held = []
    this.disarm()
    if (flight === undefined) return
    const kept = this.#lies === undefined ? below(this.#random, flight.writes.length + 1) : 0
    if (kept === 0) this.counters.lostAppends++
    else if (kept < flight.writes.length) this.counters.tornAppends++
    else this.counters.keptAppends++
    for (let i = 0; i < kept; i++) this.#store(flight.process, flight.writes[i]!)
  }

  /** The log store for one life of its node. */
  open(process: SimProcess): LogStore {
    let failed = false
    let bytes = 0
    let flushes = 0
    let flushMs = 0
    const owns = (): boolean => this.#owner === process && process.alive
    return {
      recover: (identity) =>
        this.#answer(process, this.#delay(), () => {
          this.#owner = process
          this.#incarnation++
          const partitions = new Map<number, RecoveredPartition>()
          for (const partition of identity.partitions) {
            const stored = this.#partition(partition)
            const blocks = stored.blocks.map(({ index, count, term }) => ({ index, count, term }))
            partitions.set(partition, { state: stored.state?.slice(), blocks })
          }
          return { incarnation: this.#incarnation, partitions, warnings: [] }
        }),

      append: (writes) => {
        if (!owns()) return never()
        if (failed || this.#flight !== undefined) {
          const why = failed ? 'An earlier append has failed.' : 'There is an append in flight.'
          return Promise.reject(new MakoError('LOG_IO', why))
        }
        const armed = this.#armed
        if (armed?.point === 'before') {
          this.#armed = undefined
          this.counters.crashPoints++
          this.#flight = { process, writes, resolved: false }
          this.#time.schedule(0, armed.crash)
          return never()
        }
        const flight: Flight = { process, writes, resolved: false }
        this.#flight = flight
        const durationMs = this.#flushDuration()
        return new Promise<void>((resolve, reject) => {
          if (this.#lies !== undefined) {
            this.#time.schedule(Math.max(0, durationMs - this.#lies.earlyMs), () => process.deliver(resolve))
          }
          const finish = (): void => {
            if (this.#flight !== flight) return
            if (this.#stuck) {
              this.#held.push(finish)
              return
            }
            this.#flight = undefined
            if (this.#failNext) {
              this.#failNext = false
              failed = true
              this.counters.failedAppends++
              const kept = below(this.#random, writes.length + 1)
              for (let i = 0; i < kept; i++) this.#store(process, writes[i]!)
              process.deliver(() => reject(new MakoError('LOG_IO', 'The simulated disk has failed.')))
              return
            }
            for (const write of writes) {
              this.#store(process, write)
              bytes += write.type === 'block' ? write.block.bytes.length : write.state.length
            }
            this.counters.flushes++
            flushes++
            flushMs += durationMs
            if (this.#armed?.point === 'after') {
              const { crash } = this.#armed
              this.#armed = undefined
              this.counters.crashPoints++
              crash()
              return
            }
            process.deliver(resolve)
          }
          this.#time.schedule(durationMs, finish)
        })
      },

      read: (partition, from, maxBytes) => {
        if (!owns()) return never()
        // What the read sees is settled when it starts; an append in flight may finish before it ends.
        const found = this.#read(partition, from, maxBytes)
        return this.#answer(process, this.#delay(), () => found)
      },

      stats: () => ({ flushes, bytes, flushMs }),

      close: () =>
        this.#answer(process, 0, () => {
          if (this.#owner === process) this.#owner = undefined
        }),
    }
  }

  #delay(): number {
    const [low, high] = this.#options.flushMs
    return skewed(this.#random, low, high)
  }

  #flushDuration(): number {
    if (!chance(this.#random, this.#options.hiccup)) return this.#delay()
    this.counters.hiccups++
    return this.#delay() + uniform(this.#random, 0, this.#options.hiccupMs)
  }

  #answer<T>(process: SimProcess, delayMs: number, answer: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#time.schedule(delayMs, () => process.deliver(() => resolve(answer())))
    })
  }

  #partition(partition: number): StoredPartition {
    let stored = this.#partitions.get(partition)
    if (stored === undefined) {
      stored = { state: undefined, blocks: [] }
      this.#partitions.set(partition, stored)
    }
    return stored
  }

  #store(process: SimProcess, write: LogWrite): void {
    const stored = this.#partition(write.partition)
    if (write.type === 'state') stored.state = write.state.slice()
    else put(stored, write.block, write.truncate)
    this.#hooks.onDurable?.(process, write)
  }

  #read(partition: number, from: number, maxBytes: number): Block[] {
    const { blocks } = this.#partition(partition)
    const found: Block[] = []
    let bytes = 0
    let next = from
    for (let at = firstEndingAt(blocks, from); at < blocks.length; at++) {
      const block = blocks[at]!
      const starts = found.length === 0 ? block.index <= from : block.index === next
      if (!starts || (found.length > 0 && bytes + block.bytes.length > maxBytes)) break
      found.push(decodeBlock(block.bytes.slice()))
      bytes += block.bytes.length
      next = lastIndexOf(block) + 1
    }
    return found
  }
}

/** Position of the first block that ends at or after this index. */
function firstEndingAt(blocks: readonly Block[], index: number): number {
  let low = 0
  let high = blocks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (lastIndexOf(blocks[middle]!) < index) low = middle + 1
    else high = middle
  }
  return low
}

/** Blocks are replaced whole: a block that sticks out of what replaces it would leave a hole, and is refused. */
function put(stored: StoredPartition, block: Block, truncate: boolean): void {
  const { blocks } = stored
  const first = firstEndingAt(blocks, block.index)
  let end = truncate ? blocks.length : first
  while (end < blocks.length && blocks[end]!.index <= lastIndexOf(block)) end++
  const cut = blocks[first]
  if (first < end && cut !== undefined && cut.index < block.index) {
    throw new MakoError('LAW_BROKEN', `A block at ${block.index} cuts the block at ${cut.index} in two.`)
  }
  blocks.splice(first, end - first, { ...block, bytes: block.bytes.slice() })
}

/** The promise of a process that is dead. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
