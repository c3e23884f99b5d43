// Who answers which request, and what the other nodes say.
//
// Always true: every request gets one answer, at once or later; what is refused as malformed was not executed.

import type { Gossip } from './gossip.ts'
import type { ReplicatedWorkload } from './machine.ts'
import { errorReply, type Body, type Json, type Reply, type Request } from './message.ts'
import type { Parts } from './parts.ts'
import { destinationOf, type WorkloadName } from './requests.ts'
import { echo } from './workloads/local.ts'

export interface ServiceOptions {
  readonly workload: WorkloadName | undefined
  readonly staleReads: boolean
  readonly nameLeader: boolean
  readonly log: (text: string) => void
}

/** An answer, now or later; it never rejects. */
export type Answer = Reply | Promise<Reply>

/** The types of messages with which nodes talk to each other. */
const PEER_TYPES: ReadonlySet<string> = new Set(['mako', 'forward', 'forward_ok', 'gossip', 'gossip_ok'])

export function isPeerType(type: string): boolean {
  return PEER_TYPES.has(type)
}

export class Service {
  readonly #parts: Parts
  readonly #options: ServiceOptions

  constructor(parts: Parts, options: ServiceOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Takes in a message of another node. */
  hear(from: string, body: Body): void {
    const { replication, submissions, gossip } = this.#parts
    switch (body.type) {
      case 'mako':
        replication.receive(from, body)
        break
      case 'forward':
        submissions.receiveForward(from, body)
        break
      case 'forward_ok':
        submissions.receiveAnswer(from, body)
        break
      case 'gossip':
        gossip.receive(from, body)
        break
      case 'gossip_ok':
        gossip.receiveAnswer(from, body)
        break
    }
  }

  /** Serves a request of a client. */
  serve(request: Request): Answer {
    const { body } = request
    const { gossip, replication, ids } = this.#parts
    const destination = destinationOf(body, {
      option: this.#options.workload,
      setKind: gossip.kind,
      isEngineStarted: replication.isStarted,
    })
    switch (destination.to) {
      case 'echo':
        return echo(body)
      case 'unique-ids':
        return ids.generate()
      case 'topology':
        // The nodes talk along a tree of their own; what counts is which workload has begun.
        gossip.learnKind('broadcast')
        return { type: 'topology_ok' }
      case 'broadcast':
        gossip.learnKind('broadcast')
        return this.#addToSet(gossip, body.message, 'broadcast_ok')
      case 'g-set-add':
        gossip.learnKind('g-set')
        return this.#addToSet(gossip, body.element, 'add_ok')
      case 'broadcast-read':
        return { type: 'read_ok', messages: gossip.values() }
      case 'g-set-read':
        return { type: 'read_ok', value: gossip.values() }
      case 'log':
        return this.#serveReplicated(destination.workload, request)
      case 'undecided':
        return errorReply(
          'temporarilyUnavailable',
          'A read of which workload? Nothing was written yet; see --workload.',
        )
      case 'nobody':
        return errorReply('notSupported', `This node does not know ${body.type}.`)
    }
  }

  async #addToSet(gossip: Gossip, value: Json | undefined, type: 'broadcast_ok' | 'add_ok'): Promise<Reply> {
    if (value === undefined) return errorReply('malformedRequest', 'There is no value to add.')
    try {
      await gossip.add(value)
      return { type }
    } catch (error) {
      this.#options.log(`the journal has failed: ${String(error)}`)
      return errorReply('crash', 'The value may have been lost.')
    }
  }

  #serveReplicated(workload: ReplicatedWorkload, { src, body }: Request): Answer {
    const { machine, submissions, reads } = this.#parts
    const checked = machine.check(workload, body)
    switch (checked.status) {
      case 'MALFORMED':
        return errorReply('malformedRequest', checked.text)
      case 'READ':
        if (this.#options.staleReads) return this.#withLeader(checked.read())
        return reads.submit(checked.read).then((reply) => this.#withLeader(reply))
      case 'WRITE':
        return submissions.submit(checked.command(src, body.msg_id)).then((reply) => this.#withLeader(reply))
    }
  }

  /**
   * Names the leader, so that a client may go there at once next time. Maelstrom's own clients refuse a successful answer
   * with a field that they do not know; in an error any field is welcome.
   */
  #withLeader(reply: Reply): Reply {
    if (reply.type !== 'error' && !this.#options.nameLeader) return reply
    const leader = this.#parts.replication.leader()?.nodeId
    return leader === undefined ? reply : { ...reply, leader }
  }
}
