// A disk in virtual time: a log store that keeps what was durable when its node crashed, and may misbehave.
//
// Always true: writes take effect in order. An append that has resolved is kept, whatever happens, unless the disk is
// told to rot or is wiped; one that has not may be kept in part, and then as a prefix of its writes (a write that was
// torn in the middle fails its checksum and counts as not written), exactly as a log of checksummed records does. A
// failed append is never tried again. What is damaged is refused, never returned.

import {
  below,
  lastIndexOf,
  MakoError,
  uniform,
  type Block,
  type LogIdentity,
  type LogStore,
  type LogWrite,
  type Random,
  type RecoveredPartition,
} from '@mako/engine'
import type { SimProcess } from './process.ts'
import { chance, pick, skewed } from './random.ts'
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
  /** Appends that failed while writing, while flushing (nothing of them is there any more), and for want of space. */
  failedAppends: number
  failedFlushes: number
  fullAppends: number
  hiccups: number
  /** Crashes at an armed point. */
  crashPoints: number
  /** Blocks that were read again. */
  blocksRead: number
  /** Times that the log was refused because of what is on it. */
  refusedRotten: number
  refusedFull: number
  refusedForeign: number
}

export interface DiskHooks {
  /** A write has become durable in the life of this process. */
  readonly onDurable?: (process: SimProcess, write: LogWrite) => void
}

/**
 * Where a crash may be armed: when an append begins and nothing of it is written, in the middle of it, when all of it
 * is durable and nobody knows; or while the log is recovered.
 */
export type CrashPoint = 'before' | 'middle' | 'after' | 'recover'

/** What a cluster and its faults ask of a node's disk. */
export interface NodeDisk {
  readonly counters: DiskCounters
  /** Some flushed record is damaged. */
  readonly isRotten: boolean
  /** The log store for one life of its node. */
  open(process: SimProcess): LogStore
  behave(options: DiskOptions): void
  /** The power of this node is gone: what becomes of the append in flight is for the seed to say. */
  crash(): void
  /** Calls `crash` once at this point; it must end the process. */
  arm(point: CrashPoint, crash: () => void): void
  /** The next append fails while it is written, or while it is flushed; and with it this life of the store. */
  failNext(what?: 'write' | 'flush'): void
  disarm(): void
  /** Flushes take for ever, until `unstick`. */
  stick(): void
  unstick(): void
  /** Adds this much to every flush; 0 takes it back. */
  slow(byMs: number): void
  /** There is no space left, until `free`. */
  fill(): void
  free(): void
  /** Damages a flushed record that is not the newest; false when there is none. */
  rot(random: Random): boolean
  /** Everything is gone, as on a new disk. */
  wipe(): void
}

interface StoredPartition {
  state: Uint8Array | undefined
  /** Ascending, without overlap. */
  blocks: Block[]
}

interface Flight {
  readonly process: SimProcess
  readonly writes: readonly LogWrite[]
}

export class SimDisk implements NodeDisk {
  readonly counters: DiskCounters = {
    flushes: 0,
    lostAppends: 0,
    tornAppends: 0,
    keptAppends: 0,
    failedAppends: 0,
    failedFlushes: 0,
    fullAppends: 0,
    hiccups: 0,
    crashPoints: 0,
    blocksRead: 0,
    refusedRotten: 0,
    refusedFull: 0,
    refusedForeign: 0,
  }
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #hooks: DiskHooks
  readonly #lies: DiskLies | undefined
  readonly #partitions = new Map<number, StoredPartition>()
  #options: DiskOptions
  #incarnation = 0
  #belongsTo: { readonly clusterId: string; readonly nodeId: string } | undefined
  #owner: SimProcess | undefined
  #flight: Flight | undefined
  #isStuck = false
  #held: (() => void)[] = []
  #isFull = false
  #slowMs = 0
  #failNext: 'write' | 'flush' | undefined
  #armed: { readonly point: CrashPoint; readonly crash: () => void } | undefined
  /** The damaged block. */
  #rotten: Block | undefined

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

  get isRotten(): boolean {
    return this.#rotten !== undefined
  }

  behave(options: DiskOptions): void {
    this.#options = options
  }

  stick(): void {
    this.#isStuck = true
  }

  unstick(): void {
    this.#isStuck = false
    const held = this.#held
    this.#held = []
    for (const finish of held) this.#time.schedule(0, finish)
  }

  slow(byMs: number): void {
    this.#slowMs = byMs
  }

  fill(): void {
    this.#isFull = true
  }

  free(): void {
    this.#isFull = false
  }

  failNext(what: 'write' | 'flush' = 'write'): void {
    this.#failNext = what
  }

  arm(point: CrashPoint, crash: () => void): void {
    this.#armed = { point, crash }
  }

  disarm(): void {
    this.#armed = undefined
    this.#failNext = undefined
  }

  rot(random: Random): boolean {
    // Damage of the newest record cannot be told from a torn write: the log would drop it as a tail.
    const old = [...this.#partitions.values()].flatMap(({ blocks }) => blocks.slice(0, -1))
    this.#rotten ??= old.length === 0 ? undefined : pick(random, old)
    return this.isRotten
  }

  wipe(): void {
    this.crash()
    this.#partitions.clear()
    this.#rotten = undefined
    this.#belongsTo = undefined
    this.#incarnation = 0
  }

  /** The durable blocks of a partition, ascending. */
  blocks(partition: number): readonly Block[] {
    return this.#partitions.get(partition)?.blocks ?? []
  }

  /** The durable hard state of a partition. */
  state(partition: number): Uint8Array | undefined {
    return this.#partitions.get(partition)?.state
  }

  crash(): void {
    const flight = this.#flight
    this.#flight = undefined
    this.#owner = undefined
    this.#isStuck = false
    this.#held = []
    this.disarm()
    if (flight === undefined) return
    const kept = this.#lies === undefined ? below(this.#random, flight.writes.length + 1) : 0
    if (kept === 0) this.counters.lostAppends++
    else if (kept < flight.writes.length) this.counters.tornAppends++
    else this.counters.keptAppends++
    for (let i = 0; i < kept; i++) this.#store(flight.process, flight.writes[i]!)
  }

  open(process: SimProcess): LogStore {
    let failed = false
    let bytes = 0
    let flushes = 0
    let flushMs = 0
    const owns = (): boolean => this.#owner === process && process.alive
    const fail = (counter: 'failedAppends' | 'failedFlushes' | 'fullAppends', message: string): Promise<never> => {
      failed = true
      this.#flight = undefined
      this.counters[counter]++
      return this.#refuse(process, new MakoError('LOG_IO', message))
    }
    return {
      recover: (identity) => {
        const refusal = this.#refusalOf(identity)
        if (refusal !== undefined) return this.#refuse(process, refusal)
        if (this.#fires('recover')) return never()
        return this.#answer(process, this.#delay(), () => {
          this.#owner = process
          this.#incarnation++
          this.#belongsTo = { clusterId: identity.clusterId, nodeId: identity.nodeId }
          const partitions = new Map<number, RecoveredPartition>()
          for (const partition of identity.partitions) {
            const stored = this.#partition(partition)
            const blocks = stored.blocks.map(({ index, count, term }) => ({ index, count, term }))
            partitions.set(partition, { state: stored.state?.slice(), blocks })
          }
          return { incarnation: this.#incarnation, partitions, warnings: [] }
        })
      },

      append: (writes) => {
        if (!owns()) return never()
        if (failed || this.#flight !== undefined) {
          const why = failed ? 'An earlier append has failed.' : 'There is an append in flight.'
          return Promise.reject(new MakoError('LOG_IO', why))
        }
        if (this.#fires('before')) return never()
        if (this.#isFull) return fail('fullAppends', 'There is no space left on the simulated disk.')
        const flight: Flight = { process, writes }
        this.#flight = flight
        if (this.#fires('middle')) return never()
        const durationMs = this.#flushDuration()
        return new Promise<void>((resolve, reject) => {
          if (this.#lies !== undefined) {
            this.#time.schedule(Math.max(0, durationMs - this.#lies.earlyMs), () => process.deliver(resolve))
          }
          const finish = (): void => {
            if (this.#flight !== flight) return
            if (this.#isStuck) {
              this.#held.push(finish)
              return
            }
            const failing = this.#failNext
            this.#failNext = undefined
            if (failing === 'flush') {
              // The system has dropped the pages: nothing of this append is there, now or later.
              fail('failedFlushes', 'The simulated disk has failed to flush.').catch(reject)
              return
            }
            if (failing === 'write') {
              const kept = below(this.#random, writes.length + 1)
              for (let i = 0; i < kept; i++) this.#store(process, writes[i]!)
              fail('failedAppends', 'The simulated disk has failed to write.').catch(reject)
              return
            }
            this.#flight = undefined
            for (const write of writes) {
              this.#store(process, write)
              bytes += write.type === 'block' ? write.block.bytes.length : write.state.length
            }
            this.counters.flushes++
            flushes++
            flushMs += durationMs
            if (!this.#fires('after')) process.deliver(resolve)
          }
          this.#time.schedule(durationMs, finish)
        })
      },

      read: (partition, from, maxBytes) => {
        if (!owns()) return never()
        // What the read sees is settled when it starts; an append in flight may finish before it ends.
        const found = this.#read(partition, from, maxBytes)
        const { length } = found
        this.counters.blocksRead += length
        // Whole blocks up to the damage are good; a read that begins with it has nothing to give.
        const damaged = found.findIndex(({ index, term }) => this.#isDamaged(partition, index, term))
        if (damaged === 0) return this.#refuse(process, damage(from))
        const good = damaged < 0 ? found : found.slice(0, damaged)
        return this.#answer(process, this.#delay(), () => good)
      },

      stats: () => ({ flushes, bytes, flushMs }),

      close: () =>
        this.#answer(process, 0, () => {
          if (this.#owner === process) this.#owner = undefined
        }),
    }
  }

  /** Crashes when that is armed for this point. */
  #fires(point: CrashPoint): boolean {
    const armed = this.#armed
    if (armed?.point !== point) return false
    this.#armed = undefined
    this.counters.crashPoints++
    // What asked for this is in the middle of its turn, and must not find itself dead in the middle of a call.
    if (point === 'after') armed.crash()
    else this.#time.schedule(0, armed.crash)
    return true
  }

  #refusalOf({ clusterId, nodeId }: LogIdentity): MakoError | undefined {
    const owner = this.#belongsTo
    if (owner !== undefined && (owner.clusterId !== clusterId || owner.nodeId !== nodeId)) {
      this.counters.refusedForeign++
      return new MakoError('LOG_MISMATCH', `The log belongs to node ${owner.nodeId} of cluster ${owner.clusterId}.`)
    }
    if (this.#rotten !== undefined) {
      this.counters.refusedRotten++
      return damage(this.#rotten.index)
    }
    if (!this.#isFull) return undefined
    this.counters.refusedFull++
    return new MakoError('LOG_IO', 'There is no space left on the simulated disk.')
  }

  #isDamaged(partition: number, index: number, term: number): boolean {
    const rotten = this.#rotten
    return rotten?.index === index && rotten.term === term && this.blocks(partition).includes(rotten)
  }

  #refuse(process: SimProcess, error: MakoError): Promise<never> {
    return new Promise((_, reject) => {
      this.#time.schedule(this.#delay(), () => process.deliver(() => reject(error)))
    })
  }

  #delay(): number {
    const [low, high] = this.#options.flushMs
    return skewed(this.#random, low, high)
  }

  #flushDuration(): number {
    const durationMs = this.#delay() + this.#slowMs
    if (!chance(this.#random, this.#options.hiccup)) return durationMs
    this.counters.hiccups++
    return durationMs + uniform(this.#random, 0, this.#options.hiccupMs)
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
      // As it was written: blocks never change, so a copy for each read would only cost time.
      found.push(block)
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

/**
 * Blocks are replaced whole. Without `truncate` those that the new one overlaps are removed (`LogWrite`); a truncation
 * that cuts a block in two would leave a hole below, and is refused.
 */
function put(stored: StoredPartition, block: Block, truncate: boolean): void {
  const { blocks } = stored
  const kept = { ...block, bytes: block.bytes.slice() }
  const newest = blocks.at(-1)
  if (newest === undefined || lastIndexOf(newest) < block.index) {
    blocks.push(kept)
    return
  }
  const first = firstEndingAt(blocks, block.index)
  let end = truncate ? blocks.length : first
  while (end < blocks.length && blocks[end]!.index <= lastIndexOf(block)) end++
  const cut = blocks[first]
  if (truncate && first < end && cut !== undefined && cut.index < block.index) {
    throw new MakoError('LAW_BROKEN', `A block at ${block.index} cuts the block at ${cut.index} in two.`)
  }
  blocks.splice(first, end - first, kept)
}

function damage(index: number): MakoError {
  return new MakoError('CORRUPT_LOG', `A record of the simulated disk at entry ${index} is damaged.`)
}

/** The promise of a process that is dead. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
