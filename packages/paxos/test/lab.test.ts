// Mako's Raft lab for Multi-Paxos, by the names of its cases and with its thresholds, on five production engines in
// virtual time. Figure 8 is left out, with the reason that the lab gives: re-proposal.txt is its counterpart.

import { paxos, type PaxosMessage } from '@mako/paxos'
import { describe, expect, it } from 'vitest'
import { LAB, type LabOptions, runLabCase, skipReason } from '../../testkit/src/lab/index.ts'
import { paxosProbe } from '../../testkit/src/node/paxos.ts'

const SEEDS = [1, 2, 3]

const REPLIES: ReadonlySet<PaxosMessage['type']> = new Set(['probe-reply', 'promise', 'refusal', 'accepted', 'learned'])

const options: Omit<LabOptions<PaxosMessage>, 'seed'> = {
  protocol: (tuning) => paxos(tuning),
  probe: paxosProbe,
  // A new leader fills holes and adds a no-op, so commands are told apart by their positions.
  exactIndexes: false,
  isCall: ({ type }) => !REPLIES.has(type),
}

const cases = LAB.filter((labCase) => skipReason(labCase, options) === undefined)

describe('lab', () => {
  it('leaves out figure 8 and nothing else', () => {
    expect(LAB.filter((labCase) => !cases.includes(labCase)).map(({ name }) => name)).toEqual(['Figure8'])
  })

  it.each(cases)('$number $name', async (labCase) => {
    for (const seed of SEEDS) await runLabCase(labCase, { ...options, seed })
  })
})
