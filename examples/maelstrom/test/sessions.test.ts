// The session table: once, bounded, the same everywhere, and honest about what it has forgotten.

import { describe, expect, it } from 'vitest'
import { below, seededRandom } from '@mako/engine'
import type { Reply } from '../src/message.ts'
import { Sessions } from '../src/sessions.ts'

const LIMITS = { sessions: 3, answers: 4, characters: 1_000_000, floors: 5 }

/** Applies a request whose execution is counted; the answer tells the count. */
function counting(sessions: Sessions): { apply: (client: string, id: number) => Reply; executions: () => number } {
  let executions = 0
  return {
    apply: (client, id) => sessions.once(client, id, () => ({ type: 'ok', execution: ++executions })),
    executions: () => executions,
  }
}

describe('sessions', () => {
  it('answers a repetition as the first time', () => {
    const { apply, executions } = counting(new Sessions(LIMITS))
    expect(apply('c1', 1)).toEqual({ type: 'ok', execution: 1 })
    expect(apply('c1', 1)).toEqual({ type: 'ok', execution: 1 })
    expect(apply('c2', 1)).toEqual({ type: 'ok', execution: 2 })
    expect(executions()).toBe(2)
  })

  it('takes numbers in any order', () => {
    const { apply } = counting(new Sessions(LIMITS))
    expect([5, 3, 4, 3, 5].map((id) => apply('c', id).execution)).toEqual([1, 2, 3, 2, 1])
  })

  it('says that it no longer knows, rather than execute again, when the answer has gone', () => {
    const { apply, executions } = counting(new Sessions(LIMITS))
    for (let id = 1; id <= 5; id++) apply('c', id)
    expect(apply('c', 1)).toMatchObject({ type: 'error', code: 0 })
    expect(apply('c', 2)).toEqual({ type: 'ok', execution: 2 })
    expect(executions()).toBe(5)
  })

  it('forgets the client that was quiet for longest, and keeps its floor', () => {
    const sessions = new Sessions(LIMITS)
    const { apply, executions } = counting(sessions)
    for (const client of ['a', 'b', 'c']) apply(client, 10)
    apply('a', 10)
    apply('d', 1)
    expect(sessions.size).toBe(3)
    // b had to go: what it did up to 10 is unknown now, what it does next is executed.
    expect(apply('b', 10)).toMatchObject({ type: 'error', code: 0 })
    expect(apply('b', 11)).toEqual({ type: 'ok', execution: 5 })
    expect(apply('a', 10)).toEqual({ type: 'ok', execution: 1 })
    expect(executions()).toBe(5)
  })

  it('a session that went and came back and went again still executes nothing twice', () => {
    const { apply, executions } = counting(new Sessions(LIMITS))
    apply('a', 7)
    for (const client of ['b', 'c', 'd']) apply(client, 1)
    apply('a', 3)
    for (const client of ['b', 'c', 'd']) apply(client, 2)
    const before = executions()
    expect(apply('a', 7)).toMatchObject({ code: 0 })
    expect(executions()).toBe(before)
  })

  it('is bounded in clients, answers, floors and characters', () => {
    const sessions = new Sessions({ sessions: 1000, answers: 4, characters: 1000, floors: 10 })
    for (let i = 0; i < 500; i++) sessions.once(`c${i}`, 1, () => ({ type: 'ok', text: 'x'.repeat(100) }))
    expect(sessions.characters).toBeLessThanOrEqual(1000)
    expect(sessions.size).toBeLessThanOrEqual(10)
    // An answer above the bound is given, and not kept.
    expect(sessions.once('big', 1, () => ({ type: 'ok', text: 'y'.repeat(5000) })).text).toHaveLength(5000)
    expect(sessions.characters).toBe(0)
    expect(sessions.once('big', 1, () => ({ type: 'again' }))).toMatchObject({ code: 0 })
  })

  it('is a pure function of what was applied', () => {
    const run = (): { answers: Reply[]; sessions: Sessions } => {
      const random = seededRandom(7)
      const sessions = new Sessions(LIMITS)
      const { apply } = counting(sessions)
      const answers = Array.from({ length: 2000 }, () => apply(`c${below(random, 8)}`, below(random, 30)))
      return { answers, sessions }
    }
    const [one, two] = [run(), run()]
    expect(one.answers).toEqual(two.answers)
    expect(one.sessions.characters).toBe(two.sessions.characters)
  })

  it('never executes anything twice, in any history', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed)
      // As many floors as clients: nobody is forgotten wholly.
      const sessions = new Sessions({ ...LIMITS, floors: 12 })
      const done = new Set<string>()
      for (let i = 0; i < 2000; i++) {
        const client = `c${below(random, 12)}`
        const id = below(random, 100)
        sessions.once(client, id, () => {
          expect(done.has(`${client} ${id}`)).toBe(false)
          done.add(`${client} ${id}`)
          return { type: 'ok' }
        })
      }
    }
  })
})
