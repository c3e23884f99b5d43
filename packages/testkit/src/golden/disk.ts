// The disk of a node of a golden script.
//
// Always true: writes become durable in the order of their numbers, and only when somebody says so. A crash loses those that
// are not, or keeps them without anybody having heard of it.

import { type Block, type CoreWrite, lastIndexOf } from '@mako/engine'

export class GoldenDisk {
  #state: Uint8Array | undefined
  #blocks: Block[] = []
  #waiting: CoreWrite[] = []
  #durable = 0

  get state(): Uint8Array | undefined {
    return this.#state
  }

  get blocks(): readonly Block[] {
    return this.#blocks
  }

  /** Writes that are asked for and not durable, oldest first. */
  get waiting(): readonly CoreWrite[] {
    return this.#waiting
  }

  /** The number of the newest durable write of this life. */
  get durable(): number {
    return this.#durable
  }

  write(writes: readonly CoreWrite[]): void {
    this.#waiting.push(...writes)
  }

  /** Makes the waiting writes up to this number durable; false when there is none. */
  flush(upTo: number): boolean {
    const rest = this.#waiting.findIndex(({ number }) => number > upTo)
    const done = this.#waiting.splice(0, rest < 0 ? this.#waiting.length : rest)
    for (const { number, write } of done) {
      this.#durable = number
      if (write.type === 'state') this.#state = write.state
      else this.#put(write.block, write.truncate)
    }
    return done.length > 0
  }

  /** The process has ended; the next one begins to count its writes anew. */
  crash(keep: 'durable' | 'all'): void {
    if (keep === 'all') this.flush(Number.POSITIVE_INFINITY)
    this.#waiting = []
    this.#durable = 0
  }

  /** The blocks from the one that holds this index, without gap, up to about this many bytes. */
  read(from: number, maxBytes: number): Block[] {
    const found: Block[] = []
    let bytes = 0
    let next = from
    for (const block of this.#blocks) {
      if (lastIndexOf(block) < next) continue
      if (block.index > next || (found.length > 0 && bytes + block.bytes.length > maxBytes)) break
      found.push(block)
      bytes += block.bytes.length
      next = lastIndexOf(block) + 1
    }
    return found
  }

  #put(block: Block, truncate: boolean): void {
    const last = lastIndexOf(block)
    const before = this.#blocks.filter((stored) => lastIndexOf(stored) < block.index)
    const after = truncate ? [] : this.#blocks.filter((stored) => stored.index > last)
    this.#blocks = [...before, block, ...after]
  }
}
