// `g-counter` and `pn-counter`: clients add small numbers (below zero too for `pn-counter`) and read the sum; in the end
// every node is read until what they tell can be, or the time for that is over.

import type { Random } from '@mako/engine'
import { between, chance } from '../../../world/random.ts'
import { checkCounter } from '../checks/counter.ts'
import type { Verdict } from '../checks/findings.ts'
import { formatOperations, type Operation } from '../history.ts'
import type { Body } from '../protocol.ts'
import type { FinalReads, Workload } from './workload.ts'

export class CounterWorkload implements Workload {
  readonly name: 'g-counter' | 'pn-counter'
  readonly topology = false
  readonly answers: readonly number[] = []

  constructor(name: 'g-counter' | 'pn-counter') {
    this.name = name
  }

  next(random: Random): Body {
    const low = this.name === 'g-counter' ? 0 : -5
    return chance(random, 0.6) ? { type: 'add', delta: between(random, low, 5) } : { type: 'read' }
  }

  ended(): void {
    // Nothing depends on the answers.
  }

  async finish({ nodes, ask, again }: FinalReads, history: readonly Operation[]): Promise<void> {
    do {
      await Promise.all(nodes.map((node) => ask(node, { type: 'read' })))
    } while (this.check(history, nodes).errors.length > 0 && (await again()))
  }

  check(history: readonly Operation[], nodes: readonly string[]): Verdict {
    return checkCounter(history, nodes)
  }

  format(history: readonly Operation[]): string {
    return formatOperations(history)
  }
}
