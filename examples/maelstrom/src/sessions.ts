// Exactly once: what each client was answered, as part of the replicated state (Raft thesis, section 6.3).
//
// Always true: the table is a pure function of the commands that were applied, so every replica, and every later leader,
// knows the same answers; it is bounded in clients, answers and bytes; and what is thrown away leaves a floor, so that a
// late repetition is told that it may have been executed and is never executed again.

import { errorReply, type Reply } from './message.ts'

export interface SessionLimits {
  /** Clients whose answers are kept; the one that was quiet for longest goes first. */
  readonly sessions: number
  /** Answers kept of one client; the oldest request goes first. */
  readonly answers: number
  /** Characters of all answers that are kept. */
  readonly characters: number
  /** Clients of whom only the floor is kept, after their session has gone. */
  readonly floors: number
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  sessions: 4096,
  answers: 64,
  characters: 32 * 1024 * 1024,
  floors: 65_536,
}

interface Answer {
  readonly reply: Reply
  readonly characters: number
}

interface Session {
  /** Requests up to this number, when their answer is not here, may or may not have been executed. */
  floor: number
  /** The highest number that was executed. */
  newest: number
  readonly answers: Map<number, Answer>
}

export class Sessions {
  readonly #limits: SessionLimits
  /** In the order in which they were last used: the first is the next to go. */
  readonly #sessions = new Map<string, Session>()
  /** Floors of sessions that have gone, oldest first. */
  readonly #floors = new Map<string, number>()
  #characters = 0

  constructor(limits: SessionLimits = DEFAULT_SESSION_LIMITS) {
    this.#limits = limits
  }

  /** Clients whose answers are kept. */
  get size(): number {
    return this.#sessions.size
  }

  /** Characters of all answers that are kept. */
  get characters(): number {
    return this.#characters
  }

  /** The answer that this request has had, if it is known to have been executed; changes nothing. */
  answerOf(client: string, id: number): Reply | undefined {
    return this.#sessions.get(client)?.answers.get(id)?.reply
  }

  /** Executes a request unless it was executed before, and returns its answer either way. */
  once(client: string, id: number, execute: () => Reply): Reply {
    const session = this.#touch(client)
    const known = session.answers.get(id)
    if (known !== undefined) return known.reply
    if (id <= session.floor) {
      return errorReply('timeout', 'The session no longer remembers this request: it may have been executed.')
    }
    const reply = execute()
    const characters = JSON.stringify(reply).length
    session.answers.set(id, { reply, characters })
    session.newest = Math.max(session.newest, id)
    this.#characters += characters
    if (session.answers.size > this.#limits.answers) this.#forgetOldestOf(session)
    this.#makeRoom()
    return reply
  }

  #touch(client: string): Session {
    const known = this.#sessions.get(client)
    const floor = this.#floors.get(client) ?? -1
    const session: Session = known ?? { floor, newest: floor, answers: new Map() }
    this.#floors.delete(client)
    this.#sessions.delete(client)
    this.#sessions.set(client, session)
    return session
  }

  #forgetOldestOf(session: Session): void {
    const oldest = Math.min(...session.answers.keys())
    this.#characters -= session.answers.get(oldest)!.characters
    session.answers.delete(oldest)
    session.floor = Math.max(session.floor, oldest)
  }

  #makeRoom(): void {
    const { sessions, characters, floors } = this.#limits
    for (const [client, session] of this.#sessions) {
      if (this.#sessions.size <= sessions && this.#characters <= characters) break
      for (const answer of session.answers.values()) this.#characters -= answer.characters
      this.#sessions.delete(client)
      this.#floors.set(client, session.newest)
    }
    for (const client of this.#floors.keys()) {
      if (this.#floors.size <= floors) break
      this.#floors.delete(client)
    }
  }
}
