// Those who wait until they may read.

import { describe, expect, it } from 'vitest'
import { Readers } from '../src/readers.ts'
import type { ReadBarrierResult } from '../src/contract.ts'

const away: ReadBarrierResult = { status: 'NOT_LEADER', leaderHint: undefined }

function begin(limit = 10): { readonly readers: Readers; readonly asked: number[] } {
  return { readers: new Readers(limit), asked: [] }
}

describe('readers', () => {
  it('share a request in one turn, and ask anew in the next', async () => {
    const { readers, asked } = begin()
    const ask = (request: number): void => void asked.push(request)
    const first = [readers.wait({}, ask), readers.wait({}, ask)]
    readers.close()
    const second = readers.wait({}, ask)
    expect(asked).toEqual([1, 2])
    readers.answered(1, 5, () => away)
    readers.applied(4)
    readers.applied(7)
    expect(await Promise.all(first)).toEqual([
      { status: 'READY', index: 7 },
      { status: 'READY', index: 7 },
    ])
    readers.answered(2, undefined, () => away)
    expect(await second).toEqual(away)
  })

  it('are never ready before their index is applied, in whatever order answers come', async () => {
    const { readers } = begin()
    const done: string[] = []
    const wait = (name: string): void => {
      void readers.wait({}, () => undefined).then(() => done.push(name))
      readers.close()
    }
    wait('nine')
    wait('three')
    readers.answered(2, 3, () => away)
    readers.answered(1, 9, () => away)
    readers.applied(2)
    await Promise.resolve()
    expect(done).toEqual([])
    readers.applied(8)
    await Promise.resolve()
    expect(done).toEqual(['three'])
    readers.applied(9)
    await Promise.resolve()
    expect(done).toEqual(['three', 'nine'])
  })

  it('give up with the reason of their signal, and leave the others', async () => {
    const { readers } = begin(2)
    const controller = new AbortController()
    const patient = readers.wait({}, () => undefined)
    const hasty = readers.wait({ signal: controller.signal }, () => undefined)
    expect(readers.isFull).toBe(true)
    controller.abort(new Error('too slow'))
    await expect(hasty).rejects.toThrow('too slow')
    expect(readers.isFull).toBe(false)
    readers.answered(1, 1, () => away)
    readers.applied(1)
    expect(await patient).toEqual({ status: 'READY', index: 1 })
    await expect(readers.wait({ signal: controller.signal }, () => undefined)).rejects.toThrow('too slow')
    expect(readers.isFull).toBe(false)
  })

  it('are all turned away when nobody will be ready, and an answer that comes later does nothing', async () => {
    const { readers } = begin(2)
    const one = readers.wait({}, () => undefined)
    readers.close()
    const two = readers.wait({}, () => undefined)
    readers.answered(1, 5, () => away)
    readers.refuse({ status: 'REJECTED', reason: 'stopped' })
    expect(await Promise.all([one, two])).toEqual(Array(2).fill({ status: 'REJECTED', reason: 'stopped' }))
    readers.answered(2, 5, () => away)
    readers.applied(9)
    expect(readers.isFull).toBe(false)
  })
})
