// A cluster of production engines in one thread, over a simulated world.
//
// Always true: a node is a disk that lives on and, at times, a process with an engine. A crash ends the process in the
// middle of whatever it does: its clock never fires again, its transport and its disk ignore it, its promises stay open
// for ever. A restart makes a new engine over what the disk has kept.

import {
  createEngine,
  MakoError,
  seededRandom,
  type ApplyCallback,
  type EngineLimits,
  type Entry,
  type Member,
  type NodeId,
  type Protocol,
  type Random,
  type ReplicationEngine,
} from '@mako/engine'
import { LawBook } from '../laws/book.ts'
import { LogImage } from '../laws/image.ts'
import { NodeWatch, type ProtocolProbe } from '../laws/watch.ts'
import type { TraceRecorder } from '../trace/recorder.ts'
import { CALM_DISK, SimDisk, type DiskHooks, type DiskLies, type DiskOptions, type NodeDisk } from './disk.ts'
import { CALM_NETWORK, type NetworkOptions } from './network-options.ts'
import { SimNetwork } from './network.ts'
import { SimProcess, type ProcessOptions } from './process.ts'
import { pick, stream } from './random.ts'
import { VirtualTime } from './time.ts'

/** What faults, workloads and people may do with a cluster, whatever its messages are. */
export type AnyCluster = Pick<SimCluster<never>, keyof SimCluster<never>>

/** What a node does with a committed entry; what it returns is the value of the entry's outcome. */
export type ApplyHandler = (entry: Entry, context: ApplyContext) => unknown

export interface ApplyContext {
  readonly node: SimNode
  readonly process: SimProcess
  /** Whether this very process proposed the entry. */
  readonly by: 'leader' | 'follower'
}

export interface SimClusterOptions<Message> {
  readonly seed: number
  /** How many nodes; they are called a, b, c, ... */
  readonly nodes: number
  /** @default [0] */
  readonly partitions?: readonly number[]
  readonly leadTogether?: readonly (readonly number[])[]
  /** Makes the protocol of one life of a node. */
  readonly protocol: (node: NodeId) => Protocol<Message>
  /** What the laws may know of the protocol's messages. @default nothing */
  readonly probe?: ProtocolProbe<Message>
  readonly limits?: Partial<EngineLimits>
  readonly network?: NetworkOptions
  readonly disk?: DiskOptions
  /** Disks that lie, by node: for tests of the laws only. */
  readonly lies?: ReadonlyMap<NodeId, DiskLies>
  /** Makes the disk of a node; it must report what is durable to `hooks`. @default a SimDisk */
  readonly makeDisk?: (node: NodeId, context: DiskContext) => NodeDisk
  /** The clocks of one life of a node. @default exact clocks */
  readonly process?: (random: Random) => ProcessOptions
  /** @default nothing is done, and nothing returned */
  readonly apply?: ApplyHandler
  /** Records what happens, for people and for specs. @default nothing is recorded */
  readonly trace?: TraceRecorder
  /** A new engine, before it is started: the place for listeners. */
  readonly onEngine?: (node: SimNode, engine: ReplicationEngine) => void
  /** A node could not start, for a reason that its disk gave, and is down again. @default nothing is done */
  readonly onRefusedStart?: (node: SimNode, error: MakoError) => void
}

/** Why a disk may refuse a start, and an engine may stop, because the simulator has said so. */
const DISK_FAULTS: ReadonlySet<string> = new Set(['LOG_IO', 'CORRUPT_LOG', 'LOG_MISMATCH'])

/** What a disk of a simulated cluster is made of. */
export interface DiskContext {
  readonly time: VirtualTime
  readonly random: Random
  readonly options: DiskOptions
  readonly hooks: DiskHooks
}

/** A node of a simulated cluster. */
export interface SimNode {
  readonly id: NodeId
  readonly disk: NodeDisk
  /** Undefined while the node is down. */
  readonly process: SimProcess | undefined
  readonly engine: ReplicationEngine | undefined
}

interface Node<Message> extends SimNode {
  process: SimProcess | undefined
  engine: ReplicationEngine | undefined
  watch: NodeWatch<Message> | undefined
  lives: number
}

export class SimCluster<Message> {
  readonly time: VirtualTime = new VirtualTime()
  readonly network: SimNetwork
  readonly book: LawBook
  readonly partitions: readonly number[]
  readonly #options: SimClusterOptions<Message>
  readonly #members: readonly Member[]
  readonly #nodes: ReadonlyMap<NodeId, Node<Message>>
  readonly #watches = new WeakMap<SimProcess, NodeWatch<Message>>()
  /** Ends a process before its n-th next message leaves. */
  readonly #crashAtSend = new Map<NodeId, { left: number; readonly crash: () => void }>()

  constructor(options: SimClusterOptions<Message>) {
    this.#options = options
    this.partitions = options.partitions ?? [0]
    const ids = Array.from({ length: options.nodes }, (_, i) => String.fromCharCode(97 + i))
    this.#members = ids.map((id) => ({ id, address: `${id}.sim:1` }))
    this.book = new LawBook({ nodes: ids, partitions: this.partitions, nowMs: () => this.time.nowMs })
    options.trace?.begin(ids, () => this.time.nowMs)
    const random = stream(options.seed, 'network')
    this.network = new SimNetwork(this.time, random, ids, options.network ?? CALM_NETWORK, {
      onSend: (from, to, partition, bytes) => this.#sending(from, to, partition, bytes),
      onDeliver: (from, to, partition, bytes) => {
        this.book.history.add(5, ids.indexOf(from), ids.indexOf(to), partition, bytes.length, this.time.nowMs * 1000)
      },
    })
    this.#nodes = new Map(
      ids.map((id) => {
        const context: DiskContext = {
          time: this.time,
          random: stream(options.seed, `disk ${id}`),
          options: options.disk ?? CALM_DISK,
          hooks: { onDurable: (process, write) => this.#watches.get(process)?.durable(write) },
        }
        const disk =
          options.makeDisk?.(id, context) ??
          new SimDisk(context.time, context.random, context.options, context.hooks, options.lies?.get(id))
        return [id, { id, disk, process: undefined, engine: undefined, watch: undefined, lives: 0 }]
      }),
    )
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()]
  }

  /** The nodes whose process runs, paused or not. */
  get up(): readonly SimNode[] {
    return this.nodes.filter((node) => node.engine !== undefined)
  }

  node(id: NodeId): SimNode {
    return this.#node(id)
  }

  /** The node that has announced its leadership of this partition, in the highest term if there are several. */
  leader(partition: number = this.partitions[0]!): SimNode | undefined {
    let best: SimNode | undefined
    let bestTerm = -1
    for (const node of this.up) {
      if (node.engine?.isLeader(partition) !== true) continue
      const term = node.engine.leaderHint(partition)?.term ?? 0
      if (term > bestTerm) {
        best = node
        bestTerm = term
      }
    }
    return best
  }

  /** Starts all nodes that are down. */
  startAll(): void {
    for (const { id, engine } of this.nodes) if (engine === undefined) this.start(id)
  }

  /**
   * Starts a node over what its disk has kept, or by mistake over the disk of another node; does nothing when it runs.
   */
  start(id: NodeId, over: NodeId = id): void {
    const node = this.#node(id)
    if (node.engine !== undefined) return
    const { disk } = this.#node(over)
    const { seed, probe, limits, leadTogether, trace } = this.#options
    node.lives++
    const random = stream(seed, `process ${id} ${node.lives}`)
    const process = new SimProcess(this.time, this.#options.process?.(random) ?? {})
    const watch = new NodeWatch<Message>(this.book, id, probe)
    this.#watches.set(process, watch)
    const protocol = this.#options.protocol(id)
    const engine = createEngine<Message>({
      protocol: watch.observe(trace?.observe(id, protocol) ?? protocol),
      nodeId: id,
      members: this.#members,
      partitions: this.partitions,
      ...(leadTogether === undefined ? {} : { leadTogether }),
      ...(limits === undefined ? {} : { limits }),
      log: disk.open(process),
      transport: this.network.transport(id, process),
      clock: process.clock,
      random: seededRandom(random.u32()),
    })
    trace?.observeEngine(id, engine)
    // Whoever registers callbacks, here or in a workload, is watched.
    const onApply = engine.onApply.bind(engine)
    engine.onApply = (callbacks, partition) =>
      onApply(
        {
          leader: (entry) => this.#apply(watch, entry, process, 'leader', callbacks.leader),
          follower: (entry) => this.#apply(watch, entry, process, 'follower', callbacks.follower),
        },
        partition,
      )
    const handle = (by: ApplyContext['by']) => (entry: Entry) => this.#options.apply?.(entry, { node, process, by })
    engine.onApply({ leader: handle('leader'), follower: handle('follower') })
    engine.on('leader', ({ partition, term }) => {
      if (process.alive) watch.announced(partition, term)
    })
    engine.on('fault', ({ partition, index, error }) => {
      if (!process.alive) return
      this.book.count(`fault ${error.code}`)
      if (error.code === 'CALLBACK_FAILED' || error.code === 'LOG_IO') return
      if (error.code === 'CORRUPT_LOG' && disk.isRotten) return
      const where = `${id}, partition ${String(partition)}, entry ${String(index)}`
      this.book.broken('engine-fault', `${where}: ${error.code}: ${error.message}`)
    })
    Object.assign(node, { process, engine, watch })
    this.book.history.add(6, this.book.nodes.indexOf(id))
    this.#options.onEngine?.(node, engine)
    engine.start().catch((error: unknown) => {
      if (!process.alive) return
      const isDisks = error instanceof MakoError && DISK_FAULTS.has(error.code)
      // What a disk has refused must be the disk's fault: it is full, damaged, or another node's.
      if (!isDisks || (error.code === 'CORRUPT_LOG' && !disk.isRotten)) {
        this.book.broken('engine-fault', `${id} does not start: ${String(error)}`)
        return
      }
      this.book.count(`start refused ${error.code}`)
      this.crash(id)
      this.#options.onRefusedStart?.(node, error)
    })
  }

  /** Ends a node's process as SIGKILL does; with `silently`, as a power cut does: nobody is told. */
  crash(id: NodeId, silently = false): void {
    const node = this.#node(id)
    const { process, watch } = node
    if (process === undefined) return
    process.kill()
    watch?.end()
    this.#options.trace?.note({ type: 'crash', node: id })
    Object.assign(node, { process: undefined, engine: undefined, watch: undefined })
    this.#crashAtSend.delete(id)
    node.disk.crash()
    if (silently) this.network.vanish(id)
    else this.network.down(id)
    this.book.history.add(7, this.book.nodes.indexOf(id))
  }

  /** Ends a node's process just before its n-th next message leaves. */
  crashAtSend(id: NodeId, messages: number, crash: () => void): void {
    this.#crashAtSend.set(id, { left: messages, crash })
  }

  /** Stops a node as an operator does; resolves when it is down, for which virtual time must run. */
  async stop(id: NodeId): Promise<void> {
    const { engine, process } = this.#node(id)
    if (engine === undefined) return
    await engine.stop()
    if (this.#node(id).process === process) this.crash(id)
  }

  pause(id: NodeId): void {
    this.#options.trace?.note({ type: 'pause', node: id })
    this.#node(id).process?.pause()
  }

  resume(id: NodeId): void {
    this.#options.trace?.note({ type: 'resume', node: id })
    this.#node(id).process?.resume()
  }

  /** Cuts all links between these groups, both ways; the result takes the cuts back. */
  partition(...groups: readonly (readonly NodeId[])[]): () => void {
    const cuts: (readonly [NodeId, NodeId])[] = []
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1)) {
        for (const a of group) for (const b of other) cuts.push([a, b], [b, a])
      }
    }
    return this.cut(cuts)
  }

  /** Cuts links one way each; the result takes the cuts back. */
  cut(links: readonly (readonly [from: NodeId, to: NodeId])[]): () => void {
    const { trace } = this.#options
    for (const [from, to] of links) {
      this.network.cut(from, to)
      trace?.note({ type: 'cut', node: from, to })
    }
    let cut = true
    return () => {
      if (!cut) return
      cut = false
      for (const [from, to] of links) {
        this.network.join(from, to)
        trace?.note({ type: 'join', node: from, to })
      }
    }
  }

  /**
   * Gives a node that is down an empty disk. What it promised is forgotten, by the book as well: that this is done only
   * when nobody needs those promises any more is up to the caller (docs/operations.md).
   */
  replaceDisk(id: NodeId): void {
    const { disk, engine } = this.#node(id)
    if (engine !== undefined) throw new RangeError(`Node ${id} runs: its disk cannot be replaced.`)
    disk.wipe()
    this.#options.trace?.note({ type: 'fault', node: id, kind: 'wiped-disk' })
    for (const partition of this.partitions) {
      const { disks, lost, toldTerm, votes } = this.book.partition(partition)
      disks.set(id, new LogImage())
      lost.add(id)
      toldTerm.delete(id)
      for (const ofTerm of votes.values()) ofTerm.delete(id)
    }
  }

  /** Takes back everything that was done to the network, and lets paused processes, disks and clocks be well. */
  heal(): void {
    this.#options.trace?.note({ type: 'heal', node: undefined })
    this.network.heal()
    this.#crashAtSend.clear()
    for (const { disk, process } of this.nodes) {
      disk.disarm()
      disk.unstick()
      disk.slow(0)
      disk.free()
      process?.resume()
      process?.drift(1)
    }
  }

  /** Runs until the condition holds, a law is broken, or the time is over; tells whether the condition holds. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    let holds = false
    await this.time.runUntil(() => this.book.violation !== undefined || (holds = condition()), limitMs)
    return holds
  }

  /** Runs for this much virtual time, or until a law is broken. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(() => false, durationMs)
  }

  /** A node that is up, drawn at random. */
  anyUp(random: Random): SimNode | undefined {
    const { up } = this
    return up.length === 0 ? undefined : pick(random, up)
  }

  #apply(
    watch: NodeWatch<Message>,
    entry: Entry,
    process: SimProcess,
    by: ApplyContext['by'],
    callback: ApplyCallback,
  ): unknown {
    // A process that has died in the middle of its turn: what is left of the turn has no effect.
    if (!process.alive) return new Promise(() => undefined)
    const facts = watch.applying(entry, by)
    const value = callback(entry)
    if (!(value instanceof Promise)) {
      watch.finished(entry, facts)
      return value
    }
    return value.then((result: unknown) => {
      if (process.alive) watch.finished(entry, facts)
      return result
    })
  }

  #sending(from: NodeId, to: NodeId, partition: number, bytes: Uint8Array): void {
    const armed = this.#crashAtSend.get(from)
    if (armed !== undefined && --armed.left <= 0) {
      this.#crashAtSend.delete(from)
      armed.crash()
      return
    }
    this.#nodes.get(from)?.watch?.sent(to, partition, bytes)
  }

  #node(id: NodeId): Node<Message> {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new RangeError(`There is no node ${id} in this cluster.`)
    return node
  }
}
