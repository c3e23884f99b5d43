// An engine on puppets, with its callbacks, events and ports laid open.

import {
  createEngine,
  type Accepted,
  type AddLogResult,
  type EngineEvents,
  type EngineLimits,
  type Entry,
  type Outcome,
  type ReplicationEngine,
} from '@mako/engine'
import { afterEach } from 'vitest'
import { FakeLog, FakeTransport, ManualClock, MEMBERS, puppets, testRandom, text, type PuppetCore } from './fakes.ts'

export interface Bench {
  readonly engine: ReplicationEngine
  readonly clock: ManualClock
  readonly log: FakeLog
  readonly transport: FakeTransport
  readonly seen: string[]
  readonly events: [string, unknown][]
  readonly core: (partition?: number) => PuppetCore
}

export interface BenchOptions {
  readonly partitions?: readonly number[]
  readonly leadTogether?: readonly (readonly number[])[]
  readonly limits?: Partial<EngineLimits>
  readonly log?: FakeLog
  readonly apply?: (entry: Entry, by: 'leader' | 'follower') => unknown
}

const running: ReplicationEngine[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.stop()))
})

export async function bench(options: BenchOptions = {}): Promise<Bench> {
  const clock = new ManualClock()
  const log = options.log ?? new FakeLog()
  const transport = new FakeTransport()
  const { protocol, cores } = puppets()
  const engine = createEngine({
    protocol,
    nodeId: 'a',
    members: MEMBERS,
    clock,
    log,
    transport,
    random: testRandom(),
    ...(options.partitions && { partitions: options.partitions }),
    ...(options.leadTogether && { leadTogether: options.leadTogether }),
    ...(options.limits && { limits: options.limits }),
  })
  running.push(engine)
  const seen: string[] = []
  const apply = (entry: Entry, by: 'leader' | 'follower'): unknown => {
    const result = options.apply?.(entry, by)
    seen.push(`${by} ${entry.partition}/${entry.index} ${text(entry.payload)}`)
    return result
  }
  engine.onApply({ leader: (entry) => apply(entry, 'leader'), follower: (entry) => apply(entry, 'follower') })
  const events: [string, unknown][] = []
  for (const event of ['leader', 'follower', 'term', 'fault', 'stalled', 'caughtUp', 'warning'] as const) {
    engine.on(event, (payload: Parameters<EngineEvents[typeof event]>[0]) => events.push([event, payload]))
  }
  await engine.start()
  await clock.settle()
  return { engine, clock, log, transport, seen, events, core: (partition = 0) => cores.get(partition)! }
}

/** A bench whose partitions are led in term 1. */
export async function leading(options: BenchOptions = {}): Promise<Bench> {
  const made = await bench(options)
  for (const partition of options.partitions ?? [0]) made.core(partition).lead(1)
  await made.clock.advance(10)
  return made
}

export function accepted(result: AddLogResult): Accepted {
  if (result.status !== 'SUCCESS') throw new Error(`not accepted: ${JSON.stringify(result)}`)
  return result
}

/** The outcome, when there is one already. */
export async function now(outcome: Promise<Outcome>): Promise<Outcome | 'open'> {
  return await Promise.race([outcome, Promise.resolve().then(() => Promise.resolve('open' as const))])
}
