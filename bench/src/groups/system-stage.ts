// Systems of one setup side by side, under the same loads.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cell, type Sample, sample, type Stage, type Subject } from '../cell.ts'
import type { Measurement, RunningSystem, Setup, System } from '../system.ts'

export interface SystemLoad {
  readonly inFlight: number
  readonly bytes: number
}

/** Part of a measurement's time that is spent once more, before it. */
const WARM_UP = 0.25

/** Each of ours is compared with each peer, and Paxos with Raft as well. */
export function systemStage(
  name: string,
  about: string,
  setup: Setup,
  loads: readonly SystemLoad[],
  systems: readonly System[],
): Stage {
  const able = systems.filter(({ setups }) => setups.includes(setup))
  const subjects = able.map((system) => new SystemSubject(system, setup))
  const peers = able.filter(({ kind }) => kind !== 'ours').map((system) => system.name)
  const cells = loads.flatMap(({ inFlight, bytes }) =>
    able.map(
      (system, i): Cell => ({
        name,
        system: system.name,
        about,
        unit: 'entries/s',
        inFlight,
        bytes,
        peers: peersOf(system, peers),
        subject: subjects[i]!,
        overheadSeconds: 0.03,
        measure: (seconds) => subjects[i]!.measure({ inFlight, bytes }, seconds),
      }),
    ),
  )
  const slowest = Math.max(0, ...able.map(({ kind }) => (kind === 'server' ? 10 : 2)))
  return { cells, setupSeconds: slowest + 1 }
}

function peersOf(system: System, peers: readonly string[]): readonly string[] {
  if (system.kind !== 'ours') return []
  return system.name === 'mako-paxos' ? [...peers, 'mako-raft'] : peers
}

class SystemSubject implements Subject {
  readonly title: string
  readonly isOurs: boolean
  readonly #system: System
  readonly #setup: Setup
  #directory: string | undefined
  #running: RunningSystem | undefined

  constructor(system: System, setup: Setup) {
    this.title = `${system.name} (${setup})`
    this.isOurs = system.kind === 'ours'
    this.#system = system
    this.#setup = setup
  }

  async open(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'mako-bench-'))
    process.on('exit', this.#remove)
    this.#running = await this.#system.start(this.#setup, this.#directory)
  }

  warmUp(seconds: number): Promise<void> {
    return this.#running!.warmUp(seconds)
  }

  async measure(load: SystemLoad, seconds: number): Promise<Sample> {
    return systemSample(await this.#running!.measure({ ...load, seconds, warmUpSeconds: seconds * WARM_UP }))
  }

  async close(): Promise<void> {
    try {
      await this.#running?.stop()
    } finally {
      this.#remove()
      process.off('exit', this.#remove)
    }
  }

  readonly #remove = (): void => {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
  }
}

function systemSample({ operations, wallMs, cpuUs, leaderCpuUs, p50Us, p99Us }: Measurement): Sample {
  return sample({
    rate: (operations / wallMs) * 1000,
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
    cpuUsPerOp: cpuUs / operations,
    leaderCpuUsPerOp: leaderCpuUs === undefined ? null : leaderCpuUs / operations,
  })
}
