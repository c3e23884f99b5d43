// Clients: each has its node and one request open, and writes down what it asked and what came of it.
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

/** Late answers, all clients together. */
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

/** One request, from its call to its end. */
class Request {
  readonly #clients: Clients
  readonly #node: string
  readonly #process: number
  readonly #number: number
  readonly #request: Body
  readonly #final: boolean
  readonly #call: number
  readonly #limit: NodeJS.Timeout
  readonly #again: NodeJS.Timeout | undefined
  /** To whom it was sent and who may still answer. */
  readonly #asked = new Set<string>()
  #sent = 0
  #end!: (operation: Operation) => void
  readonly ended: Promise<Operation>

  constructor(clients: Clients, node: string, process: number, number: number, request: Body, final: boolean) {
    this.#clients = clients
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
    if (resendMs !== undefined) this.#again = setInterval(() => this.#send(), resendMs)
    this.#send()
    // Nobody has taken it: it was certainly not executed.
    if (resendMs === undefined && this.#sent === 0) this.#over('fail', undefined)
  }

  /** Whether this was the answer. */
  answered(message: Message): boolean {
    const { body } = message
    if (body.in_reply_to !== this.#number) return false
    const { answers, onMistake } = this.#clients.options
    if (body.type === `${this.#request.type}_ok`) {
      this.#over('ok', body)
      return true
    }
    if (body.type !== 'error') {
      onMistake(`${message.src} answers ${this.#request.type} with ${JSON.stringify(body).slice(0, 200)}`)
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
    const { network, nodes, isRunning } = this.#clients.options
    if (this.#sent > RESENDS) return
    const node = nodes[(nodes.indexOf(this.#node) + this.#sent) % nodes.length]!
    if (!isRunning(node)) {
      if (this.#again === undefined) return
    } else this.#asked.add(node)
    this.#sent++
    const message: Message = {
      src: nameOf(this.#process),
      dest: node,
      body: { ...this.#request, msg_id: this.#number },
    }
    network.send(JSON.stringify(message), message)
  }

  #over(status: Operation['status'], reply: Body | undefined): void {
    clearTimeout(this.#limit)
    clearInterval(this.#again)
    this.#clients.ended(this, {
      process: this.#process,
      node: this.#node,
      request: this.#request,
      call: this.#call,
      ret: this.#clients.options.now(),
      status,
      ...(reply === undefined ? {} : { reply }),
      final: this.#final,
    })
    this.#end(operationOf(this.#clients))
  }
}

function operationOf({ history }: Clients): Operation {
  return history.at(-1)!
}
