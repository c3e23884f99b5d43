// The terminals of one node: a closed loop of TPC-C transactions without think time, each terminal with a bounded number
// of transactions that wait to be safe.
//
// Always true: every attempt is counted once when it is made and once when it is answered. What was definitely not
// executed is tried again with the same input; what may have been (UNKNOWN) never is. A terminal asks its own node
// first, and goes where that node's hint says.

import type { LeaderHint } from '@mako/engine'
import { type CallHandlers, TransactionClient } from './client.ts'
import type { Executor } from './executor.ts'
import { LeaderHints } from './hints.ts'
import { ReceiptSet } from './receipts.ts'
import type { Slices } from './slices.ts'
import type { CallAnswer, SettledStatus } from './wire.ts'
import { createTerminal, isReadOnly, type Terminal, type TransactionInput } from './workload/index.ts'

/** What attempts were answered. `attempts` is the sum of all the others, less `speculative`, plus what is still open. */
export interface Counters {
  attempts: number
  /** Answered SUCCESS: executed, and then one of safe, rolledBack or unknown. */
  speculative: number
  safe: number
  rolledBack: number
  /** The transaction itself gave up (1 % of new-orders, by the specification). */
  aborted: number
  notLeader: number
  busy: number
  rejected: number
  unknown: number
}

export function noCounters(): Counters {
  return {
    attempts: 0,
    speculative: 0,
    safe: 0,
    rolledBack: 0,
    aborted: 0,
    notLeader: 0,
    busy: 0,
    rejected: 0,
    unknown: 0,
  }
}

export interface TerminalsOptions {
  readonly nodeId: string
  /** Numbers of the terminals: `firstTerminal` and the following ones. Never used before, in no process. */
  readonly firstTerminal: number
  readonly terminals: number
  readonly outstanding: number
  readonly scale: number
  readonly warehouses: number
  readonly seed: number
  /** Where the servers of the other nodes listen. */
  readonly servers: ReadonlyMap<string, string>
}

interface Seat {
  readonly terminal: Terminal
  /** Slots that are taken: attempts and transactions that are not yet answered. */
  taken: number
  /** Inputs that were definitely not executed and are to be tried again. */
  readonly again: TransactionInput[]
}

/** A transaction at another node. */
interface RemoteCall {
  readonly nodeId: string
  readonly seat: Seat
  /** False once the terminal went on without the answer, because another node leads by now. */
  holdsSlot: boolean
}

export class Terminals {
  readonly counters: Counters = noCounters()
  /** Reported safe, and reported as not happened; receipts are only left by what writes. Taken by the reporter. */
  readonly safe: ReceiptSet = new ReceiptSet()
  readonly gone: ReceiptSet = new ReceiptSet()

  readonly #nodeId: string
  readonly #outstanding: number
  readonly #executor: Executor
  readonly #slices: Slices
  readonly #seats: Seat[] = []
  readonly #clients = new Map<string, TransactionClient>()
  readonly #hints = new LeaderHints()
  readonly #remote = new Set<RemoteCall>()
  #open = 0
  #nextSeat = 0
  #pausedUntil = 0
  #running = false
  #idle: (() => void) | undefined

  constructor(options: TerminalsOptions, executor: Executor, slices: Slices) {
    this.#nodeId = options.nodeId
    this.#outstanding = options.outstanding
    this.#executor = executor
    this.#slices = slices
    const { scale, warehouses, seed, firstTerminal } = options
    for (let terminal = firstTerminal; terminal < firstTerminal + options.terminals; terminal++) {
      this.#seats.push({ terminal: createTerminal({ terminal, scale, warehouses, seed }), taken: 0, again: [] })
    }
    for (const [nodeId, address] of options.servers) this.#clients.set(nodeId, new TransactionClient(address))
    slices.add(() => this.#step())
  }

  /** Attempts that are not yet answered, and transactions that are not yet settled. */
  get open(): number {
    return this.#open
  }

  start(): void {
    this.#running = true
    this.#slices.wake()
  }

  /** Begins nothing new; resolves when everything that was begun is answered. */
  async stop(): Promise<void> {
    this.#running = false
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }

  /** This node has heard who leads: slots do not wait any longer for a node that led before. */
  observe(hint: LeaderHint | undefined): void {
    this.#follow(hint)
  }

  #step(): boolean {
    if (!this.#running || performance.now() < this.#pausedUntil) return false
    for (let tried = 0; tried < this.#seats.length; tried++) {
      const seat = this.#seats[this.#nextSeat]!
      this.#nextSeat = (this.#nextSeat + 1) % this.#seats.length
      if (seat.taken >= this.#outstanding) continue
      seat.taken++
      this.#attempt(seat, seat.again.pop() ?? seat.terminal.next(Date.now()))
      return true
    }
    return false
  }

  #attempt(seat: Seat, input: TransactionInput): void {
    this.#begin()
    const answer = this.#executor.execute(input, (status) => {
      this.#settled(input, status)
      this.#release(seat)
    })
    this.#count(input, answer)
    if (answer.status === 'SUCCESS') return
    if (answer.status === 'ABORTED') {
      this.#release(seat)
      return
    }
    const hint = answer.status === 'NOT_LEADER' ? this.#follow(answer.leaderHint) : undefined
    if (hint !== undefined) {
      if (this.#attemptAt(hint.nodeId, seat, input)) return
      this.#hints.denied(hint.nodeId)
    }
    this.#again(seat, input)
    this.#pause(answer.status === 'BUSY' ? answer.retryAfterMs : 10)
  }

  /** Tries it at another node; false when there is no connection to it (yet), and so no attempt. */
  #attemptAt(nodeId: string, seat: Seat, input: TransactionInput): boolean {
    const remote: RemoteCall = { nodeId, seat, holdsSlot: true }
    const done = (): void => {
      this.#remote.delete(remote)
      if (remote.holdsSlot) this.#release(seat)
    }
    const handlers: CallHandlers = {
      answer: (answer) => {
        this.#count(input, answer)
        if (answer.status === 'SUCCESS') return
        if (answer.status === 'NOT_LEADER') {
          this.#hints.denied(nodeId)
          this.#follow(answer.leaderHint)
        }
        if (answer.status === 'ABORTED' || !remote.holdsSlot) {
          done()
          return
        }
        this.#remote.delete(remote)
        this.#again(seat, input)
        this.#pause(answer.status === 'BUSY' ? answer.retryAfterMs : 10)
      },
      settled: (status) => {
        this.#settled(input, status)
        done()
      },
      lost: () => {
        this.#hints.denied(nodeId)
        this.#settled(input, 'UNKNOWN')
        done()
      },
    }
    if (this.#clients.get(nodeId)?.call(input, handlers) !== true) return false
    this.#begin()
    this.#remote.add(remote)
    return true
  }

  /** Where to go now, if anywhere. When leadership has moved, nobody's slot waits for the old leader any longer. */
  #follow(hint: LeaderHint | undefined): LeaderHint | undefined {
    if (this.#hints.observe(hint)) {
      for (const call of this.#remote) {
        if (call.nodeId === this.#hints.newest?.nodeId || !call.holdsSlot) continue
        call.holdsSlot = false
        this.#release(call.seat)
      }
    }
    const newest = this.#hints.newest
    return newest === undefined || newest.nodeId === this.#nodeId ? undefined : newest
  }

  #begin(): void {
    this.counters.attempts++
    this.#open++
  }

  #count(input: TransactionInput, answer: CallAnswer): void {
    if (answer.status === 'SUCCESS') {
      this.counters.speculative++
      return
    }
    switch (answer.status) {
      case 'ABORTED':
        this.counters.aborted++
        this.gone.add(input.terminal, input.sequence)
        break
      case 'NOT_LEADER':
        this.counters.notLeader++
        break
      case 'BUSY':
        this.counters.busy++
        break
      case 'REJECTED':
        this.counters.rejected++
        break
    }
    this.#answered()
  }

  #settled(input: TransactionInput, status: SettledStatus): void {
    switch (status) {
      case 'SAFE':
        this.counters.safe++
        if (!isReadOnly(input.kind)) this.safe.add(input.terminal, input.sequence)
        break
      case 'ROLLED_BACK':
        this.counters.rolledBack++
        this.gone.add(input.terminal, input.sequence)
        break
      case 'UNKNOWN':
        this.counters.unknown++
        break
    }
    this.#answered()
  }

  #answered(): void {
    this.#open--
    if (this.#open === 0) this.#idle?.()
  }

  #again(seat: Seat, input: TransactionInput): void {
    seat.again.push(input)
    this.#release(seat)
  }

  #release(seat: Seat): void {
    seat.taken--
    if (this.#running) this.#slices.wake()
  }

  /** No attempt of this node before that time: there is nobody who could take it. */
  #pause(forMs: number): void {
    const until = performance.now() + forMs
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    setTimeout(() => this.#slices.wake(), forMs + 1)
  }
}
