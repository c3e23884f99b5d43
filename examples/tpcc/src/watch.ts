// Waiting for something that others make true: whoever changes something says `changed`, whoever waits is asked again.
//
// Always true: every wait has a limit in time, and all waits end when the watch fails.

export class DemoFailure extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DemoFailure'
  }
}

interface Waiter {
  readonly condition: () => boolean
  readonly resolve: () => void
  readonly reject: (failure: DemoFailure) => void
}

export class Watch {
  readonly #waiters = new Set<Waiter>()
  #failure: DemoFailure | undefined

  get failure(): DemoFailure | undefined {
    return this.#failure
  }

  changed(): void {
    for (const waiter of this.#waiters) if (waiter.condition()) waiter.resolve()
  }

  /** Ends the demo: nothing that is waited for will come. */
  fail(message: string): void {
    this.#failure ??= new DemoFailure(message)
    for (const waiter of this.#waiters) waiter.reject(this.#failure)
  }

  /** @throws DemoFailure when it has not become true in time; `what` completes "waited for ..." */
  async until(what: string, condition: () => boolean, limitMs: number): Promise<void> {
    if (!(await this.holds(condition, limitMs))) {
      throw new DemoFailure(`Waited ${limitMs / 1000} s in vain for ${what}.`)
    }
  }

  /** The same, but a condition that does not become true in time is answered false. */
  async holds(condition: () => boolean, limitMs: number): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure
    if (condition()) return true
    return await new Promise<boolean>((resolve, reject) => {
      const end = (finish: () => void): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        finish()
      }
      const waiter: Waiter = {
        condition,
        resolve: () => end(() => resolve(true)),
        reject: (failure) => end(() => reject(failure)),
      }
      const timer = setTimeout(() => end(() => resolve(condition())), limitMs)
      this.#waiters.add(waiter)
    })
  }

  /** Lets time pass; a failure ends it early. */
  async pass(ms: number): Promise<void> {
    if (ms > 0) await this.holds(() => false, ms)
  }
}
