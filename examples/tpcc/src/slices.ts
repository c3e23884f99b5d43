// Runs work in short slices between the turns of the event loop, so that a busy process still answers heartbeats.
//
// Always true: a slice ends a few milliseconds after it began, and the next one begins only after everything that has
// arrived meanwhile had its turn.

/** Does one small piece of work; false when there is none just now (`wake` says when there is again). */
export type WorkSource = () => boolean

export class Slices {
  readonly #sources: WorkSource[] = []
  readonly #budgetMs: number
  #awake = false

  constructor(budgetMs = 4) {
    this.#budgetMs = budgetMs
  }

  add(source: WorkSource): void {
    this.#sources.push(source)
  }

  wake(): void {
    if (this.#awake) return
    this.#awake = true
    setImmediate(() => {
      this.#awake = false
      if (this.runOnce()) this.wake()
    })
  }

  /** One slice, now; true when there was still work at its end. */
  runOnce(): boolean {
    const end = performance.now() + this.#budgetMs
    for (;;) {
      let worked = false
      for (const source of this.#sources) worked = source() || worked
      if (!worked) return false
      if (performance.now() >= end) return true
    }
  }
}
