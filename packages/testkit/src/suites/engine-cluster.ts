// Three engines on the ports that a suite was given, and what their callbacks and their clients have seen.
//
// Always true: a node is a place for a log that lives on, and at times an engine; what each life has seen is kept.

import {
  createEngine,
  type AddLogOptions,
  type AddLogResult,
  type Accepted,
  type EngineLimits,
  type EngineOptions,
  type Entry,
  type LogStore,
  type Member,
  type NodeId,
  type Outcome,
  type Protocol,
  type ReplicationEngine,
  type Transport,
} from '@mako/engine'
import { bytesOf, textOf, type CleanUp, type TestTime, Waiter } from './runner.ts'

/** What the engines of one test are given: a world of its own for each test. */
export interface EngineWorld {
  readonly members: readonly Member[]
  /** Makes the log store of the next life of this node; what it kept before is still there. */
  log(nodeId: NodeId): LogStore | Promise<LogStore>
  /** Makes the transport of the next life of this node. */
  transport(nodeId: NodeId): Transport
  /** Called when the test has ended. */
  remove?(): unknown
}

export interface Seen {
  readonly by: 'leader' | 'follower'
  readonly partition: number
  readonly index: number
  readonly text: string
}

/** One life of one node. */
export interface EngineLife {
  readonly id: NodeId
  readonly engine: ReplicationEngine
  readonly seen: Seen[]
  /** The events that it has told, as `name partition`. */
  readonly events: string[]
}

export interface LifeOptions {
  readonly limits?: Partial<EngineLimits>
  readonly apply?: (entry: Entry, id: NodeId) => unknown
}

export const PARTITIONS: readonly number[] = [0, 7]

export class EngineCluster<Message> {
  readonly wait: Waiter
  readonly lives: EngineLife[] = []
  readonly #world: EngineWorld
  readonly #protocol: () => Protocol<Message>
  readonly #time: TestTime
  readonly #cleanUp: CleanUp
  readonly #options: LifeOptions

  constructor(
    world: EngineWorld,
    protocol: () => Protocol<Message>,
    time: TestTime,
    cleanUp: CleanUp,
    options: LifeOptions,
  ) {
    this.#world = world
    this.#protocol = protocol
    this.#time = time
    this.#cleanUp = cleanUp
    this.#options = options
    this.wait = new Waiter(time)
    cleanUp.add(() => world.remove?.())
  }

  get ids(): NodeId[] {
    return this.#world.members.map(({ id }) => id)
  }

  /** Makes an engine that is not started. */
  async make(id: NodeId, overrides: Partial<EngineOptions<Message>> = {}): Promise<EngineLife> {
    const { limits, apply } = this.#options
    const engine = createEngine<Message>({
      protocol: this.#protocol(),
      nodeId: id,
      members: this.#world.members,
      clusterId: 'conformance',
      partitions: PARTITIONS,
      clock: this.#time.clock,
      ...(limits === undefined ? {} : { limits }),
      ...overrides,
      log: overrides.log ?? (await this.#world.log(id)),
      transport: overrides.transport ?? this.#world.transport(id),
    })
    this.#cleanUp.add(() => this.wait.of(`the stop of ${id}`, engine.stop()))
    const seen: Seen[] = []
    const callback =
      (by: Seen['by']) =>
      (entry: Entry): unknown => {
        const { partition, index, payload } = entry
        const note = (): string => {
          const text = textOf(payload)
          seen.push({ by, partition, index, text })
          return `value of ${text}`
        }
        const result = apply?.(entry, id)
        return result instanceof Promise ? result.then(note) : note()
      }
    engine.onApply({ leader: callback('leader'), follower: callback('follower') })
    const events: string[] = []
    for (const event of ['leader', 'follower', 'fault', 'stalled'] as const) {
      engine.on(event, ({ partition }: { partition: number | undefined }) =>
        events.push(`${event} ${String(partition)}`),
      )
    }
    return { id, engine, seen, events }
  }

  async start(id: NodeId): Promise<EngineLife> {
    const life = await this.make(id)
    await this.wait.of(`the start of ${id}`, life.engine.start())
    this.lives.push(life)
    return life
  }

  async stop(life: EngineLife): Promise<void> {
    await this.wait.of(`the stop of ${life.id}`, life.engine.stop())
    this.lives.splice(this.lives.indexOf(life), 1)
  }

  async leader(partition = 0): Promise<EngineLife> {
    const find = (): EngineLife | undefined => {
      const life = this.lives.find(({ engine }) => engine.isLeader(partition))
      const follows = ({ engine }: EngineLife): boolean => engine.leaderHint(partition)?.nodeId === life?.id
      return this.lives.every(follows) ? life : undefined
    }
    await this.wait.until('a leader that all follow', () => find() !== undefined)
    return find()!
  }

  /** A node that does not lead this partition. */
  async follower(partition = 0): Promise<EngineLife> {
    const leader = await this.leader(partition)
    return this.lives.find((life) => life !== leader)!
  }

  /** Writes until it was applied once; on whatever leader there is. */
  async write(text: string, options: AddLogOptions = {}): Promise<void> {
    for (;;) {
      const { engine } = await this.leader(options.partition)
      const result = engine.addLog(bytesOf(text), options)
      if (result.status === 'SUCCESS') {
        const outcome = await this.outcome(result)
        if (outcome.status === 'APPLIED') return
        if (outcome.status === 'UNKNOWN') throw new Error(`${text} is UNKNOWN, though nobody has stopped`)
      } else if (result.status === 'REJECTED') throw new Error(`${text} was REJECTED: ${result.reason}`)
      await this.wait.turns(1)
    }
  }

  /** Waits until this node may be read; asks again when leadership has just moved. */
  async read({ engine }: EngineLife, partition = 0): Promise<void> {
    for (;;) {
      const result = await this.wait.of('an answer to a reader', engine.readBarrier(partition))
      if (result.status === 'READY') return
      if (result.status === 'REJECTED') throw new Error(`A reader was REJECTED: ${result.reason}`)
      await this.wait.turns(1)
    }
  }

  outcome(accepted: Accepted): Promise<Outcome> {
    return this.wait.of('an outcome', accepted.outcome)
  }

  /** How many entries of these were applied; the others were lost to a change of leaders, and are nowhere. */
  async applied(results: readonly Accepted[]): Promise<number> {
    let count = 0
    for (const result of results) {
      const { status } = await this.outcome(result)
      if (status === 'UNKNOWN') throw new Error('An outcome is UNKNOWN, though nobody has stopped.')
      if (status === 'APPLIED') count += result.count
    }
    return count
  }

  /** Waits until all nodes have applied equally far, and the leader everything it holds. */
  async level(): Promise<void> {
    const applied = ({ engine }: EngineLife): string => {
      const { partitions } = engine.status()
      return partitions.map((each) => (each.applied === each.lastIndex ? each.applied : 'behind')).join()
    }
    await this.wait.until('all nodes are level', () => {
      const first = applied(this.lives[0]!)
      return !first.includes('behind') && this.lives.every((life) => applied(life) === first)
    })
  }
}

export function accepted(result: AddLogResult): Accepted {
  if (result.status !== 'SUCCESS') throw new Error(`Not accepted: ${JSON.stringify(result)}`)
  return result
}

/** What was applied in a partition, in order, without by whom it was proposed. */
export function historyOf({ seen }: EngineLife, partition: number): string[] {
  return seen.filter((each) => each.partition === partition).map(({ index, text }) => `${index} ${text}`)
}
