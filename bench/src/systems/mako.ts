// Mako's engine as a system that is measured side by side with others.
//
// Always true: a log only grows while its system runs, so before one is too large to be kept the system begins anew
// with an empty one, between two measurements.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Child } from '../children/child.ts'
import type { LoopResult } from '../children/clients.ts'
import type { EngineNodeCalls } from '../children/engine-node.ts'
import type { TrioCalls, TrioOptions } from '../children/trio.ts'
import type { Load, Measurement, RunningSystem, Setup, System } from '../system.ts'
import type { ProtocolName } from './protocol.ts'
import { Trinity } from './trinity.ts'

export const makoRaft: System = mako('raft', 1)
export const makoPaxos: System = mako('paxos', 1)

/** The same with clients as most applications have them: each adds an entry and waits for the promise of its outcome. */
export const makoRaftWaiting: System = {
  ...makoRaft,
  name: 'mako-raft-waiting',
  shape: 'clients inside the process of the leader; each adds an entry and waits for the promise of its outcome',
  setups: ['disk', 'memory'],
  start: (setup, directory) => RunningMako.start(setup, (life) => open('raft', [0], setup, directory, life, true)),
}

/** Payload bytes of a log after which it begins anew. */
const MAX_LOG_BYTES: Readonly<Record<Setup, number>> = {
  disk: 4 * 1024 ** 3,
  memory: 512 * 1024 ** 2,
  'one-process': 512 * 1024 ** 2,
}
/** A life begins with them: what runs once in a turn and what runs once for an entry, both until they are translated. */
const FIRST_LOADS = [
  { inFlight: 64, share: 0.5 },
  { inFlight: 1, share: 0.2 },
  { inFlight: 1024, share: 0.3 },
]
/** How long nothing may move, beyond the time of a measurement. */
const PATIENCE_MS = 20_000

/** The same with entries spread over many partitions, all of which one node leads. */
export function mako(protocol: ProtocolName, partitionCount: number): System {
  const partitions = Array.from({ length: partitionCount }, (_, i) => i)
  return {
    name: `mako-${protocol}`,
    kind: 'ours',
    title: `Mako, ${protocol === 'raft' ? 'Raft' : 'Paxos'}, on Node.js ${process.version}`,
    shape:
      'clients inside the process of the leader; the leader callback of an entry is its answer, and asks for the next one',
    setups: ['disk', 'memory', 'one-process'],
    missing: () => Promise.resolve(undefined),
    start: (setup, directory) => RunningMako.start(setup, (life) => open(protocol, partitions, setup, directory, life)),
  }
}

/** One life of a system, from an empty log on. */
interface Life {
  measure(load: Load): Promise<Measurement>
  stop(): Promise<void>
}

class RunningMako implements RunningSystem {
  readonly #setup: Setup
  readonly #open: (life: number) => Promise<Life>
  #life: Life
  #lives = 1
  #logBytes = 0
  #warmUpSeconds = 0

  private constructor(setup: Setup, openLife: (life: number) => Promise<Life>, life: Life) {
    this.#setup = setup
    this.#open = openLife
    this.#life = life
  }

  static async start(setup: Setup, openLife: (life: number) => Promise<Life>): Promise<RunningMako> {
    return new RunningMako(setup, openLife, await openLife(0))
  }

  async warmUp(seconds: number): Promise<void> {
    this.#warmUpSeconds = seconds
    for (const { inFlight, share } of FIRST_LOADS) {
      await this.#measure({ inFlight, bytes: 100, seconds: seconds * share, warmUpSeconds: 0 })
    }
  }

  async measure(load: Load): Promise<Measurement> {
    if (this.#logBytes > MAX_LOG_BYTES[this.#setup]) {
      await this.#life.stop()
      this.#life = await this.#open(this.#lives++)
      this.#logBytes = 0
      // Other processes, in which nothing is translated yet.
      if (this.#warmUpSeconds > 0) await this.warmUp(this.#warmUpSeconds)
    }
    return await this.#measure(load)
  }

  async #measure(load: Load): Promise<Measurement> {
    const measurement = await this.#life.measure(load)
    const share = (load.seconds + load.warmUpSeconds) / load.seconds
    this.#logBytes += measurement.operations * share * load.bytes
    return measurement
  }

  stop(): Promise<void> {
    return this.#life.stop()
  }
}

async function open(
  protocol: ProtocolName,
  partitions: readonly number[],
  setup: Setup,
  directory: string,
  life: number,
  waiting = false,
): Promise<Life> {
  const shared = { protocol, partitions, preferredLeader: 'a' }
  switch (setup) {
    case 'one-process': {
      const child = await Child.start<TrioCalls>('trio', { protocol, partitions } satisfies TrioOptions)
      return oneProcess(child)
    }
    case 'memory':
      return threeProcesses(await Trinity.start<EngineNodeCalls>('engine-node', shared), undefined, waiting)
    case 'disk': {
      const own = join(directory, String(life))
      await mkdir(own)
      const trinity = await Trinity.start<EngineNodeCalls>('engine-node', { ...shared, directory: own })
      return threeProcesses(trinity, own, waiting)
    }
  }
}

function threeProcesses(trinity: Trinity<EngineNodeCalls>, directory: string | undefined, waiting: boolean): Life {
  return {
    measure: async (load) => {
      const leader = await trinity.leader()
      const followers = trinity.nodes.filter((node) => node !== leader)
      await leader.child.call('begin', { ...load, waiting })
      const before = await trinity.cpuUs(followers)
      const result = await leader.child.call('measure', load.seconds, load.seconds * 1000 + PATIENCE_MS)
      const after = await trinity.cpuUs(followers)
      return measurement(result, result.cpuUs + after - before)
    },
    stop: async () => {
      await trinity.stop()
      if (directory !== undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

function oneProcess(child: Child<TrioCalls>): Life {
  return {
    measure: async (load) => {
      await child.call('begin', load)
      const result = await child.call('measure', load.seconds, load.seconds * 1000 + PATIENCE_MS)
      return measurement(result, result.cpuUs)
    },
    stop: async () => {
      await child.call('stop', undefined, 3000).catch(() => undefined)
      await child.ended()
    },
  }
}

function measurement({ operations, wallMs, cpuUs, p50Us, p99Us }: LoopResult, allCpuUs: number): Measurement {
  return { operations, wallMs, cpuUs: allCpuUs, leaderCpuUs: cpuUs, p50Us, p99Us }
}
