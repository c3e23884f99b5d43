// A node: what it is told by `init`, who answers which request, and what its peers say to it.
//
// Always true: each request is answered at most once; nothing that arrives, however odd, throws; a message that nobody can
// be told about is logged and dropped; before `init_ok` only `init` is served.

import type { Clock, LogStore, Random } from '@mako/engine'
import { Submissions } from './forward.ts'
import { DEFAULT_GOSSIP_TIMINGS, Gossip, type GossipTimings } from './gossip.ts'
import { Journal } from './journal.ts'
import { decodeCommand, Machine, type ReplicatedWorkload } from './machine.ts'
import {
  errorReply,
  isRequest,
  parseLine,
  type Body,
  type Json,
  type Message,
  type Reply,
  type Request,
} from './message.ts'
import { Reads } from './reads.ts'
import {
  DEFAULT_TIMINGS,
  EngineReplication,
  LoneReplication,
  type ProtocolName,
  type Replication,
  type Timings,
} from './replication.ts'
import { destinationOf, type WorkloadName } from './requests.ts'
import type { SessionLimits } from './sessions.ts'
import { echo, UniqueIds } from './workloads/local.ts'

/** Where a node keeps what must survive it. */
export interface Storage {
  /** True when an earlier life has left something under this name. */
  exists(name: StoreName): boolean
  open(name: StoreName): Promise<LogStore>
}

export type StoreName = 'engine' | 'gossip'

export interface NodeOptions {
  readonly protocol: ProtocolName
  readonly workload?: WorkloadName | undefined
  readonly staleReads?: boolean
  /** Undefined: everything is kept in memory, and this node must not come back under its name. */
  readonly storage: Storage | undefined
  /** Makes a log that lasts as long as the process; for a node without storage. */
  readonly memoryLog: () => LogStore
  readonly clock: Clock
  readonly random: Random
  /** Names this life of the process and no other: 64 random bits as text. */
  readonly life: string
  /** Writes a line; false when it was dropped. */
  readonly write: (line: string) => boolean
  /** Writes to the log for people. */
  readonly log: (text: string) => void
  readonly timings?: Timings
  readonly gossipTimings?: GossipTimings
  readonly sessionLimits?: SessionLimits
}

type Answer = (reply: Reply) => void

/** What there is once `init` has said who this node is. */
interface Parts {
  readonly nodeId: string
  readonly nodeIds: ReadonlySet<string>
  readonly ids: UniqueIds
  readonly gossip: Gossip
  readonly journal: Journal | undefined
  readonly machine: Machine
  readonly replication: Replication
  readonly submissions: Submissions
  readonly reads: Reads
}

/** Bytes of a node's name; the engine takes no longer ones. */
const MAX_NAME_BYTES = 64

export class MaelstromNode {
  readonly #options: NodeOptions
  #parts: Parts | undefined
  #initialising = false
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
      case 'NOISE': {
        this.#drop(parsed.text)
        return
      }
      case 'MALFORMED': {
        this.#answer(parsed.dest, parsed.src, parsed.id, errorReply('malformedRequest', parsed.text))
        return
      }
      case 'MESSAGE': {
        this.#receiveMessage(parsed.message)
        return
      }
    }
  }

  /** Answers what is open, as far as it is known, and gives up network and disk. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const parts = this.#parts
    parts?.gossip.stop()
    parts?.reads.stop()
    parts?.submissions.stop()
    this.#state = 'stopped'
    if (parts === undefined) return
    await parts.replication.stop()
    await parts.journal?.close()
  }

  #receiveMessage(message: Message): void {
    const { src, dest, body } = message
    if (body.type === 'init') {
      this.#receiveInit(message)
      return
    }
    const parts = this.#parts
    const answer = isRequest(message) ? this.#answerTo(message, parts?.nodeId ?? dest) : undefined
    if (parts === undefined) {
      if (answer === undefined) {
        this.#drop(`${body.type} from ${src} before init`)
        return
      }
      answer(errorReply('temporarilyUnavailable', 'This node has not been initialised.'))
      return
    }
    if (dest !== parts.nodeId) {
      if (answer !== undefined && !parts.nodeIds.has(dest)) {
        answer(errorReply('nodeNotFound', `There is no node ${dest}.`))
        return
      }
      this.#drop(`${body.type} from ${src}, which is meant for ${dest}`)
      return
    }
    if (this.#receivePeer(parts, message)) return
    if (answer === undefined) {
      this.#drop(`${body.type} from ${src}, which is no request`)
      return
    }
    this.#serve(parts, src, message.body as Body & { readonly msg_id: number }, answer)
  }

  // ---------------------------------------------------------------------------------------------------- init

  #receiveInit(message: Message): void {
    if (!isRequest(message)) {
      this.#drop(`an init without msg_id from ${message.src}`)
      return
    }
    const { node_id: nodeId, node_ids: nodeIds } = message.body
    const answer = this.#answerTo(message, message.dest)
    if (!isName(nodeId) || !Array.isArray(nodeIds) || !(nodeIds as readonly unknown[]).every(isName)) {
      answer(errorReply('malformedRequest', 'An init needs node_id and node_ids.'))
      return
    }
    const ids = [...new Set(nodeIds as readonly string[])]
    if (!ids.includes(nodeId)) {
      answer(errorReply('malformedRequest', 'node_ids does not have node_id.'))
      return
    }
    if (this.#parts !== undefined) {
      const isSame = this.#parts.nodeId === nodeId
      answer(isSame ? { type: 'init_ok' } : errorReply('malformedRequest', 'This node has another name already.'))
      return
    }
    if (this.#initialising) {
      answer(errorReply('temporarilyUnavailable', 'This node is being initialised.'))
      return
    }
    this.#initialising = true
    this.#initialise(nodeId, ids).then(
      () => answer({ type: 'init_ok' }),
      (error: unknown) => {
        this.#initialising = false
        this.#options.log(`init failed: ${String(error)}`)
        answer(errorReply('crash', `This node cannot start: ${error instanceof Error ? error.message : String(error)}`))
      },
    )
  }

  async #initialise(nodeId: string, nodeIds: readonly string[]): Promise<void> {
    const { protocol, storage, clock, random, life, log } = this.#options
    const send = (to: string, body: Reply): boolean => this.#send(nodeId, to, body)
    const { gossip, journal } = await this.#openGossip(nodeId, nodeIds, send)
    const machine = new Machine(this.#options.sessionLimits)
    const apply = (payload: Uint8Array): void => {
      const command = decodeCommand(payload)
      if (command === undefined) {
        log('a committed entry that is no command')
        return
      }
      submissions.applied(command, machine.apply(command))
    }
    const replication: Replication =
      nodeIds.length === 1 && storage === undefined
        ? new LoneReplication(nodeId, apply)
        : new EngineReplication({
            protocol,
            nodeId,
            nodeIds,
            clock,
            random,
            timings: this.#options.timings ?? DEFAULT_TIMINGS,
            openLog: () => storage?.open('engine') ?? Promise.resolve(this.#options.memoryLog()),
            send,
            apply,
            log,
          })
    const submissions: Submissions = new Submissions({
      nodeId,
      clock,
      replication,
      answerOf: (client, id) => machine.answerOf(client, id),
      send,
    })
    // A log that is there already is promises to keep, and state to bring up to date.
    if (storage?.exists('engine') === true) replication.start()
    this.#parts = {
      nodeId,
      nodeIds: new Set(nodeIds),
      ids: new UniqueIds(nodeId, life),
      gossip,
      journal,
      machine,
      replication,
      submissions,
      reads: new Reads(clock, replication),
    }
  }

  async #openGossip(
    nodeId: string,
    nodeIds: readonly string[],
    send: (to: string, body: Reply) => boolean,
  ): Promise<{ gossip: Gossip; journal: Journal | undefined }> {
    const { storage, clock, life } = this.#options
    const timings = this.#options.gossipTimings ?? DEFAULT_GOSSIP_TIMINGS
    const kept = storage === undefined ? undefined : await Journal.open(await storage.open('gossip'), nodeId)
    const journal = kept?.journal
    const gossip: Gossip = new Gossip({
      nodeId,
      nodeIds,
      life,
      origin: journal === undefined ? `${nodeId}/${life}` : nodeId,
      recovered: (kept?.values ?? []).map(valueOf),
      clock,
      timings,
      send,
      keep: (value) => journal?.append([gossip.kind ?? null, value]) ?? Promise.resolve(),
    })
    const kind = kindOf(kept?.values.at(-1))
    if (kind === 'broadcast' || kind === 'g-set') gossip.learnKind(kind)
    return { gossip, journal }
  }

  // ------------------------------------------------------------------------------------------------- service

  /** True when it was one of the nodes' own messages. */
  #receivePeer(parts: Parts, { src, body }: Message): boolean {
    switch (body.type) {
      case 'mako':
      case 'forward':
      case 'forward_ok':
      case 'gossip':
      case 'gossip_ok':
        break
      default:
        return false
    }
    if (!parts.nodeIds.has(src) || src === parts.nodeId) {
      this.#drop(`${body.type} from ${src}, which is no peer`)
      return true
    }
    switch (body.type) {
      case 'mako':
        parts.replication.receive(src, body)
        break
      case 'forward':
        parts.submissions.receiveForward(src, body)
        break
      case 'forward_ok':
        parts.submissions.receiveAnswer(src, body)
        break
      case 'gossip':
        parts.gossip.receive(src, body)
        break
      case 'gossip_ok':
        parts.gossip.receiveAnswer(src, body)
        break
    }
    return true
  }

  #serve(parts: Parts, client: string, body: Body & { readonly msg_id: number }, answer: Answer): void {
    const { gossip, replication } = parts
    const destination = destinationOf(body, {
      option: this.#options.workload,
      setKind: gossip.kind,
      isEngineStarted: replication.isStarted,
    })
    switch (destination.to) {
      case 'echo': {
        answer(echo(body))
        return
      }
      case 'unique-ids': {
        answer(parts.ids.generate())
        return
      }
      case 'topology':
        gossip.learnKind('broadcast')
        {
          answer({ type: 'topology_ok' })
          return
        }
      case 'set-add': {
        this.#addToSet(gossip, destination.kind === 'broadcast' ? body.message : body.element, destination, answer)
        return
      }
      case 'set-read': {
        answer(
          destination.kind === 'broadcast'
            ? { type: 'read_ok', messages: gossip.values() }
            : { type: 'read_ok', value: gossip.values() },
        )
        return
      }
      case 'log': {
        this.#serveReplicated(parts, destination.workload, client, body, answer)
        return
      }
      case 'undecided': {
        answer(
          errorReply('temporarilyUnavailable', 'A read of which workload? Nothing was written yet; see --workload.'),
        )
        return
      }
      case 'nobody': {
        answer(errorReply('notSupported', `This node does not know ${body.type}.`))
        return
      }
    }
  }

  #addToSet(
    gossip: Gossip,
    value: Json | undefined,
    { kind, to }: { readonly kind: 'broadcast' | 'g-set'; readonly to: string },
    answer: Answer,
  ): void {
    if (value === undefined) {
      answer(errorReply('malformedRequest', `A ${to} needs a value.`))
      return
    }
    gossip.learnKind(kind)
    gossip.add(value).then(
      () => answer({ type: kind === 'broadcast' ? 'broadcast_ok' : 'add_ok' }),
      (error: unknown) => {
        this.#options.log(`the journal has failed: ${String(error)}`)
        answer(errorReply('crash', 'The value may have been lost.'))
      },
    )
  }

  #serveReplicated(
    { machine, submissions, reads, replication }: Parts,
    workload: ReplicatedWorkload,
    client: string,
    body: Body & { readonly msg_id: number },
    answer: Answer,
  ): void {
    const answerWithLeader: Answer = (reply) => {
      const leader = replication.leader()?.nodeId
      answer(leader === undefined ? reply : { ...reply, leader })
    }
    const checked = machine.check(workload, body)
    switch (checked.status) {
      case 'MALFORMED': {
        answer(errorReply('malformedRequest', checked.text))
        return
      }
      case 'READ':
        if (this.#options.staleReads === true) {
          answerWithLeader(checked.read())
          return
        }
        {
          reads.submit(checked.read, answerWithLeader)
          return
        }
      case 'WRITE': {
        submissions.submit(checked.command(client, body.msg_id), answerWithLeader)
        return
      }
    }
  }

  // ------------------------------------------------------------------------------------------------- sending

  #answerTo(request: Request, src: string): Answer {
    this.#openRequests++
    return (reply) => {
      this.#openRequests--
      this.#answer(src, request.src, request.body.msg_id, reply)
    }
  }

  #answer(src: string, dest: string, id: number, reply: Reply): void {
    if (!this.#send(src, dest, { ...reply, in_reply_to: id })) this.#drop(`a reply to ${dest}: the reader is too slow`)
  }

  #send(src: string, dest: string, body: Reply): boolean {
    return this.#state !== 'stopped' && this.#options.write(JSON.stringify({ src, dest, body }))
  }

  #drop(what: string): void {
    this.#options.log(`dropped: ${what}`)
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && new TextEncoder().encode(value).length <= MAX_NAME_BYTES
}

/** A record of the journal is `[kind, value]`. */
function valueOf(record: Json): Json {
  return Array.isArray(record) ? ((record as readonly Json[])[1] ?? null) : null
}

function kindOf(record: Json | undefined): Json | undefined {
  return Array.isArray(record) ? (record as readonly Json[])[0] : undefined
}
