// One seed, one history: a storm in which safety is checked at every step, then a quiet time in which all must heal.

import type { NodeId, Protocol } from '@mako/engine'
import { hashBytes } from '../laws/hash.ts'
import type { Counters, Violation } from '../laws/book.ts'
import type { ProtocolProbe } from '../laws/watch.ts'
import { logWorkload } from '../workload/log.ts'
import type { Workload, WorkloadFactory } from '../workload/workload.ts'
import { SimCluster } from '../world/cluster.ts'
import { CALM_DISK, type DiskLies } from '../world/disk.ts'
import { CALM_NETWORK } from '../world/network.ts'
import { pick, stream } from '../world/random.ts'
import { Faults } from './faults.ts'
import { drawSwarm, type Profile, type ProtocolTuning, type Swarm } from './swarm.ts'

export interface StormOptions<Message> {
  /** Makes the protocol of one life of a node. */
  readonly protocol: (tuning: ProtocolTuning, node: NodeId) => Protocol<Message>
  readonly probe?: ProtocolProbe<Message>
  /** Virtual seconds of storm. @default 10 */
  readonly seconds?: number
  /** @default 3 or 5, drawn */
  readonly nodes?: number
  /** @default 'storm' */
  readonly profile?: Profile
  /** @default clients that add payloads to logs */
  readonly workload?: WorkloadFactory
  /** What the workload needs of the cluster, whatever the seed has drawn. @default nothing */
  readonly fit?: (swarm: Swarm) => Swarm
  /** Every node's disk lies: for tests of the laws only. */
  readonly lies?: DiskLies
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
}

/** Election timeouts within which, once all is well, there must be leaders and every call must be answered. */
const HEALING_TIMEOUTS = 60

/** Milliseconds that are added, for replaying the log after a restart. */
const HEALING_MS = 20_000

/** Runs the history of one seed. Never rejects because of what nodes do: that is a violation in the result. */
export async function runSeed<Message>(seed: number, options: StormOptions<Message>): Promise<SeedResult> {
  const random = stream(seed, 'storm')
  const drawn = drawSwarm(random, options.profile ?? 'storm', options.nodes)
  const swarm = options.fit?.(drawn) ?? drawn
  const workload: { current?: Workload } = {}
  const faults: { current?: Faults<Message> } = {}
  const cluster = new SimCluster<Message>({
    seed,
    nodes: swarm.nodes,
    partitions: swarm.partitions,
    leadTogether: swarm.leadTogether,
    protocol: (node) => options.protocol(swarm.tuning, node),
    ...(options.probe === undefined ? {} : { probe: options.probe }),
    limits: swarm.limits,
    network: swarm.network,
    disk: swarm.disk,
    ...(options.lies === undefined ? {} : { lies: liars(swarm.nodes, options.lies) }),
    process: swarm.process,
    apply: (entry, context) => workload.current?.apply?.(entry, context),
    onEngine: (node, engine) => {
      engine.on('fault', ({ partition }) => {
        if (partition === undefined) faults.current?.restartSoon(node.id)
      })
      workload.current?.onEngine?.(node, engine)
    },
  })
  workload.current = (options.workload ?? logWorkload)({
    seed,
    random: stream(seed, 'workload'),
    cluster,
    callbacks: swarm.callbacks,
  })
  faults.current = new Faults(cluster, stream(seed, 'faults'), swarm)
  const { book } = cluster
  try {
    cluster.startAll()
    workload.current.start()
    faults.current.start()
    await cluster.runFor((options.seconds ?? 10) * 1000)
    workload.current.stop()
    faults.current.stop()
    if (book.violation === undefined) await heal(cluster, workload.current, swarm)
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
  }
}

/** The quiet time: faults are over, nodes come back, and within bounded time everything must be well. */
async function heal<Message>(cluster: SimCluster<Message>, workload: Workload, swarm: Swarm): Promise<void> {
  const { book } = cluster
  const limitMs = HEALING_TIMEOUTS * swarm.tuning.electionTimeoutMs + HEALING_MS
  cluster.network.behave(CALM_NETWORK)
  for (const { disk } of cluster.nodes) disk.behave(CALM_DISK)
  cluster.heal()
  const step = async (what: string, condition: () => boolean): Promise<boolean> => {
    if (await cluster.runUntil(condition, limitMs)) return true
    const detail = cluster.up.map(({ id, engine }) => `${id} ${JSON.stringify(engine?.status().partitions)}`)
    book.broken('liveness', `${what} has not happened ${limitMs} ms after the faults have ended: ${detail.join('; ')}`)
    return false
  }
  const startedMs = cluster.time.nowMs
  // A node that stops, or whose disk has failed, comes down and up by itself; one that is down is started.
  if (!(await step('a start of all nodes', () => allRun(cluster)))) return
  if (!(await step('a leader of each partition', () => allLed(cluster, swarm)))) return
  book.count('healing ms', Math.round(cluster.time.nowMs - startedMs))
  if (!(await step('a new write in each partition', () => workload.provesLive()))) return
  if (!(await step('an answer to each call', () => workload.settled()))) return
  // Leadership may still move, and a leader without a no-op commits nothing before it is given something.
  const isQuiet = (): boolean => workload.provesLive() && workload.settled() && allEqual(cluster)
  if (!(await step('equal replicas', isQuiet))) return
  await workload.check()
  await readBack(cluster, step)
  for (const { engine } of cluster.up) {
    const { inbox } = engine!.status()
    if (inbox.refused > 0) book.broken('engine-fault', `${inbox.refused} messages made no sense`)
  }
}

function allRun<Message>(cluster: SimCluster<Message>): boolean {
  for (const { id, engine } of cluster.nodes) {
    const state = engine?.status().state
    if (state === 'faulted') cluster.crash(id)
    if (engine === undefined) cluster.start(id)
  }
  return cluster.nodes.every(({ engine }) => engine?.status().state === 'running')
}

function allLed<Message>(cluster: SimCluster<Message>, swarm: Swarm): boolean {
  const together = swarm.leadTogether.every(
    (group) => new Set(group.map((partition) => cluster.leader(partition))).size === 1,
  )
  return together && cluster.partitions.every((partition) => cluster.leader(partition) !== undefined)
}

function allEqual<Message>(cluster: SimCluster<Message>): boolean {
  for (const [i, partition] of cluster.partitions.entries()) {
    const end = cluster.book.partition(partition).committed.lastIndex
    for (const { engine } of cluster.nodes) {
      const status = engine?.status().partitions[i]
      if (status?.applied !== end || status.commit !== end || status.outstanding !== 0) return false
    }
  }
  return true
}

/** One node's log, read through the engine, is what is committed. */
async function readBack<Message>(
  cluster: SimCluster<Message>,
  step: (what: string, condition: () => boolean) => Promise<boolean>,
): Promise<void> {
  const node = pick(stream(cluster.time.events, 'read'), cluster.nodes)
  const { book } = cluster
  let drained = false
  void node.engine!.drain().then(() => (drained = true))
  if (!(await step('a drain', () => drained))) return
  for (const partition of cluster.partitions) {
    const { committed } = book.partition(partition)
    let next = 1
    let read = 0
    while (next <= committed.lastIndex && book.violation === undefined) {
      const from = next
      let answered = false
      void node.engine!.read(partition, from, 65_536).then((result) => {
        for (const entry of result.entries) {
          read++
          if (committed.factsAt(entry.index)?.key !== hashBytes(entry.payload)) {
            book.broken('one-history', `${node.id} reads another entry ${entry.index} of partition ${partition}`)
          }
        }
        next = result.next
        answered = true
      })
      if (!(await step('an answer to a read', () => answered))) return
      if (next <= from) book.broken('liveness', `a read of partition ${partition} from ${from} makes no progress`)
    }
    let data = 0
    for (let index = 1; index <= committed.lastIndex; index++) if (!committed.factsAt(index)!.noop) data++
    if (read !== data)
      book.broken('one-history', `${node.id} reads ${read} of ${data} entries of partition ${partition}`)
  }
}

function liars(nodes: number, lies: DiskLies): Map<NodeId, DiskLies> {
  return new Map(Array.from({ length: nodes }, (_, i) => [String.fromCharCode(97 + i), lies]))
}

function countersOf<Message>(cluster: SimCluster<Message>): Counters {
  const counters: Counters = { ...cluster.book.counters }
  const add = (group: string, values: object): void => {
    for (const [name, value] of Object.entries(values) as [string, number][]) {
      counters[`${group}: ${name}`] = (counters[`${group}: ${name}`] ?? 0) + value
    }
  }
  add('network', cluster.network.counters)
  for (const { disk } of cluster.nodes) add('disk', disk.counters)
  return counters
}
