// Delta debugging over lists, where what fails is known.

import { describe, expect, it } from 'vitest'
import { reduce } from '../../src/shrink/reduce.ts'

const LIST: readonly number[] = Array.from({ length: 100 }, (_, i) => i)

/** Fails when all of these are there. Tells how often it was asked. */
function needs(...needed: number[]): {
  readonly attempt: (items: readonly number[]) => Promise<readonly number[] | undefined>
  readonly asked: () => number
} {
  let asked = 0
  return {
    attempt: (items) => {
      asked++
      return Promise.resolve(needed.every((each) => items.includes(each)) ? items : undefined)
    },
    asked: () => asked,
  }
}

describe('reduce', () => {
  it('finds the one that is needed', async () => {
    for (const one of [0, 1, 49, 50, 98, 99]) expect(await reduce(LIST, needs(one).attempt)).toEqual([one])
  })

  it('finds those that are needed, wherever they are, and keeps their order', async () => {
    for (const all of [
      [0, 99],
      [3, 4, 5],
      [10, 49, 50, 77, 98],
    ]) {
      expect(await reduce(LIST, needs(...all).attempt)).toEqual(all)
    }
  })

  it('leaves out everything at once when nothing is needed', async () => {
    const { attempt, asked } = needs()
    expect(await reduce(LIST, attempt)).toEqual([])
    expect(asked()).toBe(1)
  })

  it('keeps everything when all is needed, and asks about each once', async () => {
    const { attempt, asked } = needs(...LIST)
    expect(await reduce(LIST, attempt)).toEqual(LIST)
    expect(asked()).toBeLessThan(3 * LIST.length)
  })

  it('has nothing to do with an empty list', async () => {
    const { attempt, asked } = needs()
    expect(await reduce([], attempt)).toEqual([])
    expect(asked()).toBe(0)
  })

  it('goes on with what an attempt has left', async () => {
    // Whatever stands behind the one that fails is not needed: the attempt knows.
    const left = await reduce(LIST, (items) => {
      const at = items.indexOf(20)
      return Promise.resolve(at < 0 ? undefined : items.slice(0, at + 1))
    })
    expect(left).toEqual([20])
  })

  it('sweeps again while single items can be left out', async () => {
    // An item is needed for as long as the one behind it is there.
    const left = await reduce([0, 1, 2, 3], (items) => {
      const isChain = items.every((item, i) => item === i)
      return Promise.resolve(items.length > 0 && isChain ? items : undefined)
    })
    expect(left).toEqual([0])
  })

  it('stops when it is over, with what it has by then', async () => {
    const { attempt, asked } = needs(99)
    const left = await reduce(LIST, attempt, () => asked() >= 2)
    expect(left).toEqual(LIST.slice(50))
    expect(asked()).toBe(2)
  })
})
