// More than a node can take: entries are offered without waiting for any answer, until the engine says BUSY, in every
// turn again.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ReplicationEngine } from '@mako/engine'
import { type Cost, Stopwatch } from '../stopwatch.ts'

/** Operations are those that were applied or, at the end, are on their way. */
export interface OverloadResult extends Cost {
  /** Answers that were BUSY. */
  readonly busy: number
  /** Whether this node led all the time; a round ends when it does not. */
  readonly led: boolean
}

/** A round ends when so much was taken, whatever time it has left: all of it stays on disk. */
const MAX_BYTES = 1024 ** 3
/** How long the rest may take once nothing is offered any more. */
const DRAIN_LIMIT_MS = 10_000

export async function overload(engine: ReplicationEngine, bytes: number, seconds: number): Promise<OverloadResult> {
  const payload = new Uint8Array(bytes).fill(7)
  const watch = new Stopwatch()
  const end = performance.now() + seconds * 1000
  let operations = 0
  let busy = 0
  let led = true
  watch.start()
  do {
    let { status } = engine.addLog(payload)
    for (; status === 'SUCCESS'; { status } = engine.addLog(payload)) operations++
    if (status === 'BUSY') busy++
    else if (status === 'NOT_LEADER') led = false
    else throw new Error(`addLog was ${status}.`)
    await nextTurn()
  } while (led && operations * bytes < MAX_BYTES && performance.now() < end)
  watch.stop()
  // A node that has lost its leadership may not get there; that is told by `led`.
  await engine.drain({ signal: AbortSignal.timeout(DRAIN_LIMIT_MS) }).catch(() => undefined)
  return { operations, wallMs: watch.wallMs, cpuUs: watch.cpuUs, busy, led }
}
