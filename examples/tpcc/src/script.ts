// The story of the demo: load, run, kill the leader and bring it back, pause the next leader and resume it, drain,
// and collect the evidence.
//
// Always true: every step waits for something that can be seen, with a limit. What the proof judges is never a reason
// to stop early: it is written into the evidence, and the story goes on.

import { ClusterProcess } from './cluster-process.ts'
import type { DemoOptions } from './args.ts'
import type { NodeAddress, NodeConfig } from './control.ts'
import type { Course, Evidence, Life } from './proof.ts'
import { ReceiptSet } from './receipts.ts'
import type { TimelineEvent, View } from './view.ts'
import { DemoFailure, Watch } from './watch.ts'

const START_LIMIT_MS = 30_000
const LOAD_LIMIT_MS = 600_000
const FAILOVER_LIMIT_MS = 15_000
const CATCH_UP_LIMIT_MS = 60_000
/** How long the second fault waits for all nodes to be level; it comes in any case. */
const LEVEL_LIMIT_MS = 10_000
const ROLL_BACK_LIMIT_MS = 15_000
const IDLE_LIMIT_MS = 20_000
const SETTLE_LIMIT_MS = 30_000
const PROOF_LIMIT_MS = 120_000
const EXIT_LIMIT_MS = 5_000
/** The pause is longer than an election in any case. */
const PAUSE_MS = 3_000
/** A node that was asked to pause itself has done so after this long, or is stopped from outside. */
const SELF_PAUSE_LIMIT_MS = 2_000
const RESUME_EVERY_MS = 200

export interface Result {
  readonly evidence: Evidence
  /** How long the terminals ran. */
  readonly seconds: number
  readonly lives: readonly Life[]
}

export class Demo {
  readonly watch: Watch = new Watch()
  readonly #options: DemoOptions
  readonly #folder: string
  readonly #nodes: readonly ClusterProcess[]
  readonly #ledger = { safe: new ReceiptSet(), gone: new ReceiptSet() }
  readonly #events: TimelineEvent[] = []
  readonly #history: number[] = []
  readonly #told: (event: TimelineEvent) => void
  readonly #startedAt = performance.now()
  #phase = 'starting'
  #runningSince: number | undefined
  #ranForMs = 0
  #safeSeen = 0

  constructor(
    options: DemoOptions,
    folder: string,
    addresses: readonly NodeAddress[],
    told: (event: TimelineEvent) => void,
  ) {
    this.#options = options
    this.#folder = folder
    this.#told = told
    this.#nodes = addresses.map((address) => new ClusterProcess(address, this.#ledger, this.watch))
  }

  async run(): Promise<Result> {
    await this.#start()
    await this.#load()
    this.#runningSince = performance.now()
    this.#phase = 'running'
    for (const node of this.#nodes) node.order({ type: 'run' })
    const { seconds } = this.#options
    await this.#untilRan(seconds / 3)
    const { failoverMs, caughtUp } = await this.#killLeader()
    await this.#untilRan((2 * seconds) / 3)
    await this.watch.holds(() => this.#areLevel(), LEVEL_LIMIT_MS)
    const { tookOver, rolledBackByPaused } = await this.#pauseLeader()
    await this.#untilRan(seconds)
    await this.#finish()
    const lives = await this.#prove()
    const replicas = this.#nodes.map(({ id, findings }) => ({ id, findings: findings! }))
    const course: Course = { failoverMs, caughtUp, tookOver, rolledBackByPaused }
    return { evidence: { replicas, lives, course }, seconds: this.#ranForMs / 1000, lives }
  }

  view(): View {
    const lives = this.#nodes.flatMap((node) => [...node.lives, ...(node.state === 'killed' ? [] : accountOf(node))])
    const sum = (figure: (life: Life) => number): number => lives.reduce((total, life) => total + figure(life), 0)
    return {
      phase: this.#phase,
      elapsedSeconds: this.#elapsed(),
      progress: this.#progress(),
      nodes: this.#nodes.map((node) => node.view()),
      safe: sum(({ counters }) => counters.safe),
      rolledBack: sum(({ counters }) => counters.rolledBack),
      notLeader: sum(({ counters }) => counters.notLeader),
      busy: sum(({ counters }) => counters.busy),
      unknown: sum(unknownOf),
      history: this.#history,
      events: this.#events,
    }
  }

  /** Once a second: a point of the history of safe transactions. */
  sample(): void {
    const { safe } = this.view()
    if (this.#runningSince !== undefined) this.#history.push(Math.max(0, safe - this.#safeSeen))
    this.#safeSeen = safe
  }

  async #start(): Promise<void> {
    for (const node of this.#nodes) node.start(this.#configOf(node))
    await this.watch.until('all nodes to start', () => this.#nodes.every((node) => node.ready), START_LIMIT_MS)
    await this.watch.until('a node to lead', () => this.#leader() !== undefined, START_LIMIT_MS)
    this.#tell(`three nodes run, ${this.#leader()?.id ?? ''} leads`)
  }

  async #load(): Promise<void> {
    this.#phase = 'loading'
    const since = performance.now()
    for (const node of this.#nodes) node.order({ type: 'load' })
    const loaded = (): boolean => this.#nodes.every((node) => node.report?.loading === false)
    await this.watch.until('the tables to be loaded', loaded, LOAD_LIMIT_MS)
    this.#tell(`${this.#options.warehouses} warehouse(s) loaded in ${seconds(since)} s`)
  }

  async #killLeader(): Promise<Pick<Course, 'failoverMs' | 'caughtUp'>> {
    const killed = await this.#waitForLeader()
    const { epoch } = killed.report!
    const since = performance.now()
    killed.kill()
    this.#tell(`${killed.id} led and was killed (SIGKILL)`)
    const successor = await this.#successor(epoch, killed)
    const failoverMs = successor === undefined ? undefined : Math.round(successor.safeEpoch.at - since)
    if (successor !== undefined) this.#tell(`${successor.id} leads; first safe transaction after ${failoverMs ?? 0} ms`)
    await this.watch.until(`the end of ${killed.id}`, () => killed.lives.length === killed.life, EXIT_LIMIT_MS)
    return { failoverMs, caughtUp: await this.#restart(killed) }
  }

  async #restart(node: ClusterProcess): Promise<boolean> {
    const since = performance.now()
    const goal = Math.max(...this.#nodes.map(({ report }) => report?.committedBatches ?? 0))
    node.start(this.#configOf(node))
    await this.watch.until(`${node.id} to start again`, () => node.ready, START_LIMIT_MS)
    node.order({ type: 'run' })
    this.#tell(`${node.id} was started again`)
    const caughtUp = await this.watch.holds(() => (node.report?.appliedBatches ?? 0) >= goal, CATCH_UP_LIMIT_MS)
    if (caughtUp) this.#tell(`${node.id} has caught up in ${seconds(since)} s`)
    return caughtUp
  }

  /**
   * All nodes have about the same behind them. An election looks at logs and not at what was replayed, so that a node
   * that is still at its old log may win, and then has to finish that first.
   */
  #areLevel(): boolean {
    const applied = this.#nodes.map(({ report }) => report?.appliedBatches ?? 0)
    return Math.min(...applied) > 0.98 * Math.max(...applied)
  }

  async #pauseLeader(): Promise<Pick<Course, 'tookOver' | 'rolledBackByPaused'>> {
    const paused = await this.#waitForLeader()
    const { epoch, rolledBack } = paused.report!
    paused.pause()
    await this.watch.holds(() => paused.pausing, SELF_PAUSE_LIMIT_MS)
    paused.stopSignal()
    const since = performance.now()
    this.#tell(`${paused.id} led and was paused (SIGSTOP) in the middle of a turn`)
    const successor = await this.#successor(epoch, paused)
    if (successor !== undefined) {
      this.#tell(`${successor.id} leads; first safe transaction after ${Math.round(successor.safeEpoch.at - since)} ms`)
    }
    await this.watch.pass(PAUSE_MS - (performance.now() - since))
    paused.resume()
    this.#tell(`${paused.id} was resumed (SIGCONT) after ${seconds(since)} s`)
    const rolledBackSince = (): number => paused.report!.rolledBack - rolledBack
    // It may find the order to pause only now, when it was stopped from outside: then it is resumed again.
    const resuming = setInterval(() => paused.resume(), RESUME_EVERY_MS)
    try {
      await this.watch.holds(() => rolledBackSince() > 0, ROLL_BACK_LIMIT_MS)
    } finally {
      clearInterval(resuming)
    }
    this.#tell(`${paused.id} has rolled back ${rolledBackSince()} transactions of its own`)
    return { tookOver: successor !== undefined, rolledBackByPaused: rolledBackSince() }
  }

  /** The node on which a transaction of a newer epoch became safe first; undefined when there is none in time. */
  async #successor(epoch: number, former: ClusterProcess): Promise<ClusterProcess | undefined> {
    const find = (): ClusterProcess | undefined =>
      this.#nodes.find((node) => node !== former && node.safeEpoch.epoch > epoch)
    await this.watch.holds(() => find() !== undefined, FAILOVER_LIMIT_MS)
    return find()
  }

  async #finish(): Promise<void> {
    this.#phase = 'draining'
    this.#ranForMs = performance.now() - this.#runningSince!
    await this.#untilIdle()
    // Figures of one node may be older than the last transaction of another's terminals: all are asked again now.
    await this.#untilIdle()
    await this.watch.holds(() => this.#settled(), SETTLE_LIMIT_MS)
  }

  /** Terminals stop; each node says that they have, right after its newest figures. */
  async #untilIdle(): Promise<void> {
    for (const node of this.#nodes) {
      node.idle = false
      node.order({ type: 'finish' })
    }
    await this.watch.holds(() => this.#nodes.every((node) => node.idle), IDLE_LIMIT_MS)
  }

  /** Nothing is on its way any more, as far as the last figures say. */
  #settled(): boolean {
    const reports = this.#nodes.map((node) => node.report)
    const [first] = reports
    return (
      this.#leader() !== undefined &&
      reports.every(
        (report) =>
          report !== undefined &&
          report.applyLag === 0 &&
          report.waitingBatches === 0 &&
          report.appliedBatches === report.committedBatches &&
          report.committedBatches === first?.committedBatches &&
          report.epoch === first.epoch &&
          report.watermark === first.watermark,
      )
    )
  }

  async #prove(): Promise<Life[]> {
    this.#phase = 'proving'
    const since = performance.now()
    const safe = this.#ledger.safe.toRuns()
    const gone = this.#ledger.gone.toRuns()
    for (const node of this.#nodes) node.order({ type: 'prove', safe, gone })
    const proved = (): boolean => this.#nodes.every((node) => node.findings !== undefined)
    await this.watch.until('the findings of all nodes', proved, PROOF_LIMIT_MS)
    this.#tell(`${this.#ledger.safe.size} safe receipts looked up on each replica in ${seconds(since)} s`)
    for (const node of this.#nodes) node.order({ type: 'exit' })
    await this.watch.until('all nodes to end', () => this.#nodes.every(({ state }) => state === 'ended'), EXIT_LIMIT_MS)
    this.#phase = 'done'
    return this.#nodes.flatMap((node) => node.lives)
  }

  async #waitForLeader(): Promise<ClusterProcess> {
    await this.watch.until('a node to lead', () => this.#leader() !== undefined, FAILOVER_LIMIT_MS)
    const leader = this.#leader()
    if (leader === undefined) throw new DemoFailure('The leader was lost again.')
    return leader
  }

  /** The node that executes; when two believe it, the one of the newer epoch. */
  #leader(): ClusterProcess | undefined {
    return this.#nodes
      .filter((node) => node.leads)
      .sort((a, b) => b.report!.epoch - a.report!.epoch)
      .at(0)
  }

  async #untilRan(secondsOfRun: number): Promise<void> {
    await this.watch.pass(this.#runningSince! + secondsOfRun * 1000 - performance.now())
  }

  #configOf(node: ClusterProcess): NodeConfig {
    const { protocol, streams, warehouses, scale, seed, terminals, outstanding } = this.#options
    const position = this.#nodes.indexOf(node)
    return {
      nodeId: node.id,
      nodes: this.#nodes.map(({ address }) => address),
      folder: `${this.#folder}/${node.id}`,
      protocol,
      streams,
      warehouses,
      scale,
      seed,
      // Each process of each node has terminals of its own: a terminal's numbers never come twice.
      firstTerminal: 1 + (node.life * this.#nodes.length + position) * terminals,
      terminals,
      outstanding,
    }
  }

  #tell(text: string): void {
    const event = { at: this.#elapsed(), text }
    this.#events.push(event)
    this.#told(event)
  }

  #elapsed(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  #progress(): number {
    switch (this.#phase) {
      case 'starting':
        return 0
      case 'loading':
        return Math.max(0, ...this.#nodes.map(({ loading }) => loading?.fraction ?? 0))
      case 'running':
        return (performance.now() - this.#runningSince!) / 1000 / this.#options.seconds
      default:
        return 1
    }
  }
}

/** Attempts of which nobody knows, or ever will: those of a killed process that had no answer when it was last heard. */
export function unknownOf({ counters, ended, open }: Life): number {
  return counters.unknown + (ended === 'killed' ? open : 0)
}

function accountOf(node: ClusterProcess): Life[] {
  if (node.state === 'ended') return []
  const account = node.account('finished')
  return account === undefined ? [] : [account]
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}
