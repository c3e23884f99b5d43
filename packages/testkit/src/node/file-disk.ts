// The production file log as the disk of a simulated node: every byte goes through the real segments, metadata and
// recovery, over a simulated file system in virtual time.
//
// Always true: what is told to the laws as durable is what the file log has promised, in order. Of an append that was
// in flight when its life ended, the next recovery decides what is there: a prefix of its writes, or the disk is in
// breach of its promise and refuses with LAW_BROKEN. A block that is read back has the bytes that were written.

import {
  below,
  type Block,
  lastIndexOf,
  type LogIdentity,
  type LogStore,
  type LogWrite,
  MakoError,
  type Random,
  type RecoveredLog,
  seededRandom,
  uniform,
} from '@mako/engine'
import { openFileLog } from '@mako/store/log'
import type { DiskContext } from '../world/cluster.ts'
import type { CrashPoint, DiskCounters, DiskHooks, DiskOptions, NodeDisk } from '../world/disk.ts'
import type { SimProcess } from '../world/process.ts'
import { between, chance, pick, skewed } from '../world/random.ts'
import type { VirtualTime } from '../world/time.ts'
import { type FileCall, type FileFault, type FilesHost, SimFiles, systemError } from './sim-files.ts'

const DIRECTORY = '/log'

/** Small, so that a storm has many rotations. */
const SEGMENT_BYTES = [4096, 16_384, 65_536] as const

/** Bytes of a segment's header: damage there is found whatever else is read. */
const HEADER_BYTES = 512

/** A crash that is armed for recovery comes at one of its first calls. */
const RECOVERY_CALLS = 30

interface Kept {
  readonly state: Uint8Array | undefined
  /** Ascending, without overlap. */
  readonly blocks: readonly Block[]
}

type Image = ReadonlyMap<number, Kept>

/** An append that has begun; what of it is durable is not known. */
interface Flight {
  readonly process: SimProcess
  readonly writes: readonly LogWrite[]
}

/** One life of a process on this disk. */
interface Owner {
  readonly process: SimProcess
  readonly log: Promise<LogStore>
}

/** Makes disks for `runSeed` and `SimCluster`: `makeDisk: fileDisk`. */
export function fileDisk(_node: string, context: DiskContext): NodeDisk {
  return new FileDisk(context)
}

export class FileDisk implements NodeDisk {
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
  readonly #segmentBytes: number
  #options: DiskOptions
  #files: SimFiles
  #owner: Owner | undefined
  /** What is durable for sure. */
  #image: Image = new Map()
  #flight: Flight | undefined
  #isStuck = false
  #held: (() => void)[] = []
  #slowMs = 0
  #isRotten = false
  #failNext: 'write' | 'flush' | undefined
  #armed: { readonly point: CrashPoint; readonly crash: () => void } | undefined
  /** Calls until a crash in recovery. */
  #callsLeft = 0

  constructor({ time, random, options, hooks }: DiskContext) {
    this.#time = time
    this.#random = random
    this.#options = options
    this.#hooks = hooks
    this.#segmentBytes = pick(random, SEGMENT_BYTES)
    this.#files = new SimFiles(seededRandom(random.u32()))
  }

  get isRotten(): boolean {
    return this.#isRotten
  }

  /** The simulated file system. */
  get files(): SimFiles {
    return this.#files
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

  /** Files that are there can be written, and none can grow. */
  fill(): void {
    this.#files.capacityBytes = 0
  }

  free(): void {
    this.#files.capacityBytes = Infinity
  }

  failNext(what: 'write' | 'flush' = 'write'): void {
    this.#failNext = what
  }

  arm(point: CrashPoint, crash: () => void): void {
    this.#armed = { point, crash }
    this.#callsLeft = between(this.#random, 1, RECOVERY_CALLS)
  }

  disarm(): void {
    this.#armed = undefined
    this.#failNext = undefined
  }

  /** Flips a bit that means something, in a segment that is not the newest. */
  rot(random: Random): boolean {
    if (this.#isRotten) return true
    const segments = this.#files.paths().filter((path) => path.endsWith('.segment'))
    const path = segments.length < 2 ? undefined : pick(random, segments.slice(0, -1))
    if (path === undefined) return false
    const used: number[] = []
    for (const [at, byte] of this.#files.bytesOf(path).entries()) if (at >= HEADER_BYTES && byte !== 0) used.push(at)
    this.#files.flip(path, pick(random, used), 1 << below(random, 8))
    this.#isRotten = true
    return true
  }

  wipe(): void {
    this.crash()
    this.#files = new SimFiles(seededRandom(this.#random.u32()))
    this.#image = new Map()
    this.#flight = undefined
    this.#isRotten = false
  }

  /** Half of the time the process was killed and the system lives on, otherwise the power has gone. */
  crash(): void {
    this.#owner = undefined
    this.#isStuck = false
    this.#held = []
    this.disarm()
    if (chance(this.#random, 0.5)) this.#files.kill()
    else this.#files.cutPower(pick(this.#random, ['kept', 'lost', 'subset', 'torn'] as const))
  }

  open(process: SimProcess): LogStore {
    const owns = (): boolean => this.#owner?.process === process && process.alive
    const log = (): Promise<LogStore> => this.#owner!.log
    let stats = { flushes: 0, bytes: 0, flushMs: 0 }
    return {
      recover: (identity) => this.#recover(process, identity),
      append: async (writes) => {
        if (!owns() || this.#fires('before')) return never()
        const store = await log()
        const flight: Flight = { process, writes }
        this.#flight = flight
        try {
          await store.append(writes)
        } catch (error) {
          this.#countFailure(error)
          throw error
        }
        stats = store.stats()
        this.counters.flushes++
        this.#flight = undefined
        this.#keep(flight, writes.length)
        if (this.#fires('after')) return never()
      },
      read: async (partition, from, maxBytes) => {
        if (!owns()) return never()
        const blocks = await (await log()).read(partition, from, maxBytes)
        this.counters.blocksRead += blocks.length
        for (const block of blocks) this.#compare(partition, block)
        return blocks
      },
      stats: () => stats,
      close: async () => {
        // A start that was refused has nothing to give up.
        if (!owns()) return
        // What a log store cannot finish at its end (a disk that fails or is full) it finishes at the next start.
        await (await log()).close().catch(() => undefined)
        if (this.#owner?.process === process) this.#owner = undefined
      },
    }
  }

  async #recover(process: SimProcess, identity: LogIdentity): Promise<RecoveredLog> {
    if (this.#owner?.process.alive === true) {
      this.counters.refusedForeign++
      throw new MakoError('LOG_MISMATCH', 'The simulated disk is in use by another node.')
    }
    // Whoever had it before is dead, and what it had locked is free.
    this.#files.kill()
    const log = openFileLog(DIRECTORY, {
      files: this.#files.open(this.#host(process)),
      segmentBytes: this.#segmentBytes,
      clock: process.clock,
      random: seededRandom(this.#random.u32()),
    })
    this.#owner = { process, log }
    try {
      const store = await log
      const recovered = await store.recover(identity)
      this.#settle(recovered)
      if (this.#fires('recover')) return await never<RecoveredLog>()
      return recovered
    } catch (error) {
      this.#countRefusal(error)
      throw error
    }
  }

  /** Of an append that nobody was told about, so many writes are there. */
  #settle(recovered: RecoveredLog): void {
    const flight = this.#flight
    const count = flight?.writes.length ?? 0
    let kept = count
    while (kept >= 0 && !isImage(recovered, this.#imageAfter(flight?.writes.slice(0, kept) ?? []))) kept--
    if (kept < 0) throw new MakoError('LAW_BROKEN', 'The log on disk is not what was written, nor a prefix of it.')
    this.#flight = undefined
    if (flight === undefined) return
    if (kept === 0) this.counters.lostAppends++
    else if (kept < count) this.counters.tornAppends++
    else this.counters.keptAppends++
    this.#keep(flight, kept)
  }

  #keep({ process, writes }: Flight, count: number): void {
    const kept = writes.slice(0, count)
    this.#image = this.#imageAfter(kept)
    for (const write of kept) this.#hooks.onDurable?.(process, write)
  }

  #imageAfter(writes: readonly LogWrite[]): Image {
    if (writes.length === 0) return this.#image
    const image = new Map(this.#image)
    for (const write of writes) {
      const kept = image.get(write.partition) ?? { state: undefined, blocks: [] }
      image.set(write.partition, write.type === 'state' ? { ...kept, state: write.state } : laidOver(kept, write))
    }
    return image
  }

  /** @throws MakoError `LAW_BROKEN` when a block is not the one that was written. */
  #compare(partition: number, block: Block): void {
    const blocks = this.#image.get(partition)?.blocks ?? []
    const written = blocks[firstEndingAt(blocks, block.index)]
    if (written !== undefined && Buffer.compare(written.bytes, block.bytes) === 0) return
    // One that was read while a newer one took its place is the one that was there when the read began.
    if (this.#flight === undefined && written?.term === block.term) {
      throw new MakoError('LAW_BROKEN', `The block at ${block.index} of partition ${partition} has other bytes.`)
    }
  }

  /** The file system of one life: how long calls take, which of them fail, and where the process ends. */
  #host(process: SimProcess): FilesHost {
    return {
      later: (call, answer) => {
        if (this.#armed?.point === 'recover' && --this.#callsLeft === 0 && this.#fires('recover')) return
        const isFlush = call.kind === 'write' || call.kind === 'truncate' || call.kind === 'sync-directory'
        if (isFlush && this.#fires('middle')) return
        const finish = (): void => {
          if (isFlush && this.#isStuck && process.alive) this.#held.push(finish)
          else process.deliver(answer)
        }
        this.#time.schedule(isFlush ? this.#flushDuration() : this.#delay() / 4, finish)
      },
      fault: (call) => this.#fault(call),
    }
  }

  #fault({ kind, bytes }: FileCall): FileFault | undefined {
    const failing = this.#failNext
    if (failing === undefined || kind !== 'write') return undefined
    this.#failNext = undefined
    this.counters[failing === 'write' ? 'failedAppends' : 'failedFlushes']++
    const error = systemError('EIO')
    if (failing === 'flush') return { type: 'unflushed', error }
    return { type: 'short', error, bytes: below(this.#random, bytes + 1) }
  }

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

  #countFailure(error: unknown): void {
    if (isFull(error)) this.counters.fullAppends++
  }

  #countRefusal(error: unknown): void {
    if (!(error instanceof MakoError)) return
    if (isFull(error)) this.counters.refusedFull++
    else if (error.code === 'CORRUPT_LOG') this.counters.refusedRotten++
    else if (error.code === 'LOG_MISMATCH') this.counters.refusedForeign++
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
}

/** What a log store promises of a put: everything that the block overlaps goes, and with `truncate` all behind it. */
function laidOver(kept: Kept, { block, truncate }: Extract<LogWrite, { type: 'block' }>): Kept {
  const { blocks } = kept
  const last = truncate ? Infinity : lastIndexOf(block)
  const first = firstEndingAt(blocks, block.index)
  let end = first
  while (end < blocks.length && blocks[end]!.index <= last) end++
  return { ...kept, blocks: [...blocks.slice(0, first), block, ...blocks.slice(end)] }
}

/** Position of the first block that ends at or after this index. */
function firstEndingAt(blocks: readonly Block[], index: number): number {
  let low = 0
  let high = blocks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (lastIndexOf(blocks[middle]!) < index) low = middle + 1
    else high = middle
  }
  return low
}

function isImage({ partitions }: RecoveredLog, image: Image): boolean {
  for (const [partition, { state, blocks: spans }] of partitions) {
    const kept = image.get(partition)
    const blocks = kept?.blocks ?? []
    if ((state === undefined) !== (kept?.state === undefined)) return false
    if (state !== undefined && Buffer.compare(state, kept!.state!) !== 0) return false
    if (spans.length !== blocks.length) return false
    for (const [i, { index, count, term }] of spans.entries()) {
      const block = blocks[i]!
      if (block.index !== index || block.count !== count || block.term !== term) return false
    }
  }
  return true
}

function isFull(error: unknown): boolean {
  const cause = error instanceof MakoError ? (error.cause as { code?: unknown } | undefined) : undefined
  return cause?.code === 'ENOSPC'
}

/** The promise of a process that is dead. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
