// One seed, one history: a storm in which safety is checked at every step, then a quiet time in which all must heal.

import { below, MakoError, type NodeId, type Protocol, type Random, type ReplicationEngine } from '@mako/engine'
import type { Counters, Violation } from '../laws/book.ts'
import type { ProtocolProbe } from '../laws/watch.ts'
import { logWorkload } from '../workload/log.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import { SimCluster, type AnyCluster, type SimClusterOptions } from '../world/cluster.ts'
import type { DiskLies } from '../world/disk.ts'
import { between, stream } from '../world/random.ts'
import { Faults } from './faults.ts'
import type { InjectedFault } from './plan.ts'
import { heal } from './quiet.ts'
import { drawSwarm, type Profile, type ProtocolTuning, type Swarm } from './swarm.ts'

/** What a storm may know of a protocol's messages. */
export interface StormProbe<Message> extends ProtocolProbe<Message> {
  /** A name for messages that are worth counting, such as a pre-vote that is refused. */
  notable?(message: Message): string | undefined
}

export interface StormOptions<Message> {
  /** Makes the protocol of one life of a node. */
  readonly protocol: (tuning: ProtocolTuning, node: NodeId) => Protocol<Message>
  readonly probe?: StormProbe<Message>
  /** Virtual seconds of storm. @default 10 */
  readonly seconds?: number
  /** @default 1 to 5, mostly 3 and 5, drawn */
  readonly nodes?: number
  /** @default 'storm' */
  readonly profile?: Profile
  /** @default clients that add payloads to logs */
  readonly workload?: WorkloadFactory
  /** What the workload needs of the cluster, whatever the seed has drawn. @default nothing */
  readonly fit?: (swarm: Swarm) => Swarm
  /** Every node's disk lies: for tests of the laws only. */
  readonly lies?: DiskLies
  /** Makes the disks. @default simulated log stores */
  readonly makeDisk?: NonNullable<SimClusterOptions<Message>['makeDisk']>
  /** Told of everything that happens. @default nobody */
  readonly trace?: NonNullable<SimClusterOptions<Message>['trace']>
  /** Faults that are left out, by their ordinals; the others stay what they are. @default none */
  readonly skip?: (ordinal: number) => boolean
  /** Operations of clients that are left out, by their ordinals. @default none */
  readonly skipOperation?: (ordinal: number) => boolean
  /** Whether the result tells of every fault. @default false */
  readonly record?: boolean
}

export interface SeedResult {
  readonly seed: number
  /** Equal for equal histories. */
  readonly hash: string
  readonly virtualMs: number
  readonly events: number
  /** Faults that fired and situations that were reached, by name. */
  readonly counters: Counters
  readonly violation: Violation | undefined
  /** What has happened, in order, and how many operations clients have begun: where `record` asks for it. */
  readonly schedule?: SeedSchedule
}

export interface SeedSchedule {
  readonly faults: readonly InjectedFault[]
  /** Operations have the ordinals 0 to this, not included. */
  readonly operations: number
}

/** Runs the history of one seed. Never rejects because of what nodes do: that is a violation in the result. */
export async function runSeed<Message>(seed: number, options: StormOptions<Message>): Promise<SeedResult> {
  const random = stream(seed, 'storm')
  const drawn = drawSwarm(random, stream(seed, 'leadership'), options.profile ?? 'storm', options.nodes)
  const swarm = options.fit?.(drawn) ?? drawn
  const injected: InjectedFault[] = []
  const durationMs = (options.seconds ?? 10) * 1000
  /** Both need the cluster, and the cluster calls them. */
  const made: { workload?: Workload; faults?: Faults } = {}
  let isCalm = false
  const cluster = new SimCluster<Message>({
    seed,
    nodes: swarm.nodes,
    partitions: swarm.partitions,
    leadTogether: swarm.leadTogether,
    protocol: (node) => options.protocol(swarm.tuning, node),
    ...probeOf(options.probe, (what) => book.count(what)),
    limits: swarm.limits,
    network: swarm.network,
    disk: swarm.disk,
    ...(options.lies === undefined ? {} : { lies: liars(swarm.nodes, options.lies) }),
    ...(options.makeDisk === undefined ? {} : { makeDisk: options.makeDisk }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    process: (draw) => swarm.process(draw, () => isCalm),
    apply: (entry, context) => made.workload?.apply?.(entry, context),
    onEngine: (node, engine) => {
      watchCatchUp(cluster, engine)
      listen(engine, swarm, (what) => book.count(what))
      engine.on('fault', ({ partition }) => {
        if (partition === undefined) made.faults?.restartSoon(node.id)
      })
      made.workload?.onEngine?.(node, engine)
    },
    onRefusedStart: ({ id }) => made.faults?.restartSoon(id),
  })
  const { book } = cluster
  const workload = (options.workload ?? logWorkload)({
    seed,
    random: stream(seed, 'workload'),
    cluster,
    callbacks: swarm.callbacks,
    limits: swarm.limits,
    ...(options.skipOperation === undefined ? {} : { skipOperation: options.skipOperation }),
  })
  const faults = new Faults({
    seed,
    cluster,
    swarm,
    garbage: garbageFor(options.protocol(swarm.tuning, 'a'), (message) => book.broken('engine-fault', message)),
    ...(options.skip === undefined ? {} : { skip: options.skip }),
    onInjected: (fault) => {
      if (options.record === true) injected.push(fault)
    },
  })
  Object.assign(made, { workload, faults })
  try {
    cluster.startAll()
    workload.start()
    faults.start(durationMs)
    await cluster.runFor(durationMs)
    workload.stop()
    faults.stop()
    isCalm = true
    if (book.violation === undefined) await heal({ seed, cluster, workload, swarm, lost: faults.lost })
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    book.broken('engine-fault', `an event has thrown: ${text}`)
  }
  return {
    seed,
    hash: book.history.toString(),
    virtualMs: cluster.time.nowMs,
    events: cluster.time.events,
    counters: countersOf(cluster),
    violation: book.violation,
    ...(options.record === true ? { schedule: { faults: injected, operations: workload.operations ?? 0 } } : {}),
  }
}

/** Counts what engines tell of themselves; in some seeds listeners throw, which must disturb nobody. */
function listen(engine: ReplicationEngine, swarm: Swarm, count: (what: string) => void): void {
  engine.on('stalled', () => count('event stalled'))
  engine.on('caughtUp', () => count('event caughtUp'))
  if (!swarm.throwingListeners) return
  const fail = (): void => {
    count('fault: throwing listener')
    throw new Error('The listener was told to fail.')
  }
  for (const event of ['leader', 'follower', 'term', 'fault', 'stalled', 'warning'] as const) engine.on(event, fail)
}

/** Milliseconds between two looks at a node that was restarted. */
const LOOK_MS = 50

/** A node that was started behind the others has applied everything that was committed by then. */
function watchCatchUp(cluster: AnyCluster, engine: ReplicationEngine): void {
  const { book, partitions } = cluster
  const goals = partitions.map((partition) => book.partition(partition).committed.lastIndex)
  if (goals.every((goal) => goal === 0)) return
  const look = (): void => {
    if (!cluster.up.some((node) => node.engine === engine)) return
    const { partitions: all } = engine.status()
    if (all.length > 0 && all.every(({ applied }, i) => applied >= goals[i]!)) book.count('caught up after a restart')
    else cluster.time.schedule(LOOK_MS, look)
  }
  cluster.time.schedule(LOOK_MS, look)
}

/** The probe of a protocol, with its notable messages counted on the way. */
function probeOf<Message>(
  probe: StormProbe<Message> | undefined,
  count: (what: string) => void,
): Pick<SimClusterOptions<Message>, 'probe'> {
  if (probe?.notable === undefined) return probe === undefined ? {} : { probe }
  return {
    probe: {
      ...probe,
      vote: (message) => {
        const name = probe.notable?.(message)
        if (name !== undefined) count(name)
        return probe.vote(message)
      },
    },
  }
}

/** Bytes that this protocol refuses, as it must: with a typed error. Undefined when the bytes happened to be a message. */
function garbageFor<Message>(
  protocol: Protocol<Message>,
  broken: (message: string) => void,
): (random: Random) => Uint8Array | undefined {
  return (random) => {
    const bytes = Uint8Array.from({ length: between(random, 0, 40) }, () => below(random, 256))
    try {
      protocol.decode(bytes)
      return undefined
    } catch (error) {
      if (!(error instanceof MakoError && error.code === 'CORRUPT_MESSAGE')) {
        broken(`${protocol.name} decodes bytes that are no message with ${String(error)}`)
      }
      return bytes
    }
  }
}

function liars(nodes: number, lies: DiskLies): Map<NodeId, DiskLies> {
  return new Map(Array.from({ length: nodes }, (_, i) => [String.fromCharCode(97 + i), lies]))
}

function countersOf<Message>(cluster: SimCluster<Message>): Counters {
  const { counters } = cluster.book
  const add = (group: string, values: object): void => {
    for (const [name, value] of Object.entries(values) as [string, number][]) {
      counters[`${group}: ${name}`] = (counters[`${group}: ${name}`] ?? 0) + value
    }
  }
  add('network', cluster.network.counters)
  for (const { disk } of cluster.nodes) add('disk', disk.counters)
  return counters
}
