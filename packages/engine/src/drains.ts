// Those who wait until everything is done.
//
// Always true: each is answered exactly once: when it is done, when it can never be, or when its signal is aborted.

import type { WaitOptions } from './contract.ts'

/** `WAIT`, or how the wait ends. */
export type DrainState =
  | { readonly status: 'WAIT' }
  | { readonly status: 'DONE' }
  | { readonly status: 'NEVER'; readonly error: Error }

export class Drains {
  readonly #state: () => DrainState
  #waiting: (() => boolean)[] = []

  constructor(state: () => DrainState) {
    this.#state = state
  }

  wait({ signal }: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        const state = this.#state()
        if (signal?.aborted === true) reject(signal.reason as Error)
        else if (state.status === 'NEVER') reject(state.error)
        else if (state.status === 'DONE') resolve()
        else return false
        signal?.removeEventListener('abort', settle)
        return true
      }
      if (settle()) return
      this.#waiting.push(settle)
      signal?.addEventListener('abort', settle)
    })
  }

  /** Something has changed: whoever can be answered is. */
  settle(): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((settle) => !settle())
  }
}
