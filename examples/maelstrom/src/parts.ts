// What a node is made of once `init` has said who it is, and how the parts are put together.
//
// Always true: what an earlier life has left on disk is read before the node says `init_ok`; a log that is there already is
// taken up at once, because it holds promises; everything else starts when it is first needed.

import type { Clock, LogStore, Random } from '@mako/engine'
import { Submissions } from './forward.ts'
import { DEFAULT_GOSSIP_TIMINGS, Gossip, type GossipTimings, type SetKind } from './gossip.ts'
import { Journal } from './journal.ts'
import { decodeCommand, Machine } from './machine.ts'
import type { Json, Reply } from './message.ts'
import { Reads } from './reads.ts'
import {
  DEFAULT_TIMINGS,
  EngineReplication,
  LoneReplication,
  type ProtocolName,
  type Replication,
  type Timings,
} from './replication.ts'
import type { WorkloadName } from './requests.ts'
import type { SessionLimits } from './sessions.ts'
import { UniqueIds } from './workloads/local.ts'

export type StoreName = 'engine' | 'gossip'

/** Where a node keeps what must survive it. */
export interface Storage {
  /** True when an earlier life has left something under this name. */
  exists(name: StoreName): boolean
  open(name: StoreName): Promise<LogStore>
}

export interface NodeOptions {
  readonly protocol: ProtocolName
  readonly workload?: WorkloadName | undefined
  /** Reads are answered from local state, without asking a leader. @default false */
  readonly staleReads?: boolean
  /** Successful answers name the leader, as errors always do. @default false */
  readonly nameLeader?: boolean
  /** Undefined: everything is kept in memory, and this node must not come back under its name. */
  readonly storage: Storage | undefined
  /** Makes a log that lasts as long as the process; for a node without storage. */
  readonly memoryLog: () => LogStore
  readonly clock: Clock
  readonly random: Random
  /** Names this life of the process and no other: 64 random bits as text. */
  readonly life: string
  /** Writes a line; false when it was dropped. */
  readonly write: (line: string) => boolean
  /** Writes to the log for people. */
  readonly log: (text: string) => void
  readonly timings?: Timings
  readonly gossipTimings?: GossipTimings
  readonly sessionLimits?: SessionLimits
}

/** Who a node is. */
export interface Identity {
  readonly nodeId: string
  readonly nodeIds: readonly string[]
}

/** Sends a body to another node; false when it was dropped. */
export type Send = (to: string, body: Reply) => boolean

export interface Parts extends Identity {
  readonly ids: UniqueIds
  readonly gossip: Gossip
  readonly machine: Machine
  readonly replication: Replication
  readonly submissions: Submissions
  readonly reads: Reads
  /** Answers what is open, as far as it is known; resolves when network and disk are given up. */
  stop(): Promise<void>
}

/** @throws MakoError what the storage throws */
export async function openParts(identity: Identity, options: NodeOptions, send: Send): Promise<Parts> {
  const { nodeId } = identity
  const { storage, clock, log } = options
  const { gossip, journal } = await openGossip(identity, options, send)
  const machine = new Machine(options.sessionLimits)
  const replication = makeReplication(identity, options, send, (payload) => {
    const command = decodeCommand(payload)
    if (command === undefined) log('a committed entry that is no command')
    else submissions.applied(command, machine.apply(command))
  })
  const submissions: Submissions = new Submissions({
    nodeId,
    clock,
    replication,
    answerOf: (client, id) => machine.answerOf(client, id),
    send,
  })
  const reads = new Reads(clock, replication)
  if (storage?.exists('engine') === true) replication.start()
  return {
    ...identity,
    ids: new UniqueIds(nodeId, options.life),
    gossip,
    machine,
    replication,
    submissions,
    reads,
    stop: async () => {
      gossip.stop()
      reads.stop()
      submissions.stop()
      await replication.stop()
      await journal?.close()
    },
  }
}

function makeReplication(
  { nodeId, nodeIds }: Identity,
  { protocol, storage, memoryLog, clock, random, timings = DEFAULT_TIMINGS, log }: NodeOptions,
  send: Send,
  apply: (payload: Uint8Array) => void,
): Replication {
  if (nodeIds.length === 1 && storage === undefined) return new LoneReplication(nodeId, apply)
  const openLog = (): Promise<LogStore> => storage?.open('engine') ?? Promise.resolve(memoryLog())
  return new EngineReplication({ protocol, nodeId, nodeIds, clock, random, timings, openLog, send, apply, log })
}

/** A record of the journal: how the set was seen when the value came, and the value. */
type JournalRecord = readonly [kind: SetKind, value: Json]

async function openGossip(
  { nodeId, nodeIds }: Identity,
  { storage, clock, life, gossipTimings: timings = DEFAULT_GOSSIP_TIMINGS }: NodeOptions,
  send: Send,
): Promise<{ gossip: Gossip; journal: Journal | undefined }> {
  const kept = storage === undefined ? undefined : await Journal.open(await storage.open('gossip'), nodeId)
  const records = (kept?.values ?? []) as unknown as readonly JournalRecord[]
  const journal = kept?.journal
  const gossip: Gossip = new Gossip({
    nodeId,
    nodeIds,
    life,
    origin: journal === undefined ? `${nodeId}/${life}` : nodeId,
    recovered: records.map(([, value]) => value),
    clock,
    timings,
    send,
    keep: (value) => journal?.append([gossip.kind!, value]) ?? Promise.resolve(),
  })
  const first = records[0]
  if (first !== undefined) gossip.learnKind(first[0])
  return { gossip, journal }
}
