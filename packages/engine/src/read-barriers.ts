// Reads that see everything that was committed before they began, without an entry in the log: ReadIndex (Raft thesis 6.4),
// as a part of any core whose protocol has a leader and rounds of heartbeats.
//
// Always true: whoever began to read is answered with an index that is committed, at or above all that was committed
// anywhere before. The leader takes that index when it opens a round, which is after all its readers began, and answers when
// a majority has answered that round, or a later one, in its term: then no later term could commit anything before the
// round was opened. A new leader opens none before it knows what earlier terms have committed.
// Rounds are numbered within a term, so one that comes twice or late never counts for a newer one. Other nodes ask by ids
// that no other life of theirs uses, so an old answer never counts for a newer question. Every request is answered once.

import type { BarrierAnswer } from './core.ts'
import type { NodeId } from './entry.ts'
import type { Random } from './ports.ts'

export interface ReadBarriersOptions {
  /** How many nodes are a majority. */
  readonly quorum: number
  readonly random: Random
  /** A question that was not answered for so long is asked again. */
  readonly askAgainMs: number
}

/** What a core knows when its output is taken. */
export interface BarrierView {
  readonly now: number
  readonly term: number
  /** Whom this node knows as the leader of its term; perhaps itself. */
  readonly leader: NodeId | undefined
  readonly isLeading: boolean
  /** While it leads: its commit, when all that was committed before now in any term is at or below; else undefined. */
  readonly index: number | undefined
}

/** An answer to another node. */
export interface BarrierReply {
  readonly to: NodeId
  readonly id: number
  /** Undefined: this node does not lead, or no longer. */
  readonly index: number | undefined
}

/** What is to be done in this turn. */
export interface BarrierActions {
  /** All voters are to be told of the new round, at once. */
  readonly isNewRound: boolean
  /** Ids to ask the leader with. */
  readonly questions: readonly number[]
  readonly replies: readonly BarrierReply[]
  readonly answers: readonly BarrierAnswer[]
}

interface Asker {
  readonly node: NodeId
  readonly id: number
}

interface Round {
  readonly number: number
  readonly index: number
  readonly requests: readonly number[]
  readonly askers: readonly Asker[]
}

interface Question {
  readonly request: number
  askedAt: number
}

/** Questions of other nodes that wait here; further ones are dropped, and asked again. */
const MAX_ASKERS = 4096

/** Ids of one life: they begin at a random multiple of this, below 2^52, and so are exact in a double. */
const IDS_OF_A_LIFE = 2 ** 20

export class ReadBarriers {
  readonly #options: ReadBarriersOptions
  /** Requests and questions that came since the last turn. */
  #requests: number[] = []
  #askers: Asker[] = []
  /** Of the leader: rounds that are not yet confirmed, the oldest first, and how many askers are in them. */
  #rounds: Round[] = []
  #waitingAskers = 0
  #round = 0
  readonly #heard = new Map<NodeId, number>()
  /** Of the others: what the leader was asked, by id. */
  readonly #questions = new Map<number, Question>()
  #lastId: number | undefined
  /** Whose answers are awaited. */
  #term = 0
  #leader: NodeId | undefined
  #isLeading = false

  constructor(options: ReadBarriersOptions) {
    this.#options = options
  }

  /** The newest round of this term, which every heartbeat of a leader bears; 0 before the first. */
  get round(): number {
    return this.#round
  }

  /** A reader of this node begins. */
  ask(request: number): void {
    this.#requests.push(request)
  }

  /** Another node asks. */
  askedBy(node: NodeId, id: number): void {
    if (this.#waitingAskers >= MAX_ASKERS) return
    this.#waitingAskers++
    this.#askers.push({ node, id })
  }

  /** A voter has answered a heartbeat of this round, in the term that this node leads. */
  heard(voter: NodeId, round: number): void {
    // What was never asked is no answer.
    if (round <= this.#round && round > (this.#heard.get(voter) ?? 0)) this.#heard.set(voter, round)
  }

  /** The leader has answered a question; undefined when it is not open (any more). */
  answered(id: number, index: number | undefined): BarrierAnswer | undefined {
    const question = this.#questions.get(id)
    if (question === undefined) return undefined
    this.#questions.delete(id)
    return { request: question.request, index }
  }

  /** Once a turn, when the output is taken; undefined when there is nothing to do, as nearly always. */
  turn(view: BarrierView): BarrierActions | undefined {
    const { term, leader, isLeading, index } = view
    const isChanged = term !== this.#term || leader !== this.#leader || isLeading !== this.#isLeading
    const isIdle = this.#requests.length + this.#askers.length + this.#rounds.length + this.#questions.size === 0
    if (isIdle && !isChanged) return undefined
    const actions = {
      isNewRound: false,
      questions: [] as number[],
      replies: [] as BarrierReply[],
      answers: [] as BarrierAnswer[],
    }
    if (isChanged) {
      this.#giveUp(actions)
      this.#term = term
      this.#leader = leader
      this.#isLeading = isLeading
    }
    if (isLeading) {
      if (index !== undefined) actions.isNewRound = this.#open(index)
      this.#confirm(actions)
    } else {
      for (const { node, id } of this.#takeAskers()) actions.replies.push({ to: node, id, index: undefined })
      this.#forward(view, actions)
    }
    return actions
  }

  /** Whoever was to answer does not lead any more, in this term. */
  #giveUp({ answers, replies }: { answers: BarrierAnswer[]; replies: BarrierReply[] }): void {
    for (const { requests, askers } of this.#rounds) {
      for (const request of requests) answers.push({ request, index: undefined })
      for (const { node, id } of askers) replies.push({ to: node, id, index: undefined })
      this.#waitingAskers -= askers.length
    }
    for (const { request } of this.#questions.values()) answers.push({ request, index: undefined })
    this.#rounds = []
    this.#round = 0
    this.#heard.clear()
    this.#questions.clear()
  }

  /** All who came since the last turn share one round. */
  #open(index: number): boolean {
    if (this.#requests.length + this.#askers.length === 0) return false
    const requests = this.#requests
    this.#requests = []
    const askers = this.#askers
    this.#askers = []
    this.#rounds.push({ number: ++this.#round, index, requests, askers })
    return true
  }

  #confirm({ answers, replies }: { answers: BarrierAnswer[]; replies: BarrierReply[] }): void {
    const heard = [...this.#heard.values(), this.#round].sort((a, b) => b - a)
    const confirmed = heard[this.#options.quorum - 1] ?? 0
    while (this.#rounds.length > 0 && this.#rounds[0]!.number <= confirmed) {
      const { index, requests, askers } = this.#rounds.shift()!
      for (const request of requests) answers.push({ request, index })
      for (const { node, id } of askers) replies.push({ to: node, id, index })
      this.#waitingAskers -= askers.length
    }
  }

  /** Asks the leader; once more when it has not answered for a while, because messages get lost. */
  #forward(
    { leader, now }: BarrierView,
    { answers, questions }: { answers: BarrierAnswer[]; questions: number[] },
  ): void {
    const requests = this.#requests
    this.#requests = []
    if (leader === undefined) {
      for (const request of requests) answers.push({ request, index: undefined })
      return
    }
    for (const [id, question] of this.#questions) {
      if (now - question.askedAt < this.#options.askAgainMs) continue
      question.askedAt = now
      questions.push(id)
    }
    for (const request of requests) {
      // Drawn when it is first needed. The ids of another life are elsewhere in a wide range.
      this.#lastId ??= this.#options.random.u32() * IDS_OF_A_LIFE
      this.#questions.set(++this.#lastId, { request, askedAt: now })
      questions.push(this.#lastId)
    }
  }

  #takeAskers(): readonly Asker[] {
    const askers = this.#askers
    this.#askers = []
    this.#waitingAskers -= askers.length
    return askers
  }
}
