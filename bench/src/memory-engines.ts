// Three engines in this process, over memory logs and a memory network: everything of Mako but disk and sockets.

import { setTimeout as after } from 'node:timers/promises'
import { createEngine, type ReplicationEngine } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import { memoryLog } from '@mako/store/log'
import { memoryNetwork } from '@mako/transport/memory'
import type { ProtocolName } from './systems/protocol.ts'

const members = ['a', 'b', 'c'].map((id) => ({ id, address: id }))

/** The engines, not started yet: callbacks can still be registered. */
export function memoryEngines(protocol: ProtocolName, partitions: readonly number[] = [0]): ReplicationEngine[] {
  const network = memoryNetwork()
  const timing = { preferredLeader: 'a' }
  return members.map(({ id }) => {
    const shared = {
      nodeId: id,
      members,
      partitions,
      ...(partitions.length > 1 ? { leadTogether: [partitions] } : {}),
      log: memoryLog(),
      transport: network.transport(),
    }
    return protocol === 'paxos'
      ? createEngine({ ...shared, protocol: paxos(timing) })
      : createEngine({ ...shared, protocol: raft(timing) })
  })
}

/** The one that leads all partitions. */
export async function startedLeader(engines: readonly ReplicationEngine[]): Promise<ReplicationEngine> {
  let leader: ReplicationEngine | undefined
  await until('a leader', () => {
    leader = engines.find((engine) => engine.partitions.every((partition) => engine.isLeader(partition)))
    return leader !== undefined
  })
  return leader!
}

/** Starts engines, hands the one that leads to `use`, and stops them all. */
export async function withLeader<T>(
  engines: readonly ReplicationEngine[],
  use: (leader: ReplicationEngine) => Promise<T>,
): Promise<T> {
  try {
    await Promise.all(engines.map((engine) => engine.start()))
    return await use(await startedLeader(engines))
  } finally {
    await Promise.all(engines.map((engine) => engine.stop()))
  }
}

/** Waits until something holds, for at most 20 seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`In vain waited for ${what}.`)
    await after(5)
  }
}
