// `lin-kv`: reads, writes of unique values, and comparisons that often expect what is there.

import type { Random } from '@mako/engine'
import { stringifyLines } from '../lines.ts'
import { chance, pick } from '../../../world/random.ts'
import type { Verdict } from '../checks/findings.ts'
import { checkLinKv, keyOperationsOf } from '../checks/lin-kv.ts'
import type { Operation } from '../history.ts'
import { KEY_DOES_NOT_EXIST, PRECONDITION_FAILED, type Body } from '../protocol.ts'
import { Keys } from './keys.ts'
import type { FinalReads, Workload, WorkloadOptions } from './workload.ts'

const OPERATIONS_A_KEY = 60

export class LinKvWorkload implements Workload {
  readonly name = 'lin-kv'
  readonly topology = false
  readonly answers: readonly number[] = [KEY_DOES_NOT_EXIST, PRECONDITION_FAILED]
  readonly #keys: Keys
  /** By key what was there when it was last heard of. */
  readonly #there = new Map<unknown, unknown>()
  #values = 0

  constructor({ clients }: WorkloadOptions) {
    this.#keys = new Keys(Math.max(4, Math.ceil(clients / 3)), OPERATIONS_A_KEY)
  }

  next(random: Random): Body {
    const key = this.#keys.draw(random)
    const kind = pick(random, ['read', 'read', 'read', 'write', 'write', 'cas', 'cas'] as const)
    switch (kind) {
      case 'read':
        return { type: 'read', key }
      case 'write':
        return { type: 'write', key, value: ++this.#values }
      case 'cas': {
        const from = chance(random, 0.8) ? (this.#there.get(key) ?? 0) : Math.max(0, this.#values - 1)
        const cas = { type: 'cas', key, from, to: ++this.#values }
        return chance(random, 0.25) ? { ...cas, create_if_not_exists: true } : cas
      }
    }
  }

  ended({ request, reply, status }: Operation): void {
    if (status !== 'ok' || reply?.type === 'error') return
    const value =
      request.type === 'read' ? reply?.['value'] : request.type === 'write' ? request['value'] : request['to']
    this.#there.set(request['key'], value)
  }

  async finish({ nodes, ask }: FinalReads): Promise<void> {
    const { all, active } = this.#keys
    await Promise.all(
      nodes.map(async (node, i) => {
        const mine = all.filter((key) => key % nodes.length === i || active.includes(key))
        for (const key of mine) if ((await ask(node, { type: 'read', key })) === undefined) return
      }),
    )
  }

  check(history: readonly Operation[]): Verdict {
    return checkLinKv(history)
  }

  format(history: readonly Operation[]): string {
    return stringifyLines(keyOperationsOf(history))
  }
}
