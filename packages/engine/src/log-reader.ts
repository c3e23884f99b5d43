// Reads the committed log of one partition: from memory what is there, from the store what is final.
//
// Always true: a block of the store counts only if it was durable *and* committed when the read began. Everything else
// may be an older block whose successor was still on its way to the disk; and by the time of the answer that
// successor may have become durable and committed and have left memory, so that nothing else would tell.

import { entriesOf, originOf, proposedTermOf } from './block.ts'
import type { Outcome, OutcomeToken } from './contract.ts'
import type { Core } from './core.ts'
import { lastIndexOf, type Block, type Entry } from './entry.ts'
import { brokenLaw } from './laws.ts'
import type { LogStore } from './ports.ts'

export interface LogReaderOptions {
  readonly partition: number
  readonly core: Pick<Core<never>, 'blockAt' | 'status'>
  readonly log: LogStore
  readonly commit: () => number
}

export class LogReader {
  readonly #options: LogReaderOptions

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  /** The block that holds this index, when it is in memory. Ask here first: what is in memory is newer. */
  blockAt(index: number): Block | undefined {
    return this.#options.core.blockAt(index)
  }

  /** Whole blocks from the store, the first of which holds `from`; only such as are final. */
  async readFinal(from: number, maxBytes: number): Promise<readonly Block[]> {
    const { partition, core, log, commit } = this.#options
    const final = Math.min(core.status().durableIndex, commit())
    const blocks = await log.read(partition, from, maxBytes)
    return blocks.filter((block) => lastIndexOf(block) <= final)
  }

  /** Entries `from` to `end`, all of them committed, in whole blocks up to about `maxBytes`; no protocol entries. */
  async entries(from: number, end: number, maxBytes: number): Promise<{ entries: Entry[]; next: number }> {
    const { partition } = this.#options
    const entries: Entry[] = []
    let next = from
    let bytes = 0
    let stored: readonly Block[] = []
    while (next <= end && bytes < maxBytes) {
      const at = next
      const block = this.blockAt(at) ?? stored.find((each) => each.index <= at && at <= lastIndexOf(each))
      if (block === undefined) {
        stored = await this.readFinal(at, maxBytes - bytes)
        if (stored.length === 0) throw brokenLaw(6, `applied entry ${at} of partition ${partition} is not in the log`)
        continue
      }
      for (const entry of entriesOf(block, partition)) {
        if (entry.index >= from && entry.index <= end && entry.kind !== 'noop') entries.push(entry)
      }
      bytes += block.bytes.length
      next = lastIndexOf(block) + 1
    }
    return { entries, next }
  }

  /** What became of an entry that is applied here, as far as the log can tell. */
  async outcomeOf(token: OutcomeToken): Promise<Outcome> {
    let block = this.blockAt(token.index)
    try {
      block ??= (await this.readFinal(token.index, 1))[0]
    } catch {
      return { status: 'UNKNOWN', token }
    }
    if (block === undefined) return { status: 'UNKNOWN', token }
    const term = proposedTermOf(block)
    // A term has one leader, and a leader fills each place once: equal index and term is the very same entry. Except for
    // what a protocol puts into a place that was left empty, which may bear the term of the place before.
    const isProposal = originOf(block).sequence > 0
    if (term === token.term && isProposal) return { status: 'APPLIED', index: token.index, value: undefined }
    return { status: 'LOST', by: { term } }
  }
}
