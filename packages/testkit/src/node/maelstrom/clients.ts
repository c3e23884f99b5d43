// Clients: each has its node and one request open, and writes down what it asked and what came of it. While its node is
// down, a client asks the next one.
//
// Always true: every request ends, answered or not, within its time limit, and is in the history then. A client that does
// not know what came of a request goes on under a new name: for everyone else it is another client.

import type { Network } from './network.ts'
import type { Operation } from './history.ts'
import { errorCodeOf, isDefinite, type Body, type Message } from './protocol.ts'

export interface ClientsOptions {
  readonly network: Network
  readonly nodes: readonly string[]
  /** How long a client waits for an answer. */
  readonly timeoutMs: number
  /**
   * After how long a client sends the same request once more, with the same msg_id, to the next node; undefined for
   * never. For nodes that promise to execute it once all the same.
   */
  readonly resendMs: number | undefined
  /** Milliseconds since the beginning of the run. */
  readonly now: () => number
  readonly isRunning: (node: string) => boolean
  /** Codes of errors that are answers of this workload, such as that there is no such key. */
  readonly answers: readonly number[]
  /** A node has said something that it may not say. */
  readonly onMistake: (text: string) => void
}

/** How often a request is sent again. */
const RESENDS = 4

/** All clients, and what they have asked so far. */
export class Clients {
  readonly options: ClientsOptions
  readonly history: Operation[] = []
  readonly #open = new Set<Request>()
  #processes = 0
  /** Answers that came after their client had given up. */
  late = 0

  constructor(options: ClientsOptions) {
    this.options = options
  }

  /** A client of this node. */
  client(node: string): Client {
    return new Client(this, node)
  }

  /** A node has died: those who were waiting for it will never be answered. */
  nodeDied(node: string): void {
    for (const request of [...this.#open]) request.nodeDied(node)
  }

  nextProcess(): number {
    return ++this.#processes
  }

  opened(request: Request): void {
    this.#open.add(request)
  }

  ended(request: Request, operation: Operation): void {
    this.#open.delete(request)
    this.history.push(operation)
  }
}

export class Client {
  readonly #clients: Clients
  readonly node: string
  #process = 0
  #messages = 0
  #request: Request | undefined

  constructor(clients: Clients, node: string) {
    this.#clients = clients
    this.node = node
    this.#renew()
  }

  /** Asks, and waits for what comes of it; it never rejects. Only one request at a time. */
  async ask(request: Body, final = false): Promise<Operation> {
    const open = new Request(this.#clients, this.node, this.#process, ++this.#messages, request, final)
    this.#request = open
    const operation = await open.ended
    this.#request = undefined
    if (operation.status === 'info') this.#renew()
    return operation
  }

  #renew(): void {
    const { network } = this.#clients.options
    if (this.#process !== 0) network.removeClient(nameOf(this.#process))
    this.#process = this.#clients.nextProcess()
    network.addClient(nameOf(this.#process), (_, message) => {
      if (this.#request?.answered(message) !== true) this.#clients.late++
      return true
    })
  }
}

function nameOf(process: number): string {
  return `c${process}`
}

/** One request, from its call to its end. A final one is for its node alone; any other may be taken by the next. */
class Request {
  readonly #clients: Clients
  /** The node of the client. */
  readonly #home: string
  /** The last one that was asked, or the one of them that has answered. */
  #node: string
  readonly #process: number
  readonly #number: number
  readonly #request: Body
  readonly #final: boolean
  readonly #call: number
  readonly #limit: NodeJS.Timeout
  readonly #again: NodeJS.Timeout | undefined
  /** Who has it, and may still answer. */
  readonly #asked = new Set<string>()
  #sent = 0
  #isOver = false
  #end!: (operation: Operation) => void
  readonly ended: Promise<Operation>

  constructor(clients: Clients, node: string, process: number, number: number, request: Body, final: boolean) {
    this.#clients = clients
    this.#home = node
    this.#node = node
    this.#process = process
    this.#number = number
    this.#request = request
    this.#final = final
    this.ended = new Promise((resolve) => (this.#end = resolve))
    const { now, timeoutMs, resendMs } = clients.options
    clients.opened(this)
    this.#call = now()
    this.#limit = setTimeout(() => this.#over('info', undefined), timeoutMs)
    if (resendMs !== undefined && !final) this.#again = setInterval(() => this.#send(), resendMs)
    this.#send()
    // Nobody has taken it: it was certainly not executed.
    if (this.#again === undefined && this.#sent === 0) this.#over('fail', undefined)
  }

  /** Whether this was the answer. */
  answered({ src, body }: Message): boolean {
    if (body.in_reply_to !== this.#number || this.#isOver) return false
    const { answers, onMistake } = this.#clients.options
    // Somebody else may answer for the one that was asked.
    if (this.#asked.has(src)) this.#node = src
    if (body.type === `${this.#request.type}_ok`) {
      this.#over('ok', body)
      return true
    }
    if (body.type !== 'error') {
      onMistake(`${src} answers ${this.#request.type} with ${JSON.stringify(body).slice(0, 200)}`)
      this.#over('info', body)
      return true
    }
    const code = errorCodeOf(body)
    if (answers.includes(code)) this.#over('ok', body)
    // What one node has refused, another may have executed.
    else if (isDefinite(code) && this.#sent === 1) this.#over('fail', body)
    else if (this.#again === undefined) this.#over('info', body)
    return true
  }

  nodeDied(node: string): void {
    if (this.#asked.delete(node) && this.#asked.size === 0 && this.#again === undefined) this.#over('info', undefined)
  }

  #send(): void {
    const node = this.#sent > RESENDS ? undefined : this.#nextNode()
    if (node === undefined) return
    this.#sent++
    this.#asked.add(node)
    this.#node = node
    const message: Message = {
      src: nameOf(this.#process),
      dest: node,
      body: { ...this.#request, msg_id: this.#number },
    }
    this.#clients.options.network.send(JSON.stringify(message), message)
  }

  /** Its own node first, then those after it; one that is down has not taken it. */
  #nextNode(): string | undefined {
    const { nodes, isRunning } = this.#clients.options
    if (this.#final) return isRunning(this.#home) ? this.#home : undefined
    const first = nodes.indexOf(this.#home) + this.#sent
    return nodes.map((_, i) => nodes[(first + i) % nodes.length]!).find(isRunning)
  }

  #over(status: Operation['status'], reply: Body | undefined): void {
    this.#isOver = true
    clearTimeout(this.#limit)
    clearInterval(this.#again)
    const operation: Operation = {
      process: this.#process,
      node: this.#node,
      request: this.#request,
      call: this.#call,
      ret: this.#clients.options.now(),
      status,
      ...(reply === undefined ? {} : { reply }),
      final: this.#final,
    }
    this.#clients.ended(this, operation)
    this.#end(operation)
  }
}
