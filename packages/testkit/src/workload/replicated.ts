// A state machine that is replicated through logs, and clients that use it: what the register and the list workload have
// in common.
//
// Always true: everything, some reads too, is an entry of a log, and takes effect when that is applied; so what a client is
// told by the node that proposed it is what happened at that place of the log. Other reads are of the state of any node,
// behind a read barrier. A call that may have happened is never
// repeated: it is repeated only when an answer says that it has not, and never will.

import {
  below,
  type AddLogResult,
  type NodeId,
  type OutcomeToken,
  type Random,
  type ReplicationEngine,
} from '@mako/engine'
import { hashText } from '../laws/hash.ts'
import { chance, stream } from '../world/random.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import type { SimProcess } from '../world/process.ts'
import { UnkindCallbacks } from './callbacks.ts'
import { KIND_CALLBACKS, type SimWorld } from './world.ts'

/** What a log is turned into. */
export interface StateMachine<State, Command, Result> {
  init(): State
  /** Changes the state and tells what the client is told; a function of state and command alone. */
  apply(state: State, command: Command): Result
  /** What a client knows who only knows that its command has happened; undefined when that is not enough. */
  blind(command: Command): Result | undefined
}

/** What became of a call. Without an ending its outcome is not known. */
export type Ending<Result> = { readonly status: 'ok'; readonly result: Result } | { readonly status: 'fail' }

/** One operation on its way. */
interface Call<Command, Result> {
  readonly number: number
  readonly partition: number
  readonly command: Command
  readonly ended: (ending: Ending<Result>) => void
  attempts: number
  /** `waiting` for a node that takes it; `proposed`; `asking` the others after the node that took it has died. */
  state: 'waiting' | 'proposed' | 'asking' | 'over'
}

/** One partition in one life of a node. */
interface Replica<State, Result> {
  readonly state: State
  index: number
  /** Of the entry at `index`: a callback that failed after its work is called again. */
  result: Result | undefined
}

/** Nodes that a call is offered to before its client gives up; nothing has happened then. */
const MOST_ATTEMPTS = 40

/** How often the others are asked about a call whose node has died. */
const MOST_QUESTIONS = 30

/** Virtual milliseconds after which a client looks whether the node that it waits for is still there. */
const PATIENCE_MS = 300

/** Of the calls whose node has died, how many are never asked about: their outcome stays unknown. */
const NEVER_ASKED = 0.3

export class ReplicatedMachine<State, Command, Result> {
  readonly #world: SimWorld
  readonly #machine: StateMachine<State, Command, Result>
  readonly #callbacks: UnkindCallbacks
  readonly #kindly: UnkindCallbacks
  readonly #replicas = new WeakMap<SimProcess, Map<number, Replica<State, Result>>>()
  /** By partition: the node that a client tries first. */
  readonly #hints = new Map<number, NodeId>()
  readonly #calls = new Set<Call<Command, Result>>()
  #numbers = 0
  #tick = 0
  #active = false

  constructor(world: SimWorld, machine: StateMachine<State, Command, Result>) {
    this.#world = world
    this.#machine = machine
    this.#callbacks = new UnkindCallbacks(world.seed, world.callbacks, world.cluster.book)
    this.#kindly = new UnkindCallbacks(world.seed, KIND_CALLBACKS, world.cluster.book)
  }

  /** While it is active callbacks are as unkind as the seed wants, and refused calls are tried again. */
  set active(active: boolean) {
    this.#active = active
  }

  /** Calls whose ending may still come. */
  get open(): number {
    return this.#calls.size
  }

  readonly apply: ApplyHandler = (entry, context) => {
    const { partition, index, payload } = entry
    const replica = this.#replica(context.process, partition)
    if (index < replica.index) {
      this.#broken(`${context.node.id} applies entry ${index} of partition ${partition} after entry ${replica.index}`)
    }
    if (index > replica.index) {
      replica.index = index
      replica.result = this.#machine.apply(replica.state, decode(payload) as Command)
    }
    const callbacks = this.#active ? this.#callbacks : this.#kindly
    // Only the leader's callers are told the result.
    return callbacks.run(entry, context, context.by === 'leader' ? replica.result : undefined, () => undefined)
  }

  onEngine({ id, process }: SimNode, engine: ReplicationEngine): void {
    let faults = 0
    engine.on('fault', ({ partition, error }) => {
      if (error.code !== 'CALLBACK_FAILED' || partition === undefined) return
      const random = stream(this.#world.seed, `resume ${id} ${partition} ${faults++}`)
      process?.clock.setTimer(below(random, 100), () => engine.resume(partition))
    })
  }

  isHung({ process }: SimNode): boolean {
    return process !== undefined && this.#callbacks.isHung(process)
  }

  /** The time of a call or return: virtual microseconds, and each later than the one before. */
  now(): number {
    this.#tick = Math.max(this.#tick + 1, Math.round(this.#world.cluster.time.nowMs * 1000))
    return this.#tick
  }

  /** Offers a command until a node takes it; `ended` is called once, or never when its outcome stays unknown. */
  submit(partition: number, command: Command, ended: (ending: Ending<Result>) => void): void {
    const number = this.#numbers++
    const call: Call<Command, Result> = { number, partition, command, ended, attempts: 0, state: 'waiting' }
    this.#calls.add(call)
    this.#offer(call)
  }

  /** Proposes at the leader, once; undefined when there is none that takes it. */
  submitToLeader(partition: number, command: Command, ended: (ending: Ending<Result> | undefined) => void): boolean {
    const { engine, process } = this.#world.cluster.leader(partition) ?? {}
    if (engine === undefined || process === undefined) return false
    const result = engine.addLog(encode(command), { partition })
    if (result.status !== 'SUCCESS') return false
    void result.outcome.then((outcome) => {
      if (!process.alive) return
      ended(outcome.status === 'APPLIED' ? { status: 'ok', result: outcome.value as Result } : undefined)
    })
    return true
  }

  /**
   * Reads the state of some node, once that node says that everything committed before is applied there. `ended` is
   * called once; a read that is refused has not happened. It is not called when the node dies.
   */
  readLocal(random: Random, partition: number, read: Command, ended: (ending: Ending<Result>) => void): void {
    const node = this.#world.cluster.anyUp(random)
    const { process, engine } = node ?? {}
    if (process === undefined || engine === undefined) {
      ended({ status: 'fail' })
      return
    }
    process.deliver(() => {
      void engine.readBarrier(partition).then((result) => {
        if (!process.alive) return
        this.#world.cluster.book.count(`read of a node: ${result.status}`)
        if (result.status !== 'READY') ended({ status: 'fail' })
        else ended({ status: 'ok', result: this.#machine.apply(this.#replica(process, partition).state, read) })
      })
    })
  }

  #offer(call: Call<Command, Result>): void {
    const { cluster, seed } = this.#world
    if (call.attempts++ >= MOST_ATTEMPTS || (!this.#active && call.attempts > 1)) {
      this.#end(call, { status: 'fail' })
      return
    }
    const random = stream(seed, `call ${call.number} ${call.attempts}`)
    const hint = this.#hints.get(call.partition)
    const hinted = hint === undefined || chance(random, 0.1) ? undefined : cluster.node(hint)
    const node = hinted?.engine === undefined ? cluster.anyUp(random) : hinted
    const again = (afterMs: number): void => {
      cluster.time.schedule(afterMs, () => {
        if (call.state === 'waiting') this.#offer(call)
      })
    }
    const { process, engine } = node ?? {}
    if (node === undefined || process === undefined || engine === undefined) {
      again(20 + below(random, 20))
      return
    }
    const attempt = call.attempts
    process.deliver(() => {
      // A process that was paused for long finds its client gone.
      if (call.state !== 'waiting' || call.attempts !== attempt) return
      const result = engine.addLog(encode(call.command), { partition: call.partition })
      this.#learn(call.partition, result)
      if (result.status === 'SUCCESS') this.#proposed(call, node, process, result)
      else again(result.status === 'NOT_LEADER' && result.leaderHint !== undefined ? 1 : 5 + below(random, 20))
    })
    cluster.time.schedule(PATIENCE_MS, () => {
      if (call.state === 'waiting' && call.attempts === attempt) this.#offer(call)
    })
  }

  #learn(partition: number, result: AddLogResult): void {
    if (result.status === 'NOT_LEADER' && result.leaderHint !== undefined) {
      this.#hints.set(partition, result.leaderHint.nodeId)
    } else if (result.status !== 'SUCCESS') this.#hints.delete(partition)
  }

  #proposed(
    call: Call<Command, Result>,
    node: SimNode,
    process: SimProcess,
    accepted: AddLogResult & { readonly status: 'SUCCESS' },
  ): void {
    const { partition, index, count, term } = accepted
    const token: OutcomeToken = { partition, index, count, term }
    call.state = 'proposed'
    const { attempts } = call
    this.#hints.set(partition, node.id)
    void accepted.outcome.then((outcome) => {
      // A process that died in the middle of its turn has told nobody.
      if (!process.alive || call.state !== 'proposed' || call.attempts !== attempts) return
      if (outcome.status === 'APPLIED') this.#end(call, { status: 'ok', result: outcome.value as Result })
      else if (outcome.status === 'LOST') this.#notHappened(call)
      else this.#ask(call, token, 0)
    })
    const look = (): void => {
      if (call.state !== 'proposed' || call.attempts !== attempts) return
      if (process.alive) this.#world.cluster.time.schedule(PATIENCE_MS, look)
      else this.#ask(call, token, 0)
    }
    this.#world.cluster.time.schedule(PATIENCE_MS, look)
  }

  /** The node that took it is gone: others may know what became of it. */
  #ask(call: Call<Command, Result>, token: OutcomeToken, questions: number): void {
    const { cluster, seed } = this.#world
    const random = stream(seed, `ask ${call.number} ${call.attempts} ${questions}`)
    call.state = 'asking'
    if (questions >= MOST_QUESTIONS || (questions === 0 && chance(random, NEVER_ASKED))) {
      this.#end(call, undefined)
      return
    }
    let isAnswered = false
    void cluster
      .anyUp(random)
      ?.engine?.outcomeOf(token)
      .then((outcome) => {
        if (isAnswered || call.state !== 'asking') return
        if (outcome.status === 'UNKNOWN') return
        isAnswered = true
        cluster.book.count(`asked others: ${outcome.status}`)
        if (outcome.status === 'LOST') this.#notHappened(call)
        else {
          const result = this.#machine.blind(call.command)
          this.#end(call, result === undefined ? undefined : { status: 'ok', result })
        }
      })
    cluster.time.schedule(PATIENCE_MS, () => {
      if (isAnswered || call.state !== 'asking') return
      isAnswered = true
      this.#ask(call, token, questions + 1)
    })
  }

  #notHappened(call: Call<Command, Result>): void {
    call.state = 'waiting'
    this.#offer(call)
  }

  #end(call: Call<Command, Result>, ending: Ending<Result> | undefined): void {
    const { book } = this.#world.cluster
    call.state = 'over'
    this.#calls.delete(call)
    book.history.add(30, call.number, hashText(JSON.stringify(ending ?? null)))
    if (ending !== undefined) call.ended(ending)
  }

  #replica(process: SimProcess, partition: number): Replica<State, Result> {
    const partitions = this.#replicas.get(process) ?? new Map<number, Replica<State, Result>>()
    this.#replicas.set(process, partitions)
    let replica = partitions.get(partition)
    if (replica === undefined) {
      replica = { state: this.#machine.init(), index: 0, result: undefined }
      partitions.set(partition, replica)
    }
    return replica
  }

  #broken(message: string): void {
    this.#world.cluster.book.broken('workload', message)
  }
}

function encode(command: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(command))
}

function decode(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(payload))
}
