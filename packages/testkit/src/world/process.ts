// One life of a node's process: what reaches it, and when.
//
// Always true: nothing runs in a process that is dead, and nothing starts in one that is paused or busy: it waits, in
// order, until the process goes on. The monotonic clock goes on meanwhile, as it does for a process under SIGSTOP.

import type { Clock, Timer } from '@mako/engine'
import type { ScheduledEvent, VirtualTime } from './time.ts'

export interface ProcessOptions {
  /** Speed of this process' clocks: 1.05 runs 5 % fast. @default 1 */
  readonly clockRate?: number
  /** What the monotonic clock says at birth, in milliseconds. @default 0 */
  readonly clockStartMs?: number
  /** By how much a timer may fire late, in milliseconds, drawn anew for each. @default none */
  readonly timerLateness?: () => number
}

/** A timer that may be cleared while it waits for its time, and while it waits for its process. */
class ProcessTimer {
  event: ScheduledEvent | undefined
  #fn: (() => void) | undefined

  constructor(fn: () => void) {
    this.#fn = fn
  }

  fire(): void {
    const fn = this.#fn
    this.#fn = undefined
    fn?.()
  }

  clear(time: VirtualTime): void {
    this.#fn = undefined
    if (this.event !== undefined) time.cancel(this.event)
  }
}

export class SimProcess {
  readonly #time: VirtualTime
  /** The monotonic clock says `#startMs` at `#sinceMs`, and runs at this rate from there. */
  #rate: number
  #startMs: number
  #sinceMs: number
  readonly #lateness: () => number
  #state: 'running' | 'paused' | 'dead' = 'running'
  #busyUntilMs = 0
  #waiting: (() => void)[] = []
  #wallOffsetMs = 1_700_000_000_000

  constructor(time: VirtualTime, options: ProcessOptions = {}) {
    this.#time = time
    this.#rate = options.clockRate ?? 1
    this.#startMs = options.clockStartMs ?? 0
    this.#sinceMs = time.nowMs
    this.#lateness = options.timerLateness ?? (() => 0)
  }

  get alive(): boolean {
    return this.#state !== 'dead'
  }

  get paused(): boolean {
    return this.#state === 'paused'
  }

  /** The clock of this process; its timers and turns end with it. */
  readonly clock: Clock = {
    monotonicNow: () => this.#monotonicMs(),
    wallNow: () => this.#wallOffsetMs + this.#monotonicMs(),
    setTimer: (delayMs, fn): Timer => {
      if (!this.alive) return undefined
      return this.#after(Math.max(0, delayMs) / this.#rate + this.#lateness(), fn)
    },
    clearTimer: (timer) => {
      if (timer !== undefined) (timer as ProcessTimer).clear(this.#time)
    },
    defer: (fn) => {
      if (this.alive) this.#after(0, fn)
    },
  }

  /** Something from outside arrives: it runs now, or when the process can take it. */
  deliver(fn: () => void): void {
    if (this.#state === 'dead') return
    if (this.#state === 'paused') this.#waiting.push(fn)
    else if (this.#time.nowMs < this.#busyUntilMs) this.#retry(fn)
    else fn()
  }

  /** The code that runs now takes this long: the clock moves on at once, and nothing else starts until then. */
  burn(durationMs: number): void {
    this.#busyUntilMs = Math.max(this.#time.nowMs, this.#busyUntilMs) + durationMs
  }

  /** Something keeps this process busy for this long, as soon as it can: its event loop stands still. */
  stall(durationMs: number): void {
    this.deliver(() => this.burn(durationMs))
  }

  /** Moves the wall clock, and it alone. */
  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Sets the wall clock, and it alone, to so many milliseconds after 1970. */
  setWallClock(nowMs: number): void {
    this.#wallOffsetMs = nowMs - this.#monotonicMs()
  }

  /** From now on the monotonic clock runs at this rate; it does not jump. Timers that are set keep their time. */
  drift(rate: number): void {
    const worldMs = Math.max(this.#time.nowMs, this.#busyUntilMs)
    this.#startMs = this.#monotonicMs()
    this.#sinceMs = worldMs
    this.#rate = rate
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    const waiting = this.#waiting
    this.#waiting = []
    for (const fn of waiting) this.#time.schedule(0, () => this.deliver(fn))
  }

  /** The end: no timer, turn or message of this life ever runs again. */
  kill(): void {
    this.#state = 'dead'
    this.#waiting = []
  }

  #monotonicMs(): number {
    const worldMs = Math.max(this.#time.nowMs, this.#busyUntilMs)
    return this.#startMs + (worldMs - this.#sinceMs) * this.#rate
  }

  #after(delayMs: number, fn: () => void): ProcessTimer {
    // While the process is busy its own clock is ahead of the world's.
    const aheadMs = Math.max(0, this.#busyUntilMs - this.#time.nowMs)
    const timer = new ProcessTimer(fn)
    timer.event = this.#time.schedule(aheadMs + delayMs, () => this.deliver(() => timer.fire()))
    return timer
  }

  #retry(fn: () => void): void {
    this.#time.schedule(this.#busyUntilMs - this.#time.nowMs, () => this.deliver(fn))
  }
}
