// Traces of simulated storms, for tests.

import type { Protocol } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'
import { runSeed, type ProtocolTuning, type SeedResult } from '../src/index.ts'
import { raftProbe, simRaft } from '../src/node/raft.ts'
import { describeRaftState } from '../src/spec/raft-message.ts'
import type { Trace } from '../src/trace/event.ts'
import { TraceRecorder } from '../src/trace/recorder.ts'

export interface TracedStorm {
  readonly result: SeedResult
  readonly trace: Trace
}

/** Runs one seed with everything recorded. */
export async function tracedStorm(
  seed: number,
  seconds: number,
  protocol: (tuning: ProtocolTuning) => Protocol<RaftMessage> = simRaft,
): Promise<TracedStorm> {
  const trace = new TraceRecorder({ limit: Number.POSITIVE_INFINITY, describeState: describeRaftState })
  const result = await runSeed<RaftMessage>(seed, {
    protocol,
    probe: raftProbe,
    seconds,
    trace,
    // Partitions are alike and say nothing of each other.
    fit: (swarm) => ({ ...swarm, partitions: [0], leadTogether: [] }),
  })
  return { result, trace: trace.trace() }
}
