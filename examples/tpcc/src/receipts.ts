// Sets of receipts: which transactions of which terminal, kept as runs of consecutive sequence numbers.
//
// Always true: the runs of a terminal are ascending, do not touch and do not overlap. Memory grows with the number of
// gaps, not with the number of transactions, so a whole run of the demo fits into a message.

/** Runs of one terminal, flat: first, last, first, last, ...; both ends inclusive. */
export type Runs = readonly number[]

/** A set as plain data, for messages: terminal and runs. */
export type ReceiptRuns = readonly (readonly [terminal: number, runs: Runs])[]

export class ReceiptSet {
  readonly #runs = new Map<number, number[]>()
  #size = 0

  /** How many receipts there are. */
  get size(): number {
    return this.#size
  }

  add(terminal: number, sequence: number): void {
    this.addRun(terminal, sequence, sequence)
  }

  addAll(receipts: ReceiptRuns): void {
    for (const [terminal, runs] of receipts) {
      for (let at = 0; at + 1 < runs.length; at += 2) this.addRun(terminal, runs[at]!, runs[at + 1]!)
    }
  }

  addRun(terminal: number, first: number, last: number): void {
    let runs = this.#runs.get(terminal)
    if (runs === undefined) this.#runs.set(terminal, (runs = []))
    // Receipts come nearly in order, so the search begins at the end: `low` is the first run that ends at or after
    // `first - 1` and so may be joined, `high` the first that begins after `last + 1` and so stays as it is.
    let high = runs.length
    while (high > 0 && runs[high - 2]! > last + 1) high -= 2
    let low = high
    while (low > 0 && runs[low - 1]! >= first - 1) low -= 2
    let joinedFirst = first
    let joinedLast = last
    let replaced = 0
    for (let at = low; at < high; at += 2) {
      joinedFirst = Math.min(joinedFirst, runs[at]!)
      joinedLast = Math.max(joinedLast, runs[at + 1]!)
      replaced += runs[at + 1]! - runs[at]! + 1
    }
    this.#size += joinedLast - joinedFirst + 1 - replaced
    if (high - low === 2) {
      runs[low] = joinedFirst
      runs[low + 1] = joinedLast
    } else if (low === runs.length) {
      runs.push(joinedFirst, joinedLast)
    } else {
      runs.splice(low, high - low, joinedFirst, joinedLast)
    }
  }

  has(terminal: number, sequence: number): boolean {
    const runs = this.#runs.get(terminal)
    if (runs === undefined) return false
    let low = 0
    let high = runs.length / 2
    while (low < high) {
      const middle = (low + high) >> 1
      if (runs[2 * middle + 1]! < sequence) low = middle + 1
      else high = middle
    }
    return low < runs.length / 2 && runs[2 * low]! <= sequence
  }

  /** Every receipt, terminal by terminal, in ascending order. */
  *[Symbol.iterator](): Generator<readonly [terminal: number, sequence: number]> {
    for (const [terminal, runs] of this.#runs) {
      for (let at = 0; at < runs.length; at += 2) {
        for (let sequence = runs[at]!; sequence <= runs[at + 1]!; sequence++) yield [terminal, sequence]
      }
    }
  }

  toRuns(): ReceiptRuns {
    return [...this.#runs].map(([terminal, runs]) => [terminal, [...runs]] as const)
  }

  /** Takes everything out: what is there now is the caller's, and the set is empty again. */
  take(): ReceiptRuns {
    const taken = [...this.#runs]
    this.#runs.clear()
    this.#size = 0
    return taken
  }
}
