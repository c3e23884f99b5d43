// Failing seeds made small: what is left breaks the same law, again and again, and is little.

import type { RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { runSeed, type StormOptions } from '../../src/index.ts'
import { raftProbe, simRaft } from '../../src/node/raft.ts'
import { shrinkSeed, type ShrinkProgress } from '../../src/shrink/shrink.ts'
import { answersBeforeDurable, forgetsState, hidesCommit, neverVotes, type Lie } from '../broken.ts'

function stormOf(lie: Lie, seconds: number): StormOptions<RaftMessage> {
  return { protocol: (tuning) => lie(simRaft(tuning)), probe: raftProbe, seconds }
}

/** The first seed that fails: which one it is may change with every change of the protocol. */
async function firstFailing(options: StormOptions<RaftMessage>): Promise<number> {
  for (let seed = 1; seed <= 40; seed++) {
    if ((await runSeed(seed, options)).violation !== undefined) return seed
  }
  throw new Error('None of 40 seeds fails.')
}

describe('a shrunk seed', () => {
  it.each([
    ['answers before its disk', answersBeforeDurable, 2],
    ['hides commits', hidesCommit, 10],
    ['never votes, which shows in the quiet time only', neverVotes, 2],
  ] as const)(
    'of a protocol that %s: a fifth at most',
    async (_, lie, seconds) => {
      const options = stormOf(lie, seconds)
      const seed = await firstFailing(options)
      const whole = await runSeed(seed, { ...options, record: true })
      const shrunk = (await shrinkSeed(seed, options, { limitRuns: 120 }))!
      expect(shrunk.violation.law).toBe(whole.violation!.law)
      expect(shrunk.before.faults).toBe(whole.schedule!.faults.filter(({ kind }) => kind !== undefined).length)
      expect(shrunk.before.operations).toBe(whole.schedule!.operations)
      expect(shrunk.share).toBeLessThanOrEqual(0.2)
      expect(shrunk.share).toBe(
        (shrunk.schedule.length + shrunk.operations.length) / (shrunk.before.faults + shrunk.before.operations),
      )
      expect(shrunk.runs).toBeLessThanOrEqual(120)
      expect(shrunk.seconds).toBeLessThanOrEqual(seconds)

      const again = await runSeed(seed, { ...options, ...shrunk.replay, record: true })
      expect(again.violation).toEqual(shrunk.violation)
      // Everything that is left has struck before the law was broken: there is no dead weight.
      expect(again.schedule!.faults).toEqual(shrunk.schedule)
    },
    60_000,
  )

  it('is none when the seed breaks no law', async () => {
    expect(await shrinkSeed(1, { protocol: simRaft, probe: raftProbe, seconds: 1 })).toBeUndefined()
  })

  it('is what was reached when the runs are used up, or when it is told to end', async () => {
    const options = stormOf(forgetsState, 3)
    const seed = await firstFailing(options)
    const seen: ShrinkProgress[] = []
    const progress = (each: ShrinkProgress): void => void seen.push(each)
    const few = (await shrinkSeed(seed, options, { limitRuns: 5, progress }))!
    expect(few.runs).toBe(5)
    expect(seen.map(({ runs }) => runs)).toEqual([2, 3, 4, 5])
    expect((await runSeed(seed, { ...options, ...few.replay })).violation).toEqual(few.violation)

    const ended = (await shrinkSeed(seed, options, { signal: AbortSignal.abort() }))!
    expect(ended).toMatchObject({ runs: 1, share: 1 })
    expect((await runSeed(seed, { ...options, ...ended.replay })).violation).toEqual(ended.violation)
  })

  it('is the same each time', async () => {
    const options = stormOf(answersBeforeDurable, 2)
    const seed = await firstFailing(options)
    const [one, two] = [await shrinkSeed(seed, options), await shrinkSeed(seed, options)]
    expect({ ...two, replay: undefined }).toEqual({ ...one, replay: undefined })
  })

  it('never gets back what the user has left out', async () => {
    const options: StormOptions<RaftMessage> = {
      ...stormOf(forgetsState, 5),
      skip: (ordinal) => ordinal % 2 === 0,
      skipOperation: (ordinal) => ordinal % 2 === 0,
    }
    const shrunk = (await shrinkSeed(await firstFailing(options), options, { limitRuns: 30 }))!
    for (const { ordinal } of shrunk.schedule) expect(ordinal % 2).toBe(1)
    for (const ordinal of shrunk.operations) expect(ordinal % 2).toBe(1)
  })
})
