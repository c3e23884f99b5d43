// Mako's Raft lab, by the names of its cases and with its thresholds, on five production engines in virtual time.
// Without the no-op at election, because the cases count entries. Each case holds for several seeds.

import { raft, type RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { LAB, type LabOptions, type LabTuning, runLabCase, skipReason } from '../../testkit/src/lab/index.ts'
import { raftProbe } from '../../testkit/src/node/raft.ts'

const SEEDS = [1, 2, 3]

const options: Omit<LabOptions<RaftMessage>, 'seed'> = {
  protocol: (tuning) => raft({ ...tuning, noopOnElection: false }),
  probe: raftProbe,
  exactIndexes: true,
  isCall: ({ type }) => type !== 'append-reply' && type !== 'vote-reply',
}

describe('lab', () => {
  it('has the nineteen cases of upstream, and all of them apply', () => {
    expect(LAB.map(({ number }) => number)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1))
    expect(LAB.map((labCase) => skipReason(labCase, options)).filter(Boolean)).toEqual([])
  })

  it.each(LAB)('$number $name', async (labCase) => {
    for (const seed of SEEDS) await runLabCase(labCase, { ...options, seed })
  })
})

describe('lab, with a no-op at election', () => {
  const withNoop = { ...options, protocol: (tuning: LabTuning) => raft(tuning), exactIndexes: false }

  it.each(LAB.filter((labCase) => skipReason(labCase, withNoop) === undefined))('$number $name', (labCase) =>
    runLabCase(labCase, { ...withNoop, seed: 1 }),
  )

  it('leaves out figure 8 with a reason, and that is a good one', async () => {
    const left = LAB.filter((labCase) => skipReason(labCase, withNoop) !== undefined)
    expect(left.map(({ name }) => name)).toEqual(['Figure8'])
    await expect(runLabCase(left[0]!, { ...withNoop, seed: 1 })).rejects.toThrow('nothing committed at')
  })

  it('does not pass for a log that holds commands and nothing else', async () => {
    const basicAgree = LAB.find(({ name }) => name === 'BasicAgree')!
    await expect(runLabCase(basicAgree, { ...withNoop, exactIndexes: true, seed: 1 })).rejects.toThrow('at index 1')
  })
})

describe('lab, with a protocol that is wrong', () => {
  it('notices two leaders that do not hear of each other', async () => {
    const stubborn = { ...options, protocol: (tuning: LabTuning) => raft({ ...tuning, checkQuorum: false }) }
    const reElection = LAB.find(({ name }) => name === 'ReElection')!
    await expect(runLabCase(reElection, { ...stubborn, exactIndexes: false, seed: 1 })).rejects.toThrow('no leader')
  })
})
