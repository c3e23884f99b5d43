// Followers: whether they apply everything that the leader commits, and how fast when they have to.

import { setTimeout as pause } from 'node:timers/promises'
import { type Cell, figure, type Group, type Sample, sample } from '../cell.ts'
import type { ClientLoad, LoopResult } from '../children/clients.ts'
import type { NodeProgress } from '../children/engine-node.ts'
import type { ProtocolName } from '../systems/protocol.ts'
import { type EngineNode, EngineSubject, progressOf, untilApplied } from './engine-subject.ts'

const LOAD = { inFlight: 1024, bytes: 100 }
const PATIENCE_MS = 20_000

export function replayGroup(): Group {
  const protocols: readonly ProtocolName[] = ['raft', 'paxos']
  const subjects = new Map(
    protocols.map((protocol) => [protocol, new EngineSubject('replay', protocol, { preferredLeader: 'a' })]),
  )
  const cellsOf = (
    name: string,
    about: string,
    measure: (subject: EngineSubject, seconds: number) => Promise<Sample>,
  ): Cell[] =>
    protocols.map((protocol) => ({
      name: `replay/${name}`,
      system: `mako-${protocol}`,
      about,
      unit: 'entries/s',
      ...LOAD,
      peers: [],
      subject: subjects.get(protocol)!,
      overheadSeconds: 0.2,
      measure: (seconds) => measure(subjects.get(protocol)!, seconds),
    }))
  return {
    name: 'replay',
    about: 'what followers apply, three processes, TCP, disk',
    stages: [
      {
        cells: [
          ...cellsOf(
            'together',
            'both followers while the leader commits; the rate is that of the slower one',
            together,
          ),
          ...cellsOf('catch-up', 'a follower that was stopped and goes on, until it has applied all', catchUp),
        ],
        setupSeconds: 2,
      },
    ],
  }
}

async function together(subject: EngineSubject, seconds: number): Promise<Sample> {
  const { leader, followers } = await subject.roles()
  const all = [leader, ...followers]
  await leader.child.call('begin', loadFor(seconds))
  // Both looks are under load: what is on its way to the followers then is as much at the one as at the other.
  const look = async (): Promise<readonly [NodeProgress[], NodeProgress[]]> => {
    const first = await Promise.all(all.map(progressOf))
    await pause(seconds * 900)
    return [first, await Promise.all(all.map(progressOf))]
  }
  const [result, [before, after]] = await Promise.all([run(leader, seconds), look()])
  const { commit, atMs } = await progressOf(leader)
  const caughtUp = await Promise.all(followers.map((node) => untilApplied(node, commit)))
  const rates = all.map((_, i) => perSecond(after[i]!.applied - before[i]!.applied, after[i]!.atMs - before[i]!.atMs))
  const [committed, ...replayed] = rates
  return sample({
    rate: Math.min(...replayed),
    cpuUsPerOp: null,
    leaderCpuUsPerOp: result.cpuUs / result.operations,
    figures: [
      figure('commitsPerSecond', committed!),
      figure('replayToCommits', Math.min(...replayed) / committed!),
      figure('replayedPercent', ...caughtUp.map(({ applied }) => (Math.min(applied, commit) / commit) * 100)),
      figure('behindMs', ...caughtUp.map((each) => Math.max(0, each.atMs - atMs))),
    ],
  })
}

async function catchUp(subject: EngineSubject, seconds: number): Promise<Sample> {
  const { leader, followers } = await subject.roles()
  const sleeper = followers[0]!
  const { applied } = await progressOf(sleeper)
  sleeper.child.signal('SIGSTOP')
  let result: LoopResult
  try {
    await leader.child.call('begin', loadFor(seconds))
    result = await run(leader, seconds)
  } finally {
    sleeper.child.signal('SIGCONT')
  }
  const woken = performance.now()
  const { commit } = await progressOf(leader)
  await untilApplied(sleeper, commit)
  const ms = performance.now() - woken
  const rate = perSecond(commit - applied, ms)
  const commits = perSecond(result.operations, result.wallMs)
  return sample({
    rate,
    figures: [
      figure('commitsPerSecond', commits),
      figure('replayToCommits', rate / commits),
      figure('replayedPercent', 100),
      figure('behindMs', ms),
    ],
  })
}

function loadFor(seconds: number): ClientLoad {
  return { ...LOAD, warmUpSeconds: seconds / 4 }
}

function run(leader: EngineNode, seconds: number): Promise<LoopResult> {
  return leader.child.call('measure', seconds, seconds * 1000 + PATIENCE_MS)
}

function perSecond(count: number, ms: number): number {
  return (count / ms) * 1000
}
