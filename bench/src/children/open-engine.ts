// An engine of one of three processes: its log on disk or in memory, its sockets, and the protocol that was asked for.

import { createEngine, type Member, type ReplicationEngine } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import { memoryLog, openFileLog } from '@mako/store/log'
import { tcpTransport } from '@mako/transport/tcp'
import type { ProtocolName } from '../systems/protocol.ts'

export interface NodeOptions {
  readonly protocol: ProtocolName
  readonly nodeId: string
  readonly members: readonly Member[]
  readonly partitions: readonly number[]
  /** Of the log; undefined when it is in memory. */
  readonly directory?: string
  /** Of one file of the log. @default the log's */
  readonly segmentBytes?: number
  /** Who usually wins the first election; elections that are measured have no such node. */
  readonly preferredLeader?: string
}

export async function openEngine(options: NodeOptions): Promise<ReplicationEngine> {
  const { protocol, nodeId, members, partitions, directory, segmentBytes, preferredLeader } = options
  const shared = {
    nodeId,
    members,
    clusterId: 'bench',
    partitions,
    ...(partitions.length > 1 ? { leadTogether: [partitions] } : {}),
    log:
      directory === undefined
        ? memoryLog()
        : await openFileLog(directory, segmentBytes === undefined ? {} : { segmentBytes }),
    transport: tcpTransport(),
  }
  const timing = preferredLeader === undefined ? {} : { preferredLeader }
  return protocol === 'paxos'
    ? createEngine({ ...shared, protocol: paxos(timing) })
    : createEngine({ ...shared, protocol: raft(timing) })
}

/** Whether this node leads all its partitions. */
export function leadsAll(engine: ReplicationEngine): boolean {
  return engine.partitions.every((partition) => engine.isLeader(partition))
}

/** Resolves when this node leads all its partitions, which it may never do. */
export function leading(engine: ReplicationEngine): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!leadsAll(engine)) return
      engine.off('leader', look)
      resolve()
    }
    engine.on('leader', look)
    look()
  })
}
