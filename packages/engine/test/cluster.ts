// Three real engines with Raft in one process, on ports that the test chooses, and what their callbacks have seen.

import {
  createEngine,
  type AddLogResult,
  type EngineLimits,
  type Entry,
  type LogStore,
  type ReplicationEngine,
  type Transport,
} from '@mako/engine'
import { raft } from '@mako/raft'
import { bytes, MEMBERS } from './fakes.ts'

export const PARTITIONS: readonly number[] = [0, 1, 2, 3]

export interface Seen {
  readonly by: 'leader' | 'follower'
  readonly index: number
  readonly text: string
}

/** One life of one node. */
export interface Life {
  readonly id: string
  readonly engine: ReplicationEngine
  /** What the callbacks were given, by partition, in order. */
  readonly seen: ReadonlyMap<number, Seen[]>
}

export interface LifeOptions {
  readonly id: string
  readonly log: LogStore
  readonly transport: Transport
  readonly members?: readonly { readonly id: string; readonly address: string }[]
  readonly clusterId?: string
  readonly limits?: Partial<EngineLimits>
  readonly apply?: (entry: Entry) => unknown
}

/** Makes an engine of which all partitions are led together; it is not started. */
export function life(options: LifeOptions): Life {
  const { id, log, transport, members = MEMBERS, clusterId = 'cluster-test', limits = {} } = options
  const engine = createEngine({
    protocol: raft({ heartbeatMs: 40, electionTimeoutMs: 400 }),
    nodeId: id,
    members,
    clusterId,
    partitions: PARTITIONS,
    leadTogether: [PARTITIONS],
    log,
    transport,
    limits,
  })
  const seen = new Map<number, Seen[]>(PARTITIONS.map((partition) => [partition, []]))
  const callback =
    (by: Seen['by']) =>
    (entry: Entry): unknown => {
      const { partition, index, payload } = entry
      const note = (): number => seen.get(partition)!.push({ by, index, text: Buffer.from(payload).toString('utf8') })
      const result = options.apply?.(entry)
      if (!(result instanceof Promise)) return note()
      return result.then(note)
    }
  engine.onApply({ leader: callback('leader'), follower: callback('follower') })
  return { id, engine, seen }
}

/** Waits for something to become true; how long is a limit for a machine that hangs, not a measure. */
export async function until(what: string, condition: () => boolean, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export async function leaderOf(lives: readonly Life[]): Promise<Life> {
  const find = (): Life | undefined =>
    lives.find(({ engine }) => PARTITIONS.every((partition) => engine.isLeader(partition)))
  await until('one node leads all partitions', () => find() !== undefined)
  return find()!
}

/** Writes texts round-robin over all partitions, and proposes again only what was definitely not executed. */
export async function write(leader: Life, texts: readonly string[]): Promise<void> {
  const outcomes: Promise<unknown>[] = []
  for (const [i, text] of texts.entries()) {
    const partition = PARTITIONS[i % PARTITIONS.length]!
    let result: AddLogResult = leader.engine.addLog(bytes(text), { partition })
    while (result.status === 'BUSY') {
      await new Promise((resolve) => setTimeout(resolve, 1))
      result = leader.engine.addLog(bytes(text), { partition })
    }
    if (result.status !== 'SUCCESS') throw new Error(`${text} was answered ${JSON.stringify(result)}`)
    outcomes.push(result.outcome)
  }
  for (const outcome of await Promise.all(outcomes)) {
    if ((outcome as { status: string }).status !== 'APPLIED') throw new Error(JSON.stringify(outcome))
  }
}

/** Waits until all have applied equally far, and returns what each of them has applied, by partition. */
export async function level(lives: readonly Life[]): Promise<void> {
  const places = (key: 'applied' | 'lastIndex', { engine }: Life): string =>
    engine
      .status()
      .partitions.map((partition) => partition[key])
      .join()
  await until('all nodes are level', () => {
    const end = places('lastIndex', lives[0]!)
    return lives.every((each) => places('applied', each) === end && places('lastIndex', each) === end)
  })
}

/** What was applied in a partition, without by whom it was proposed. */
export function historyOf({ seen }: Life, partition: number): string[] {
  return seen.get(partition)!.map(({ index, text }) => `${index} ${text}`)
}

/** The bytes of everything in a partition's log, as the engine reads it again. */
export async function logOf({ engine }: Life, partition: number): Promise<string[]> {
  const lines: string[] = []
  const { applied } = engine.status().partitions.find((each) => each.partition === partition)!
  for (let from = 1; from <= applied; ) {
    const { entries, next } = await engine.read(partition, from, 64 * 1024)
    for (const { index, term, origin, payload } of entries) {
      lines.push(`${index}@${term} ${origin.node}/${origin.incarnation} ${Buffer.from(payload).toString('hex')}`)
    }
    from = next
  }
  return lines
}
