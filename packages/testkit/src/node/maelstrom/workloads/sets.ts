// `g-set` and `broadcast`: clients add elements and read all of them; in the end every node is read until it has
// everything that was acknowledged, or the time for that is over.

import type { Random } from '@mako/engine'
import { chance } from '../../../world/random.ts'
import { show, type Verdict } from '../checks/findings.ts'
import { BROADCAST, checkSet, G_SET, type SetWords } from '../checks/set.ts'
import { formatOperations, type Operation } from '../history.ts'
import type { Body } from '../protocol.ts'
import type { FinalReads, Workload } from './workload.ts'

export class SetWorkload implements Workload {
  readonly name: 'g-set' | 'broadcast'
  readonly topology: boolean
  readonly answers: readonly number[] = []
  readonly #words: SetWords
  #elements = 0

  constructor(name: 'g-set' | 'broadcast') {
    this.name = name
    this.topology = name === 'broadcast'
    this.#words = name === 'broadcast' ? BROADCAST : G_SET
  }

  next(random: Random): Body {
    const { add, element } = this.#words
    return chance(random, 0.5) ? { type: add, [element]: this.#elements++ } : { type: 'read' }
  }

  ended(): void {
    // Nothing depends on the answers.
  }

  async finish({ nodes, ask, again }: FinalReads, history: readonly Operation[]): Promise<void> {
    const { add, element, elements } = this.#words
    const acknowledged = history.filter(({ request, status }) => request.type === add && status === 'ok')
    const wanted = acknowledged.map(({ request }) => show(request[element]))
    /** By what it has and not by how much: what nobody knows the fate of may be there as well. */
    const hasAll = (list: unknown): boolean => {
      if (!Array.isArray(list)) return true
      const there = new Set(list.map(show))
      return wanted.every((each) => there.has(each))
    }
    let behind = nodes
    do {
      const lists = await Promise.all(
        behind.map(async (node) => ({ node, list: (await ask(node, { type: 'read' }))?.[elements] })),
      )
      behind = lists.filter(({ list }) => !hasAll(list)).map(({ node }) => node)
    } while (behind.length > 0 && (await again()))
  }

  check(history: readonly Operation[], nodes: readonly string[]): Verdict {
    return checkSet(history, this.#words, nodes)
  }

  format(history: readonly Operation[]): string {
    return formatOperations(history)
  }
}
