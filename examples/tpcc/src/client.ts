// The side of a terminal that sends transactions to another node.
//
// Always true: every call that `call` has accepted ends in exactly one of: a final answer, a settled status, or `lost`
// when the connection is gone (then nobody can say what became of it: UNKNOWN).

import { connect } from 'node:net'
import { Connection } from './connection.ts'
import type { CallAnswer, SettledStatus, WireMessage } from './wire.ts'
import type { TransactionInput } from './workload/index.ts'

export interface CallHandlers {
  /** With SUCCESS the call goes on: `settled` or `lost` follows. Every other answer is final. */
  answer(answer: CallAnswer): void
  settled(status: SettledStatus): void
  lost(): void
}

/** Calls to one node over one connection, which is made when it is first wanted and again after it was lost. */
export class TransactionClient {
  readonly #host: string
  readonly #port: number
  readonly #pending = new Map<number, CallHandlers>()
  #connection: Connection | undefined
  #connecting = false
  #nextId = 1

  constructor(address: string) {
    const colon = address.lastIndexOf(':')
    this.#host = address.slice(0, colon)
    this.#port = Number(address.slice(colon + 1))
  }

  /** False when there is no connection just now: the call was not sent, and one is being made. */
  call(input: TransactionInput, handlers: CallHandlers): boolean {
    if (this.#connection === undefined) {
      this.#connect()
      return false
    }
    const id = this.#nextId++
    this.#pending.set(id, handlers)
    this.#connection.send({ type: 'call', id, input })
    return true
  }

  close(): void {
    this.#connection?.close('the node stops')
  }

  #connect(): void {
    if (this.#connecting) return
    this.#connecting = true
    const socket = connect(this.#port, this.#host)
    const connection = new Connection(socket, {
      message: (message) => this.#receive(message),
      closed: () => {
        this.#connecting = false
        this.#connection = undefined
        const pending = [...this.#pending.values()]
        this.#pending.clear()
        for (const handlers of pending) handlers.lost()
      },
    })
    socket.once('connect', () => {
      this.#connecting = false
      if (connection.isOpen) this.#connection = connection
    })
  }

  #receive(message: WireMessage): void {
    const handlers = this.#pending.get(message.id)
    // An answer to nothing: the number is ours, so a peer that invents one has nothing to gain.
    if (handlers === undefined) return
    switch (message.type) {
      case 'call':
        return
      case 'answer':
        if (message.answer.status !== 'SUCCESS') this.#pending.delete(message.id)
        handlers.answer(message.answer)
        return
      case 'settled':
        this.#pending.delete(message.id)
        handlers.settled(message.status)
        return
    }
  }
}
