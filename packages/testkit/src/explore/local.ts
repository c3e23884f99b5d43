// One node at a time: what a core does with an input, found out once and remembered.
//
// Always true: a core cannot be copied, but it is a function of its inputs. So a local state is the inputs of one life
// over what the disk had at its beginning; the core is built again and the inputs repeated whenever a new input is to be
// tried. Local states whose fingerprints are equal are the same state, and the shorter history stands for both. There
// are few local states and very many ways to combine them, so almost every step of a search is one look-up.

import {
  encodeBlock,
  lastIndexOf,
  restamp,
  type Block,
  type Core,
  type CoreWrite,
  type Input,
  type NodeId,
  type Output,
  type Protocol,
  type RecoveredPartition,
  type Role,
} from '@mako/engine'
import { combine, hashBytes } from '../laws/hash.ts'

/** What may happen to one node. Delivery is by the number of the message. */
export type Action =
  | { readonly type: 'deliver'; readonly message: number }
  /** The oldest write that is on its way is durable. */
  | { readonly type: 'durable' }
  /** Every timer of this node has expired: a leader sends heartbeats, all others start an election. */
  | { readonly type: 'timeout' }
  | { readonly type: 'propose'; readonly value: number }
  /** The process ends, so many of the writes that were on their way are kept, and a new one begins. */
  | { readonly type: 'crash'; readonly kept: number }

export interface SentMessage<Message> {
  readonly id: number
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

/** A log, interned: equal logs are the same object. */
export interface SharedLog {
  readonly id: number
  /**
   * By index, from 1: a number that stands for the entry and its term; for the entry alone when each index is decided by
   * itself. A hole is 0.
   */
  readonly entries: readonly number[]
  /** By index: the term in which the entry was accepted. A hole is 0. */
  readonly terms: readonly number[]
}

interface Held {
  readonly message: number
  readonly after: number
}

/** A state of one node, its disk included. */
export interface LocalState {
  readonly id: number
  readonly node: number
  readonly role: Role
  readonly term: number
  readonly commit: number
  readonly canPropose: boolean
  /** The log as the core has it, and what of it is on the disk. */
  readonly log: SharedLog
  readonly disk: SharedLog
  /** Writes that are on their way to the disk. */
  readonly pending: readonly CoreWrite[]
  /** Messages that wait for one of them. */
  readonly held: readonly Held[]
  readonly incarnation: number
  readonly recovered: RecoveredPartition & { readonly blocks: readonly Block[] }
  readonly stored: { readonly state: Uint8Array | undefined; readonly blocks: readonly Block[] }
  readonly steps: readonly Step[]
}

/** An action, when (a life begins at 0), and what was then read back from the disk. */
interface Step {
  readonly action: Action
  readonly now: number
  readonly reads: { readonly request: number; readonly blocks: readonly Block[] }[]
}

export interface Transition {
  readonly next: LocalState
  /** Messages that leave. */
  readonly sent: readonly number[]
}

export interface LocalOptions<Message> {
  readonly protocol: Protocol<Message>
  readonly members: readonly NodeId[]
  readonly fingerprint: (core: Core<Message>) => string
  readonly byIndex: boolean
  readonly ageMs: number
  readonly ages: (message: Message) => boolean
}

const LIMITS = { inflightEntries: 1024, inflightBytes: 1 << 20, messageBytes: 1 << 20, tailBytes: 1 << 30 } as const

/** The term that is given to copies of a block, so that the same value has the same bytes whenever it was accepted. */
const ANY_TERM = Number.MAX_SAFE_INTEGER

export class LocalStates<Message> {
  readonly #options: LocalOptions<Message>
  readonly #states = new Map<string, LocalState>()
  readonly #transitions: Map<number, Transition>[] = []
  readonly #messages: SentMessage<Message>[] = []
  readonly #messageIds = new Map<string, number>()
  readonly #logs = new Map<string, SharedLog>()
  /** How often an input was tried on a core, and how many inputs were repeated for it. */
  readonly counters = { tried: 0, repeated: 0 }

  constructor(options: LocalOptions<Message>) {
    this.#options = options
  }

  /** How many local states there are, and how many different messages. */
  get size(): { readonly states: number; readonly messages: number } {
    return { states: this.#states.size, messages: this.#messages.length }
  }

  message(id: number): SentMessage<Message> {
    return this.#messages[id]!
  }

  /** A node that has never run. */
  initial(node: number): LocalState {
    return this.#begin(node, 1, { state: undefined, blocks: [] })
  }

  /** What a node does next; undefined when the action does not apply to it. Throws what the core throws. */
  next(state: LocalState, action: Action): Transition {
    const known = (this.#transitions[state.id] ??= new Map())
    const code = codeOf(action)
    let transition = known.get(code)
    if (transition === undefined) {
      transition = this.#find(state, action)
      known.set(code, transition)
    }
    return transition
  }

  #find(state: LocalState, action: Action): Transition {
    if (action.type === 'crash') {
      const stored = action.kept === 0 ? state.stored : storeAll(state.stored, state.pending.slice(0, action.kept))
      return { next: this.#begin(state.node, state.incarnation + 1, stored), sent: [] }
    }
    const core = this.#repeat(state)
    this.counters.tried++
    const before = state.steps.at(-1)?.now ?? 0
    const step: Step = { action, now: this.#isAged(action) ? before + this.#options.ageMs : before, reads: [] }
    this.#step(core, state, state.steps.length, step)
    const output = this.#output(core, state, step)
    const first = action.type === 'durable' ? state.pending.slice(0, 1) : []
    const pending = [...state.pending.slice(first.length), ...output.writes]
    const stored = storeAll(state.stored, first)
    const durable = (pending[0]?.number ?? Number.POSITIVE_INFINITY) - 1
    const from = this.#options.members[state.node]!
    // A message that waits for two writes leaves with the first: saying it again says nothing.
    const waits = new Map(state.held.map(({ message, after }) => [message, after]))
    for (const { to, message, after } of output.messages) {
      const id = this.#intern(from, to, message)
      waits.set(id, Math.min(after, waits.get(id) ?? after))
    }
    const held = [...waits].sort(([a], [b]) => a - b).map(([message, after]): Held => ({ message, after }))
    const sent = held.filter(({ after }) => after <= durable).map(({ message }) => message)
    const waiting = held.filter(({ after }) => after > durable)
    const { node, incarnation, recovered } = state
    const steps = [...state.steps, step]
    const next = this.#share(
      { node, incarnation, recovered, stored, pending, held: waiting, steps, commit: output.commit },
      core,
    )
    return { next, sent }
  }

  /** A core that has taken in all inputs of this state. */
  #repeat(state: LocalState): Core<Message> {
    const core = this.#create(state.node, state.incarnation, state.recovered)
    for (const [at, step] of state.steps.entries()) {
      this.#step(core, state, at, step)
      core.takeOutput()
      for (const { request, blocks } of step.reads) {
        core.step({ type: 'read', now: step.now, request, blocks })
        core.takeOutput()
      }
    }
    this.counters.repeated += state.steps.length
    return core
  }

  /** What came of a step; what the core wants to read is read at once. */
  #output(core: Core<Message>, state: LocalState, step: Step): Output<Message> {
    let output = core.takeOutput()
    while (output.reads.length > 0) {
      for (const { request, from } of output.reads) {
        const at = state.stored.blocks.findIndex((block) => lastIndexOf(block) >= from)
        const blocks = at < 0 ? [] : state.stored.blocks.slice(at)
        step.reads.push({ request, blocks })
        core.step({ type: 'read', now: step.now, request, blocks })
        const more = core.takeOutput()
        const { writes, messages } = output
        output = { ...more, writes: [...writes, ...more.writes], messages: [...messages, ...more.messages] }
      }
    }
    return output
  }

  /** Time passes where a timer would forbid or hide something. */
  #isAged(action: Action): boolean {
    if (action.type === 'timeout') return true
    return action.type === 'deliver' && this.#options.ages(this.#messages[action.message]!.message)
  }

  #create(node: number, incarnation: number, recovered: RecoveredPartition): Core<Message> {
    const { protocol, members } = this.#options
    return protocol.createCore({
      partition: 0,
      nodeId: members[node]!,
      members,
      incarnation,
      recovered,
      random: { u32: () => 0 },
      limits: LIMITS,
      now: 0,
    })
  }

  #step(core: Core<Message>, state: LocalState, at: number, { action, now }: Step): void {
    switch (action.type) {
      case 'deliver': {
        const { from, message } = this.#messages[action.message]!
        core.step({ type: 'message', now, from, message })
        return
      }
      case 'durable': {
        // Writes are numbered from 1 in each life, and become durable one by one.
        const write = state.steps.slice(0, at).filter((step) => step.action.type === 'durable').length + 1
        core.step({ type: 'durable', now, write })
        return
      }
      case 'timeout': {
        // The first tick after a long time only says that there was one.
        const tick: Input<Message> = { type: 'tick', now }
        core.step(tick)
        core.step(tick)
        return
      }
      case 'propose': {
        const admission = core.admit()
        if (admission.status !== 'LEADER') throw new Error('Only a leader is given proposals.')
        const origin = { node: this.#options.members[state.node]!, incarnation: state.incarnation, sequence: 1 }
        const { nextIndex, term } = admission
        const entry = { kind: 'data', payload: Uint8Array.of(action.value) } as const
        core.propose(encodeBlock({ index: nextIndex, term }, origin, [entry]))
        return
      }
      case 'crash':
        throw new Error('A crash ends a life.')
    }
  }

  #begin(node: number, incarnation: number, stored: LocalState['stored']): LocalState {
    const core = this.#create(node, incarnation, stored)
    const output = core.takeOutput()
    const { writes, messages } = output
    if (writes.length + messages.length > 0) throw new Error('A core that was only just made wants something.')
    const nothing = { pending: [], held: [], steps: [], commit: output.commit }
    return this.#share({ node, incarnation, recovered: stored, stored, ...nothing }, core)
  }

  /** The state that these facts describe, with its shortest history. */
  #share(
    facts: Pick<LocalState, 'node' | 'incarnation' | 'recovered' | 'stored' | 'pending' | 'held' | 'steps' | 'commit'>,
    core: Core<Message>,
  ): LocalState {
    const { node, incarnation, stored, pending, held } = facts
    const durable = (pending[0]?.number ?? 1) - 1
    const { role, term } = core.status()
    const shared = this.#log(this.#heldBy(core, stored, pending))
    const disk = this.#log(stored.blocks)
    const key = [
      node,
      incarnation,
      this.#options.fingerprint(core),
      facts.commit,
      shared.id,
      disk.id,
      textOf(stored.state ?? null),
      pending.map(({ write }) => (write.type === 'state' ? textOf(write.state) : textOf(write))).join(','),
      held.map(({ message, after }) => `${message}+${after - durable}`).join(','),
    ].join('|')
    let state = this.#states.get(key)
    if (state === undefined) {
      const canPropose = core.admit().status === 'LEADER'
      state = { ...facts, id: this.#states.size, role, term, canPropose, log: shared, disk }
      this.#states.set(key, state)
    }
    return state
  }

  #intern(from: NodeId, to: NodeId, message: Message): number {
    const key = `${from}>${to}:${textOf(message)}`
    let id = this.#messageIds.get(key)
    if (id === undefined) {
      id = this.#messages.length
      this.#messages.push({ id, from, to, message })
      this.#messageIds.set(key, id)
    }
    return id
  }

  /** What a core has accepted, durable or not. */
  #heldBy(core: Core<Message>, stored: LocalState['stored'], pending: readonly CoreWrite[]): readonly Block[] {
    // A core tells only of what has no hole before it. What it has accepted, it has written.
    if (this.#options.byIndex) return storeAll(stored, pending).blocks
    const log: Block[] = []
    const { lastIndex } = core.status()
    for (let index = 1; index <= lastIndex; index = lastIndexOf(log.at(-1)!) + 1) {
      const block = core.blockAt(index) ?? stored.blocks.find((each) => each.index === index)
      if (block === undefined) throw new Error(`There is no block at ${index}.`)
      log.push(block)
    }
    return log
  }

  #log(blocks: readonly Block[]): SharedLog {
    const { byIndex } = this.#options
    const entries: number[] = []
    const terms: number[] = []
    for (const block of blocks) {
      while (entries.length < block.index - 1) {
        entries.push(0)
        terms.push(0)
      }
      const value = hashBytes(byIndex ? restamp(block, ANY_TERM).bytes : block.bytes)
      for (let i = 0; i < block.count; i++) {
        const entry = combine(value, i)
        entries.push(byIndex ? entry : combine(entry, block.term))
        terms.push(block.term)
      }
    }
    const key = `${entries.join(',')}@${terms.join(',')}`
    let log = this.#logs.get(key)
    if (log === undefined) {
      log = { id: this.#logs.size, entries, terms }
      this.#logs.set(key, log)
    }
    return log
  }
}

/** One number for each action; messages come last. */
export function codeOf(action: Action): number {
  switch (action.type) {
    case 'durable':
      return 0
    case 'timeout':
      return 1
    case 'propose':
      return 2 + action.value
    case 'crash':
      return 32 + action.kept
    case 'deliver':
      return 64 + action.message
  }
}

export function actionOf(code: number): Action {
  if (code === 0) return { type: 'durable' }
  if (code === 1) return { type: 'timeout' }
  if (code < 32) return { type: 'propose', value: code - 2 }
  if (code < 64) return { type: 'crash', kept: code - 32 }
  return { type: 'deliver', message: code - 64 }
}

function storeAll(stored: LocalState['stored'], writes: readonly CoreWrite[]): LocalState['stored'] {
  let { state, blocks } = stored
  for (const { write } of writes) {
    if (write.type === 'state') state = write.state
    else {
      const { block, truncate } = write
      const last = lastIndexOf(block)
      const kept = blocks.filter((each) => lastIndexOf(each) < block.index || (!truncate && each.index > last))
      blocks = [...kept, block].sort((a, b) => a.index - b.index)
    }
  }
  return { state, blocks }
}

/** Plain data as text; bytes by their hash. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (field instanceof Uint8Array ? `#${hashBytes(field)}` : field))
}
