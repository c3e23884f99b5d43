// A node as its parent sees it: one process after the other over one data folder, with the last figures of each.
//
// Always true: a process that ends without having been told to is a failure of the demo; every process that was
// started is either ended or in `running`, so that none is left behind, paused ones included.

import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { NodeAddress, NodeConfig, NodeFindings, NodeReport, Notice, Order } from './control.ts'
import type { Life } from './proof.ts'
import type { ReceiptSet } from './receipts.ts'
import type { NodeView } from './view.ts'
import type { Watch } from './watch.ts'

/** Rates are taken over this many reports. */
const RATE_REPORTS = 6
const NODE_FILE = fileURLToPath(new URL('./node.ts', import.meta.url))
/** Resolved from here, so that the demo runs from any folder. */
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

const running = new Set<ChildProcess>()

/** Ends every process that is still there, at once. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

export interface Ledger {
  readonly safe: ReceiptSet
  readonly gone: ReceiptSet
}

interface TimedReport {
  readonly at: number
  readonly report: NodeReport
}

type ProcessState = NodeView['process']

export class ClusterProcess {
  readonly address: NodeAddress
  /** What was: one account for each process that has ended. */
  readonly lives: Life[] = []
  state: ProcessState = 'ended'
  ready = false
  idle = false
  /** It has stopped itself. */
  pausing = false
  loading: { readonly label: string; readonly fraction: number } | undefined
  findings: NodeFindings | undefined
  /** The newest epoch of which a transaction is safe there, and when the parent learned of it. */
  safeEpoch: { readonly epoch: number; readonly at: number } = { epoch: 0, at: 0 }
  readonly #watch: Watch
  readonly #ledger: Ledger
  #life = 0
  #child: ChildProcess | undefined
  #reports: TimedReport[] = []

  constructor(address: NodeAddress, ledger: Ledger, watch: Watch) {
    this.address = address
    this.#ledger = ledger
    this.#watch = watch
  }

  get id(): string {
    return this.address.id
  }

  /** Which process of this node runs, or ran last: 1, 2, ... */
  get life(): number {
    return this.#life
  }

  /** The newest figures of the process that runs. */
  get report(): NodeReport | undefined {
    return this.#reports.at(-1)?.report
  }

  get leads(): boolean {
    return this.state === 'running' && this.report?.role === 'leading'
  }

  start(config: NodeConfig): void {
    this.#life++
    this.#reports = []
    this.state = 'starting'
    this.ready = false
    this.idle = false
    this.safeEpoch = { epoch: 0, at: 0 }
    const child = fork(NODE_FILE, [], {
      execArgv: ['--import', TSX],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    running.add(child)
    child.on('message', (notice) => {
      this.#notice(notice as Notice)
      this.#watch.changed()
    })
    child.on('error', (error) => this.#watch.fail(`${this.id} cannot be run: ${error.message}`))
    child.on('exit', (code, signal) => {
      running.delete(child)
      this.#ended(code, signal)
      this.#watch.changed()
    })
    this.order({ type: 'start', config })
  }

  order(order: Order): void {
    // A process that has just died is noticed by its exit, not here.
    this.#child?.send(order, () => undefined)
  }

  kill(): void {
    this.state = 'killed'
    this.#child?.kill('SIGKILL')
  }

  /** The node looks for the worst moment itself, and says so (`pausing`). */
  pause(): void {
    this.state = 'paused'
    this.pausing = false
    this.order({ type: 'pause' })
  }

  /** Stops it here and now, if it has not done so itself. */
  stopSignal(): void {
    this.#child?.kill('SIGSTOP')
  }

  /** Harmless when it runs. */
  resume(): void {
    this.state = 'running'
    this.#child?.kill('SIGCONT')
  }

  view(): NodeView {
    const report = this.report
    return {
      id: this.id,
      process: this.state,
      role: report?.role ?? '-',
      term: report?.term ?? 0,
      leader: report?.leader,
      speculativePerSecond: this.#rate((figures) => figures.executed),
      safePerSecond: this.#rate((figures) => figures.safe),
      watermarkLag: report === undefined ? 0 : Math.max(0, report.clock - report.watermark),
      outstanding: report?.open ?? 0,
      replayedPerSecond: this.#rate((figures) => figures.replayedTransactions),
      appliedBatches: report?.appliedBatches ?? 0,
      committedBatches: report?.committedBatches ?? 0,
      diskBytesPerSecond: this.#rate((figures) => figures.bytesWritten),
      networkBytesPerSecond: this.#rate((figures) => figures.bytesSent),
      flushesPerSecond: this.#rate((figures) => figures.flushes),
    }
  }

  /** The account of the process that runs, as of its last figures. */
  account(ended: Life['ended']): Life | undefined {
    const report = this.report
    if (report === undefined) return undefined
    const { counters, open, executedTwice } = report
    return { id: this.id, life: this.#life, ended, counters, open, executedTwice }
  }

  #notice(notice: Notice): void {
    switch (notice.type) {
      case 'ready':
        this.ready = true
        this.state = 'running'
        return
      case 'loading':
        this.loading = notice
        return
      case 'loaded':
        this.loading = undefined
        return
      case 'report':
        this.#reports.push({ at: performance.now(), report: notice.report })
        if (this.#reports.length > RATE_REPORTS) this.#reports.shift()
        this.#ledger.safe.addAll(notice.safe)
        this.#ledger.gone.addAll(notice.gone)
        return
      case 'epoch-safe':
        this.safeEpoch = { epoch: notice.epoch, at: performance.now() }
        return
      case 'pausing':
        this.pausing = true
        return
      case 'idle':
        this.idle = true
        return
      case 'findings':
        this.findings = notice.findings
        return
      case 'fault':
        this.#watch.fail(`${this.id} (life ${this.#life}) has failed: ${notice.message}`)
        return
    }
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    const account = this.account(this.state === 'killed' ? 'killed' : 'finished')
    if (account !== undefined) this.lives.push(account)
    this.#child = undefined
    this.ready = false
    if (this.state === 'killed') return
    this.state = 'ended'
    if (code !== 0) this.#watch.fail(`${this.id} (life ${this.#life}) has ended with ${signal ?? code ?? 'nothing'}.`)
  }

  #rate(figure: (report: NodeReport) => number): number {
    const first = this.#reports[0]
    const last = this.#reports.at(-1)
    if (this.state !== 'running' || first === undefined || last === undefined || last.at <= first.at) return 0
    return ((figure(last.report) - figure(first.report)) / (last.at - first.at)) * 1000
  }
}
