// Traces of simulated storms, for tests.

import type { Protocol } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'
import { logWorkload, runSeed, type ProtocolTuning, type SeedResult } from '../src/index.ts'
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
  const recorder = new TraceRecorder({ limit: Number.POSITIVE_INFINITY, describeState: describeRaftState })
  const result = await runSeed<RaftMessage>(seed, {
    protocol: (tuning, node) => recorder.observe(node, protocol(tuning)),
    probe: raftProbe,
    seconds,
    workload: (world) => {
      // By now the cluster's time can be read: nothing has happened before.
      const ids = world.cluster.nodes.map(({ id }) => id)
      recorder.begin(ids, () => world.cluster.time.nowMs)
      return logWorkload(world)
    },
  })
  return { result, trace: recorder.trace() }
}
