// One run: start the nodes, let clients ask while the nemesis strikes, heal everything, ask for all there is, and judge.
//
// Always true: however it ends, no process and no folder is left behind. What was planned depends on the seed alone; how
// real processes take it does not.

import { uniform } from '@mako/engine'
import { stream } from '../../world/random.ts'
import { Findings } from './checks/findings.ts'
import { Clients, type Client } from './clients.ts'
import { Cluster } from './cluster.ts'
import { Nemesis, planNemesis, type Fault, type FaultKind } from './nemesis.ts'
import { Network, type LatencyDistribution } from './network.ts'
import type { Body } from './protocol.ts'
import { summarize, type MaelstromResult } from './result.ts'
import { topologyOf, type TopologyName } from './topology.ts'
import { workloadOf } from './workloads/index.ts'
import type { FinalReads, Workload, WorkloadName } from './workloads/workload.ts'

export interface MaelstromOptions {
  readonly workload: WorkloadName
  /** The program of a node; it is given `--protocol NAME`, where that is said, and `--workload NAME`. */
  readonly program: string
  readonly args: readonly string[]
  readonly protocol: string
  readonly nodes: number
  readonly seconds: number
  /** Requests a second, all clients together. */
  readonly rate: number
  readonly concurrency: number
  readonly latencyMs: number
  readonly distribution: LatencyDistribution
  readonly lossProbability: number
  readonly nemesis: readonly FaultKind[]
  readonly topology: TopologyName
  readonly seed: number
  readonly timeoutMs: number
  readonly resendMs: number | undefined
  readonly stderrFolder: string | undefined
}

/** What is going on, for people. */
export interface Progress {
  readonly seconds: number
  readonly ok: number
  readonly fail: number
  readonly info: number
  readonly faults: readonly Fault[]
}

export interface RunControl {
  /** Ends the run early, without a verdict. */
  readonly signal?: AbortSignal
  /** Called about once a second. */
  readonly onProgress?: (progress: Progress) => void
  /** The history, in lines of JSON, before it is judged. */
  readonly onHistory?: (text: string) => void
  readonly limits?: Partial<RunLimits>
}

/** Limits of time, in milliseconds, that are generous on a busy machine. */
export interface RunLimits {
  /** How long a node may take to answer its `init`. */
  readonly startMs: number
  /** How long after the last fault every node must answer again. */
  readonly recoveryMs: number
  /** How long after the last fault everything must have arrived everywhere. */
  readonly convergenceMs: number
}

const LIMITS: RunLimits = { startMs: 60_000, recoveryMs: 30_000, convergenceMs: 15_000 }
const ASK_AGAIN_AFTER_MS = 250
/** A client that finds no node running tries again after this. */
const REST_MS = 250

/**
 * Runs a workload against nodes that are real processes, and judges what they answered.
 * @throws StartError when the program does not start, and the reason of the signal when that ends the run
 */
export async function runMaelstrom(options: MaelstromOptions, control: RunControl = {}): Promise<MaelstromResult> {
  const run = new Run(options, control)
  const onExit = (): void => {
    run.cluster.killAll()
  }
  process.once('exit', onExit)
  try {
    return await run.run()
  } finally {
    await run.close()
    process.off('exit', onExit)
  }
}

class Run {
  readonly #options: MaelstromOptions
  readonly #control: RunControl
  readonly #limits: RunLimits
  readonly #nodes: readonly string[]
  readonly #network: Network
  readonly #mistakes = new Findings()
  readonly #clients: Clients
  readonly #workload: Workload
  readonly #started = performance.now()
  #nemesis: Nemesis | undefined
  readonly cluster: Cluster

  constructor(options: MaelstromOptions, control: RunControl) {
    const { workload, seed, latencyMs, distribution, lossProbability, topology, timeoutMs, resendMs } = options
    this.#options = options
    this.#control = control
    this.#limits = { ...LIMITS, ...control.limits }
    this.#nodes = Array.from({ length: options.nodes }, (_, i) => `n${i}`)
    this.#workload = workloadOf(workload, { clients: options.concurrency })
    this.#network = new Network({ random: stream(seed, 'network'), latencyMs, distribution, lossProbability })
    const onMistake = (kind: string, text: string): void => {
      this.#mistakes.add(kind, text)
    }
    this.cluster = new Cluster({
      nodes: this.#nodes,
      network: this.#network,
      program: options.program,
      args: options.args,
      topology: this.#workload.topology ? topologyOf(topology, this.#nodes) : undefined,
      stderrFolder: options.stderrFolder,
      startLimitMs: this.#limits.startMs,
      onMistake,
      onDeath: (node) => {
        this.#clients.nodeDied(node)
      },
    })
    this.#clients = new Clients({
      network: this.#network,
      nodes: this.#nodes,
      timeoutMs,
      resendMs,
      now: () => this.#now(),
      isRunning: (node) => this.cluster.isReady(node),
      answers: this.#workload.answers,
      onMistake: (text) => {
        onMistake('malformed answer', text)
      },
    })
  }

  async run(): Promise<MaelstromResult> {
    await this.cluster.start()
    const first = this.#now()
    const messagesBefore = this.#network.counters.servers
    await this.#main()
    const messages = this.#network.counters.servers - messagesBefore
    const seconds = (this.#now() - first) / 1000
    this.#nemesis?.stop()
    await this.#finish()
    const history = [...this.#clients.history].sort((a, b) => a.call - b.call)
    this.#control.onHistory?.(this.#workload.format(history))
    const verdict = this.#workload.check(history, this.#nodes)
    return summarize({
      options: this.#options,
      seconds,
      history,
      messages,
      network: this.#network.counters,
      late: this.#clients.late,
      nemesis: this.#nemesis?.counts ?? {},
      errors: [...this.#mistakes.errors, ...verdict.errors],
      details: verdict.details,
    })
  }

  async close(): Promise<void> {
    this.#nemesis?.stop()
    this.#network.close()
    await this.cluster.stop()
  }

  /** Clients ask, the nemesis strikes. */
  async #main(): Promise<void> {
    const { seed, seconds, rate, concurrency, nemesis } = this.#options
    const random = stream(seed, 'generator')
    const plan = planNemesis({ seed, nodes: this.#nodes, kinds: nemesis, runMs: seconds * 1000 })
    this.#nemesis = new Nemesis(plan, nemesis, this.cluster)
    const started = this.#now()
    const progress = setInterval(() => {
      this.#tell((this.#now() - started) / 1000)
    }, 1000)
    const free = new FreeClients(concurrency)
    const clients = Array.from({ length: concurrency }, (_, i) =>
      this.#clients.client(this.#nodes[i % this.#nodes.length]!),
    )
    const open = new Set<Promise<void>>()
    try {
      const endMs = started + seconds * 1000
      for (let nextMs = started; nextMs < endMs; ) {
        await this.#sleep(nextMs - this.#now())
        const number = await free.take(endMs - this.#now())
        if (number === undefined) break
        const one = this.#one(clients[number]!, this.#workload.next(random, number), number).then(() => {
          open.delete(one)
          free.give(number)
        })
        open.add(one)
        // Whoever had to wait for a client does not make up for it in a burst.
        nextMs = Math.max(nextMs + uniform(random, 0, 2000 / rate), this.#now() - 1000 / rate)
      }
      // Nothing is asked for the rest of the time: all clients are busy.
      await this.#sleep(endMs - this.#now())
      await Promise.all(open)
    } finally {
      clearInterval(progress)
    }
  }

  async #one(client: Client, request: Body, number: number): Promise<void> {
    const operation = await client.ask(request)
    this.#workload.ended(operation, number)
    if (operation.status === 'fail' && operation.reply === undefined) await this.#sleep(REST_MS)
  }

  /** Everything has healed: all nodes must answer, and tell what they have. */
  async #finish(): Promise<void> {
    const started = this.#now()
    const { recoveryMs, convergenceMs } = this.#limits
    const clients = new Map(this.#nodes.map((node) => [node, this.#clients.client(node)]))
    const silent = new Set<string>()
    const reads: FinalReads = {
      nodes: this.#nodes,
      ask: async (node, request) => {
        for (;;) {
          const { status, reply } = await clients.get(node)!.ask(request, true)
          if (status === 'ok') return reply
          if (this.#now() - started > recoveryMs) break
          await this.#sleep(ASK_AGAIN_AFTER_MS)
        }
        const what = `${node} did not answer ${request.type} in ${recoveryMs / 1000} s after everything had healed`
        if (!silent.has(node)) this.#mistakes.add('not recovered', what)
        silent.add(node)
        return undefined
      },
      again: async () => {
        if (this.#now() - started > convergenceMs) return false
        await this.#sleep(ASK_AGAIN_AFTER_MS)
        return true
      },
    }
    await this.#workload.finish(reads, this.#clients.history)
  }

  #tell(seconds: number): void {
    const count = { ok: 0, fail: 0, info: 0 }
    for (const { status } of this.#clients.history) count[status]++
    this.#control.onProgress?.({ seconds, ...count, faults: [...(this.#nemesis?.active ?? [])] })
  }

  /** Milliseconds since the beginning, to a thousandth. */
  #now(): number {
    return Math.round((performance.now() - this.#started) * 1000) / 1000
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#control
    signal?.throwIfAborted()
    if (ms <= 0) return
    await new Promise<void>((resolve) => {
      const over = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', over)
        resolve()
      }
      const timer = setTimeout(over, ms)
      signal?.addEventListener('abort', over)
    })
    signal?.throwIfAborted()
  }
}

/** The numbers of the clients that have nothing to do, the one that has waited longest first. */
class FreeClients {
  readonly #free: number[]
  #waiting: ((client: number | undefined) => void) | undefined

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, i) => i)
  }

  /** Waits for one; undefined when there is none in time. Only one may wait. */
  async take(limitMs: number): Promise<number | undefined> {
    const first = this.#free.shift()
    if (first !== undefined) return first
    return await new Promise((resolve) => {
      const over = (client: number | undefined): void => {
        clearTimeout(timer)
        this.#waiting = undefined
        resolve(client)
      }
      const timer = setTimeout(() => over(undefined), limitMs)
      this.#waiting = over
    })
  }

  give(client: number): void {
    if (this.#waiting !== undefined) this.#waiting(client)
    else this.#free.push(client)
  }
}
