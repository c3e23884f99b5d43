// The way of a write: from the node that took the request to the leader, through the log, and back to that node's client.
//
// Always true: a request is answered once. It is answered from the log, by the node that took it, so a lost reply of the
// leader costs nothing; it is sent again until then, which is safe because the session table executes it once. When time
// is up the answer is definite (11) only if the command never left this node's hands.

import type { Clock, NodeId, Timer } from '@mako/engine'
import { commandOf, encodeCommand, keyOf, type Command } from './machine.ts'
import { errorReply, type Body, type Json, type Reply } from './message.ts'
import { MAX_COMMAND_BYTES, type Leadership, type Replication } from './replication.ts'

/** How long a request may take before its client is told so: a little less than the five seconds a client waits. */
export const TTL_MS: number = 4_500

const MAX_PENDING = 8_192
/** Commands and characters of one `forward`. */
const BATCH_COMMANDS = 256
const BATCH_CHARACTERS = 256 * 1024
/** How often it is looked whether something is due. */
const PUMP_MS = 25
/** The wait for the leader's acknowledgement, doubled with each try. */
const ACKNOWLEDGE_MS = 400
const MAX_ACKNOWLEDGE_MS = 1_600
/** The wait for a command to be applied that a leader has accepted; a new leader is asked at once. */
const ACCEPTED_MS = 2_000
const NO_LEADER_MS = 50

export interface SubmissionsOptions {
  readonly nodeId: NodeId
  readonly clock: Clock
  readonly replication: Replication
  /** The answer of a command that was applied here already. */
  readonly answerOf: (client: string, id: number) => Reply | undefined
  readonly send: (to: NodeId, body: Reply) => boolean
}

interface Pending {
  readonly command: Command
  readonly payload: Uint8Array
  readonly answer: (reply: Reply) => void
  readonly answered: Promise<Reply>
  readonly deadline: number
  dueAt: number
  attempts: number
  /** The leadership that was asked last. */
  asked: string | undefined
  /** It may be in some log, or on its way to one. */
  isOut: boolean
}

export class Submissions {
  readonly #options: SubmissionsOptions
  readonly #pending = new Map<string, Pending>()
  /** What this node has proposed in the term in which it leads, and not yet applied: it need not be proposed again. */
  readonly #proposed = new Set<string>()
  #proposedIn = ''
  #timer: Timer
  #isDue = false
  #isStopped = false

  constructor(options: SubmissionsOptions) {
    this.#options = options
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#pending.size
  }

  /** Gets a command applied; resolves with what came of it. */
  submit(command: Command): Promise<Reply> {
    const { clock, replication, answerOf } = this.#options
    const known = answerOf(command.client, command.id)
    if (known !== undefined) return Promise.resolve(known)
    const key = keyOf(command)
    // The client has asked twice: the answer to the first is the answer to both.
    const asked = this.#pending.get(key)
    if (asked !== undefined) return asked.answered
    const payload = encodeCommand(command)
    if (payload.length > MAX_COMMAND_BYTES) {
      return Promise.resolve(errorReply('malformedRequest', `A request has at most ${MAX_COMMAND_BYTES} bytes.`))
    }
    if (this.#isStopped || this.#pending.size >= MAX_PENDING) {
      return Promise.resolve(errorReply('temporarilyUnavailable', 'Too many requests wait already.'))
    }
    replication.start()
    const now = clock.monotonicNow()
    let answer: (reply: Reply) => void = () => undefined
    const answered = new Promise<Reply>((resolve) => {
      answer = resolve
    })
    this.#pending.set(key, {
      command,
      payload,
      answer,
      answered,
      deadline: now + TTL_MS,
      dueAt: now,
      attempts: 0,
      asked: undefined,
      isOut: false,
    })
    this.#pumpSoon()
    return answered
  }

  /** A command was applied here. */
  applied(command: Command, reply: Reply): void {
    const key = keyOf(command)
    this.#proposed.delete(key)
    const pending = this.#pending.get(key)
    if (pending === undefined) return
    this.#pending.delete(key)
    pending.answer(reply)
  }

  /** Another node asks this one to propose. */
  receiveForward(from: NodeId, { commands }: Body): void {
    const accepted: Json[] = []
    const refused: Json[] = []
    let retryAfterMs = NO_LEADER_MS
    for (const value of Array.isArray(commands) ? (commands as readonly Json[]) : []) {
      const command = commandOf(value)
      if (command === undefined) continue
      const afterMs = this.#propose(command)
      if (afterMs === undefined) accepted.push([command.client, command.id])
      else {
        retryAfterMs = Math.max(retryAfterMs, afterMs)
        refused.push([command.client, command.id])
      }
    }
    this.#options.send(from, { type: 'forward_ok', accepted, refused, retry_after: retryAfterMs })
  }

  /** The node that was asked says what it has done. */
  receiveAnswer(from: NodeId, { accepted, refused, retry_after: retryAfterMs }: Body): void {
    const now = this.#options.clock.monotonicNow()
    const pause = typeof retryAfterMs === 'number' ? Math.min(Math.max(retryAfterMs, 0), ACCEPTED_MS) : NO_LEADER_MS
    for (const pending of this.#named(accepted)) {
      if (pending.asked?.startsWith(`${from} `) === true) pending.dueAt = now + ACCEPTED_MS
    }
    for (const pending of this.#named(refused)) pending.dueAt = Math.min(pending.dueAt, now + pause)
  }

  stop(): void {
    this.#isStopped = true
    this.#options.clock.clearTimer(this.#timer)
    for (const pending of this.#pending.values()) pending.answer(lateReply(pending))
    this.#pending.clear()
  }

  #pumpSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#options.clock.defer(() => this.#pump())
  }

  #pump(): void {
    this.#isDue = false
    const { clock, replication } = this.#options
    clock.clearTimer(this.#timer)
    const now = clock.monotonicNow()
    const leader = replication.leader()
    const toLeader: Pending[] = []
    for (const [key, pending] of this.#pending) {
      if (now >= pending.deadline) {
        this.#pending.delete(key)
        pending.answer(lateReply(pending))
        continue
      }
      // A new leadership may know nothing of what was asked of the last one.
      const isNews = leader !== undefined && pending.asked !== undefined && pending.asked !== nameOf(leader)
      if (now >= pending.dueAt || isNews) this.#try(pending, leader, now, toLeader)
    }
    if (leader !== undefined) this.#forward(leader.nodeId, toLeader)
    if (this.#pending.size > 0 && !this.#isStopped) this.#timer = clock.setTimer(PUMP_MS, () => this.#pump())
  }

  #try(pending: Pending, leader: Leadership | undefined, now: number, toLeader: Pending[]): void {
    if (leader === undefined) {
      pending.dueAt = now + NO_LEADER_MS
      return
    }
    pending.asked = nameOf(leader)
    if (leader.nodeId !== this.#options.nodeId) {
      pending.isOut = true
      pending.dueAt = now + Math.min(ACKNOWLEDGE_MS * 2 ** pending.attempts, MAX_ACKNOWLEDGE_MS)
      pending.attempts++
      toLeader.push(pending)
      return
    }
    // Before it is proposed: a node that is alone applies it, and answers, on the spot.
    const wasOut = pending.isOut
    pending.isOut = true
    const afterMs = this.#propose(pending.command, pending.payload)
    if (afterMs === undefined) {
      pending.dueAt = now + ACCEPTED_MS
      return
    }
    pending.isOut = wasOut
    pending.dueAt = now + afterMs
  }

  #forward(to: NodeId, toLeader: readonly Pending[]): void {
    let commands: Json[] = []
    let characters = 0
    const flush = (): void => {
      if (commands.length > 0) this.#options.send(to, { type: 'forward', commands })
      commands = []
      characters = 0
    }
    for (const { command, payload } of toLeader) {
      if (commands.length >= BATCH_COMMANDS || characters + payload.length > BATCH_CHARACTERS) flush()
      commands.push([command.client, command.id, command.workload, command.body as Json])
      characters += payload.length
    }
    flush()
  }

  /** Proposes a command unless that has been done; undefined when it is accepted, else how long to wait. */
  #propose(command: Command, payload?: Uint8Array): number | undefined {
    const { replication, nodeId, answerOf } = this.#options
    // Applied here means committed: it will come to the node that asks.
    if (answerOf(command.client, command.id) !== undefined) return undefined
    const leader = replication.leader()
    const leadership = leader?.nodeId === nodeId ? nameOf(leader) : ''
    if (leadership !== this.#proposedIn) {
      this.#proposedIn = leadership
      this.#proposed.clear()
    }
    const key = keyOf(command)
    if (this.#proposed.has(key)) return undefined
    this.#proposed.add(key)
    const result = replication.propose(payload ?? encodeCommand(command))
    if (result.status === 'ACCEPTED') return undefined
    this.#proposed.delete(key)
    return result.retryAfterMs
  }

  *#named(list: Json | undefined): Iterable<Pending> {
    if (!Array.isArray(list)) return
    for (const name of list as readonly Json[]) {
      if (!Array.isArray(name)) continue
      const [client, id] = name as readonly unknown[]
      if (typeof client !== 'string' || typeof id !== 'number') continue
      const pending = this.#pending.get(keyOf({ client, id }))
      if (pending !== undefined) yield pending
    }
  }
}

function nameOf({ nodeId, term }: Leadership): string {
  return `${nodeId} ${term}`
}

function lateReply({ isOut }: Pending): Reply {
  return isOut
    ? errorReply('timeout', 'Not known in time: the request may have been or may yet be executed.')
    : errorReply('temporarilyUnavailable', 'No leader could be found; nothing was done.')
}
