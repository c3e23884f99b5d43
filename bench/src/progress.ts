// What a run says while it goes on, on stderr: one line that changes on a terminal, one for each stage elsewhere.

import { pathOf } from './cell.ts'
import type { RunObserver } from './run.ts'

export interface Progress extends RunObserver {
  end(): void
}

export function terminalProgress(out: NodeJS.WriteStream, steps: number): Progress {
  const isTerminal = out.isTTY
  const clear = isTerminal ? '\r\u001b[K' : ''
  const began = performance.now()
  const elapsed = (): string => `${Math.round((performance.now() - began) / 1000)} s`
  let step = 0
  return {
    stage: (cells) => {
      const names = [...new Set(cells.map(({ name }) => name))]
      const systems = [...new Set(cells.map(({ system }) => system))]
      const what = names.length <= 3 ? names.join(', ') : `${names[0]!} and ${names.length - 1} more`
      if (!isTerminal) out.write(`${elapsed()}: ${what} (${systems.join(', ')})\n`)
      else out.write(`${clear}starting ${systems.join(', ')}`)
    },
    measuring: (cell, round) => {
      step++
      if (!isTerminal) return
      out.write(`${clear}${step} of ${steps}, ${elapsed()}: round ${round + 1} of ${pathOf(cell)}`)
    },
    failed: (message) => void out.write(`${clear}${message}\n`),
    end: () => void out.write(clear),
  }
}
