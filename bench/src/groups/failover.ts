// How long nothing is committed when the leader is killed, and when it falls silent, with default timings: from the
// signal to the next entry that a survivor has proposed, committed and applied.

import { setTimeout as after } from 'node:timers/promises'
import { DEFAULT_PAXOS_OPTIONS } from '@mako/paxos'
import { DEFAULT_RAFT_OPTIONS } from '@mako/raft'
import { type Cell, figure, type Group, type Sample, sample } from '../cell.ts'
import { sharedNowMs } from '../children/shared-clock.ts'
import { firstOf } from '../first-of.ts'
import { medianOf } from '../spread.ts'
import type { ProtocolName } from '../systems/protocol.ts'
import { type EngineNode, EngineSubject, progressOf, untilApplied } from './engine-subject.ts'

type Fault = 'kill' | 'silence'

const ABOUT: Readonly<Record<Fault, string>> = {
  kill: 'the leader is killed (SIGKILL); ms to the next committed entry at a survivor',
  silence: 'the leader is stopped (SIGSTOP), its connections stay open; ms to the next committed entry at a survivor',
}
/** Trials of each kind in a run of the default length; a longer run has more. */
const TRIALS: Readonly<Record<Fault, number>> = { kill: 20, silence: 8 }
/** Smaller than the default, so that a node is back soon; nothing that is measured depends on it. */
const SEGMENT_BYTES = 1024 * 1024
const LIMIT_MS = 20_000

export function failoverGroup(defaultSeconds: number): Group {
  const protocols: readonly ProtocolName[] = ['raft', 'paxos']
  const subjects = new Map(
    protocols.map((protocol) => [protocol, new EngineSubject('fail-over', protocol, { segmentBytes: SEGMENT_BYTES })]),
  )
  const cells = (['kill', 'silence'] as const).flatMap((fault) =>
    protocols.map((protocol): Cell => {
      const subject = subjects.get(protocol)!
      const trialsOf = (seconds: number): number => Math.max(1, Math.round((TRIALS[fault] * seconds) / defaultSeconds))
      return {
        name: `failover/${fault}`,
        system: `mako-${protocol}`,
        about: ABOUT[fault],
        unit: '-',
        inFlight: null,
        bytes: null,
        peers: [],
        subject,
        // Trials take as long as they take, whatever is asked for.
        overheadSeconds: (TRIALS[fault] / 3) * (fault === 'kill' ? 0.6 : 1.1),
        measure: (seconds) => trials(subject, protocol, fault, trialsOf(seconds)),
      }
    }),
  )
  return {
    name: 'failover',
    about: 'three processes, TCP, disk, default timings: milliseconds without a leader',
    stages: [{ cells, setupSeconds: 2 }],
  }
}

async function trials(subject: EngineSubject, protocol: ProtocolName, fault: Fault, count: number): Promise<Sample> {
  const { electionTimeoutMs } = protocol === 'raft' ? DEFAULT_RAFT_OPTIONS : DEFAULT_PAXOS_OPTIONS
  const times: number[] = []
  for (let i = 0; i < count; i++) times.push(await trial(subject, fault))
  return sample({
    p50Ms: medianOf(times),
    p99Ms: Math.max(...times),
    figures: [figure('ms', ...times), figure('electionTimeouts', ...times.map((ms) => ms / electionTimeoutMs))],
  })
}

async function trial(subject: EngineSubject, fault: Fault): Promise<number> {
  const { leader, followers } = await subject.roles()
  await leader.child.call('nextCommit', undefined)
  // At any moment between two heartbeats.
  await after(Math.random() * DEFAULT_RAFT_OPTIONS.heartbeatMs)
  const next = firstOf(followers.map(nextCommit))
  const from = sharedNowMs()
  leader.child.signal(fault === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  let ms: number
  try {
    ms = (await next) - from
  } finally {
    if (fault === 'silence') leader.child.signal('SIGCONT')
    else {
      await leader.child.ended()
      await subject.nodes.restart(leader)
    }
  }
  // Nothing is measured before all three are there again.
  const { commit } = await progressOf(await subject.nodes.leader(followers))
  await untilApplied(leader, commit)
  return ms
}

/** When it has committed an entry as the leader that it may become. */
async function nextCommit(node: EngineNode): Promise<number> {
  const answer = await node.child.call('nextCommit', undefined, LIMIT_MS)
  if (answer === null) throw new Error('It was asked again.')
  return answer.atMs
}
