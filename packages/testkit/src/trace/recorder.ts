// Records what happens in a cluster: at the seam between protocol and runtime, at the engines, and to the world.
//
// Always true: recording changes nothing; a history is the same with and without it. What is kept is bounded: the newest
// events, by default. Events are kept as they are and described when the trace is asked for, so recording is cheap
// and a cluster without a recorder pays nothing.

import type {
  AddLogResult,
  ApplyCallback,
  Core,
  CoreOptions,
  Input,
  NodeId,
  Output,
  Protocol,
  ReplicationEngine,
} from '@mako/engine'
import type { Json, Trace, TraceEvent, WorldEvent } from './event.ts'
import { describe } from './json.ts'

/** Events that are kept unless told otherwise: the last second or two of a storm. */
const DEFAULT_LIMIT = 10_000

export interface TraceRecorderOptions {
  /** How many events are kept, the newest ones. `Number.POSITIVE_INFINITY` keeps all. @default 10,000 */
  readonly limit?: number
  /** What a hard state says. @default its bytes in hexadecimal digits */
  readonly describeState?: (state: Uint8Array) => Json
}

/** An event whose values are still what the protocol put out. */
type RawEvent = Readonly<Record<string, unknown>> & { readonly type: string }

/** One life of one node. */
interface Life {
  ended: boolean
}

export class TraceRecorder {
  readonly #limit: number
  readonly #describeState: (state: Uint8Array) => Json
  readonly #lives = new Map<NodeId, Life>()
  #nodes: readonly NodeId[] = []
  #nowMs: () => number = () => 0
  #events: RawEvent[] = []
  /** Events ever seen; the place of the next one in the ring. */
  #seen = 0

  constructor(options: TraceRecorderOptions = {}) {
    this.#limit = options.limit ?? DEFAULT_LIMIT
    if (!(this.#limit >= 1)) throw new RangeError('A trace of less than one event is none.')
    this.#describeState = options.describeState ?? describe
  }

  /** Names the nodes and where the time comes from. A cluster calls it; so must whoever observes protocols alone. */
  begin(nodes: readonly NodeId[], nowMs: () => number): void {
    this.#nodes = nodes
    this.#nowMs = nowMs
  }

  /** What was recorded, oldest first. */
  trace(): Trace {
    const first = this.#seen % this.#limit
    const isFull = this.#seen > this.#limit
    const ring = isFull ? [...this.#events.slice(first), ...this.#events.slice(0, first)] : this.#events
    const events = ring.map((event) => this.#describe(event))
    return { nodes: this.#nodes, dropped: this.#seen - ring.length, events }
  }

  /** Something was done to the world. */
  note(event: WorldEvent): void {
    if (event.type === 'crash') {
      // What a dead process still does in its turn has no effect and is not told.
      const life = this.#lives.get(event.node)
      if (life !== undefined) life.ended = true
    }
    this.#keep({ at: this.#nowMs(), ...event })
  }

  /** The same protocol, recorded; for one life of a node. */
  observe<Message>(node: NodeId, protocol: Protocol<Message>): Protocol<Message> {
    const life: Life = { ended: false }
    this.#lives.set(node, life)
    return {
      name: protocol.name,
      tickMs: protocol.tickMs,
      electionTimeoutMs: protocol.electionTimeoutMs,
      warnings: protocol.warnings,
      createCore: (options) => this.#observeCore(node, life, options, protocol.createCore(options)),
      encode: (message) => protocol.encode(message),
      decode: (bytes) => protocol.decode(bytes),
    }
  }

  /** Records what an engine answers and applies. Before callbacks are registered. */
  observeEngine(node: NodeId, engine: ReplicationEngine): void {
    const life = this.#lives.get(node)
    const answered = (partition: number | undefined, count: number, result: AddLogResult): AddLogResult => {
      if (life?.ended === true) return result
      const at = this.#nowMs()
      const { status } = result
      const of = partition ?? engine.partitions[0]
      // The outcome is made on first use, and this must not be the first use.
      const details =
        result.status === 'SUCCESS'
          ? { index: result.index, term: result.term }
          : { reason: 'reason' in result ? result.reason : undefined }
      this.#keep({ at, node, partition: of, type: 'answer', status, count, ...details })
      return result
    }
    const addLog = engine.addLog.bind(engine)
    const addLogs = engine.addLogs.bind(engine)
    const onApply = engine.onApply.bind(engine)
    engine.addLog = (payload, options) => answered(options?.partition, 1, addLog(payload, options))
    engine.addLogs = (payloads, options) => answered(options?.partition, payloads.length, addLogs(payloads, options))
    engine.onApply = (callbacks, partition) => {
      const watched =
        (by: 'leader' | 'follower', callback: ApplyCallback): ApplyCallback =>
        (entry) => {
          const { index, term, kind } = entry
          if (life?.ended !== true) {
            this.#keep({ at: this.#nowMs(), node, partition: entry.partition, type: 'apply', index, term, kind, by })
          }
          return callback(entry)
        }
      const { leader, follower } = callbacks
      onApply({ leader: watched('leader', leader), follower: watched('follower', follower) }, partition)
    }
  }

  #observeCore<Message>(node: NodeId, life: Life, options: CoreOptions, core: Core<Message>): Core<Message> {
    const { partition, incarnation, members, recovered } = options
    const keep = (type: string, details: Readonly<Record<string, unknown>> = {}): void => {
      if (!life.ended) this.#keep({ at: this.#nowMs(), node, partition, type, ...details })
    }
    const { state, blocks } = recovered
    keep('start', { incarnation, members, state: state ?? null, blocks })
    let { commit } = core.status()
    // Most ticks change nothing, and there are very many.
    let ticked = false
    return {
      step: (input) => {
        if (input.type === 'tick') ticked = true
        else keepInput(keep, input)
        core.step(input)
      },
      admit: () => core.admit(),
      propose: (block) => {
        keep('propose', { block })
        core.propose(block)
      },
      takeOutput: () => {
        const output = core.takeOutput()
        const { writes, messages, reads, roles, transfers, barriers } = output
        const lists = [writes, messages, reads, roles, transfers, barriers]
        const count = lists.reduce((sum, list) => sum + list.length, 0)
        if (ticked && (count > 0 || output.commit !== commit)) keep('tick')
        ticked = false
        keepOutput(keep, output, commit)
        commit = output.commit
        return output
      },
      blockAt: (index) => core.blockAt(index),
      status: () => core.status(),
    }
  }

  #keep(event: RawEvent): void {
    if (this.#events.length < this.#limit) this.#events.push(event)
    else this.#events[this.#seen % this.#limit] = event
    this.#seen++
  }

  #describe(event: RawEvent): TraceEvent {
    const { state } = event
    const described = state instanceof Uint8Array ? { ...event, state: this.#describeState(state) } : event
    return describe(described) as unknown as TraceEvent
  }
}

type Keep = (type: string, details?: Readonly<Record<string, unknown>>) => void

function keepInput<Message>(keep: Keep, input: Input<Message>): void {
  switch (input.type) {
    case 'tick':
      return
    case 'message':
      keep('deliver', { from: input.from, message: input.message })
      return
    case 'durable':
      keep('durable', { write: input.write })
      return
    case 'read':
      keep('read-done', { request: input.request, blocks: input.blocks })
      return
    case 'peer-died':
      keep('peer-died', { peer: input.peer })
      return
    case 'campaign':
      keep('campaign')
      return
    case 'transfer':
      keep('hand-over', { to: input.to ?? null })
      return
    case 'read-barrier':
      keep('reader', { request: input.request })
      return
    case 'release':
      keep('release', { index: input.index })
      return
  }
}

function keepOutput<Message>(keep: Keep, output: Output<Message>, commit: number): void {
  for (const { number, write } of output.writes) {
    if (write.type === 'block') {
      keep('write', { write: number, what: 'block', block: write.block, truncate: write.truncate })
    } else keep('write', { write: number, what: 'state', state: write.state })
  }
  for (const { role, term, leader } of output.roles) keep('role', { role, term, leader: leader ?? null })
  for (const { to, message, after } of output.messages) keep('send', { to, message, after })
  for (const { request, from } of output.reads) keep('read', { request, from })
  for (const result of output.transfers) keep('transfer', { result })
  for (const { request, index } of output.barriers) keep('reader-answer', { request, index: index ?? null })
  if (output.commit !== commit) keep('commit', { index: output.commit })
}
