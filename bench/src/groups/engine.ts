// The engine: entries through three replicas, beside the libraries that do the same.

import type { Group } from '../cell.ts'
import type { Setup, System } from '../system.ts'
import { mako } from '../systems/mako.ts'
import { type SystemLoad, systemStage } from './system-stage.ts'

const SETUPS: Readonly<Record<Setup, string>> = {
  disk: 'three processes, TCP over loopback, a majority has flushed',
  memory: 'three processes, TCP over loopback, logs in memory',
  'one-process': 'three replicas in one process, logs and network in memory',
}
const LOADS: readonly SystemLoad[] = [100, 1024].flatMap((bytes) =>
  [1, 64, 1024, 8192].map((inFlight) => ({ inFlight, bytes })),
)
const PARTITIONS = 16
const MANY_PARTITIONS_LOADS: readonly SystemLoad[] = [100, 1024].map((bytes) => ({ inFlight: 1024, bytes }))

/** `systems`: ours and the libraries that can be measured here. */
export function engineGroup(systems: readonly System[]): Group {
  const all = Object.entries(SETUPS) as [Setup, string][]
  const partitioned = [mako('raft', PARTITIONS), mako('paxos', PARTITIONS)]
  return {
    name: 'engine',
    about: 'entries through three replicas, clients inside the process of the leader',
    stages: [
      ...all.map(([setup, about]) => systemStage(`engine/${setup}`, about, setup, LOADS, systems)),
      ...all.map(([setup, about]) =>
        systemStage(
          `engine/${setup}-${PARTITIONS}-partitions`,
          `${about}; entries spread over ${PARTITIONS} partitions`,
          setup,
          MANY_PARTITIONS_LOADS,
          partitioned,
        ),
      ),
    ],
  }
}
