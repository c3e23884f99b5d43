// The log store on disk: appends to the newest segment, rotates, reads back through the ledger.
//
// Always true: there is at most one write in flight; the ledger changes only when a write is durable; and after the
// first failed write or flush nothing is written again in this life, because the system may have dropped the pages
// that it could not write and would report the next flush as a success.

import { join } from 'node:path'
import {
  type Block,
  type Clock,
  type LogIdentity,
  type LogStore,
  type LogStoreStats,
  type LogWrite,
  MakoError,
  type Random,
  type RecoveredLog,
  type RecoveredPartition,
  systemClock,
  systemRandom,
} from '@mako/engine'
import { checkPartition, checkWrite } from '../blocks.ts'
import { BatchEncoder, batchBytes, payloadOf } from './batch.ts'
import { logIo } from './faults.ts'
import type { LogFiles, Unlock } from './files.ts'
import { MAX_NAME_BYTES, recordBytes, SEAL_BYTES } from './format.ts'
import { Ledger } from './ledger.ts'
import { type LogMeta, writeMeta } from './meta.ts'
import { nodeFiles } from './node-files.ts'
import { readBlocks } from './read.ts'
import { recoverDirectory } from './recovery.ts'
import {
  PREPARED_SUFFIX,
  prepareSegment,
  publishSegment,
  type Segment,
  sealSegment,
  type SegmentSource,
} from './segment.ts'

const MIN_SEGMENT_BYTES = 4096
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024

export interface FileLogOptions {
  /**
   * Bytes of one segment file, from 4 KiB to 1 GiB. The directory holds up to two of them beyond what is stored: the
   * one being written and the next one.
   * @default 67108864 (64 MiB): rotation and its three flushes are then rare at any rate a disk can take.
   */
  readonly segmentBytes?: number
  /** The file system. @default that of Node.js */
  readonly files?: LogFiles
  /** Measures flushes for `stats()`. @default the system's */
  readonly clock?: Pick<Clock, 'monotonicNow'>
  /** Salts the segments, so that no bytes of one are ever valid in another. @default the system's */
  readonly random?: Random
}

/**
 * Opens the log in a directory, which is made when it is missing, and locks it against other processes (and a second
 * store in this one) until `close` or until the process ends, however it ends.
 *
 * A second `append` while one is in flight is a mistake and rejected with `BAD_STATE`.
 * @throws MakoError `LOG_LOCKED` naming the process that holds it, `LOG_IO`, `BAD_OPTION`
 */
export async function openFileLog(directory: string, options: FileLogOptions = {}): Promise<LogStore> {
  const { segmentBytes = 64 * 1024 * 1024, files = nodeFiles, clock = systemClock, random = systemRandom() } = options
  if (!Number.isInteger(segmentBytes) || segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > MAX_SEGMENT_BYTES) {
    throw new MakoError(
      'BAD_OPTION',
      `segmentBytes is an integer from ${MIN_SEGMENT_BYTES} to ${MAX_SEGMENT_BYTES}, not ${segmentBytes}.`,
    )
  }
  if (directory === '') throw new MakoError('BAD_OPTION', 'The directory of a log has a name.')
  try {
    await files.makeDirectory(directory)
    const unlock = await files.lock(directory)
    return new FileLog({ directory, segmentBytes, files, clock, random }, unlock)
  } catch (error) {
    throw logIo(`Opening the log in ${directory}`, error)
  }
}

type Setting = Required<FileLogOptions> & { readonly directory: string }

class FileLog implements LogStore {
  readonly #setting: Setting
  readonly #unlock: Unlock
  readonly #ledger = new Ledger()
  readonly #encoder = new BatchEncoder()
  readonly #closing = new AbortController()

  #state: 'opened' | 'recovering' | 'ready' | 'closed' = 'opened'
  #failure: MakoError | undefined
  #source: SegmentSource | undefined
  #meta: LogMeta | undefined
  /** The segment that is being written; there is one from `recover` on. */
  #active: Segment | undefined
  /** The one after it, once that is being made ready. */
  #next: Promise<Segment> | undefined
  #appending: Promise<void> | undefined
  #closed: Promise<void> | undefined

  #flushes = 0
  #bytes = 0
  #flushMs = 0

  constructor(setting: Setting, unlock: Unlock) {
    this.#setting = setting
    this.#unlock = unlock
  }

  async recover(identity: LogIdentity): Promise<RecoveredLog> {
    if (this.#state !== 'opened') throw new MakoError('BAD_STATE', 'A log store is recovered once, before use.')
    checkIdentity(identity)
    this.#state = 'recovering'
    const work = this.#recover(identity)
    // `close` waits for it; whether it fails is for the caller of `recover`.
    this.#appending = settled(work)
    return work
  }

  append(writes: readonly LogWrite[]): Promise<void> {
    let segment: Segment
    try {
      segment = this.#admit(writes)
    } catch (error) {
      return Promise.reject(logIo('Appending to the log', error))
    }
    if (writes.length === 0) return Promise.resolve()
    const bytes = batchBytes(writes)
    const work = segment.fits(bytes)
      ? this.#write(segment, writes, bytes)
      : this.#rotate(segment).then((fresh) => this.#write(fresh, writes, bytes))
    this.#appending = work
    return work
  }

  async read(partition: number, from: number, maxBytes: number): Promise<readonly Block[]> {
    if (this.#state !== 'ready') throw this.#notReady()
    const { files, directory } = this.#setting
    const places = this.#ledger.run(partition, from, maxBytes)
    try {
      return await readBlocks(files, directory, places, this.#ledger)
    } catch (error) {
      throw logIo(`Reading the log in ${directory}`, error)
    }
  }

  stats(): LogStoreStats {
    return { flushes: this.#flushes, bytes: this.#bytes, flushMs: this.#flushMs }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #recover(identity: LogIdentity): Promise<RecoveredLog> {
    const { files, directory, segmentBytes, random } = this.#setting
    try {
      const { meta, warnings } = await recoverDirectory(files, directory, identity, this.#ledger)
      const source: SegmentSource = { files, directory, segmentBytes, random, identity }
      this.#meta = meta
      this.#source = source
      const segment = await prepareSegment(source, meta.sealed + 1, this.#closing.signal)
      this.#active = segment
      await publishSegment(source, segment)
      this.#ledger.addSegment(segment.number, segment.salt)
      // A store that was closed meanwhile stays closed.
      if (this.#state === 'recovering') this.#state = 'ready'
      const partitions = new Map<number, RecoveredPartition>()
      for (const partition of identity.partitions) {
        partitions.set(partition, { state: this.#ledger.stateOf(partition), blocks: this.#ledger.blocksOf(partition) })
      }
      return { incarnation: meta.incarnation, partitions, warnings }
    } catch (error) {
      throw this.#fail(`Recovering the log in ${directory}`, error)
    } finally {
      this.#appending = undefined
    }
  }

  /** The newest segment, when these writes may be appended now. */
  #admit(writes: readonly LogWrite[]): Segment {
    const segment = this.#active
    if (this.#state !== 'ready' || segment === undefined) throw this.#notReady()
    if (this.#failure !== undefined) {
      const message = `The log takes no more appends after a failed one. ${this.#failure.message}`
      throw new MakoError('LOG_IO', message, { cause: this.#failure.cause })
    }
    if (this.#appending !== undefined) {
      throw new MakoError('BAD_STATE', 'An append is in flight; a log store takes one at a time.')
    }
    for (const write of writes) checkWrite(write)
    return segment
  }

  #write(segment: Segment, writes: readonly LogWrite[], bytes: number): Promise<void> {
    const { clock } = this.#setting
    const offset = segment.end
    const parts = this.#encoder.encode(writes, bytes, segment.salt, offset)
    return new Promise((resolve, reject) => {
      const started = clock.monotonicNow()
      segment.file.write(parts, offset, (error) => {
        this.#appending = undefined
        if (error) {
          reject(this.#fail(`Writing ${segment.name} at offset ${offset}`, error))
          return
        }
        this.#flushes++
        this.#bytes += bytes
        this.#flushMs += clock.monotonicNow() - started
        segment.end += bytes
        this.#index(writes, segment.number, offset)
        if (this.#next === undefined && segment.end > segment.capacity / 2) void this.#prepareNext(segment.number + 1)
        resolve()
      })
    })
  }

  #index(writes: readonly LogWrite[], segment: number, start: number): void {
    let offset = start
    for (const write of writes) {
      this.#ledger.apply(write, segment, offset)
      offset += recordBytes(payloadOf(write).length)
    }
  }

  #prepareNext(number: number): Promise<Segment> {
    const next = prepareSegment(this.#source!, number, this.#closing.signal)
    this.#next = next
    // Whether it went well is looked at when the segment is needed.
    void settled(next)
    return next
  }

  /** The newest segment is full: the next one takes its place. */
  async #rotate(full: Segment): Promise<Segment> {
    try {
      const number = full.number + 1
      // When it could not be made ready in the background (no space then, perhaps now), it is made again, from scratch.
      const next = await (this.#next ?? this.#prepareNext(number)).catch(() => this.#prepareNext(number))
      await sealSegment(full.file, full.salt, full.end)
      full.end += SEAL_BYTES
      this.#active = next
      this.#next = undefined
      await full.file.close()
      await publishSegment(this.#source!, next)
      this.#ledger.addSegment(next.number, next.salt)
      return next
    } catch (error) {
      this.#appending = undefined
      throw this.#fail(`Starting the segment after ${full.name}`, error)
    }
  }

  async #close(): Promise<void> {
    const { directory } = this.#setting
    this.#state = 'closed'
    this.#closing.abort()
    await settled(this.#appending)
    try {
      if (this.#next !== undefined) await this.#discard(this.#next)
      if (this.#active !== undefined) await this.#finish(this.#active)
    } catch (error) {
      throw logIo(`Closing the log in ${directory}`, error)
    } finally {
      await this.#unlock()
    }
  }

  /** Seals what was written, so that the next start can tell any later damage from an unfinished append. */
  async #finish(segment: Segment): Promise<void> {
    const { files, directory } = this.#setting
    const { file, salt, end, number } = segment
    try {
      if (this.#failure !== undefined) return
      if (segment.isEmpty) {
        await files.unlink(join(directory, segment.name))
        return
      }
      await file.truncate(end)
      await sealSegment(file, salt, end)
      await writeMeta(files, directory, { ...this.#meta!, sealed: number })
    } finally {
      await file.close()
    }
  }

  async #discard(preparing: Promise<Segment>): Promise<void> {
    const segment = await preparing.catch(() => undefined)
    if (segment === undefined) return // What is left of it is removed at the next start.
    await segment.file.close()
    await this.#setting.files.unlink(join(this.#setting.directory, segment.name + PREPARED_SUFFIX))
  }

  /** Remembers the first failure; nothing is written after it. */
  #fail(what: string, error: unknown): MakoError {
    const failure = logIo(what, error)
    this.#failure ??= failure
    return failure
  }

  #notReady(): MakoError {
    const closed = this.#state === 'closed'
    return new MakoError(
      'BAD_STATE',
      closed ? 'The log store is closed.' : 'A log store is recovered before it is used.',
    )
  }
}

function checkIdentity(identity: LogIdentity): void {
  for (const partition of identity.partitions) checkPartition(partition)
  for (const name of ['clusterId', 'nodeId'] as const) {
    const bytes = new TextEncoder().encode(identity[name]).length
    if (bytes >= 1 && bytes <= MAX_NAME_BYTES) continue
    throw new MakoError('BAD_OPTION', `${name} has 1 to ${MAX_NAME_BYTES} bytes of UTF-8, not ${bytes}.`)
  }
}

/** Resolves when the promise has settled, either way. */
async function settled(work: Promise<unknown> | undefined): Promise<void> {
  try {
    await work
  } catch {
    // Whoever made the promise has the error.
  }
}
