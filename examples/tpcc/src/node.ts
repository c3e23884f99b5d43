// One of the three processes: an engine with its log on disk and its sockets, a database on it, a server for the
// terminals of other nodes, and terminals of its own. The parent orders, this process does and reports.
//
// Always true: when the parent is gone, this process ends.

import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import { createEngine, type LeaderHint, type Member, type ReplicationEngine } from '@mako/engine'
import { paxos } from '@mako/paxos'
import { raft } from '@mako/raft'
import { createDatabase, type Database } from '@mako/store/kv'
import { openFileLog } from '@mako/store/log'
import { tcpTransport } from '@mako/transport'
import type { NodeConfig, NodeFindings, NodeReport, Notice, Order, ReceiptFindings } from './control.ts'
import { Executor } from './executor.ts'
import { loadWhenLeading } from './loading.ts'
import { type ReceiptRuns, ReceiptSet } from './receipts.ts'
import { TransactionServer } from './server.ts'
import { Slices } from './slices.ts'
import { Terminals } from './terminals.ts'
import { checkConsistency, hasReceipt, type Reader, tables } from './workload/index.ts'

const REPORT_EVERY_MS = 200
const TIMINGS = { heartbeatMs: 50, electionTimeoutMs: 500 }
/** Turns in which a node looks for a transaction to execute before it stops without one. */
const MAX_TURNS_TO_PAUSE = 1_000

class Node {
  readonly #config: NodeConfig
  readonly #engine: ReplicationEngine
  readonly #database: Database
  readonly #slices = new Slices()
  readonly #executor: Executor
  readonly #terminals: Terminals
  readonly #server: TransactionServer
  readonly #ending = new AbortController()

  private constructor(config: NodeConfig, engine: ReplicationEngine) {
    this.#config = config
    this.#engine = engine
    this.#database = createDatabase({ engine, tables })
    this.#executor = new Executor(this.#database, config.streams, (epoch) => tell({ type: 'epoch-safe', epoch }))
    const others = config.nodes.filter((node) => node.id !== config.nodeId)
    const servers = new Map(others.map((node) => [node.id, node.server]))
    this.#terminals = new Terminals({ ...config, servers }, this.#executor, this.#slices)
    this.#server = new TransactionServer(this.#executor, this.#slices)
  }

  static async open(config: NodeConfig): Promise<Node> {
    const self = config.nodes.find((node) => node.id === config.nodeId)
    if (self === undefined) throw new Error(`'${config.nodeId}' is not a node of the cluster.`)
    const partitions = Array.from({ length: config.streams }, (_, stream) => stream)
    const shared = {
      nodeId: config.nodeId,
      members: config.nodes.map(({ id, address }): Member => ({ id, address })),
      clusterId: 'tpcc',
      partitions,
      leadTogether: [partitions],
      log: await openFileLog(config.folder),
      transport: tcpTransport({ listen: self.address }),
    }
    const engine =
      config.protocol === 'paxos'
        ? createEngine({ ...shared, protocol: paxos(TIMINGS) })
        : createEngine({ ...shared, protocol: raft(TIMINGS) })
    engine.on('fault', ({ error }) => tell({ type: 'fault', message: error.message }))
    const node = new Node(config, engine)
    engine.on('follower', () => node.#terminals.observe(unitedHint(engine)))
    engine.on('leader', () => node.#terminals.observe(unitedHint(engine)))
    await engine.start()
    const [host, port] = splitAddress(self.server)
    await node.#server.listen(host, port)
    return node
  }

  async obey(order: Exclude<Order, { type: 'start' }>): Promise<void> {
    switch (order.type) {
      case 'load':
        await this.#load()
        return
      case 'run':
        this.#terminals.start()
        return
      case 'pause':
        await this.#pause()
        return
      case 'finish':
        await this.#terminals.stop()
        this.report()
        tell({ type: 'idle' })
        return
      case 'prove':
        tell({ type: 'findings', findings: this.#findings(order.safe, order.gone) })
        return
      case 'exit':
        await this.#stop()
        return
    }
  }

  report(): void {
    const { safe, gone } = this.#terminals
    this.#terminals.observe(unitedHint(this.#engine))
    tell({ type: 'report', report: this.#figures(), safe: safe.take(), gone: gone.take() })
  }

  /** Stops at the worst moment: transactions are executed, and nothing of them has left the process. */
  async #pause(): Promise<void> {
    const executed = (): number => this.#database.status().shard.executed
    for (let turn = 0; turn < MAX_TURNS_TO_PAUSE; turn++) {
      const before = executed()
      this.#slices.runOnce()
      if (executed() > before) break
      await nextTurn()
    }
    tell({ type: 'pausing' })
    process.kill(process.pid, 'SIGSTOP')
  }

  async #load(): Promise<void> {
    let toldAt = 0
    const progress = (label: string, fraction: number): void => {
      if (performance.now() - toldAt < 100) return
      toldAt = performance.now()
      tell({ type: 'loading', label, fraction })
    }
    await loadWhenLeading(this.#database, this.#config, progress, this.#ending.signal)
    tell({ type: 'loaded' })
  }

  #figures(): NodeReport {
    const engine = this.#engine.status()
    const { shard } = this.#database.status()
    return {
      role: shard.role,
      loading: shard.loading,
      term: Math.max(...engine.partitions.map((partition) => partition.term)),
      leader: unitedHint(this.#engine)?.nodeId,
      epoch: shard.epoch,
      clock: shard.clock,
      watermark: shard.watermark[0] ?? 0,
      executed: shard.executed,
      safe: shard.safe,
      rolledBack: shard.rolledBack,
      committedBatches: shard.committedBatches,
      appliedBatches: shard.appliedBatches,
      waitingBatches: shard.waitingBatches,
      replayedTransactions: shard.replayedTransactions,
      applyLag: engine.partitions.reduce((lag, partition) => lag + partition.commit - partition.applied, 0),
      flushes: engine.log.flushes,
      bytesWritten: engine.log.bytes,
      bytesSent: engine.transport.bytesSent,
      open: this.#terminals.open,
      counters: { ...this.#terminals.counters },
      executedTwice: this.#executor.executedTwice,
    }
  }

  #findings(safe: ReceiptRuns, gone: ReceiptRuns): NodeFindings {
    const read = <T>(fn: (reader: Reader) => T): T => this.#database.read(fn).value
    return {
      report: this.#figures(),
      digest: this.#database.digest(),
      consistency: read((reader) => ({ ...checkConsistency(reader, this.#config.warehouses) })),
      safe: read((reader) => lookUp(reader, safe, 'must exist')),
      gone: read((reader) => lookUp(reader, gone, 'must not exist')),
      tables: this.#database.status().tables.map(({ name, rows }) => ({ name, rows })),
    }
  }

  async #stop(): Promise<void> {
    this.#ending.abort()
    this.#terminals.close()
    await this.#server.stop()
    this.#database.stop()
    await this.#engine.stop()
  }
}

const MAX_EXAMPLES = 5

function lookUp(reader: Reader, receipts: ReceiptRuns, wanted: 'must exist' | 'must not exist'): ReceiptFindings {
  const set = new ReceiptSet()
  set.addAll(receipts)
  let found = 0
  let missing = 0
  const examples: string[] = []
  for (const [terminal, sequence] of set) {
    const exists = hasReceipt(reader, terminal, sequence)
    if (exists) found++
    else missing++
    if (exists !== (wanted === 'must exist') && examples.length < MAX_EXAMPLES) examples.push(`${terminal}/${sequence}`)
  }
  return { found, missing, examples }
}

/** The node that leads all streams, with the newest of their terms; undefined while there is no such node. */
function unitedHint(engine: ReplicationEngine): LeaderHint | undefined {
  let newest: LeaderHint | undefined
  for (const partition of engine.partitions) {
    const hint = engine.leaderHint(partition)
    if (hint === undefined || (newest !== undefined && newest.nodeId !== hint.nodeId)) return undefined
    if (newest === undefined || hint.term > newest.term) newest = hint
  }
  return newest
}

function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':')
  return [address.slice(0, colon), Number(address.slice(colon + 1))]
}

function tell(notice: Notice): void {
  if (process.connected) process.send?.(notice)
}

async function obey(order: Order): Promise<void> {
  if (order.type === 'start') {
    node = await Node.open(order.config)
    tell({ type: 'ready' })
    setInterval(() => node?.report(), REPORT_EVERY_MS)
    return
  }
  await node?.obey(order)
  if (order.type === 'exit') process.exit(0)
}

let node: Node | undefined

process.on('disconnect', () => process.exit(1))
process.on('message', (order: Order) => {
  obey(order).catch(async (error: unknown) => {
    tell({ type: 'fault', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    // Time for the message to reach the parent, which decides what to do; alone there is nothing to be done.
    await after(1_000)
    process.exit(1)
  })
})
