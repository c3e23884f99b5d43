// The file log's index in memory: where on disk the newest version of everything is.
//
// Always true: it says what the records say when they are applied in the order in which they were written, whether
// they were just written or read again at start. About 80 bytes for each block; hard states are kept as they are.

import type { BlockSpan, LogWrite } from '@mako/engine'
import { SpanList } from '../spans.ts'

/** A block, and where it is. */
export interface PlacedBlock extends BlockSpan {
  /** Number of the segment. */
  readonly segment: number
  /** Offset of the record in it. */
  readonly offset: number
  /** Bytes of the record's payload. */
  readonly bytes: number
}

interface PartitionLedger {
  state: Uint8Array | undefined
  readonly blocks: SpanList<PlacedBlock>
}

export class Ledger {
  readonly #partitions = new Map<number, PartitionLedger>()
  readonly #salts = new Map<number, number>()

  addSegment(number: number, salt: number): void {
    this.#salts.set(number, salt)
  }

  /** The salt of a segment that was added. */
  saltOf(segment: number): number {
    return this.#salts.get(segment)!
  }

  stateOf(partition: number): Uint8Array | undefined {
    return this.#partitions.get(partition)?.state?.slice()
  }

  blocksOf(partition: number): PlacedBlock[] {
    return this.#partitions.get(partition)?.blocks.toArray() ?? []
  }

  run(partition: number, from: number, maxBytes: number): PlacedBlock[] {
    return this.#partitions.get(partition)?.blocks.run(from, maxBytes, (block) => block.bytes) ?? []
  }

  /** Applies a write whose record is at this place. */
  apply(write: LogWrite, segment: number, offset: number): void {
    if (write.type === 'state') this.putState(write.partition, write.state)
    else this.putBlock(write.partition, write.block, write.block.bytes.length, write.truncate, segment, offset)
  }

  putState(partition: number, state: Uint8Array): void {
    this.#of(partition).state = state.slice()
  }

  putBlock(
    partition: number,
    span: BlockSpan,
    bytes: number,
    truncate: boolean,
    segment: number,
    offset: number,
  ): void {
    const { index, count, term } = span
    this.#of(partition).blocks.put({ index, count, term, segment, offset, bytes }, truncate)
  }

  #of(partition: number): PartitionLedger {
    let ledger = this.#partitions.get(partition)
    if (ledger === undefined) {
      ledger = { state: undefined, blocks: new SpanList() }
      this.#partitions.set(partition, ledger)
    }
    return ledger
  }
}
