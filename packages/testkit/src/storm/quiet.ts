// The quiet time after a storm: faults are over, and within bounded virtual time everything must be well again.
//
// Always true: what is asked for grows. First, in some seeds, a random majority is alone and must do without the others;
// then all that have their data are back, keep pace, and become equal; then nodes that have lost their data are
// brought back as an operator would, and become equal too. Only then the books are closed.

import type { NodeId } from '@mako/engine'
import { hashBytes } from '../laws/hash.ts'
import type { Workload } from '../workload/workload.ts'
import type { AnyCluster, SimNode } from '../world/cluster.ts'
import { CALM_DISK } from '../world/disk.ts'
import { CALM_NETWORK } from '../world/network-options.ts'
import { chance, pick, stream } from '../world/random.ts'
import type { Swarm } from './swarm.ts'

/** Election timeouts within which, once all is well, there must be leaders and every call must be answered. */
const HEALING_TIMEOUTS = 60

/** Milliseconds that are added, for replaying the log after a restart. */
const HEALING_MS = 20_000

/** Share of the seeds in which a majority must do without the others first. */
const CORE_SHARE = 0.3

/** Writes in each partition, one after the other, and how long one may take on average: a calm cluster needs half. */
const PACE_WRITES = 20
const PACE_MS_OF_A_WRITE = 12

export interface QuietOptions {
  readonly seed: number
  readonly cluster: AnyCluster
  readonly workload: Workload
  readonly swarm: Swarm
  /** Nodes that have lost their data. */
  readonly lost: ReadonlySet<NodeId>
}

type Step = (what: string, condition: () => boolean, limitMs?: number) => Promise<boolean>

/** Runs the quiet time; what does not heal is a violation in the book. */
export async function heal(options: QuietOptions): Promise<void> {
  const { cluster, workload, swarm, lost } = options
  const { book } = cluster
  const healingMs = HEALING_TIMEOUTS * swarm.tuning.electionTimeoutMs + HEALING_MS
  const step: Step = async (what, condition, limitMs = healingMs) => {
    if (await waitFor(cluster, condition, limitMs)) return true
    const detail = cluster.nodes.map((node) => describeNode(node)).join('; ')
    book.broken('liveness', `${what} has not happened ${limitMs} ms after the faults have ended: ${detail}`)
    return false
  }
  const whole = cluster.nodes.map(({ id }) => id).filter((id) => !lost.has(id))
  calm(options)
  const startedMs = cluster.time.nowMs
  if (!(await healCore(options, whole, step))) return
  // A node that stops, or whose disk has failed, comes down and up by itself; one that is down is started.
  if (!(await step('a start of all nodes', () => allRun(cluster, whole)))) return
  if (!(await step('a leader of each partition', () => allLed(cluster, swarm)))) return
  book.count('healing ms', Math.round(cluster.time.nowMs - startedMs))
  if (!(await step('a new write in each partition', () => workload.provesLive()))) return
  // Leadership may still move, and a leader without a no-op commits nothing, and answers no reader, before it is given something.
  if (!(await step('an answer to each call', () => workload.provesLive() && workload.settled()))) return
  const isQuiet = (ids: readonly NodeId[]): boolean =>
    workload.provesLive() && workload.settled() && allEqual(cluster, ids)
  if (!(await step('equal replicas', () => isQuiet(whole)))) return
  if (!(await keepPace(options, step))) return
  if (!(await step('equal replicas after more writes', () => isQuiet(whole)))) return
  if (!(await replaceLost(options, whole, step))) return
  const all = cluster.nodes.map(({ id }) => id)
  if (!(await step('equal replicas of all nodes', () => isQuiet(all)))) return
  await workload.check()
  await readBack(cluster, step)
  checkRefusals(cluster)
}

/** Virtual milliseconds between two looks at a condition that takes long to look at. */
const LOOK_MS = 1

/** Runs until the condition holds; it is looked at every now and then, whether anything happens meanwhile or not. */
async function waitFor(cluster: AnyCluster, condition: () => boolean, limitMs: number): Promise<boolean> {
  let isDue = true
  let isWaiting = true
  const look = (): void => {
    isDue = true
    if (isWaiting) cluster.time.schedule(LOOK_MS, look)
  }
  look()
  const holds = await cluster.runUntil(() => {
    if (!isDue) return false
    isDue = false
    return condition()
  }, limitMs)
  isWaiting = false
  return holds
}

/** One node in a few words: role, term, and how far each partition is. */
function describeNode({ id, engine }: SimNode): string {
  if (engine === undefined) return `${id} is down`
  const { state, partitions } = engine.status()
  const each = partitions.map(({ partition, role, term, applied, commit, lastIndex, fault }) => {
    const why = fault === undefined ? '' : ` ${fault.code}`
    return `${partition} ${role} in ${term}, ${applied} of ${commit} of ${lastIndex}${why}`
  })
  return `${id} ${state}: ${each.join(', ')}`
}

/** The weather is good from now on; what faults have left behind in processes is ended with them. */
function calm({ cluster, workload, lost }: QuietOptions): void {
  cluster.network.behave(CALM_NETWORK)
  for (const { disk } of cluster.nodes) disk.behave(CALM_DISK)
  cluster.heal()
  for (const node of cluster.nodes) {
    if (lost.has(node.id)) cluster.crash(node.id)
    if (node.engine === undefined || workload.isHung?.(node) !== true) continue
    cluster.book.count('restarts of hung nodes')
    cluster.crash(node.id)
  }
}

/** In some seeds a random majority must live alone first, while the others stay dead. */
async function healCore(options: QuietOptions, whole: readonly NodeId[], step: Step): Promise<boolean> {
  const { seed, cluster, workload, swarm } = options
  const random = stream(seed, 'core')
  const majority = Math.floor(cluster.nodes.length / 2) + 1
  if (!chance(random, CORE_SHARE) || whole.length === majority) return true
  const core = [...whole]
  while (core.length > majority) core.splice(core.indexOf(pick(random, core)), 1)
  for (const { id } of cluster.nodes) if (!core.includes(id)) cluster.crash(id)
  cluster.book.count('a bare majority alone')
  const isAlone = (): boolean => {
    // Restarts that faults have promised are called off.
    for (const { id } of cluster.up) if (!core.includes(id)) cluster.crash(id)
    return allRun(cluster, core)
  }
  return (
    (await step('a start of a majority', isAlone)) &&
    (await step('a leader of each partition in a majority', () => isAlone() && allLed(cluster, swarm))) &&
    (await step('a write of a majority', () => isAlone() && workload.provesLive())) &&
    (await step('an answer of a majority to each call', () => isAlone() && workload.provesLive() && workload.settled()))
  )
}

/** After all faults a cluster is as quick as one that has seen none. */
async function keepPace({ cluster, workload, swarm }: QuietOptions, step: Step): Promise<boolean> {
  if (workload.keepsPace === undefined) return true
  const startedMs = cluster.time.nowMs
  // A follower learns of a commit by the next tick at the latest, and leadership may move once on the way.
  const writeMs = PACE_MS_OF_A_WRITE + 2 * swarm.tuning.tickMs
  const limitMs = PACE_WRITES * writeMs + 6 * swarm.tuning.electionTimeoutMs
  if (!(await step(`${PACE_WRITES} writes`, () => workload.keepsPace!(PACE_WRITES), limitMs))) return false
  const tookMs = cluster.time.nowMs - startedMs
  cluster.book.count('pace: ms of a write', Math.round(tookMs / PACE_WRITES))
  return true
}

/**
 * Brings back nodes that have lost their data, one at a time, as docs/operations.md says: all the others run and are
 * equal, so that every majority that an empty node can be part of has everything; the node starts with an empty disk;
 * the others are restarted one by one; nothing is written meanwhile.
 */
async function replaceLost(options: QuietOptions, whole: readonly NodeId[], step: Step): Promise<boolean> {
  const { cluster, lost, swarm, workload } = options
  const present = [...whole]
  for (const id of lost) {
    // What was sent before, and may still be on its way, must be gone as well.
    await cluster.runFor(4 * swarm.tuning.electionTimeoutMs)
    if (!(await step('rest before a disk is replaced', () => allAtRest(cluster, present)))) return false
    if (cluster.node(id).disk.isRotten) {
      // A node must not run on damaged data: it is started once more to see that it refuses.
      cluster.start(id)
      if (!(await step('a start that is refused', () => cluster.node(id).engine === undefined))) return false
    }
    cluster.replaceDisk(id)
    cluster.start(id)
    cluster.book.count('replaced disks')
    for (const other of present) {
      cluster.crash(other)
      if (!(await step('a restart beside an empty node', () => allRun(cluster, [...present, id])))) return false
      if (!(await step('rest after a restart', () => restored(cluster, present, workload)))) return false
    }
    present.push(id)
    if (!(await step('a full copy on a new disk', () => restored(cluster, present, workload)))) return false
  }
  return true
}

function restored(cluster: AnyCluster, ids: readonly NodeId[], workload: Workload): boolean {
  // A leader without a no-op commits nothing before it is given something.
  return allEqual(cluster, ids) || (workload.provesLive() && allEqual(cluster, ids))
}

function allRun(cluster: AnyCluster, ids: readonly NodeId[]): boolean {
  const nodes = ids.map((id) => cluster.node(id))
  for (const { id, engine } of nodes) {
    const state = engine?.status().state
    if (state === 'faulted') cluster.crash(id)
    if (engine === undefined) cluster.start(id)
  }
  return nodes.every(({ engine }) => engine?.status().state === 'running')
}

function allLed(cluster: AnyCluster, swarm: Swarm): boolean {
  const together = swarm.leadTogether.every(
    (group) => new Set(group.map((partition) => cluster.leader(partition))).size === 1,
  )
  return together && cluster.partitions.every((partition) => cluster.leader(partition) !== undefined)
}

/** These nodes have applied the same, and everything that is committed. */
function allEqual(cluster: AnyCluster, ids: readonly NodeId[]): boolean {
  const nodes = ids.map((id) => cluster.node(id))
  return cluster.partitions.every((partition, i) => {
    const end = cluster.book.partition(partition).committed.lastIndex
    return nodes.every(({ engine }) => {
      const status = engine?.status().partitions[i]
      return status?.applied === end && status.commit === end && status.outstanding === 0
    })
  })
}

/** They are equal, and hold nothing that is not yet committed. */
function allAtRest(cluster: AnyCluster, ids: readonly NodeId[]): boolean {
  if (!allEqual(cluster, ids)) return false
  return ids.every((id) => {
    const { engine }: SimNode = cluster.node(id)
    return engine!.status().partitions.every((status) => {
      return status.lastIndex === status.commit && status.durableIndex === status.commit
    })
  })
}

/** One node's log, read through the engine, is what is committed. */
async function readBack(cluster: AnyCluster, step: Step): Promise<void> {
  const node = pick(stream(cluster.time.events, 'read'), cluster.nodes)
  const { book } = cluster
  let drained = false
  void node.engine!.drain().then(() => (drained = true))
  if (!(await step('a drain', () => drained))) return
  // Leadership may move meanwhile, and commit one more no-op: what this node has applied by now is what is read.
  const ends = node.engine!.status().partitions.map(({ applied }) => applied)
  for (const [i, partition] of cluster.partitions.entries()) {
    const { committed } = book.partition(partition)
    const end = ends[i]!
    let next = 1
    let read = 0
    while (next <= end && book.violation === undefined) {
      const from = next
      let answered = false
      void node.engine!.read(partition, from, 65_536).then((result) => {
        for (const entry of result.entries) {
          if (entry.index <= end) read++
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
    for (let index = 1; index <= end; index++) if (!committed.factsAt(index)!.noop) data++
    if (read !== data)
      book.broken('one-history', `${node.id} reads ${read} of ${data} entries of partition ${partition}`)
  }
}

/** Bytes that are no message are refused and counted, each of them, and nothing else is. */
function checkRefusals(cluster: AnyCluster): void {
  for (const { id, engine } of cluster.up) {
    const { inbox } = engine!.status()
    const garbage = cluster.network.garbageTo(id)
    if (inbox.refused > garbage || inbox.refused + inbox.dropped < garbage) {
      cluster.book.broken('engine-fault', `${id} refused ${inbox.refused} messages, ${garbage} made no sense`)
    }
  }
}
