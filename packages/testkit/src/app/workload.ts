// A user's state machine and a user's client code under storms.
//
// Always true: each life of a node has machines of its own, one for each partition, which are given every `data` entry
// exactly once and in order, whatever callbacks do besides. Machines that have been given the same entries must have the
// same digest: that is looked at again and again, not only at the end. Client code is run again and again; each run has
// an ordinal and randomness of its own, so that it can be left out and the others stay what they are.

import { below, MakoError, type Entry, type ReplicationEngine } from '@mako/engine'
import type { KeyOperation, TimedOperation } from '../checkers/history.ts'
import { checkLinearizable } from '../checkers/linearizable.ts'
import type { Model } from '../checkers/model.ts'
import { hashText } from '../laws/hash.ts'
import type { ApplyMachine, MachineDigest } from '../suites/machine-suite.ts'
import { UnkindCallbacks } from '../workload/callbacks.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import { KIND_CALLBACKS, type SimWorld } from '../workload/world.ts'
import type { ApplyContext, ApplyHandler, SimNode } from '../world/cluster.ts'
import type { SimProcess } from '../world/process.ts'
import { between, stream } from '../world/random.ts'
import { ConnectionLost, Connector, type Answer, type Asked, type ClientContext } from './client.ts'

export interface AppOptions<
  Machine extends ApplyMachine = ApplyMachine,
  Operation extends TimedOperation = KeyOperation,
> {
  /** Makes the state machine of one partition in one life of a node. */
  readonly machine: (partition: number) => Machine
  /** What a client does, again and again until the storm is over, one run after the other. */
  readonly client: (context: ClientContext<Machine, Operation>) => Promise<void>
  /** How many clients there are at a time. @default 1 to 4, drawn */
  readonly clients?: number
  /** Virtual milliseconds from the beginning of a client's run to that of its next one, on average. @default 20 */
  readonly gapMs?: number
  /** What the history that clients note must be linearizable to. @default it is not judged */
  readonly model?: Model<unknown, Operation>
  /** A last look at everything; what it throws breaks the law `workload`. @default none */
  readonly check?: (end: AppEnd<Machine, Operation>) => void | Promise<void>
  /** Digests are compared after so many entries of a partition. @default 8 */
  readonly digestEvery?: number
}

/** What there is when all is well and quiet. */
export interface AppEnd<Machine extends ApplyMachine, Operation extends TimedOperation> {
  /** Of the first node; by then all have the same digest. @default of the first partition */
  readonly machine: (partition?: number) => Machine
  /** What the clients have noted. */
  readonly history: readonly Operation[]
}

/** A workload that can tell what its clients did, a line for each operation. */
export interface DescribedWorkload extends Workload {
  describe(): readonly string[]
}

export function isDescribed(workload: Workload | undefined): workload is DescribedWorkload {
  return workload !== undefined && 'describe' in workload
}

/**
 * Clients and machines of a user, for `runSeed` and `runSeeds`.
 * @throws MakoError `BAD_OPTION` when a number among the options makes no sense
 */
export function appWorkload<
  Machine extends ApplyMachine = ApplyMachine,
  Operation extends TimedOperation = KeyOperation,
>(options: AppOptions<Machine, Operation>): WorkloadFactory {
  const { clients = 1, digestEvery = 1, gapMs = 1 } = options
  for (const [name, value] of Object.entries({ clients, digestEvery })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new MakoError('BAD_OPTION', `${name} must be a whole number above 0, not ${value}.`)
    }
  }
  if (!(gapMs > 0)) throw new MakoError('BAD_OPTION', `gapMs must be above 0, not ${gapMs}.`)
  return (world) => new AppWorkload(world, options)
}

/** One partition in one life of a node. */
interface Replica<Machine> {
  readonly machine: Machine
  /** The last entry that the machine was given, and what came of it. */
  index: number
  value: unknown
}

/** What the first machine was that came so far. */
interface Seen {
  readonly node: string
  readonly digest: MachineDigest
}

type Noted<Operation> = { -readonly [Field in keyof Operation]: Operation[Field] }

const DIGEST_EVERY = 8
const GAP_MS = 20

/** Steps that the judgement of a key may take at the end, and after each operation while there are few. */
const STEP_LIMIT = 500_000
const STEP_LIMIT_AT_ONCE = 2_000
const MOST_JUDGED_AT_ONCE = 64

class AppWorkload<Machine extends ApplyMachine, Operation extends TimedOperation> implements DescribedWorkload {
  readonly #world: SimWorld
  readonly #options: AppOptions<Machine, Operation>
  readonly #clients: number
  readonly #callbacks: UnkindCallbacks
  readonly #kindly: UnkindCallbacks
  readonly #replicas = new WeakMap<SimProcess, Map<number, Replica<Machine>>>()
  /** By partition, by index. */
  readonly #digests = new Map<number, Map<number, Seen>>()
  /** By partition: the entry that shows that its leader lives, and the term in which it was proposed. */
  readonly #proofs = new Map<number, { readonly term: number; done: boolean }>()
  readonly #history: Noted<Operation>[] = []
  /** The same, by what belongs together for the model. */
  readonly #parts = new Map<string, Noted<Operation>[]>()
  /** Clients whose last run has not ended. */
  readonly #busy = new Set<number>()
  #operations = 0
  #tick = 0
  #active = false

  constructor(world: SimWorld, options: AppOptions<Machine, Operation>) {
    this.#world = world
    this.#options = options
    this.#clients = options.clients ?? between(world.random, 1, 4)
    this.#callbacks = new UnkindCallbacks(world.seed, world.callbacks, world.cluster.book)
    this.#kindly = new UnkindCallbacks(world.seed, KIND_CALLBACKS, world.cluster.book)
  }

  get operations(): number {
    return this.#operations
  }

  readonly apply: ApplyHandler = (entry, context) => {
    if (entry.kind !== 'data') return undefined
    const replica = this.#replica(context.process, entry.partition)
    const callbacks = this.#active ? this.#callbacks : this.#kindly
    const run = (value: unknown): unknown => callbacks.run(entry, context, value, () => undefined)
    // A callback that has failed after its work is called again, and the work is done.
    if (entry.index <= replica.index) return run(replica.value)
    replica.index = entry.index
    try {
      replica.value = replica.machine.apply(entry)
    } catch (error) {
      this.#broken(`apply of ${where(entry, context)} has thrown: ${textOf(error)}`)
      throw error
    }
    if (!(replica.value instanceof Promise)) {
      this.#compare(entry, context, replica)
      return run(replica.value)
    }
    return replica.value.then(
      (value: unknown) => {
        if (context.process.alive) this.#compare(entry, context, replica)
        return run(value)
      },
      (error: unknown) => {
        if (context.process.alive) this.#broken(`apply of ${where(entry, context)} has rejected: ${textOf(error)}`)
        throw error
      },
    )
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

  start(): void {
    this.#active = true
    const random = stream(this.#world.seed, 'client code')
    const rangeUs = Math.ceil((2000 * (this.#options.gapMs ?? GAP_MS)) / this.#clients)
    this.#next(() => below(random, rangeUs) / 1000)
  }

  stop(): void {
    this.#active = false
  }

  /** An entry that no machine is given shows that each partition goes on. */
  provesLive(): boolean {
    const { cluster } = this.#world
    for (const partition of cluster.partitions) {
      const { engine } = cluster.leader(partition) ?? {}
      if (engine === undefined) continue
      const term = engine.leaderHint(partition)?.term ?? 0
      const proof = this.#proofs.get(partition)
      if (proof !== undefined && proof.term >= term) continue
      const result = engine.addLog(new Uint8Array(0), { partition, kind: 'advancer' })
      if (result.status !== 'SUCCESS') continue
      const asked = { term: result.term, done: false }
      this.#proofs.set(partition, asked)
      void result.outcome.then(({ status }) => {
        if (status === 'APPLIED') asked.done = true
        else if (this.#proofs.get(partition) === asked) this.#proofs.delete(partition)
      })
    }
    return cluster.partitions.every((partition) => this.#proofs.get(partition)?.done === true)
  }

  settled(): boolean {
    return this.#busy.size === 0
  }

  async check(): Promise<void> {
    const { cluster } = this.#world
    const { model, check } = this.#options
    const [first] = cluster.nodes
    const machineOf = (node: SimNode, partition: number): Machine => this.#replica(node.process!, partition).machine
    for (const partition of cluster.partitions) {
      const digest = await machineOf(first!, partition).digest()
      for (const node of cluster.nodes) {
        const other = await machineOf(node, partition).digest()
        if (other !== digest) this.#differ(`all entries of partition ${partition}`, first!.id, digest, node.id, other)
      }
    }
    if (model !== undefined) {
      const result = checkLinearizable<unknown, Operation>(this.#lines, model, { stepLimit: STEP_LIMIT })
      cluster.book.count(`app: verdict ${result.verdict}`)
      if (result.verdict !== 'valid') this.#broken(result.explanation)
    }
    try {
      await check?.({
        history: this.#lines,
        machine: (partition = cluster.partitions[0]!) => machineOf(first!, partition),
      })
    } catch (error) {
      this.#broken(textOf(error))
    }
  }

  /** What clients asked for and were told, by the times of their calls, in virtual milliseconds. */
  describe(): readonly string[] {
    return this.#history.map((operation) => {
      const { client, call, ret, status, ...rest } = operation
      const of = operation as Operation
      const what = this.#options.model?.describe?.(of) ?? `${JSON.stringify(rest)} ${status}`
      const ends = ret === undefined ? 'not answered' : `to ${(ret / 1000).toFixed(3)}`
      return `client ${client}  ${(call / 1000).toFixed(3)} ${ends} ms  ${what}`
    })
  }

  /** When runs begin is drawn, and does not depend on what becomes of them: what is left out moves nothing. */
  #next(gapMs: () => number): void {
    this.#world.cluster.time.schedule(gapMs(), () => {
      if (!this.#active) return
      const number = this.#operations++
      const client = number % this.#clients
      this.#next(gapMs)
      // A client that has not finished misses a turn.
      if (this.#busy.has(client) || this.#world.skipOperation?.(number) === true) return
      this.#busy.add(client)
      void this.#run(client, number).then(() => this.#busy.delete(client))
    })
  }

  async #run(client: number, number: number): Promise<void> {
    const { seed, cluster } = this.#world
    const random = stream(seed, `operation ${number}`)
    const connector = new Connector<Machine>(
      cluster,
      stream(seed, `connections ${number}`),
      ({ process }, partition) => this.#replica(process!, partition).machine,
    )
    try {
      await this.#options.client({
        client,
        number,
        random,
        now: () => cluster.time.nowMs,
        sleep: (ms) => connector.sleep(ms),
        connect: (to) => connector.connect(to),
        invoke: (operation, run) => this.#invoke(client, operation, run),
      })
    } catch (error) {
      if (error instanceof ConnectionLost) cluster.book.count('app: a connection was lost')
      else this.#broken(`client ${client} has thrown in run ${number}: ${textOf(error)}`)
    }
  }

  async #invoke(
    client: number,
    asked: Asked<Operation>,
    run: () => Answer<Operation> | Promise<Answer<Operation>>,
  ): Promise<Answer<Operation>> {
    const noted = { ...asked, client, call: this.#now(), status: 'info' } as unknown as Noted<Operation>
    const part = this.#partOf(noted)
    this.#history.push(noted)
    part.push(noted)
    let answer: Answer<Operation>
    try {
      answer = await run()
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
      answer = { status: error.isSent ? 'info' : 'fail' }
    }
    const ret = this.#now()
    // What is not known has no end.
    Object.assign(noted, answer, answer.status === 'info' ? {} : { ret })
    const { book } = this.#world.cluster
    book.count(`app: operation ${answer.status}`)
    book.history.add(31, client, hashText(JSON.stringify(noted)))
    if (answer.status === 'ok') this.#judge(part)
    return answer
  }

  /** What is not linearizable stays so, whatever comes later: it is told at the moment when it shows. */
  #judge(part: readonly Noted<Operation>[]): void {
    const { model } = this.#options
    if (model === undefined || part.length > MOST_JUDGED_AT_ONCE) return
    const result = checkLinearizable<unknown, Operation>(part as readonly Operation[], model, {
      stepLimit: STEP_LIMIT_AT_ONCE,
    })
    if (result.verdict === 'invalid') this.#broken(result.explanation)
  }

  #partOf(operation: Noted<Operation>): Noted<Operation>[] {
    const { model } = this.#options
    const key = model?.key?.(operation) ?? ('key' in operation ? String(operation.key) : '')
    let part = this.#parts.get(key)
    if (part === undefined) this.#parts.set(key, (part = []))
    return part
  }

  get #lines(): readonly Operation[] {
    return this.#history
  }

  /** The time of a call or return: virtual microseconds, and each later than the one before. */
  #now(): number {
    this.#tick = Math.max(this.#tick + 1, Math.round(this.#world.cluster.time.nowMs * 1000))
    return this.#tick
  }

  /** A machine that has come as far as another one before must be what that was. */
  #compare({ partition, index }: Entry, { node }: ApplyContext, { machine }: Replica<Machine>): void {
    if (index % (this.#options.digestEvery ?? DIGEST_EVERY) !== 0) return
    const digest = machine.digest()
    if (digest instanceof Promise) return
    let ofPartition = this.#digests.get(partition)
    if (ofPartition === undefined) this.#digests.set(partition, (ofPartition = new Map<number, Seen>()))
    const seen = ofPartition.get(index)
    if (seen === undefined) ofPartition.set(index, { node: node.id, digest: shortened(digest) })
    else if (seen.digest !== shortened(digest)) {
      this.#differ(`entry ${index} of partition ${partition}`, seen.node, seen.digest, node.id, digest)
    }
  }

  #differ(after: string, one: string, digest: MachineDigest, two: string, other: MachineDigest): void {
    const lines = [`  ${one}: ${shortened(digest)}`, `  ${two}: ${shortened(other)}`]
    this.#broken(`the machines of ${one} and ${two} differ after ${after}\n${lines.join('\n')}`)
  }

  #replica(process: SimProcess, partition: number): Replica<Machine> {
    const partitions = this.#replicas.get(process) ?? new Map<number, Replica<Machine>>()
    this.#replicas.set(process, partitions)
    let replica = partitions.get(partition)
    if (replica === undefined) {
      replica = { machine: this.#options.machine(partition), index: 0, value: undefined }
      partitions.set(partition, replica)
    }
    return replica
  }

  #broken(message: string): void {
    this.#world.cluster.book.broken('workload', message)
  }
}

/** Digests that are long are kept by their beginning and a hash: there are many. */
function shortened(digest: MachineDigest): MachineDigest {
  if (typeof digest !== 'string' || digest.length <= 200) return digest
  return `${digest.slice(0, 180)}... (hash ${hashText(digest).toString(16)})`
}

function where({ index, partition }: Entry, { node }: ApplyContext): string {
  return `entry ${index} of partition ${partition} on ${node.id}`
}

/** What was thrown, and where. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const frame = /^ +at .*$/m.exec(error.stack ?? '')?.[0]
  return `${String(error)}${frame === undefined ? '' : `\n${frame}`}`
}
