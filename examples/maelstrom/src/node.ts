// A node: lines in, lines out; who it is; and who may say what to it.
//
// Always true: each request is answered at most once; nothing that arrives, however odd, throws; a message that nobody can
// be told about is logged and dropped; before `init_ok` only `init` is served.

import { errorReply, isRequest, parseLine, type Message, type Reply, type Request } from './message.ts'
import { openParts, type Identity, type NodeOptions, type Parts } from './parts.ts'
import { isPeerType, Service, type Answer } from './service.ts'

/** Bytes of a node's name; the engine takes no longer ones. */
const MAX_NAME_BYTES = 64

interface Running {
  readonly parts: Parts
  readonly service: Service
  readonly nodeIds: ReadonlySet<string>
}

export class MaelstromNode {
  readonly #options: NodeOptions
  #running: Running | undefined
  #isInitialising = false
  #state: 'running' | 'stopping' | 'stopped' = 'running'
  #openRequests = 0

  constructor(options: NodeOptions) {
    this.#options = options
  }

  /** Requests that have come and are not answered. */
  get openRequests(): number {
    return this.#openRequests
  }

  /** Takes in one line. */
  receive(line: string): void {
    if (this.#state !== 'running') return
    const parsed = parseLine(line)
    switch (parsed.status) {
      case 'NOISE':
        this.#drop(parsed.text)
        break
      case 'MALFORMED':
        this.#send(parsed.dest, parsed.src, {
          ...errorReply('malformedRequest', parsed.text),
          in_reply_to: parsed.id,
        })
        break
      case 'MESSAGE':
        this.#take(parsed.message)
        break
    }
  }

  /** Answers what is open, as far as it is known, and gives up network and disk. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    await this.#running?.parts.stop()
    this.#state = 'stopped'
  }

  #take(message: Message): void {
    const { src, dest, body } = message
    if (body.type === 'init' && isRequest(message)) this.#answer(message, this.#init(message))
    else if (this.#running === undefined) this.#takeEarly(message)
    else if (dest !== this.#running.parts.nodeId) this.#takeStray(message, this.#running)
    else if (isPeerType(body.type)) this.#hear(message, this.#running)
    else if (isRequest(message)) this.#answer(message, this.#running.service.serve(message))
    else this.#drop(`${body.type} from ${src}, which is no request`)
  }

  /** Something that comes before `init` has been answered. */
  #takeEarly(message: Message): void {
    const { src, body } = message
    if (!isRequest(message)) this.#drop(`${body.type} from ${src} before init`)
    else this.#answer(message, errorReply('temporarilyUnavailable', 'This node has not been initialised.'))
  }

  /** Something that is meant for another. */
  #takeStray(message: Message, { nodeIds }: Running): void {
    const { src, dest, body } = message
    if (isRequest(message) && !nodeIds.has(dest)) {
      this.#answer(message, errorReply('nodeNotFound', `There is no node ${dest}.`))
    } else this.#drop(`${body.type} from ${src}, which is meant for ${dest}`)
  }

  #hear({ src, body }: Message, { parts, service, nodeIds }: Running): void {
    if (nodeIds.has(src) && src !== parts.nodeId) service.hear(src, body)
    else this.#drop(`${body.type} from ${src}, which is no peer`)
  }

  // ---------------------------------------------------------------------------------------------------- init

  async #init({ body }: Request): Promise<Reply> {
    const identity = identityOf(body.node_id, body.node_ids)
    if (identity === undefined) {
      return errorReply('malformedRequest', 'An init needs node_id and node_ids, which has it.')
    }
    if (this.#running !== undefined) {
      const isSame = this.#running.parts.nodeId === identity.nodeId
      return isSame ? { type: 'init_ok' } : errorReply('malformedRequest', 'This node has another name already.')
    }
    if (this.#isInitialising) return errorReply('temporarilyUnavailable', 'This node is being initialised.')
    this.#isInitialising = true
    try {
      const { workload, staleReads = false, nameLeader = false, log } = this.#options
      const parts = await openParts(identity, this.#options, (to, reply) => this.#send(identity.nodeId, to, reply))
      const service = new Service(parts, { workload, staleReads, nameLeader, log })
      this.#running = { parts, service, nodeIds: new Set(identity.nodeIds) }
      return { type: 'init_ok' }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.#options.log(`init failed: ${text}`)
      return errorReply('crash', `This node cannot start: ${text}`)
    } finally {
      this.#isInitialising = false
    }
  }

  // ------------------------------------------------------------------------------------------------- sending

  #answer(request: Request, answer: Answer): void {
    const src = this.#running?.parts.nodeId ?? request.dest
    const send = (reply: Reply): void => {
      if (!this.#send(src, request.src, { ...reply, in_reply_to: request.body.msg_id })) {
        this.#drop(`the answer to ${request.body.type} of ${request.src}`)
      }
    }
    if (!(answer instanceof Promise)) {
      send(answer)
      return
    }
    this.#openRequests++
    void answer.then((reply) => {
      this.#openRequests--
      send(reply)
    })
  }

  #send(src: string, dest: string, body: Reply): boolean {
    return this.#state !== 'stopped' && this.#options.write(JSON.stringify({ src, dest, body }))
  }

  #drop(what: string): void {
    this.#options.log(`dropped: ${what}`)
  }
}

function identityOf(nodeId: unknown, nodeIds: unknown): Identity | undefined {
  if (!isName(nodeId) || !Array.isArray(nodeIds) || !nodeIds.every(isName)) return undefined
  const ids = [...new Set<string>(nodeIds)]
  return ids.includes(nodeId) ? { nodeId, nodeIds: ids } : undefined
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && new TextEncoder().encode(value).length <= MAX_NAME_BYTES
}
