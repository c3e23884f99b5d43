// Linearizable reads of local state: all that arrive in one turn share one read barrier.
//
// Always true: a read runs only after a barrier that was asked for after the read had arrived; a read that cannot be had
// in time is refused, which is definite, because a read changes nothing.

import type { Clock } from '@mako/engine'
import { TTL_MS } from './forward.ts'
import { errorReply, type Reply } from './message.ts'
import type { Replication } from './replication.ts'

const MAX_WAITING = 8_192
/** One try; a question or an answer may have been lost. */
const ATTEMPT_MS = 1_500
const PAUSE_MS = 50

interface Reader {
  readonly read: () => Reply
  readonly answer: (reply: Reply) => void
}

export class Reads {
  readonly #clock: Clock
  readonly #replication: Replication
  #gathering: Reader[] = []
  #waiting = 0
  #isStopped = false

  constructor(clock: Clock, replication: Replication) {
    this.#clock = clock
    this.#replication = replication
  }

  /** Resolves with what `read` returned behind a barrier, or with a definite error. */
  submit(read: () => Reply): Promise<Reply> {
    if (this.#isStopped || this.#waiting >= MAX_WAITING) {
      return Promise.resolve(errorReply('temporarilyUnavailable', 'Too many reads wait already.'))
    }
    this.#replication.start()
    this.#waiting++
    return new Promise((answer) => {
      if (this.#gathering.push({ read, answer }) > 1) return
      this.#clock.defer(() => {
        const readers = this.#gathering
        this.#gathering = []
        void this.#serve(readers)
      })
    })
  }

  stop(): void {
    this.#isStopped = true
  }

  async #serve(readers: readonly Reader[]): Promise<void> {
    const deadline = this.#clock.monotonicNow() + TTL_MS
    const isReady = await this.#isReadyBy(deadline)
    this.#waiting -= readers.length
    for (const { read, answer } of readers) {
      answer(isReady ? read() : errorReply('temporarilyUnavailable', 'No leader could be asked.'))
    }
  }

  async #isReadyBy(deadline: number): Promise<boolean> {
    for (;;) {
      const leftMs = deadline - this.#clock.monotonicNow()
      if (leftMs <= 0) return false
      if ((await this.#replication.barrier(Math.min(ATTEMPT_MS, leftMs))) === 'READY') return true
      if (this.#isStopped) return false
      await new Promise<void>((resolve) => this.#clock.setTimer(PAUSE_MS, resolve))
    }
  }
}
