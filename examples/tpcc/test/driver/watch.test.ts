// Waiting: it ends when the condition holds, at its limit, or with the failure of the demo.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DemoFailure, Watch } from '../../src/watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('Watch', () => {
  it('ends a wait when its condition holds, and leaves no timer behind', async () => {
    const watch = new Watch()
    let there = false
    const waited = watch.until('it', () => there, 1000)
    watch.changed()
    expect(vi.getTimerCount()).toBe(1)
    there = true
    watch.changed()
    await waited
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends a wait at its limit, and says for what', async () => {
    const watch = new Watch()
    const waited = expect(watch.until('a miracle', () => false, 2000)).rejects.toThrow(
      new DemoFailure('Waited 2 s in vain for a miracle.'),
    )
    const held = watch.holds(() => false, 1000)
    await vi.advanceTimersByTimeAsync(2000)
    await waited
    expect(await held).toBe(false)
  })

  it('ends every wait, also later ones, with a failure', async () => {
    const watch = new Watch()
    const waits = [watch.until('a', () => false, 1000), watch.pass(1000)].map((wait) =>
      expect(wait).rejects.toThrow('n1'),
    )
    watch.fail('n1 has failed')
    watch.fail('n2 has failed, too')
    await Promise.all(waits)
    await expect(watch.pass(1)).rejects.toThrow('n1')
    expect(vi.getTimerCount()).toBe(0)
  })
})
