// The one runtime: makes a running replica from any protocol core and a set of ports (DESIGN section 5).
//
// Everything happens in turns. Messages, finished writes and ticks that arrive are noted; at the end of the event
// loop's turn they are all taken in, each core's output is carried out once, one append is started, one write goes to
// each peer, and the apply cursors run for their time budget. Always true: whatever arrives while a turn runs belongs
// to the next one, so batching needs no timer and nothing is re-entered.

import type {
  AddLogOptions,
  AddLogResult,
  ApplyCallbacks,
  EngineEvents,
  EngineOptions,
  EngineState,
  EngineStatus,
  LeaderHint,
  Outcome,
  OutcomeToken,
  ReadBarrierResult,
  ReplicationEngine,
  TransferResult,
  WaitOptions,
} from './contract.ts'
import { Drains, type DrainState } from './drains.ts'
import type { Entry, EntryKind, NodeId } from './entry.ts'
import { MakoError } from './errors.ts'
import { EventHub } from './event-hub.ts'
import { Inbox } from './inbox.ts'
import { LeadTogether } from './lead-together.ts'
import { LogWriter } from './log-writer.ts'
import { checkOptions, type CheckedOptions } from './options.ts'
import type { Clock, RecoveredLog, Timer } from './ports.ts'
import { Replica, type ReplicaEvents } from './replica.ts'

/** Entries behind `commit` from which on a partition counts as lagging, so that reaching it is news (`caughtUp`). */
const LAGGING_ENTRIES = 1024

/** The kinds of entries that a user may propose; a no-op belongs to the protocol. */
const PROPOSABLE: ReadonlySet<string> = new Set<EntryKind>(['data', 'advancer', 'ending', 'bound', 'noop-barrier'])

/**
 * Makes an engine. Nothing happens before `start`.
 * @throws MakoError `BAD_OPTION`, naming the option
 */
export function createEngine<Message>(options: EngineOptions<Message>): ReplicationEngine {
  return new Engine(checkOptions(options))
}

/** What every request hears while nobody can answer it: the part that their results have in common. */
type Refusal =
  | { readonly status: 'BUSY'; readonly reason: 'recovering'; readonly retryAfterMs: number }
  | { readonly status: 'REJECTED'; readonly reason: 'unknown-partition' | 'faulted' | 'stopped' }

class Engine<Message> implements ReplicationEngine {
  readonly nodeId: NodeId
  readonly partitions: readonly number[]
  readonly clock: Clock
  readonly #options: CheckedOptions<Message>
  readonly #addresses: ReadonlyMap<NodeId, string>
  readonly #callbacks = new Map<number, ApplyCallbacks>()
  readonly #events = new EventHub()
  readonly #writer: LogWriter
  readonly #inbox: Inbox
  readonly #replicas = new Map<number, Replica<Message>>()
  #ordered: Replica<Message>[] = []
  #groups: LeadTogether<Message>[] = []
  #state: EngineState = 'new'
  #incarnation = 0
  #turnIsDue = false
  #tickIsDue = false
  #ticker: Timer
  /** Whose cursor goes first, so that a busy partition does not use up every turn's budget. */
  #firstCursor = 0
  readonly #lagging = new Set<number>()
  readonly #drains = new Drains(() => this.#drainState())
  #stepAsideAt = 0
  /** Settles when `start` has, whichever way. */
  #started: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined

  constructor(options: CheckedOptions<Message>) {
    this.#options = options
    this.nodeId = options.nodeId
    this.partitions = options.partitions
    this.clock = options.clock
    this.#addresses = new Map(options.members.map(({ id, address }) => [id, address]))
    this.#writer = new LogWriter(options.log, options.clock, (error) => this.#failNode(error))
    this.#inbox = new Inbox(options.limits)
  }

  // ---------------------------------------------------------------------------------------------- lifecycle

  onApply(callbacks: ApplyCallbacks, partition?: number): void {
    if (this.#state !== 'new') throw new MakoError('BAD_STATE', 'onApply must be called before start.')
    if (partition === undefined) {
      for (const each of this.partitions) this.#callbacks.set(each, callbacks)
    } else if (this.partitions.includes(partition)) this.#callbacks.set(partition, callbacks)
    else throw new MakoError('BAD_OPTION', `onApply names partition ${partition}, which this engine does not host.`)
  }

  start(): Promise<void> {
    const starting = this.#start()
    this.#started = starting.catch(() => undefined)
    return starting
  }

  async #start(): Promise<void> {
    if (this.#state !== 'new') throw new MakoError('BAD_STATE', 'An engine can be started once.')
    const silent = this.partitions.find((partition) => !this.#callbacks.has(partition))
    if (silent !== undefined) {
      throw new MakoError('BAD_STATE', `Partition ${silent} has no callbacks: call onApply before start.`)
    }
    this.#state = 'starting'
    const { log, transport, clusterId, nodeId, members, protocol } = this.#options
    try {
      const recovered = await log.recover({ clusterId, nodeId, partitions: this.partitions })
      // Stopped while starting: there is nothing to start any more.
      if (this.#isStopping()) return
      this.#createReplicas(recovered)
      await transport.start(
        { clusterId, nodeId, incarnation: recovered.incarnation, members },
        {
          message: (from, partition, bytes) => {
            this.#inbox.message(from, partition, bytes)
            this.#wake()
          },
          connected: () => this.#wake(),
          closed: (peer, died) => {
            if (died) this.#inbox.died(peer)
            this.#wake()
          },
        },
      )
    } catch (error) {
      if (!this.#isStopping()) {
        this.#state = 'faulted'
        await log.close().catch(() => undefined)
      }
      throw error
    }
    if (this.#isStopping()) return
    this.#state = 'running'
    this.#tick()
    this.#wake()
    for (const message of protocol.warnings) this.#events.warn(message)
  }

  #createReplicas(recovered: RecoveredLog): void {
    const { protocol, nodeId, members, log, transport, random, limits, leadTogether } = this.#options
    this.#incarnation = recovered.incarnation
    for (const message of recovered.warnings) this.#events.warn(message)
    const events: ReplicaEvents<Message> = {
      wake: () => this.#wake(),
      announced: ({ partition }, term) => this.#events.emit('leader', { partition, term }),
      deposed: ({ partition, leaderHint }, term) => this.#events.emit('follower', { partition, term, leaderHint }),
      termChanged: ({ partition }, term) => this.#events.emit('term', { partition, term }),
      roleChanged: (replica) => {
        for (const group of this.#groups) if (group.has(replica)) group.roleChanged(replica)
      },
      faulted: ({ partition }, index, error) => this.#events.emit('fault', { partition, index, error }),
      warning: (message) => this.#events.warn(message),
    }
    for (const partition of this.partitions) {
      const replica = new Replica<Message>({
        partition,
        nodeId,
        members: members.filter(({ learner }) => learner !== true).map(({ id }) => id),
        learners: members.filter(({ learner }) => learner === true).map(({ id }) => id),
        incarnation: recovered.incarnation,
        recovered: recovered.partitions.get(partition) ?? { state: undefined, blocks: [] },
        protocol,
        log,
        writer: this.#writer,
        transport,
        clock: this.clock,
        random,
        limits,
        hintOf: (leader, term) => this.#hintOf(leader, term),
        events,
        callbacks: this.#callbacks.get(partition)!,
      })
      this.#replicas.set(partition, replica)
    }
    this.#ordered = [...this.#replicas.values()]
    this.#groups = leadTogether.map(
      (group) =>
        new LeadTogether(
          nodeId,
          group.map((partition) => this.#replicas.get(partition)!),
          protocol.electionTimeoutMs,
        ),
    )
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { log } = this.#options
    // Entries that were accepted and gathered in this turn still go to the log: nothing accepted is thrown away.
    if (this.#state === 'running') for (const replica of this.#ordered) replica.finishTurn()
    this.#state = 'stopping'
    this.clock.clearTimer(this.#ticker)
    for (const replica of this.#ordered) replica.stop('stopped')
    this.#drains.settle()
    // A start that is under way ends when its transport is stopped.
    await this.#stopTransport()
    await this.#started
    await this.#writer.close()
    try {
      await log.close()
    } catch (error) {
      // Everything that was promised is durable: that the store does not let go changes nothing of it.
      this.#events.warn(`The log did not close: ${String(error)}`)
    }
    this.#state = 'stopped'
  }

  /** Whatever becomes of the network, the log must still be closed. */
  async #stopTransport(): Promise<void> {
    try {
      await this.#options.transport.stop()
    } catch (error) {
      this.#events.warn(`The transport did not stop: ${String(error)}`)
    }
  }

  /** Asked after each wait of `start`. */
  #isStopping(): boolean {
    return this.#stopping !== undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The disk has failed: nothing can be promised any more, so this node falls silent and lets others lead. */
  #failNode(error: MakoError): void {
    if (this.#state !== 'running' && this.#state !== 'starting') return
    this.#state = 'faulted'
    this.clock.clearTimer(this.#ticker)
    const led = this.#ordered.filter((replica) => replica.isLeader)
    for (const replica of this.#ordered) replica.stop('faulted')
    this.#drains.settle()
    for (const { partition, role } of led) {
      this.#events.emit('follower', { partition, term: role.term, leaderHint: undefined })
    }
    this.#events.emit('fault', { partition: undefined, index: undefined, error })
    void this.#stopTransport()
  }

  // -------------------------------------------------------------------------------------------------- turns

  #wake(): void {
    if (this.#turnIsDue || this.#state !== 'running') return
    this.#turnIsDue = true
    this.clock.defer(() => this.#turn())
  }

  #tick(): void {
    this.#ticker = this.clock.setTimer(this.#options.protocol.tickMs, () => {
      if (this.#state !== 'running') return
      this.#tickIsDue = true
      this.#wake()
      this.#tick()
    })
  }

  #turn(): void {
    this.#turnIsDue = false
    if (this.#state !== 'running') return
    const now = this.clock.monotonicNow()
    // What others said comes before the tick: after a long pause the news must be heard before a timeout is called.
    this.#takeInMessages(now)
    for (const replica of this.#ordered) replica.takeInOwn(now)
    if (this.#tickIsDue) {
      this.#tickIsDue = false
      this.#takeInTick(now)
    }
    for (const replica of this.#ordered) replica.finishTurn()
    for (const group of this.#groups) {
      if (group.act(now)) for (const replica of this.#ordered) replica.finishTurn()
    }
    // The others first: what they have to do takes longer than what this node has. Nothing leaves that waits for the disk.
    this.#options.transport.flush()
    this.#writer.flush()
    this.#apply()
    for (const replica of this.#ordered) {
      replica.announceIfReady()
      replica.settleReaders()
    }
    this.#drains.settle()
  }

  #takeInMessages(now: number): void {
    const { protocol } = this.#options
    for (const item of this.#inbox.take()) {
      if (item.type === 'died') {
        for (const replica of this.#ordered) replica.step({ type: 'peer-died', now, peer: item.peer })
        continue
      }
      const replica = this.#replicas.get(item.partition)
      if (replica === undefined) {
        this.#refuse(`${item.from} sent a message for partition ${item.partition}, which is not hosted here`)
        continue
      }
      let message: Message
      try {
        message = protocol.decode(item.bytes)
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        this.#refuse(`${item.from} sent ${item.bytes.length} bytes that are no message of ${protocol.name}: ${text}`)
        continue
      }
      replica.step({ type: 'message', now, from: item.from, message })
    }
  }

  #takeInTick(now: number): void {
    const { limits } = this.#options
    for (const replica of this.#ordered) {
      replica.step({ type: 'tick', now })
      const stalled = replica.cursor.stalled(now, limits.stalledMs)
      if (stalled !== undefined) this.#events.emit('stalled', { partition: replica.partition, ...stalled })
    }
    for (const group of this.#groups) group.unite(now)
    // A disk that makes no progress makes a leader step aside: its followers may have better ones.
    if (this.#writer.stalledMs(now) > limits.diskStallMs && now >= this.#stepAsideAt) {
      this.#stepAsideAt = now + limits.diskStallMs
      this.#events.warn(`The disk has not finished a write for ${limits.diskStallMs} ms.`)
      for (const replica of this.#ordered) {
        if (replica.role.role === 'leader') void replica.transfer(undefined, now)
      }
    }
  }

  #apply(): void {
    const deadline = this.clock.monotonicNow() + this.#options.limits.applyBudgetMs
    const replicas = this.#ordered
    // A cursor does nothing after the deadline; that each is the first one in turn keeps it fair.
    this.#firstCursor = (this.#firstCursor + 1) % replicas.length
    for (let i = 0; i < replicas.length; i++) {
      const replica = replicas[(this.#firstCursor + i) % replicas.length]!
      const { cursor, partition } = replica
      if (cursor.commit - cursor.applied > LAGGING_ENTRIES) this.#lagging.add(partition)
      if (cursor.applied < cursor.commit) cursor.run(deadline)
      if (cursor.runnable) this.#wake()
      if (cursor.applied === cursor.commit && this.#lagging.delete(partition)) {
        this.#events.emit('caughtUp', { partition, applied: cursor.applied })
      }
    }
  }

  // ------------------------------------------------------------------------------------------------- calls

  addLog(payload: Uint8Array, options?: AddLogOptions): AddLogResult {
    return this.#add([payload], options, false)
  }

  addLogs(payloads: readonly Uint8Array[], options?: AddLogOptions): AddLogResult {
    if (!Array.isArray(payloads) || payloads.length === 0)
      throw new MakoError('BAD_PAYLOAD', 'addLogs needs at least one payload.')
    return this.#add(payloads, options, true)
  }

  #add(payloads: readonly Uint8Array[], options: AddLogOptions | undefined, batch: boolean): AddLogResult {
    for (const payload of payloads) {
      if (!(payload instanceof Uint8Array)) {
        throw new MakoError('BAD_PAYLOAD', `A payload must be a Uint8Array, not ${describe(payload)}.`)
      }
    }
    const kind = options?.kind ?? 'data'
    // Types do not reach those who call from JavaScript: a kind that is none would be written as one that is.
    if (!PROPOSABLE.has(kind)) throw new MakoError('BAD_PAYLOAD', `Entries of kind '${kind}' cannot be proposed.`)
    const partition = options?.partition ?? this.partitions[0]!
    return this.#refusal(partition) ?? this.#replicas.get(partition)!.add(payloads, kind, options?.term, batch)
  }

  /** Why nobody answers for this partition now; undefined when its replica does. */
  #refusal(partition: number): Refusal | undefined {
    if (!this.partitions.includes(partition)) return { status: 'REJECTED', reason: 'unknown-partition' }
    switch (this.#state) {
      case 'new':
      case 'starting':
        return { status: 'BUSY', reason: 'recovering', retryAfterMs: this.#options.limits.retryAfterMs }
      case 'faulted':
        return { status: 'REJECTED', reason: 'faulted' }
      case 'stopping':
      case 'stopped':
        return { status: 'REJECTED', reason: 'stopped' }
      case 'running':
        return undefined
    }
  }

  async outcomeOf(token: OutcomeToken): Promise<Outcome> {
    const replica = this.#replicas.get(token.partition)
    if (replica === undefined || this.#state !== 'running') return { status: 'UNKNOWN', token }
    return await replica.outcomeOf(token)
  }

  async readBarrier(partition: number = this.partitions[0]!, options: WaitOptions = {}): Promise<ReadBarrierResult> {
    const refusal = this.#refusal(partition)
    if (refusal !== undefined) return refusal
    return await this.#replicas.get(partition)!.readBarrier(options, this.clock.monotonicNow())
  }

  isLeader(partition: number = this.partitions[0]!): boolean {
    return this.#replicas.get(partition)?.isLeader ?? false
  }

  leaderHint(partition: number = this.partitions[0]!): LeaderHint | undefined {
    return this.#replicas.get(partition)?.leaderHint
  }

  outstanding(partition: number = this.partitions[0]!): number {
    return this.#replicas.get(partition)?.outstanding ?? 0
  }

  async read(partition: number, from: number, maxBytes: number): Promise<{ entries: Entry[]; next: number }> {
    const replica = this.#replicas.get(partition)
    if (!this.partitions.includes(partition)) {
      throw new MakoError('BAD_OPTION', `Partition ${partition} is not hosted here.`)
    }
    if (replica === undefined) throw new MakoError('BAD_STATE', 'There is nothing to read before start.')
    return await replica.read(Math.max(1, from), maxBytes)
  }

  async transferLeadership(partition: number, to?: NodeId): Promise<TransferResult> {
    const first = this.#replicas.get(partition)
    if (first?.role.role !== 'leader' || !first.isAlive || this.#state !== 'running') {
      return { status: 'NOT_LEADER', leaderHint: this.leaderHint(partition) }
    }
    // What is led together moves together.
    const group = this.#options.leadTogether.find((each) => each.includes(partition)) ?? [partition]
    const led = group.map((each) => this.#replicas.get(each)!).filter(({ role }) => role.role === 'leader')
    const target = to ?? furthestPeer(first, this.#options.protocol.electionTimeoutMs)
    const now = this.clock.monotonicNow()
    const done = await Promise.all(led.map((replica) => replica.transfer(target, now)))
    return { status: done.every(Boolean) ? 'DONE' : 'ABORTED' }
  }

  resume(partition: number): void {
    this.#replicas.get(partition)?.cursor.resume()
  }

  drain(options: WaitOptions = {}): Promise<void> {
    return this.#drains.wait(options)
  }

  #drainState(): DrainState {
    if (this.#state !== 'running') {
      return { status: 'NEVER', error: new MakoError('BAD_STATE', 'The engine has stopped before it was drained.') }
    }
    const open = this.#ordered.filter((replica) => !replica.settled)
    const fault = open.find((replica) => replica.fault !== undefined)?.fault
    if (fault !== undefined) return { status: 'NEVER', error: fault }
    return { status: open.length === 0 ? 'DONE' : 'WAIT' }
  }

  status(): EngineStatus {
    const { log, transport } = this.#options
    return {
      nodeId: this.nodeId,
      state: this.#state,
      incarnation: this.#incarnation,
      partitions: this.#ordered.map((replica) => replica.status()),
      log: log.stats(),
      transport: transport.stats(),
      inbox: { dropped: this.#inbox.dropped, refused: this.#inbox.refused },
    }
  }

  on<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this {
    this.#events.on(event, listener)
    return this
  }

  off<E extends keyof EngineEvents>(event: E, listener: EngineEvents[E]): this {
    this.#events.off(event, listener)
    return this
  }

  // ------------------------------------------------------------------------------------------------ details

  #hintOf(leader: NodeId | undefined, term: number): LeaderHint | undefined {
    const address = leader === undefined ? undefined : this.#addresses.get(leader)
    return leader === undefined || address === undefined ? undefined : { nodeId: leader, address, term }
  }

  #refuse(message: string): void {
    this.#inbox.refused++
    this.#events.warn(message)
  }
}

/** Of the peers that were heard from in this time, the one whose log is furthest along. */
function furthestPeer<Message>(replica: Replica<Message>, withinMs: number): NodeId | undefined {
  let best: { readonly id: NodeId; readonly match: number } | undefined
  for (const peer of replica.peers()) {
    if (peer.silentMs !== undefined && peer.silentMs < withinMs && (best === undefined || peer.match > best.match))
      best = peer
  }
  return best?.id
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
}
