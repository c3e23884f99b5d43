// `txn-list-append` and `txn-rw-register`: transactions of one to four reads and writes of unique values, on a few keys
// that are given up for others; in the end all keys are read.

import { below, type Random } from '@mako/engine'
import { between, chance } from '../../../world/random.ts'
import type { Verdict } from '../checks/findings.ts'
import { checkListAppend, transactionEventsOf } from '../checks/list-append.ts'
import { registerEventsOf } from '../checks/rw-history.ts'
import { checkRegisters } from '../checks/rw-register.ts'
import type { Operation } from '../history.ts'
import { stringifyLines } from '../lines.ts'
import type { Body } from '../protocol.ts'
import { chunksOf, Keys } from './keys.ts'
import type { FinalReads, Workload, WorkloadOptions } from './workload.ts'

const USES_A_KEY = 60
const KEYS_A_READ = 8

export class TransactionWorkload implements Workload {
  readonly name: 'txn-list-append' | 'txn-rw-register'
  readonly topology = false
  readonly answers: readonly number[] = []
  readonly #keys: Keys
  #values = 0

  constructor(name: 'txn-list-append' | 'txn-rw-register', { clients }: WorkloadOptions) {
    this.name = name
    this.#keys = new Keys(Math.max(5, Math.ceil(clients / 2)), USES_A_KEY)
  }

  next(random: Random): Body {
    const write = this.name === 'txn-list-append' ? 'append' : 'w'
    const keys = Array.from({ length: between(random, 1, 4) }, () => this.#keys.draw(random))
    const txn = keys.map((key, i) => {
      // Often the key before once more: what is read and then written tells most.
      const on = i > 0 && chance(random, 0.3) ? keys[below(random, i)]! : key
      return chance(random, 0.5) ? ['r', on, null] : [write, on, ++this.#values]
    })
    return { type: 'txn', txn }
  }

  ended(): void {
    // Nothing depends on the answers.
  }

  async finish({ nodes, ask }: FinalReads): Promise<void> {
    const { all, active } = this.#keys
    await Promise.all(
      nodes.map(async (node, i) => {
        const mine = all.filter((key) => key % nodes.length === i || active.includes(key))
        for (const keys of chunksOf(mine, KEYS_A_READ)) {
          if ((await ask(node, { type: 'txn', txn: keys.map((key) => ['r', key, null]) })) === undefined) return
        }
      }),
    )
  }

  check(history: readonly Operation[]): Verdict {
    return this.name === 'txn-list-append' ? checkListAppend(history) : checkRegisters(history)
  }

  format(history: readonly Operation[]): string {
    return stringifyLines(this.name === 'txn-list-append' ? transactionEventsOf(history) : registerEventsOf(history))
  }
}
