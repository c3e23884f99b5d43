// Lines in, lines out: the streams of a node.
//
// Always true: a line that is too long is skipped to its end and costs no more memory than the limit; what is written in
// one turn leaves in one write; what waits for a slow reader is bounded, and what does not fit is refused, not kept.

import type { Clock } from '@mako/engine'

/** Bytes of one line; above it the line is refused. */
export const MAX_LINE_BYTES: number = 1024 * 1024

const NEWLINE = 10

export interface LineHandlers {
  line(text: string): void
  /** A line was skipped because it was too long. */
  refused(): void
}

/** Cuts a stream of bytes into lines. */
export class LineReader {
  readonly #handlers: LineHandlers
  readonly #maxBytes: number
  /** The beginning of a line whose end has not come yet. */
  #parts: Uint8Array[] = []
  #partBytes = 0
  #isSkipping = false

  constructor(handlers: LineHandlers, maxBytes: number = MAX_LINE_BYTES) {
    this.#handlers = handlers
    this.#maxBytes = maxBytes
  }

  push(chunk: Uint8Array): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end))
      this.#endLine()
      start = end + 1
    }
    if (start < chunk.length) this.#take(chunk.subarray(start))
  }

  /** The stream has ended; a last line need not have a newline. */
  end(): void {
    if (this.#partBytes > 0) this.#endLine()
  }

  #take(part: Uint8Array): void {
    if (this.#isSkipping) return
    if (this.#partBytes + part.length > this.#maxBytes) {
      this.#isSkipping = true
      this.#parts = []
      this.#partBytes = 0
      this.#handlers.refused()
      return
    }
    this.#parts.push(part)
    this.#partBytes += part.length
  }

  #endLine(): void {
    const text = Buffer.concat(this.#parts, this.#partBytes).toString('utf8').trim()
    this.#parts = []
    this.#partBytes = 0
    if (this.#isSkipping) this.#isSkipping = false
    else if (text !== '') this.#handlers.line(text)
  }
}

/** The part of a writable stream that is needed here; `process.stdout` is one. */
export interface LineSink {
  write(text: string): boolean
  once(event: 'drain', listener: () => void): unknown
}

/** Gathers lines and writes them once a turn. */
export class LineWriter {
  readonly #sink: LineSink
  readonly #clock: Clock
  readonly #maxWaiting: number
  #lines: string[] = []
  #waiting = 0
  #isBlocked = false
  #isDue = false

  /** No more than `maxWaiting` characters wait for a reader that is slow. */
  constructor(sink: LineSink, clock: Clock, maxWaiting: number = 32 * 1024 * 1024) {
    this.#sink = sink
    this.#clock = clock
    this.#maxWaiting = maxWaiting
  }

  /** False when it was dropped because too much waits already. */
  write(line: string): boolean {
    if (this.#waiting + line.length > this.#maxWaiting) return false
    this.#lines.push(line)
    this.#waiting += line.length + 1
    if (!this.#isDue && !this.#isBlocked) {
      this.#isDue = true
      this.#clock.defer(() => this.flush())
    }
    return true
  }

  /** Writes what has been gathered, unless the reader has to catch up first. */
  flush(): void {
    this.#isDue = false
    if (this.#isBlocked || this.#lines.length === 0) return
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#waiting = 0
    if (this.#sink.write(text)) return
    this.#isBlocked = true
    this.#sink.once('drain', () => {
      this.#isBlocked = false
      this.flush()
    })
  }
}
