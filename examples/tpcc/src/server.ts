// The side of a node that executes transactions for the terminals of other nodes.
//
// Always true: calls are executed in slices, not as they arrive; each connection may have only so many unanswered ones,
// and a call beyond that is answered BUSY at once.

import { createServer, type Server } from 'node:net'
import { Connection } from './connection.ts'
import type { Executor } from './executor.ts'
import type { Slices } from './slices.ts'
import type { TransactionInput } from './workload/index.ts'

/** Calls of one connection that wait to be executed or settled. */
const MAX_OPEN_CALLS = 65_536
const MAX_CONNECTIONS = 64

interface WaitingCall {
  readonly client: Client
  readonly id: number
  readonly input: TransactionInput
}

interface Client {
  readonly connection: Connection
  open: number
}

export class TransactionServer {
  readonly #server: Server
  readonly #executor: Executor
  readonly #slices: Slices
  readonly #connections = new Set<Connection>()
  #waiting: WaitingCall[] = []
  #next = 0

  constructor(executor: Executor, slices: Slices) {
    this.#executor = executor
    this.#slices = slices
    this.#server = createServer((socket) => {
      const connection = new Connection(socket, {
        message: (message) => {
          if (message.type === 'call') this.#call(client, message.id, message.input)
          else connection.close('a client may only call')
        },
        closed: () => this.#connections.delete(connection),
      })
      const client: Client = { connection, open: 0 }
      this.#connections.add(connection)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    slices.add(() => this.#step())
  }

  async listen(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => resolve())
    })
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const connection of this.#connections) connection.close('the node stops')
    await closed
  }

  #call(client: Client, id: number, input: TransactionInput): void {
    if (client.open >= MAX_OPEN_CALLS) {
      client.connection.send({ type: 'answer', id, answer: { status: 'BUSY', retryAfterMs: 10 } })
      return
    }
    client.open++
    this.#waiting.push({ client, id, input })
    this.#slices.wake()
  }

  #step(): boolean {
    const call = this.#waiting[this.#next]
    if (call === undefined) return false
    this.#next++
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
    }
    const { client, id, input } = call
    // Nobody would learn what became of it, so it had better not happen.
    if (!client.connection.isOpen) return true
    const answer = this.#executor.execute(input, (status) => {
      client.open--
      client.connection.send({ type: 'settled', id, status })
    })
    if (answer.status !== 'SUCCESS') client.open--
    client.connection.send({ type: 'answer', id, answer })
    return true
  }
}
