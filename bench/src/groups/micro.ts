// The small parts by themselves, in one process that is not this one.

import type { Cell, Group, Subject } from '../cell.ts'
import { Child } from '../children/child.ts'
import type { MicroRunnerCalls } from '../children/micro-runner.ts'
import { keyOf, microCases } from '../micro/index.ts'

const PATIENCE_MS = 60_000

export function microGroup(): Group {
  const runner = new SharedRunner()
  const cells = microCases.map((each): Cell => {
    const { name, system, about, unit, inFlight, bytes, peers, overheadSeconds } = each
    return {
      name: `micro/${name}`,
      system,
      about,
      unit,
      inFlight,
      bytes,
      peers,
      overheadSeconds,
      subject: runner.subject(`micro/${name}`),
      measure: (seconds) => runner.run(keyOf(each), seconds),
    }
  })
  return { name: 'micro', about: 'the parts by themselves, in one process', stages: [{ cells, setupSeconds: 1 }] }
}

/** One process for all cases; each is a subject of its own, so that one that fails does not end the others. */
class SharedRunner {
  #child: Promise<Child<MicroRunnerCalls>> | undefined
  #users = 0

  subject(title: string): Subject {
    let isUser = false
    return {
      title,
      isOurs: true,
      open: async () => {
        isUser = true
        this.#users++
        this.#child ??= Child.start<MicroRunnerCalls>('micro-runner', {})
        await this.#child
      },
      close: async () => {
        if (!isUser) return
        isUser = false
        const isLast = --this.#users === 0
        const child = await this.#child
        // One that has ended is not used again; whoever comes next starts another.
        if (child === undefined || (!isLast && !child.hasEnded)) return
        this.#child = undefined
        await child.call('stop', undefined, 3000).catch(() => undefined)
        await child.ended()
      },
    }
  }

  async run(key: string, seconds: number): ReturnType<Cell['measure']> {
    this.#child ??= Child.start<MicroRunnerCalls>('micro-runner', {})
    const child = await this.#child
    return await child.call('run', { key, seconds }, seconds * 2000 + PATIENCE_MS)
  }
}
