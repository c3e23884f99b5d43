// What this very node must not forget: a list of values on its own disk, in a log store of its own, without replication.
//
// Always true: a value is durable when its `append` has resolved; values come back in the order in which they were
// appended; while one flush is in flight the next batch gathers.

import { encodeBlock, entriesOf, type LogStore } from '@mako/engine'
import type { Json } from './message.ts'

const READ_BYTES = 1024 * 1024

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Waiting {
  readonly payload: Uint8Array
  readonly done: (error?: Error) => void
}

export class Journal {
  readonly #store: LogStore
  readonly #nodeId: string
  readonly #incarnation: number
  #nextIndex: number
  #gathering: Waiting[] = []
  #isWriting = false

  private constructor(store: LogStore, nodeId: string, incarnation: number, nextIndex: number) {
    this.#store = store
    this.#nodeId = nodeId
    this.#incarnation = incarnation
    this.#nextIndex = nextIndex
  }

  /**
   * Opens the journal in a store, and reads what is in it.
   * @throws MakoError what the store throws
   */
  static async open(store: LogStore, nodeId: string): Promise<{ journal: Journal; values: Json[] }> {
    const { incarnation, partitions } = await store.recover({ clusterId: 'maelstrom-journal', nodeId, partitions: [0] })
    const last = partitions.get(0)?.blocks.at(-1)
    const end = last === undefined ? 0 : last.index + last.count - 1
    const values: Json[] = []
    for (let index = 1; index <= end; ) {
      const blocks = await store.read(0, index, READ_BYTES)
      if (blocks.length === 0) break
      for (const block of blocks) {
        for (const { payload } of entriesOf(block, 0)) values.push(JSON.parse(decoder.decode(payload)) as Json)
        index = block.index + block.count
      }
    }
    return { journal: new Journal(store, nodeId, incarnation, end + 1), values }
  }

  /** Resolves when the value is durable; rejects when it may not be. */
  append(value: Json): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        if (error === undefined) resolve()
        else reject(error)
      }
      this.#gathering.push({ payload: encoder.encode(JSON.stringify(value)), done })
      if (!this.#isWriting) void this.#write()
    })
  }

  /** Waits for the flush in flight, and gives up the store. */
  async close(): Promise<void> {
    await this.#store.close()
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    while (this.#gathering.length > 0) {
      const batch = this.#gathering
      this.#gathering = []
      const index = this.#nextIndex
      this.#nextIndex += batch.length
      const block = encodeBlock(
        { index, term: 1 },
        { node: this.#nodeId, incarnation: this.#incarnation, sequence: index },
        batch.map(({ payload }) => ({ kind: 'data', payload })),
      )
      let failure: Error | undefined
      try {
        await this.#store.append([{ type: 'block', partition: 0, block, truncate: false }])
      } catch (error) {
        failure = error instanceof Error ? error : new Error('The journal could not be written.')
      }
      for (const { done } of batch) done(failure)
    }
    this.#isWriting = false
  }
}
