// How commands become applied on every node: an engine, or, for a node that is alone and keeps nothing, no engine at all.
//
// Always true: an engine starts only when it is needed (a command, a read, a word of a peer's engine, a log that is
// already there), so a workload that needs no consensus pays for none. What `propose` refuses was not and will not be done.

import {
  createEngine,
  type Clock,
  type Entry,
  type LogStore,
  type NodeId,
  type Random,
  type ReplicationEngine,
} from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import type { Body, Reply } from './message.ts'
import { maelstromTransport, type MaelstromTransport } from './transport.ts'

export type ProtocolName = 'raft' | 'paxos'

/** Milliseconds, for links that take 10 to 100 of them. */
export interface Timings {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
}

export const DEFAULT_TIMINGS: Timings = { heartbeatMs: 60, electionTimeoutMs: 600 }

/** Bytes of one command. With these limits each message of the engine fits into one line. */
export const MAX_COMMAND_BYTES: number = 256 * 1024

export type Proposed =
  /** Will be applied, unless this node stops leading before a majority has it. */
  | { readonly status: 'ACCEPTED' }
  /** Not taken now. */
  | { readonly status: 'REFUSED'; readonly retryAfterMs: number }

/** Who takes commands now. Another term of the same node is another leadership. */
export interface Leadership {
  readonly nodeId: NodeId
  readonly term: number
}

export interface Replication {
  /** False until `start` was called, by anyone. */
  readonly isStarted: boolean
  start(): void
  propose(payload: Uint8Array): Proposed
  /** Resolves with 'READY' when what was committed before the call is applied here. Gives up after `limitMs`. */
  barrier(limitMs: number): Promise<'READY' | 'NOT_YET'>
  leader(): Leadership | undefined
  /** A body of type `mako` has come. */
  receive(from: NodeId, body: Body): void
  stop(): Promise<void>
}

export interface ReplicationOptions {
  readonly protocol: ProtocolName
  readonly nodeId: NodeId
  readonly nodeIds: readonly NodeId[]
  readonly clock: Clock
  readonly random: Random
  readonly timings: Timings
  readonly openLog: () => Promise<LogStore>
  readonly send: (to: NodeId, body: Reply) => boolean
  readonly apply: (payload: Uint8Array) => void
  readonly log: (text: string) => void
}

/** Consensus among all nodes, or of one node with its disk. */
export class EngineReplication implements Replication {
  readonly #options: ReplicationOptions
  readonly #transport: MaelstromTransport
  #engine: ReplicationEngine | undefined
  #starting: Promise<void> | undefined

  constructor(options: ReplicationOptions) {
    this.#options = options
    this.#transport = maelstromTransport({ clock: options.clock, send: options.send })
  }

  get isStarted(): boolean {
    return this.#starting !== undefined
  }

  start(): void {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#options.log(`The engine did not start: ${String(error)}`)
    })
  }

  async #start(): Promise<void> {
    const { nodeId, nodeIds, clock, random, timings, openLog, apply, log } = this.#options
    const options = {
      nodeId,
      members: nodeIds.map((id) => ({ id, address: id })),
      clusterId: 'maelstrom',
      log: await openLog(),
      transport: this.#transport,
      clock,
      random,
      // A message of the engine fits into one line.
      limits: { payloadBytes: MAX_COMMAND_BYTES, blockBytes: 512 * 1024, messageBytes: 256 * 1024 },
    }
    const tuning = { ...timings, preferredLeader: nodeIds[0]! }
    const engine =
      this.#options.protocol === 'raft'
        ? createEngine({ ...options, protocol: raft(tuning) })
        : createEngine({ ...options, protocol: paxos(tuning) })
    const callback = ({ kind, payload }: Entry): void => {
      if (kind === 'data') apply(payload)
    }
    engine.onApply({ leader: callback, follower: callback })
    engine.on('leader', ({ term }) => log(`leads in term ${term}`))
    engine.on('follower', ({ term, leaderHint }) => log(`follows ${leaderHint?.nodeId ?? 'nobody'} in term ${term}`))
    engine.on('fault', ({ error }) => log(`fault: ${error.message}`))
    engine.on('warning', ({ message }) => log(`warning: ${message}`))
    this.#engine = engine
    await engine.start()
  }

  propose(payload: Uint8Array): Proposed {
    const result = this.#engine?.addLog(payload)
    switch (result?.status) {
      case 'SUCCESS':
        return { status: 'ACCEPTED' }
      case 'BUSY':
        return { status: 'REFUSED', retryAfterMs: Math.max(result.retryAfterMs, 20) }
      case undefined:
      case 'NOT_LEADER':
      case 'REJECTED':
        return { status: 'REFUSED', retryAfterMs: 100 }
    }
  }

  async barrier(limitMs: number): Promise<'READY' | 'NOT_YET'> {
    const engine = this.#engine
    if (engine === undefined) return 'NOT_YET'
    const { clock } = this.#options
    const limit = new AbortController()
    const timer = clock.setTimer(limitMs, () => limit.abort())
    try {
      const { status } = await engine.readBarrier(0, { signal: limit.signal })
      return status === 'READY' ? 'READY' : 'NOT_YET'
    } catch {
      // The engine rejects with the reason of the signal and with nothing else.
      return 'NOT_YET'
    } finally {
      clock.clearTimer(timer)
    }
  }

  leader(): Leadership | undefined {
    return this.#engine?.leaderHint()
  }

  receive(from: NodeId, body: Body): void {
    this.start()
    this.#transport.receive(from, body)
  }

  async stop(): Promise<void> {
    await this.#starting
    await this.#engine?.stop()
  }
}

/** A node alone that keeps nothing: what it applies is at once all there is. */
export class LoneReplication implements Replication {
  readonly isStarted = true
  readonly #nodeId: NodeId
  readonly #apply: (payload: Uint8Array) => void

  constructor(nodeId: NodeId, apply: (payload: Uint8Array) => void) {
    this.#nodeId = nodeId
    this.#apply = apply
  }

  start(): void {
    // There is nothing to start.
  }

  propose(payload: Uint8Array): Proposed {
    this.#apply(payload)
    return { status: 'ACCEPTED' }
  }

  barrier(): Promise<'READY' | 'NOT_YET'> {
    return Promise.resolve('READY')
  }

  leader(): Leadership {
    return { nodeId: this.#nodeId, term: 1 }
  }

  receive(): void {
    // It has no peers.
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}
