// Exhaustive search in a small scope: everything that can happen to a few nodes, in every order.
//
// Always true: the search is breadth first, so what it finds is a shortest way there. The network is the set of all
// messages that were ever sent: each may arrive at any time, again, late, or never, which is loss, repetition and
// reordering in one. Timers forbid nothing: to each node every input comes an age after the last one. A state is
// counted once; two that differ are taken for one with a probability of about n^2 / 2^54 (their hash has 53 bits).

import type { Core, NodeId, Protocol, Role } from '@mako/engine'
import { combine } from '../laws/hash.ts'
import { actionOf, codeOf, LocalStates, type Action, type LocalState, type Transition } from './local.ts'
import { Rules, type Ledger } from './rules.ts'

/** How much may happen, over all nodes. */
export interface ExploreBounds {
  /** How often the timers of a node that does not lead expire. */
  readonly elections: number
  /** How often a leader sends heartbeats. */
  readonly heartbeats: number
  readonly proposals: number
  /** Crashes, each followed by a restart; so many of the writes on their way as you like are kept. */
  readonly crashes: number
  /** How often a message arrives and may arrive again. */
  readonly duplicates: number
  /** How often something else happens before what a node has just put out is durable. */
  readonly slowWrites: number
  /** No election starts in a node of this term or above. @default no bound */
  readonly terms?: number
  /** So many nodes, the first ones, hold elections; the others only answer. @default all of them */
  readonly candidates?: number
}

export interface ExploreOptions<Message> {
  readonly protocol: Protocol<Message>
  readonly bounds: ExploreBounds
  /** @default 3 */
  readonly nodes?: number
  /**
   * Everything in a core that may decide what it does later and cannot be seen in its log, its writes and its messages.
   * Cores with equal fingerprints are taken for equal: what this leaves out is not searched.
   */
  readonly fingerprint: (core: Core<Message>) => string
  /** Longer than any timeout of the protocol, in milliseconds. */
  readonly ageMs: number
  /**
   * Messages before which so much time passes at their receiver, because a timer would forbid what they ask for. Before
   * all others no time passes.
   */
  readonly ages: (message: Message) => boolean
  /**
   * True for a message that can never again have an effect on a receiver that is in this role, and for ever in this
   * term or a later one. It is forgotten, so that states that differ only in such messages are one; first it is tried
   * that nothing comes of it there and then.
   */
  readonly isOver: (message: Message, receiver: { readonly role: Role; readonly term: number }) => boolean
  /**
   * True for a protocol that decides each index by itself, like Paxos: a log may have holes, and an accepted value may be
   * accepted again in a later term. @default false
   */
  readonly byIndex?: boolean
  /** The search ends when it has found so many states. @default no bound */
  readonly maxStates?: number
}

export interface Exploration {
  readonly status: 'exhausted' | 'bounded' | 'violation'
  /** Different states of the whole cluster, and steps between them that were looked at. */
  readonly states: number
  readonly steps: number
  /** Steps from the beginning to the furthest state. */
  readonly depth: number
  /** Different states of single nodes, and different messages. */
  readonly localStates: number
  readonly messages: number
  readonly violation: { readonly what: string; readonly steps: readonly string[] } | undefined
}

/** Left of each bound; the place in the array is the meaning. */
const ELECTIONS = 0
const HEARTBEATS = 1
const PROPOSALS = 2
const CRASHES = 3
const DUPLICATES = 4
const SLOW_WRITES = 5

interface State {
  readonly nodes: readonly LocalState[]
  /** Numbers of the messages that may still arrive, ascending. */
  readonly flying: readonly number[]
  readonly left: readonly number[]
  readonly ledger: Ledger
  /** Place in the list of all states. */
  readonly place: number
}

/** Searches everything within the bounds. */
export function explore<Message>(options: ExploreOptions<Message>): Exploration {
  return new Search(options).run()
}

class Search<Message> {
  readonly #options: ExploreOptions<Message>
  readonly #members: readonly NodeId[]
  readonly #locals: LocalStates<Message>
  readonly #rules: Rules
  readonly #seen = new Set<number>()
  /** For each state the one before, and the step between: node * 2^24 + action. */
  readonly #before: number[] = []
  readonly #step: number[] = []
  #next: State[] = []
  #steps = 0
  #violation: Exploration['violation']

  constructor(options: ExploreOptions<Message>) {
    this.#options = options
    this.#members = Array.from({ length: options.nodes ?? 3 }, (_, i) => String.fromCharCode(97 + i))
    const { protocol, fingerprint, ageMs, ages, byIndex = false } = options
    this.#locals = new LocalStates({ protocol, fingerprint, ageMs, ages, byIndex, members: this.#members })
    this.#rules = new Rules(this.#members.length, byIndex)
  }

  run(): Exploration {
    const { bounds, maxStates = Number.POSITIVE_INFINITY } = this.#options
    const nodes = this.#members.map((_, i) => this.#locals.initial(i))
    const left = [
      bounds.elections,
      bounds.heartbeats,
      bounds.proposals,
      bounds.crashes,
      bounds.duplicates,
      bounds.slowWrites,
    ]
    this.#add({ nodes, flying: [], left, ledger: this.#rules.first, place: 0 }, -1, 0)
    let depth = 0
    let isBounded = false
    while (this.#next.length > 0 && !isBounded) {
      const layer = this.#next
      this.#next = []
      for (const state of layer) {
        this.#expand(state)
        if (this.#violation !== undefined) return this.#result('violation', depth)
        isBounded = this.#seen.size >= maxStates
        if (isBounded) break
      }
      if (this.#next.length > 0) depth++
    }
    return this.#result(isBounded ? 'bounded' : 'exhausted', depth)
  }

  #result(status: Exploration['status'], depth: number): Exploration {
    const { states: localStates, messages } = this.#locals.size
    const { size: states } = this.#seen
    return { status, states, steps: this.#steps, depth, localStates, messages, violation: this.#violation }
  }

  #expand(state: State): void {
    const { left } = state
    for (const message of state.flying) {
      const to = this.#members.indexOf(this.#locals.message(message).to)
      const action: Action = { type: 'deliver', message }
      this.#take(
        state,
        to,
        action,
        left,
        state.flying.filter((other) => other !== message),
      )
      if (left[DUPLICATES]! > 0) this.#take(state, to, action, less(left, DUPLICATES))
    }
    for (const [node, local] of state.nodes.entries()) {
      if (local.pending.length > 0) this.#take(state, node, { type: 'durable' }, left)
      if (local.role === 'leader') {
        if (left[HEARTBEATS]! > 0) this.#take(state, node, { type: 'timeout' }, less(left, HEARTBEATS))
      } else if (this.#mayCampaign(state, node)) {
        this.#take(state, node, { type: 'timeout' }, less(left, ELECTIONS))
      }
      if (local.canPropose && left[PROPOSALS]! > 0) {
        this.#take(state, node, { type: 'propose', value: left[PROPOSALS]! }, less(left, PROPOSALS))
      }
      if (left[CRASHES]! > 0 && local.steps.length > 0) {
        for (let kept = 0; kept <= local.pending.length; kept++) {
          this.#take(state, node, { type: 'crash', kept }, less(left, CRASHES))
        }
      }
    }
  }

  #mayCampaign({ left, nodes, place }: State, node: number): boolean {
    const { terms = Number.POSITIVE_INFINITY, candidates = nodes.length } = this.#options.bounds
    // In the beginning all nodes are alike: the first election may as well be the first node's. That holds where terms
    // belong to nodes, too, if these take turns in a circle: a node that has heard of nothing may hold its election at
    // any time, so let the lowest of them be the first; and the circle may be turned until that is the first node.
    if (node >= (place === 0 ? 1 : candidates)) return false
    return left[ELECTIONS]! > 0 && nodes[node]!.term < terms
  }

  #take(
    state: State,
    node: number,
    action: Action,
    left: readonly number[],
    flying: readonly number[] = state.flying,
  ): void {
    if (this.#violation !== undefined) return
    this.#steps++
    const local = state.nodes[node]!
    try {
      const { next, sent } = this.#locals.next(local, action)
      const isWriting = next.pending.length > 0 && next.pending !== local.pending && action.type !== 'durable'
      if (!isWriting) {
        this.#reach(state, node, action, { next, sent, left, flying })
        return
      }
      if (left[SLOW_WRITES]! > 0) {
        this.#reach(state, node, action, { next, sent, left: less(left, SLOW_WRITES), flying })
      }
      const flushed = this.#flush({ next, sent })
      this.#reach(state, node, action, { ...flushed, left, flying })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.#fail(state, node, action, `core: ${text}`)
    }
  }

  /** All writes become durable at once, and those that come of it. */
  #flush({ next, sent }: Transition): Transition {
    if (next.pending.length === 0) return { next, sent }
    const later = this.#locals.next(next, { type: 'durable' })
    return this.#flush({ next: later.next, sent: [...sent, ...later.sent] })
  }

  #reach(state: State, node: number, action: Action, to: Transition & Pick<State, 'left' | 'flying'>): void {
    const { next, sent, left, flying } = to
    const local = state.nodes[node]!
    const fresh = sent.filter((message, i) => !flying.includes(message) && sent.indexOf(message) === i)
    const nodes = next === local ? state.nodes : state.nodes.with(node, next)
    const ledger = next === local ? state.ledger : this.#rules.moved(state.ledger, next)
    if (typeof ledger === 'string') {
      this.#fail(state, node, action, ledger)
      return
    }
    const all = this.#alive([...flying, ...fresh], nodes).sort((a, b) => a - b)
    const place = this.#before.length
    const added = { nodes, flying: all, left, ledger, place }
    if (!this.#add(added, state.place, node * 2 ** 24 + codeOf(action))) return
    const broken = this.#rules.broken(ledger, nodes)
    if (broken !== undefined) this.#fail(state, node, action, broken)
  }

  /** Without the messages that nothing can come of any more: that is not believed without a look. */
  #alive(messages: readonly number[], nodes: readonly LocalState[]): number[] {
    return messages.filter((id) => {
      const { to, message } = this.#locals.message(id)
      const local = nodes[this.#members.indexOf(to)]!
      const { role, term, pending } = local
      const isKept = pending.every(({ write }) => write.type === 'block')
      if (!isKept || !this.#options.isOver(message, { role, term })) return true
      const { next, sent } = this.#locals.next(local, { type: 'deliver', message: id })
      if (next === local && sent.length === 0) return false
      throw new Error(`Something comes of a message that should be over: ${JSON.stringify(message)}`)
    })
  }

  /** Remembers a state; false when it was known. */
  #add(state: State, before: number, step: number): boolean {
    let hash = combine(state.flying.length, state.ledger.id)
    for (const message of state.flying) hash = combine(hash, message)
    for (const local of state.nodes) hash = combine(hash, local.id)
    for (const each of state.left) hash = combine(hash, each)
    if (this.#seen.has(hash)) return false
    this.#seen.add(hash)
    this.#before.push(before)
    this.#step.push(step)
    this.#next.push(state)
    return true
  }

  #fail(state: State, node: number, action: Action, what: string): void {
    const steps = [this.#describe(node, action)]
    for (let place = state.place; place > 0; place = this.#before[place]!) {
      const step = this.#step[place]!
      steps.unshift(this.#describe(Math.floor(step / 2 ** 24), actionOf(step % 2 ** 24)))
    }
    this.#violation = { what, steps }
  }

  #describe(node: number, action: Action): string {
    const id = this.#members[node]!
    switch (action.type) {
      case 'deliver': {
        const { from, message } = this.#locals.message(action.message)
        const text = JSON.stringify(message, (key, value: unknown) => (key === 'bytes' ? undefined : value))
        return `${from} -> ${id}: ${text}`
      }
      case 'durable':
        return `${id}: its oldest write is durable`
      case 'timeout':
        return `${id}: its timers expire`
      case 'propose':
        return `${id}: is given proposal ${action.value}`
      case 'crash':
        return `${id}: crashes, keeps ${action.kept} writes that were on their way, and starts again`
    }
  }
}

function less(left: readonly number[], which: number): readonly number[] {
  return left.with(which, left[which]! - 1)
}
