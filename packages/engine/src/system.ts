// The system's clock and randomness: the only file of this package that touches what is ambient.

import type { Clock, Random } from './ports.ts'
import { seededRandom } from './random.ts'

/** A Node global that browsers do not have; read by name so that the file loads in both. */
const immediate = (globalThis as { setImmediate?: (fn: () => void) => unknown }).setImmediate

/** Real time. Timers keep the process alive; `engine.stop()` clears them. */
export const systemClock: Clock = {
  monotonicNow: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer: (delayMs, fn) => setTimeout(fn, delayMs),
  clearTimer: (timer) => {
    clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
  defer: (fn) => {
    if (immediate) immediate(fn)
    else setTimeout(fn, 0)
  },
}

/** Randomness that differs from process to process. */
export function systemRandom(): Random {
  return seededRandom(Math.floor(Math.random() * 0x1_0000_0000))
}
