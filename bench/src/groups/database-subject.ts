// A database on three processes with logs on disk, as it is measured by clients beside its leader.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { figure, type Sample, type Subject } from '../cell.ts'
import type { DatabaseNodeCalls } from '../children/database-node.ts'
import { promiseSample } from '../promise-clients.ts'
import { Trinity } from '../systems/trinity.ts'
import type { Mix, WorkloadName } from '../workloads/workload.ts'

const WARM_UP = 0.25
const PATIENCE_MS = 20_000
const FIRST_IN_FLIGHT = 256
const LOAD_LIMIT_MS = 30_000
/** How long followers may take to have everything. */
const REPLAY_LIMIT_MS = 10_000

export class DatabaseSubject implements Subject {
  readonly title: string
  readonly isOurs = true
  readonly #workload: WorkloadName
  readonly #streams: number
  #directory: string | undefined
  #nodes: Trinity<DatabaseNodeCalls> | undefined

  constructor(workload: WorkloadName, streams: number) {
    this.title = `the database of ${workload} with ${streams} stream${streams === 1 ? '' : 's'}`
    this.#workload = workload
    this.#streams = streams
  }

  async open(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'mako-bench-'))
    process.on('exit', this.#remove)
    const partitions = Array.from({ length: this.#streams }, (_, i) => i)
    const options = { protocol: 'raft', partitions, preferredLeader: 'a', directory: this.#directory } as const
    this.#nodes = await Trinity.start<DatabaseNodeCalls>('database-node', options, { workload: this.#workload })
    await this.#load()
    await this.#replayedPercent()
  }

  async warmUp(seconds: number): Promise<void> {
    await this.measure(this.#workload === 'tpcc' ? 'tpcc' : 'A', FIRST_IN_FLIGHT, seconds)
  }

  /** Rates are those of safe transactions. */
  async measure(mix: Mix, inFlight: number, seconds: number): Promise<Sample> {
    const nodes = this.#nodes!
    const leader = await nodes.leader()
    const followers = nodes.nodes.filter((node) => node !== leader)
    await leader.child.call('begin', { mix, inFlight, warmUpSeconds: seconds * WARM_UP })
    const before = await Promise.all([nodes.cpuUs(followers), followers[0]!.child.call('progress', undefined)])
    const result = await leader.child.call('measure', seconds, seconds * 1000 + PATIENCE_MS)
    const after = await Promise.all([nodes.cpuUs(followers), followers[0]!.child.call('progress', undefined)])
    const followersUs = after[0] - before[0]
    const replayed = after[1].replayed - before[1].replayed
    return promiseSample(result, result.cpuUs + followersUs, [
      figure('speculativePerSecond', (result.started / result.wallMs) * 1000),
      figure('safePerLeaderCore', result.operations / (result.cpuUs / 1e6)),
      figure('replayedPerSecond', (replayed / (after[1].atMs - before[1].atMs)) * 1000),
      figure('replayedPercent', await this.#replayedPercent()),
      // What one follower spends, as a part of what the leader does.
      figure('replayShare', followersUs / followers.length / result.cpuUs),
    ])
  }

  /** A step that runs twice writes the same rows, so whoever leads may begin again. */
  async #load(): Promise<void> {
    const end = performance.now() + LOAD_LIMIT_MS
    for (;;) {
      const leader = await this.#nodes!.leader()
      if (await leader.child.call('load', undefined)) return
      if (performance.now() > end) throw new Error('No node has led for long enough to load the first rows.')
      await pause(20)
    }
  }

  /** How much of what any node has, every node has, as soon as that is all, or in the end. */
  async #replayedPercent(): Promise<number> {
    const end = performance.now() + REPLAY_LIMIT_MS
    for (;;) {
      const progress = await Promise.all(this.#nodes!.nodes.map((node) => node.child.call('progress', undefined)))
      const states = progress.map(({ executed, replayed }) => executed + replayed)
      const percent = (Math.min(...states) / Math.max(1, ...states)) * 100
      if (percent === 100 || performance.now() > end) return percent
      await pause(5)
    }
  }

  async close(): Promise<void> {
    await this.#nodes?.stop()
    this.#remove()
    process.off('exit', this.#remove)
  }

  readonly #remove = (): void => {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
  }
}
