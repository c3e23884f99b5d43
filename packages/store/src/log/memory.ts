// The log store that keeps everything in memory, for tests, simulation and replicas that need not survive alone.
//
// Always true: what a resolved append has put on a MemoryDisk is still there when another store is made on the same
// disk, as after a restart; the store of the earlier life can then no longer change anything.

import {
  type Block,
  type BlockSpan,
  type LogIdentity,
  type LogStore,
  type LogStoreStats,
  type LogWrite,
  MakoError,
  type RecoveredLog,
  type RecoveredPartition,
} from '@mako/engine'
import { checkPartition, checkWrite } from './blocks.ts'
import { SpanList } from './spans.ts'

interface KeptPartition {
  state: Uint8Array | undefined
  readonly blocks: SpanList<Block>
}

/** What survives a restart of a memory log. Opaque: make one with `memoryDisk()` and pass it on. */
export interface MemoryDisk {
  /** Starts so far; 0 when the disk is new. */
  readonly incarnation: number
}

class Disk implements MemoryDisk {
  incarnation = 0
  owner: { readonly clusterId: string; readonly nodeId: string } | undefined
  readonly partitions = new Map<number, KeptPartition>()

  partition(number: number): KeptPartition {
    let kept = this.partitions.get(number)
    if (kept === undefined) {
      kept = { state: undefined, blocks: new SpanList<Block>() }
      this.partitions.set(number, kept)
    }
    return kept
  }
}

/** A disk in memory that several lives of one node may use, one after the other. */
export function memoryDisk(): MemoryDisk {
  return new Disk()
}

/** A log store in memory. Appends resolve in a later microtask and never fail. */
export function memoryLog(disk: MemoryDisk = memoryDisk()): LogStore {
  if (!(disk instanceof Disk)) throw new MakoError('BAD_OPTION', 'A disk of a memory log is made with memoryDisk().')
  return new MemoryLog(disk)
}

class MemoryLog implements LogStore {
  readonly #disk: Disk
  #life = 0
  #closed = false
  #appending = false
  #flushes = 0
  #bytes = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  async recover(identity: LogIdentity): Promise<RecoveredLog> {
    await Promise.resolve()
    if (this.#closed || this.#life !== 0) throw new MakoError('BAD_STATE', 'A log store is recovered once, before use.')
    for (const partition of identity.partitions) checkPartition(partition)
    const disk = this.#disk
    const { clusterId, nodeId } = identity
    const owner = (disk.owner ??= { clusterId, nodeId })
    if (owner.clusterId !== clusterId || owner.nodeId !== nodeId) {
      throw new MakoError(
        'LOG_MISMATCH',
        `The log belongs to node ${owner.nodeId} of cluster ${owner.clusterId}, not to node ${nodeId} of ${clusterId}.`,
      )
    }
    this.#life = ++disk.incarnation
    const partitions = new Map<number, RecoveredPartition>()
    for (const number of identity.partitions) {
      const kept = disk.partition(number)
      partitions.set(number, { state: kept.state?.slice(), blocks: kept.blocks.toArray().map(spanOf) })
    }
    return { incarnation: this.#life, partitions, warnings: [] }
  }

  async append(writes: readonly LogWrite[]): Promise<void> {
    this.#checkUsable()
    if (this.#appending) throw new MakoError('BAD_STATE', 'An append is in flight; a log store takes one at a time.')
    for (const write of writes) checkWrite(write)
    for (const write of writes) this.#put(write)
    this.#appending = true
    await Promise.resolve()
    this.#appending = false
    this.#flushes++
  }

  async read(partition: number, from: number, maxBytes: number): Promise<readonly Block[]> {
    await Promise.resolve()
    this.#checkUsable()
    const { blocks } = this.#disk.partition(partition)
    return blocks.run(from, maxBytes, (block) => block.bytes.length)
  }

  stats(): LogStoreStats {
    return { flushes: this.#flushes, bytes: this.#bytes, flushMs: 0 }
  }

  async close(): Promise<void> {
    await Promise.resolve()
    this.#closed = true
  }

  /** Keeps blocks as they are: nobody changes one that was made, and most of the memory behind one is its own. */
  #put(write: LogWrite): void {
    const kept = this.#disk.partition(write.partition)
    if (write.type === 'state') {
      kept.state = write.state.slice()
      this.#bytes += write.state.length
      return
    }
    const { block, truncate } = write
    kept.blocks.put(block, truncate)
    this.#bytes += block.bytes.length
  }

  #checkUsable(): void {
    if (this.#closed) throw new MakoError('BAD_STATE', 'The log store is closed.')
    if (this.#life === 0) throw new MakoError('BAD_STATE', 'A log store is recovered before it is used.')
    if (this.#life !== this.#disk.incarnation) {
      throw new MakoError('BAD_STATE', 'The disk of this memory log has been taken over by a later start.')
    }
  }
}

function spanOf({ index, count, term }: Block): BlockSpan {
  return { index, count, term }
}
