// Traces of simulated storms, for tests.

import type { Protocol } from '@mako/engine'
import type { PaxosMessage } from '@mako/paxos'
import type { RaftMessage } from '@mako/raft'
import { runSeed, type ProtocolTuning, type SeedResult } from '../src/index.ts'
import { paxosProbe, simPaxos } from '../src/node/paxos.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import { describePaxosState } from '../src/spec/paxos-message.ts'
import { describeRaftState } from '../src/spec/raft-message.ts'
import type { StormProbe } from '../src/storm/run.ts'
import type { Json, Trace } from '../src/trace/event.ts'
import { TraceRecorder } from '../src/trace/recorder.ts'

export interface TracedStorm {
  readonly result: SeedResult
  readonly trace: Trace
}

/** Runs one seed of Raft with everything recorded. */
export function tracedStorm(
  seed: number,
  seconds: number,
  protocol: (tuning: ProtocolTuning) => Protocol<RaftMessage> = simRaft,
): Promise<TracedStorm> {
  return traced(seed, seconds, { protocol, probe: raftProbe, describeState: describeRaftState })
}

/** Runs one seed of Paxos with everything recorded. */
export function tracedPaxosStorm(
  seed: number,
  seconds: number,
  protocol: (tuning: ProtocolTuning) => Protocol<PaxosMessage> = simPaxos,
): Promise<TracedStorm> {
  return traced(seed, seconds, { protocol, probe: paxosProbe, describeState: describePaxosState })
}

interface Traced<Message> {
  readonly protocol: (tuning: ProtocolTuning) => Protocol<Message>
  readonly probe: StormProbe<Message>
  readonly describeState: (state: Uint8Array) => Json
}

async function traced<Message>(
  seed: number,
  seconds: number,
  { protocol, probe, describeState }: Traced<Message>,
): Promise<TracedStorm> {
  const trace = new TraceRecorder({ limit: Number.POSITIVE_INFINITY, describeState })
  const result = await runSeed<Message>(seed, {
    protocol,
    probe,
    seconds,
    trace,
    // Partitions are alike and say nothing of each other.
    fit: (swarm) => ({ ...swarm, partitions: [0], leadTogether: [] }),
  })
  return { result, trace: trace.trace() }
}
