// Texts in lines: what a stream of bytes says line by line, and objects as lines of JSON.
//
// Always true: a line that never ends does not fill the memory; what it would have said is told as `undefined`, once.

export function stringifyLines(objects: readonly object[]): string {
  return objects.map((each) => `${JSON.stringify(each)}\n`).join('')
}

/** Splits what arrives in pieces. Lines over the limit of characters are given as undefined. */
export class LineSplitter {
  readonly #onLine: (line: string | undefined) => void
  readonly #limit: number
  #pieces: string[] = []
  #length = 0

  constructor(onLine: (line: string | undefined) => void, limit: number = 16 * 1024 * 1024) {
    this.#onLine = onLine
    this.#limit = limit
  }

  push(text: string): void {
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end))
      const whole = this.#length <= this.#limit ? this.#pieces.join('') : undefined
      this.#pieces = []
      this.#length = 0
      from = end + 1
      this.#onLine(whole)
    }
    if (from < text.length) this.#keep(text.slice(from))
  }

  #keep(piece: string): void {
    this.#length += piece.length
    if (this.#length > this.#limit) this.#pieces = []
    else this.#pieces.push(piece)
  }
}
