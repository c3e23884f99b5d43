// What a user's client code is given in the simulator: randomness, virtual time, connections to nodes, and a place to
// note what it asked for and what it was told.
//
// Always true: a handler runs in the process of the node that was called, as server code does: not while that is paused
// or busy, and never after it has died. A call ends within its limit of virtual time, whatever becomes of the node; a
// call that ends with `ConnectionLost` may have happened, unless it says that it was never sent.

import { below, type NodeId, type Random, type ReplicationEngine } from '@mako/engine'
import type { KeyOperation, TimedOperation } from '../checkers/history.ts'
import type { ApplyMachine } from '../suites/machine-suite.ts'
import type { ClientCluster } from '../workload/world.ts'
import type { SimNode } from '../world/cluster.ts'

/** What runs on a node, for a handler that is called there. */
export interface Server<Machine extends ApplyMachine = ApplyMachine> {
  readonly engine: ReplicationEngine
  /** The state machine of this life of the node. @default of the first partition */
  readonly machine: (partition?: number) => Machine
}

export interface CallOptions {
  /** Virtual milliseconds that the client waits for an answer. @default 1000 */
  readonly timeoutMs?: number
}

/** A node that was up when the client connected. */
export interface Connection<Machine extends ApplyMachine = ApplyMachine> {
  readonly nodeId: NodeId
  /**
   * Runs the handler on the node, and gives back what it answers.
   * @throws ConnectionLost when the node dies first or does not answer in time; and whatever the handler throws
   */
  readonly call: <T>(handler: (server: Server<Machine>) => T | Promise<T>, options?: CallOptions) => Promise<T>
}

/** The node has died, or has not answered in time: what was asked for may be done, now or later, or never. */
export class ConnectionLost extends Error {
  /** False when the node was down before anything was sent: then nothing has happened, and never will. */
  readonly isSent: boolean

  constructor(message: string, isSent: boolean) {
    super(message)
    this.name = 'ConnectionLost'
    this.isSent = isSent
  }
}

/** What a client says of an operation before it is called: its fields but those that the workload fills in. */
export type Asked<Operation extends TimedOperation> = Omit<Operation, keyof TimedOperation>

/** What a client says of it afterwards; fields with which it was answered are added to the history. */
export type Answer<Operation extends TimedOperation> =
  | ({ readonly status: 'ok' } & Partial<Asked<Operation>>)
  /** It has not happened, and never will. */
  | { readonly status: 'fail' }
  /** It may have happened, or may still happen. */
  | { readonly status: 'info' }

/** What client code is given, for one run of it. */
export interface ClientContext<
  Machine extends ApplyMachine = ApplyMachine,
  Operation extends TimedOperation = KeyOperation,
> {
  /** Which client this is, from 0: one after the other it runs this code again and again. */
  readonly client: number
  /** Which run this is, of all clients: unique, good for keys and values that must be. */
  readonly number: number
  /** The only randomness that may be used: this run has its own. */
  readonly random: Random
  /** Virtual milliseconds since the world began: the only clock that may be used. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Connects to this node if it is up, else to any; waits while all are down. */
  readonly connect: (to?: NodeId) => Promise<Connection<Machine>>
  /**
   * Notes an operation in the history, runs it, and notes its answer. `ConnectionLost` is noted as `info`, or as `fail`
   * when nothing was sent; anything else that is thrown is noted as `info` and thrown on.
   */
  readonly invoke: (
    operation: Asked<Operation>,
    run: () => Answer<Operation> | Promise<Answer<Operation>>,
  ) => Promise<Answer<Operation>>
}

const TIMEOUT_MS = 1000

/** Virtual milliseconds between two looks at whether a node that was called is still there. */
const LOOK_MS = 10

/** A call or an answer is on its way for up to this long. */
const MOST_DELAY_MS = 2

/** Makes connections for one run of client code. */
export class Connector<Machine extends ApplyMachine> {
  readonly #cluster: ClientCluster
  readonly #random: Random
  readonly #machineOf: (node: SimNode, partition: number) => Machine

  constructor(cluster: ClientCluster, random: Random, machineOf: (node: SimNode, partition: number) => Machine) {
    this.#cluster = cluster
    this.#random = random
    this.#machineOf = machineOf
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cluster.time.schedule(ms, () => resolve())
    })
  }

  async connect(to?: NodeId): Promise<Connection<Machine>> {
    for (;;) {
      const wanted = this.#cluster.up.find(({ id }) => id === to)
      const node = wanted ?? this.#cluster.anyUp(this.#random)
      // What is seen of a node now is this life of it.
      if (node !== undefined) return this.#connectionTo({ ...node })
      await this.sleep(LOOK_MS)
    }
  }

  #connectionTo(node: SimNode): Connection<Machine> {
    const { id, engine, process } = node
    const { time, partitions } = this.#cluster
    if (engine === undefined || process === undefined) throw new RangeError(`Node ${id} is down.`)
    const server: Server<Machine> = {
      engine,
      machine: (partition = partitions[0]!) => this.#machineOf(node, partition),
    }
    const delayMs = (): number => below(this.#random, MOST_DELAY_MS * 1000) / 1000
    return {
      nodeId: id,
      call: (handler, { timeoutMs = TIMEOUT_MS } = {}) =>
        new Promise((resolve, reject) => {
          if (!process.alive) {
            time.schedule(delayMs(), () => reject(new ConnectionLost(`${id} is down`, false)))
            return
          }
          const endMs = time.nowMs + timeoutMs
          let isOpen = true
          const end = (tell: () => void): void => {
            if (!isOpen || !process.alive) return
            isOpen = false
            time.schedule(answerMs, tell)
          }
          const answerMs = delayMs()
          const look = (): void => {
            if (!isOpen) return
            if (process.alive && time.nowMs < endMs) {
              time.schedule(Math.min(LOOK_MS, endMs - time.nowMs), look)
              return
            }
            isOpen = false
            reject(new ConnectionLost(process.alive ? `${id} does not answer` : `${id} has died`, true))
          }
          time.schedule(delayMs(), () => {
            process.deliver(() => {
              // Promises of a handler belong to its process: when that has died they are never heard of again.
              void (async () => await handler(server))().then(
                (value) => end(() => resolve(value)),
                (error: unknown) => end(() => reject(toError(error))),
              )
            })
          })
          time.schedule(Math.min(LOOK_MS, timeoutMs), look)
        }),
    }
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
