// One other node: its outbox, the one connection with it, and how that is made again.
//
// Always true: a pair of nodes has at most one link, and only the node with the smaller id opens it, so two nodes that
// call each other at the same moment cannot end up with two or none. The other node knocks instead. Of two lives of a
// peer the newer one wins, of two connections of one life the later one. Without a link the outbox is empty.

import { connect } from 'node:net'
import { uniform } from '@mako/engine'
import type { NodeId, Random, Timer, TransportHandlers } from '@mako/engine'
import type { Address } from '../address.ts'
import { type Closure, Connection, type ConnectionContext, type ConnectionOwner } from './connection.ts'
import { connectionTag, HEADER_BYTES, MESSAGE_HEADER_BYTES, VERSION } from './frame.ts'
import { encodeHello, type Hello, judgeHello } from './hello.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'

/** Bytes that one write takes from the outbox; the rest leaves when the system has taken these. */
const WRITE_BYTES = 1024 * 1024

/** A link that lasted this long has earned a fresh back-off. */
const STABLE_MS = 1_000

export interface PeerContext extends ConnectionContext {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly incarnation: number
  readonly handlers: TransportHandlers
  readonly random: Random
  readonly outbox: OutboxLimits
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
}

/** The established connection. */
interface Link {
  readonly connection: Connection
  readonly incarnation: number
  readonly attempt: number
  readonly since: number
}

export class Peer implements ConnectionOwner {
  readonly id: NodeId
  readonly #address: Address
  readonly #context: PeerContext
  readonly #outbox: Outbox
  readonly #opensLink: boolean
  #link: Link | undefined
  /** A connection of ours that is not a link yet, or a knock that never will be. */
  #calling: Connection | undefined
  #attempt = 0
  #failures = 0
  #retry: Timer
  #newestIncarnation = 0
  #stopped = false

  constructor(id: NodeId, address: Address, context: PeerContext) {
    this.id = id
    this.#address = address
    this.#context = context
    this.#outbox = new Outbox(context.outbox)
    this.#opensLink = context.nodeId < id
  }

  start(): void {
    this.#call()
  }

  /** Like the end of the process; no handler is called any more. */
  stop(): void {
    this.#stopped = true
    this.#context.clock.clearTimer(this.#retry)
    this.#calling?.abandon()
    this.#link?.connection.abandon()
    this.#context.counters.dropped += this.#outbox.clear()
  }

  send(partition: number, bytes: Uint8Array): boolean {
    const { maxFrameBytes, counters } = this.#context
    const fits = HEADER_BYTES + MESSAGE_HEADER_BYTES + bytes.length <= maxFrameBytes
    if (this.#link && fits && this.#outbox.add(partition, bytes)) return true
    counters.dropped++
    return false
  }

  /** One write of what waits, unless one is in flight: then what waits goes when that has gone. */
  flush(): void {
    const connection = this.#link?.connection
    if (!connection || connection.isBusy || this.#outbox.messages === 0) return
    connection.send(this.#outbox.take(WRITE_BYTES))
  }

  tick(silentTicks: number): void {
    this.#link?.connection.tick(silentTicks)
  }

  /** A stranger has said a hello that fits, and it is this peer. */
  accept(connection: Connection, hello: Hello): void {
    const { incarnation, attempt, purpose } = hello
    const link = this.#link
    if (this.#opensLink !== (purpose === 'knock')) {
      connection.refuse('unexpected-frame', `a ${purpose} from the wrong side`)
      return
    }
    const isRepeat = purpose === 'link' && link?.incarnation === incarnation && attempt <= link.attempt
    if (incarnation < this.#newestIncarnation || isRepeat) {
      connection.refuse('stale', `incarnation ${incarnation}, attempt ${attempt}, of ${this.id}`)
      return
    }
    const wasReborn = incarnation > this.#newestIncarnation
    this.#newestIncarnation = incarnation
    if (purpose === 'knock') {
      connection.close()
      // A knock of a life with which there is a link was under way when that link was made.
      if (link && !wasReborn) return
      this.#dropLink(wasReborn)
      this.#callNow()
      return
    }
    this.#dropLink(wasReborn)
    if (this.#stopped) return
    connection.adopt(this)
    connection.write([encodeHello(this.#hello(0))])
    this.#establish(connection, incarnation, attempt)
  }

  hello(connection: Connection, hello: Hello): void {
    const { clusterId, nodeId } = this.#context
    const fault = judgeHello(hello, { clusterId, nodeId, isPeer: (id) => id === this.id })
    if (fault) {
      connection.refuse(fault.reason, fault.detail)
    } else if (!this.#opensLink || hello.purpose !== 'link') {
      connection.refuse('unexpected-frame', 'an answer to a knock')
    } else if (hello.incarnation < this.#newestIncarnation) {
      connection.refuse('stale', `incarnation ${hello.incarnation} of ${this.id}`)
    } else {
      this.#newestIncarnation = hello.incarnation
      this.#calling = undefined
      this.#establish(connection, hello.incarnation, this.#attempt)
    }
  }

  message(partition: number, bytes: Uint8Array): void {
    this.#context.counters.messagesReceived++
    this.#context.handlers.message(this.id, partition, bytes)
  }

  writable(): void {
    this.flush()
  }

  closed(connection: Connection, closure: Closure): void {
    if (connection === this.#link?.connection) {
      const lasted = this.#context.clock.monotonicNow() - this.#link.since
      if (lasted >= STABLE_MS) this.#failures = 0
      this.#callLater()
      this.#dropLink(closure.by === 'peer')
    } else if (connection === this.#calling) {
      this.#calling = undefined
      if (this.#failures === 1) this.#context.counters.say(`node ${this.id} cannot be reached: ${closure.detail}`)
      this.#callLater()
    }
  }

  #establish(connection: Connection, incarnation: number, attempt: number): void {
    const { clusterId, nodeId, clock, handlers } = this.#context
    clock.clearTimer(this.#retry)
    this.#calling?.close()
    this.#calling = undefined
    connection.open(
      connectionTag(clusterId, nodeId, this.id, this.#context.incarnation),
      connectionTag(clusterId, this.id, nodeId, incarnation),
    )
    this.#link = { connection, incarnation, attempt, since: clock.monotonicNow() }
    handlers.connected(this.id)
  }

  #dropLink(died: boolean): void {
    const link = this.#link
    if (!link) return
    this.#link = undefined
    link.connection.close()
    this.#context.counters.dropped += this.#outbox.clear()
    this.#context.handlers.closed(this.id, died)
  }

  /** Exponential back-off with jitter: between half of the step and all of it. */
  #callLater(): void {
    const { clock, random, minBackoffMs, maxBackoffMs } = this.#context
    const step = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(this.#failures, 30))
    this.#failures++
    clock.clearTimer(this.#retry)
    this.#retry = clock.setTimer(uniform(random, step / 2, step), () => this.#call())
  }

  /** The peer is there: an attempt that still waits for an answer of the network is given up for a fresh one. */
  #callNow(): void {
    if (this.#stopped || (this.#calling && !this.#calling.isConnecting)) return
    this.#context.clock.clearTimer(this.#retry)
    this.#calling?.close()
    this.#call()
  }

  #call(): void {
    if (this.#stopped) return
    const { host, port } = this.#address
    const socket = connect({ host, port, noDelay: true, keepAlive: true })
    const connection = new Connection(socket, `${this.id} at ${host}:${port}`, this, this.#context)
    const attempt = ++this.#attempt
    socket.once('connect', () => connection.write([encodeHello(this.#hello(attempt))]))
    this.#calling = connection
  }

  #hello(attempt: number): Hello {
    const { clusterId, nodeId, incarnation } = this.#context
    const purpose = attempt > 0 && !this.#opensLink ? 'knock' : 'link'
    return { version: VERSION, clusterId, from: nodeId, to: this.id, incarnation, attempt, purpose }
  }
}
