// The part of a core that serves readers: rounds of a leader, questions of the others.

import { describe, expect, it } from 'vitest'
import { type BarrierActions, type BarrierView, ReadBarriers } from '@mako/engine'

const AGAIN_MS = 50
const view: BarrierView = { now: 0, term: 1, leader: 'a', isLeading: false, index: undefined }
const leading = (index?: number, more: Partial<BarrierView> = {}): BarrierView => ({
  ...view,
  isLeading: true,
  index,
  ...more,
})

/** With a number of its own for each life, as a random port gives it. */
function barriers(quorum = 2, life = 7): ReadBarriers {
  return new ReadBarriers({ quorum, random: { u32: () => life }, askAgainMs: AGAIN_MS })
}

const NOTHING: BarrierActions = { isNewRound: false, questions: [], replies: [], answers: [] }

function turnOf(readers: ReadBarriers, now: BarrierView): BarrierActions {
  return readers.turn(now) ?? NOTHING
}

describe('the readers of a leader', () => {
  it('wait for a majority to answer a round that was opened after they began', () => {
    const readers = barriers()
    readers.ask(1)
    expect(turnOf(readers, leading(5))).toEqual({ isNewRound: true, questions: [], replies: [], answers: [] })
    expect(readers.round).toBe(1)
    expect(turnOf(readers, leading(6)).answers).toEqual([])
    readers.heard('b', 1)
    // What was committed later is not needed.
    expect(turnOf(readers, leading(6)).answers).toEqual([{ request: 1, index: 5 }])
    readers.heard('c', 1)
    expect(turnOf(readers, leading(6)).answers).toEqual([])
  })

  it('share a round when they come in one turn, and never join one that is open', () => {
    const readers = barriers()
    readers.ask(1)
    readers.ask(2)
    turnOf(readers, leading(5))
    readers.ask(3)
    expect(turnOf(readers, leading(8)).isNewRound).toBe(true)
    expect(readers.round).toBe(2)
    readers.heard('b', 1)
    expect(turnOf(readers, leading(9)).answers).toEqual([
      { request: 1, index: 5 },
      { request: 2, index: 5 },
    ])
    readers.heard('b', 1)
    expect(turnOf(readers, leading(9)).answers).toEqual([])
    readers.heard('c', 2)
    expect(turnOf(readers, leading(9)).answers).toEqual([{ request: 3, index: 8 }])
  })

  it('are answered by a later round as well', () => {
    const readers = barriers()
    readers.ask(1)
    turnOf(readers, leading(5))
    readers.ask(2)
    turnOf(readers, leading(6))
    readers.heard('c', 2)
    expect(turnOf(readers, leading(6)).answers.map(({ index }) => index)).toEqual([5, 6])
  })

  it('wait until the leader knows what earlier terms have committed', () => {
    const readers = barriers()
    readers.ask(1)
    expect(turnOf(readers, leading(undefined))).toMatchObject({ isNewRound: false, answers: [] })
    readers.heard('b', 1)
    expect(turnOf(readers, leading(9))).toMatchObject({ isNewRound: true, answers: [] })
    readers.heard('b', 1)
    expect(turnOf(readers, leading(9)).answers).toEqual([{ request: 1, index: 9 }])
  })

  it('need more than half of five', () => {
    const readers = barriers(3)
    readers.ask(1)
    turnOf(readers, leading(5))
    readers.heard('b', 1)
    readers.heard('b', 1)
    expect(turnOf(readers, leading(5)).answers).toEqual([])
    readers.heard('c', 1)
    expect(turnOf(readers, leading(5)).answers).toEqual([{ request: 1, index: 5 }])
  })

  it('need nobody else when there is nobody', () => {
    const readers = barriers(1)
    readers.ask(1)
    expect(turnOf(readers, leading(5)).answers).toEqual([{ request: 1, index: 5 }])
  })

  it('are not served by answers to rounds that were never opened', () => {
    const readers = barriers()
    readers.heard('b', 9)
    readers.ask(1)
    turnOf(readers, leading(5))
    expect(turnOf(readers, leading(5)).answers).toEqual([])
  })

  it.each([
    ['in another term', { ...view, term: 2, leader: undefined }],
    ['behind another leader', { ...view, term: 1, leader: 'b' }],
    ['leading again in a later term', leading(9, { term: 3 })],
  ])('are turned away when it is %s, those of other nodes too, and old answers do not count there', (_, next) => {
    const readers = barriers()
    readers.ask(1)
    readers.askedBy('b', 77)
    turnOf(readers, leading(5))
    expect(turnOf(readers, next)).toMatchObject({
      answers: [{ request: 1, index: undefined }],
      replies: [{ to: 'b', id: 77, index: undefined }],
    })
    expect(readers.round).toBe(0)
    readers.heard('c', 1)
    readers.ask(2)
    expect(turnOf(readers, leading(9, { term: 3 })).answers).toEqual([])
    expect(turnOf(readers, leading(9, { term: 3 })).answers).toEqual([])
    readers.heard('c', 1)
    expect(turnOf(readers, leading(9, { term: 3 })).answers).toEqual([{ request: 2, index: 9 }])
  })

  it('need answers of one term: those of an earlier one are forgotten', () => {
    const readers = barriers(3)
    readers.ask(1)
    turnOf(readers, leading(5))
    readers.heard('b', 1)
    turnOf(readers, view)
    readers.ask(2)
    const later = leading(6, { term: 3 })
    turnOf(readers, later)
    readers.heard('c', 1)
    expect(turnOf(readers, later).answers).toEqual([])
    readers.heard('b', 1)
    expect(turnOf(readers, later).answers).toEqual([{ request: 2, index: 6 }])
  })

  it('on other nodes are answered by the number of their question', () => {
    const readers = barriers()
    readers.askedBy('b', 77)
    readers.askedBy('c', 78)
    turnOf(readers, leading(5))
    readers.heard('b', 1)
    expect(turnOf(readers, leading(5)).replies).toEqual([
      { to: 'b', id: 77, index: 5 },
      { to: 'c', id: 78, index: 5 },
    ])
  })

  it('on other nodes are bounded, and make room when they are answered', () => {
    const readers = barriers()
    for (let id = 0; id < 5000; id++) readers.askedBy('b', id)
    turnOf(readers, leading(5))
    readers.heard('b', 1)
    expect(turnOf(readers, leading(5)).replies).toHaveLength(4096)
    readers.askedBy('b', 5001)
    turnOf(readers, leading(5))
    readers.heard('b', 2)
    expect(turnOf(readers, leading(5)).replies).toHaveLength(1)
  })
})

describe('the readers of others', () => {
  it('ask the leader, each with a number of its own, and again when there is no answer', () => {
    const readers = barriers()
    readers.ask(1)
    readers.ask(2)
    const { questions } = turnOf(readers, view)
    expect(new Set(questions).size).toBe(2)
    expect(turnOf(readers, { ...view, now: AGAIN_MS - 1 }).questions).toEqual([])
    expect(turnOf(readers, { ...view, now: AGAIN_MS }).questions).toEqual(questions)
    expect(readers.answered(questions[1]!, 8)).toEqual({ request: 2, index: 8 })
    expect(turnOf(readers, { ...view, now: 2 * AGAIN_MS }).questions).toEqual(questions.slice(0, 1))
    // An answer that comes twice is one answer.
    expect(readers.answered(questions[1]!, 8)).toBeUndefined()
  })

  it('never take an answer to another life of this node for their own', () => {
    const before = barriers(2, 7)
    before.ask(1)
    const [old] = turnOf(before, view).questions
    const after = barriers(2, 8)
    after.ask(1)
    const [id] = turnOf(after, view).questions
    expect(after.answered(old!, 3)).toBeUndefined()
    expect(after.answered(id!, 4)).toEqual({ request: 1, index: 4 })
  })

  it('have numbers that a double can hold, whatever the life', () => {
    const readers = barriers(2, 0xffff_ffff)
    readers.ask(1)
    expect(Number.isSafeInteger(turnOf(readers, view).questions[0]! + 2 ** 20)).toBe(true)
  })

  it('are turned away while there is no leader, and when it is another one', () => {
    const readers = barriers()
    readers.ask(1)
    expect(turnOf(readers, { ...view, leader: undefined }).answers).toEqual([{ request: 1, index: undefined }])
    readers.ask(2)
    const [id] = turnOf(readers, view).questions
    expect(turnOf(readers, { ...view, term: 2, leader: 'b' }).answers).toEqual([{ request: 2, index: undefined }])
    expect(readers.answered(id!, 9)).toBeUndefined()
  })

  it('cannot be served by a node that does not lead: it says so at once', () => {
    const readers = barriers()
    readers.askedBy('c', 77)
    expect(turnOf(readers, view).replies).toEqual([{ to: 'c', id: 77, index: undefined }])
  })

  it('go over to a round of its own when the node begins to lead', () => {
    const readers = barriers()
    readers.ask(1)
    turnOf(readers, view)
    readers.ask(2)
    const actions = turnOf(readers, leading(4, { term: 2, leader: 'b' }))
    expect(actions).toMatchObject({ isNewRound: true, questions: [], answers: [{ request: 1, index: undefined }] })
    readers.heard('c', 1)
    expect(turnOf(readers, leading(4, { term: 2, leader: 'b' })).answers).toEqual([{ request: 2, index: 4 }])
  })
})
