// Executes a terminal's transaction on this node's database, for the terminals here and for those of other nodes.
//
// Always true: every call has one answer, and after SUCCESS `settled` is called exactly once.

import type { Database } from '@mako/store/kv'
import { alreadyExecuted, execute, streamOf, type TransactionInput } from './workload/index.ts'
import type { CallAnswer, SettledStatus } from './wire.ts'

export class Executor {
  readonly #database: Pick<Database, 'transact'>
  readonly #streams: number
  readonly #epochSafe: (epoch: number) => void
  #safeEpoch = 0
  #executedTwice = 0

  /** `epochSafe` is told when the first transaction of a newer epoch is safe here. */
  constructor(database: Pick<Database, 'transact'>, streams: number, epochSafe: (epoch: number) => void) {
    this.#database = database
    this.#streams = streams
    this.#epochSafe = epochSafe
  }

  /**
   * Inputs that had been executed before. A terminal repeats only what was definitely not executed, so each of these
   * is an answer that was a lie.
   */
  get executedTwice(): number {
    return this.#executedTwice
  }

  execute(input: TransactionInput, settled: (status: SettledStatus) => void): CallAnswer {
    const result = this.#database.transact((t) => execute(t, input), { stream: streamOf(input, this.#streams) })
    switch (result.status) {
      case 'SUCCESS':
        void result.safe.then((outcome) => {
          if (outcome.status === 'SAFE') this.#safe(outcome.epoch)
          settled(outcome.status)
        })
        return { status: 'SUCCESS' }
      case 'ABORTED':
        if (result.reason === alreadyExecuted) this.#executedTwice++
        return result
      case 'NOT_LEADER':
      case 'BUSY':
      case 'REJECTED':
        return result
    }
  }

  #safe(epoch: number): void {
    if (epoch <= this.#safeEpoch) return
    this.#safeEpoch = epoch
    this.#epochSafe(epoch)
  }
}
