// If the laws do not catch these, they catch nothing.

import type { RaftMessage } from '@mako/raft'
import { describe, expect, it } from 'vitest'
import { runSeed, type LawName, type StormOptions } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import {
  answersBeforeDurable,
  commitsAlone,
  countsItselfEarly,
  forgetsState,
  forgetsVote,
  hidesCommit,
  neverVotes,
  votesForAll,
  type Lie,
} from './broken.ts'

/** Runs seeds until one is caught; the law that caught it, and how many seeds it took. */
async function caught(
  options: Partial<StormOptions<RaftMessage>>,
  most = 40,
): Promise<{ law: LawName | undefined; seeds: number }> {
  for (let seed = 1; seed <= most; seed++) {
    const result = await runSeed<RaftMessage>(seed, {
      protocol: simRaft,
      probe: raftProbe,
      seconds: 3,
      ...options,
    })
    if (result.violation !== undefined) return { law: result.violation.law, seeds: seed }
  }
  return { law: undefined, seeds: most }
}

const BROKEN: readonly (readonly [name: string, lie: Lie, laws: readonly LawName[]])[] = [
  ['answers before its disk', answersBeforeDurable, ['quorum-durable', 'promises-kept']],
  ['commits alone', commitsAlone, ['quorum-durable', 'one-history']],
  ['counts itself before its disk', countsItselfEarly, ['quorum-durable']],
  ['votes for everybody', votesForAll, ['promises-kept', 'one-leader', 'leader-completeness', 'engine-fault']],
  ['forgets its vote', forgetsVote, ['promises-kept', 'one-leader', 'log-matching']],
  // Raft itself refuses to start with a log that is newer than its term.
  ['forgets term and vote', forgetsState, ['promises-kept', 'one-leader', 'engine-fault']],
  ['never votes', neverVotes, ['liveness']],
  ['hides commits from followers', hidesCommit, ['liveness', 'commit-monotone']],
]

describe('a broken protocol is caught', () => {
  for (const [name, lie, laws] of BROKEN) {
    it(name, async () => {
      const { law } = await caught({ protocol: (tuning) => lie(simRaft(tuning)) })
      expect(laws).toContain(law)
    })
  }

  it('and one that tells the truth is not', async () => {
    expect((await caught({}, 6)).law).toBeUndefined()
  })
})

describe('a broken disk is caught', () => {
  it('says durable before it is', async () => {
    const { law } = await caught({ lies: { earlyMs: 5 } })
    expect(['quorum-durable', 'durable-before-sent', 'promises-kept']).toContain(law)
  })
})
