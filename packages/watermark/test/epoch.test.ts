import { describe, expect, it } from 'vitest'
import { EpochHistory } from '../src/epoch.ts'
import { NOTHING, WatermarkTracker } from '../src/tracker.ts'
import { OutcomeWaiters, StampQueue } from '../src/waiters.ts'

const A = { node: 'a', incarnation: 1, own: false }
const B = { node: 'b', incarnation: 1, own: false }

/** Two streams, epoch 1 opened by `a` at stamp 0. */
function opened(): EpochHistory {
  const history = new EpochHistory(2)
  for (const stream of [0, 1]) history.barrier(stream, { closes: 0, opens: 1, start: 0 }, A)
  return history
}

describe('the watermark', () => {
  it('is the minimum over all streams, and one that is silent holds it', () => {
    const tracker = new WatermarkTracker(3)
    tracker.raise(0, 10)
    tracker.raise(1, 20)
    expect(tracker.watermark).toBe(NOTHING)
    tracker.raise(2, 0)
    expect(tracker.watermark).toBe(0)
    tracker.raise(2, 15)
    expect(tracker.watermark).toBe(10)
    tracker.raise(0, 5)
    expect(tracker.watermark).toBe(10)
    tracker.raise(0, 30)
    expect(tracker.watermark).toBe(15)
  })
})

describe('the history of epochs', () => {
  it('ends an epoch with what was recorded before the barriers', () => {
    const history = opened()
    history.progress(0, { epoch: 1, sequence: 1, bound: 10 })
    history.progress(1, { epoch: 1, sequence: 1, bound: 6 })
    expect(history.judge(1, 6)).toBe('SAFE')
    expect(history.judge(1, 7)).toBe('PENDING')
    history.barrier(0, { closes: 1, opens: 2, start: 12 }, B)
    expect(history.judge(1, 7)).toBe('PENDING')
    history.progress(1, { epoch: 1, sequence: 2, bound: 8 })
    expect(history.judge(1, 7)).toBe('SAFE')
    history.barrier(1, { closes: 1, opens: 2, start: 12 }, B)
    expect(history.find(1)?.finalWatermark).toBe(8)
    expect(history.judge(1, 9)).toBe('ROLLED_BACK')
    expect(history.current?.number).toBe(2)
    expect(history.current?.watermark).toBe(12)
  })

  it.each([
    ['two nodes', B],
    ['two lives of one node', { ...A, incarnation: 2 }],
  ])('opens no epoch whose barriers are of %s', (_, other) => {
    const history = opened()
    history.barrier(0, { closes: 1, opens: 2, start: 0 }, A)
    history.barrier(1, { closes: 1, opens: 2, start: 0 }, other)
    expect(history.current?.number).toBe(1)
    expect(history.judge(2, 1)).toBe('PENDING')
  })

  it('opens no epoch whose barriers are not on all streams', () => {
    const history = opened()
    history.barrier(0, { closes: 1, opens: 3, start: 0 }, A)
    history.barrier(1, { closes: 1, opens: 4, start: 0 }, A)
    expect(history.current?.number).toBe(1)
    history.barrier(0, { closes: 1, opens: 5, start: 0 }, A)
    history.barrier(1, { closes: 1, opens: 5, start: 0 }, A)
    expect(history.current?.number).toBe(5)
    expect(history.closed.map((epoch) => epoch.number)).toEqual([1])
    expect(history.judge(3, 1)).toBe('ROLLED_BACK')
    expect(history.after(1)?.number).toBe(5)
    expect(history.judge(6, 1)).toBe('PENDING')
  })

  it('counts nothing of an epoch that is over in its stream', () => {
    const history = opened()
    history.barrier(0, { closes: 1, opens: 2, start: 3 }, B)
    expect(history.progress(0, { epoch: 1, sequence: 1, bound: 9 })).toBe('STALE')
    expect(history.find(1)?.tracker.boundOf(0)).toBe(0)
  })

  it('is loading until one epoch has an advancer on every stream', () => {
    const history = opened()
    history.advancer(0, 1)
    expect(history.loading).toBe(true)
    for (const stream of [0, 1]) history.barrier(stream, { closes: 1, opens: 2, start: 0 }, B)
    history.advancer(1, 2)
    expect(history.loading).toBe(true)
    history.advancer(0, 2)
    expect(history.loading).toBe(false)
  })

  it('voids what is behind a gap, in that stream and epoch alone', () => {
    const history = opened()
    history.progress(0, { epoch: 1, sequence: 1, bound: 10 })
    history.progress(1, { epoch: 1, sequence: 1, bound: 30 })
    // Entry 2 of stream 0 was lost, and with it a transaction somewhere between 11 and 20.
    expect(history.progress(0, { epoch: 1, sequence: 3, bound: 20 }, 15)).toBe('STALE')
    expect(history.judge(1, 10)).toBe('SAFE')
    expect(history.judge(1, 11)).toBe('PENDING')
    expect(history.judge(1, 15)).toBe('PENDING')
    // What follows continues the sequence behind the gap, not before it; neither counts.
    expect(history.progress(0, { epoch: 1, sequence: 4, bound: 25 })).toBe('STALE')
    expect(history.progress(0, { epoch: 1, sequence: 2, bound: 25 })).toBe('STALE')
    expect(history.progress(1, { epoch: 1, sequence: 2, bound: 40 })).toBe('RECORDED')
    expect(history.current?.watermark).toBe(10)
    for (const stream of [0, 1]) history.barrier(stream, { closes: 1, opens: 2, start: 40 }, B)
    expect(history.find(1)?.finalWatermark).toBe(10)
    expect(history.judge(1, 15)).toBe('ROLLED_BACK')
    for (const stream of [0, 1]) expect(history.progress(stream, { epoch: 2, sequence: 1, bound: 50 })).toBe('RECORDED')
    expect(history.judge(2, 50)).toBe('SAFE')
  })

  it('voids an epoch in a stream that has lost its barrier, and never opens it', () => {
    const history = opened()
    history.progress(0, { epoch: 1, sequence: 1, bound: 10 })
    history.progress(1, { epoch: 1, sequence: 1, bound: 8 })
    history.barrier(1, { closes: 1, opens: 2, start: 10 }, B)
    expect(history.progress(0, { epoch: 2, sequence: 1, bound: 12 })).toBe('STALE')
    expect(history.progress(1, { epoch: 2, sequence: 1, bound: 12 })).toBe('RECORDED')
    expect(history.current?.number).toBe(1)
    expect(history.judge(2, 11)).toBe('PENDING')
    for (const stream of [0, 1]) history.barrier(stream, { closes: 1, opens: 3, start: 12 }, A)
    expect(history.find(2)).toBeUndefined()
    expect(history.judge(2, 11)).toBe('ROLLED_BACK')
    expect(history.find(1)?.finalWatermark).toBe(8)
  })

  it('refuses what no correct process writes', () => {
    const broken = expect.objectContaining({ code: 'LAW_BROKEN' }) as unknown as Error
    const history = opened()
    history.progress(0, { epoch: 1, sequence: 1, bound: 10 })
    expect(() => history.progress(0, { epoch: 1, sequence: 1, bound: 11 })).toThrow(broken)
    expect(() => history.progress(0, { epoch: 1, sequence: 2, bound: 9 })).toThrow(broken)
    expect(() => history.progress(0, { epoch: 1, sequence: 2, bound: 12 }, 10)).toThrow(broken)
    expect(() => history.barrier(0, { closes: 0, opens: 1, start: 12 }, A)).toThrow(broken)
    expect(() => history.barrier(0, { closes: 1, opens: 2, start: 9 }, A)).toThrow(broken)
  })
})

describe('waiters', () => {
  it('are taken in the order of stamps, however they came', () => {
    const queue = new StampQueue<number>((each) => each)
    const taken: number[] = []
    for (let i = 0; i < 5000; i++) queue.add((i * 7919) % 5000)
    for (const limit of [100, 3000, 6000]) {
      for (let item = queue.takeUpTo(limit); item !== undefined; item = queue.takeUpTo(limit)) taken.push(item)
      expect(taken.length).toBe(Math.min(limit + 1, 5000))
    }
    expect(taken).toEqual(Array.from({ length: 5000 }, (_, i) => i))
    queue.add(3)
    expect(queue.takeUpTo(2)).toBeUndefined()
    expect(queue.takeUpTo(3)).toBe(3)
  })

  it('are told once, and what is open at the end is UNKNOWN', async () => {
    const history = opened()
    const waiters = new OutcomeWaiters(history)
    const [late, early, open] = [waiters.wait(1, 5), waiters.wait(1, 2), waiters.wait(9, 1)]
    for (const stream of [0, 1]) history.progress(stream, { epoch: 1, sequence: 1, bound: 3 })
    waiters.settle()
    expect(await early).toEqual({ status: 'SAFE', epoch: 1, stamp: [2] })
    for (const stream of [0, 1]) history.barrier(stream, { closes: 1, opens: 2, start: 6 }, B)
    waiters.settle()
    expect(await late).toEqual({ status: 'ROLLED_BACK', epoch: 1, finalWatermark: [3] })
    waiters.stop()
    expect(await open).toEqual({ status: 'UNKNOWN' })
    expect(await waiters.wait(1, 3)).toMatchObject({ status: 'SAFE' })
  })
})
