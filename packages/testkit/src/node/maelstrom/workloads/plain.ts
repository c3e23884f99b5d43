// `echo` and `unique-ids`.

import type { Random } from '@mako/engine'
import { between } from '../../../world/random.ts'
import { checkEcho, checkUniqueIds } from '../checks/plain.ts'
import type { Verdict } from '../checks/findings.ts'
import { formatOperations, type Operation } from '../history.ts'
import type { Body } from '../protocol.ts'
import type { FinalReads, Workload } from './workload.ts'

/** Answers stand by themselves, and in the end every node answers. */
abstract class Plain {
  readonly topology = false
  readonly answers: readonly number[] = []

  abstract next(random: Random, client: number): Body

  ended(): void {
    // Nothing depends on the answers.
  }

  async finish({ nodes, ask }: FinalReads): Promise<void> {
    await Promise.all(nodes.map((node) => ask(node, this.#last())))
  }

  format(history: readonly Operation[]): string {
    return formatOperations(history)
  }

  #last(): Body {
    return this.next({ u32: () => 0 }, 0)
  }
}

export class EchoWorkload extends Plain implements Workload {
  readonly name = 'echo'
  #count = 0

  next(random: Random): Body {
    const text = `Please echo ${between(random, 0, 127)} ☃`
    const shapes: readonly unknown[] = [text, ++this.#count, { text, list: [this.#count, null, true] }]
    return { type: 'echo', echo: shapes[this.#count % shapes.length] }
  }

  check(history: readonly Operation[]): Verdict {
    return checkEcho(history)
  }
}

export class UniqueIdsWorkload extends Plain implements Workload {
  readonly name = 'unique-ids'

  next(): Body {
    return { type: 'generate' }
  }

  check(history: readonly Operation[]): Verdict {
    return checkUniqueIds(history)
  }
}
