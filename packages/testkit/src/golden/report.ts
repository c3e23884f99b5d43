// What the commands print, as it comes.
//
// Always true: what happened to one node by one input is one event: a heading that names the input, and one line for
// each thing that came of it. With less detail only changes of role, commits, ends of transfers and answers to readers are told.

export type LineKind = 'role' | 'commit' | 'transfer' | 'write' | 'message' | 'read' | 'reader'

export interface EventLine {
  readonly kind: LineKind
  readonly text: string
}

/** `full`: every input and what came of it; `changes`: only roles, commits, transfers and readers; `none`: nothing. */
export type Detail = 'full' | 'changes' | 'none'

export const DETAILS: readonly Detail[] = ['full', 'changes', 'none']

const CHANGES: ReadonlySet<LineKind> = new Set<LineKind>(['role', 'commit', 'transfer', 'reader'])

export class Report {
  detail: Detail = 'full'
  readonly #nowMs: () => number
  #lines: string[] = []

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Something a command was asked for; printed whatever the detail. */
  say(line: string): void {
    this.#lines.push(line)
  }

  /** What came of one input. `isNews` tells whether the input itself is worth a line when nothing came of it. */
  event(node: string, input: string, lines: readonly EventLine[], isNews: boolean): void {
    switch (this.detail) {
      case 'full':
        if (isNews || lines.length > 0) this.#lines.push(`${node} ${input}`)
        for (const { text } of lines) this.#lines.push(`  ${text}`)
        break
      case 'changes':
        for (const { kind, text } of lines)
          if (CHANGES.has(kind)) this.#lines.push(`${node} at ${this.#nowMs()}: ${text}`)
        break
      case 'none':
        break
    }
  }

  /** Does something with no more than this much detail. */
  atMost(detail: Detail, action: () => void): void {
    const before = this.detail
    this.detail = DETAILS[Math.max(DETAILS.indexOf(before), DETAILS.indexOf(detail))]!
    try {
      action()
    } finally {
      this.detail = before
    }
  }

  /** Everything that was printed since the last call. */
  take(): string {
    const text = this.#lines.join('\n')
    this.#lines = []
    return text
  }
}
