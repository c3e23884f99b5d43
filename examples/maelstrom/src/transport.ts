// The engine's transport over Maelstrom bodies: `{ type: 'mako', cluster, life, part, batch }`.
//
// Always true: all messages of one turn to one peer travel in one line (more lines only where one would be too long), in
// order; no handler is called from inside `start`, `send`, `flush` or `stop`. The network has no connections, so a peer is
// taken to be connected from the first word of one of its lives until it says goodbye or a later life speaks.

import {
  MakoError,
  type Clock,
  type NodeId,
  type Transport,
  type TransportHandlers,
  type TransportIdentity,
  type TransportStats,
} from '@mako/engine'
import type { Body, Reply } from './message.ts'

/** Bytes of messages in one line; in base64 they stay well below the limit of a line. */
export const MAX_BATCH_BYTES: number = 640 * 1024

const FRAME_HEADER_BYTES = 8
/** A peer that has not been heard is greeted again after this long. */
const GREETING_MS = 250

export interface MaelstromTransportOptions {
  readonly clock: Clock
  /** Sends a body to another node; false when it was dropped. */
  readonly send: (to: NodeId, body: Reply) => boolean
  /** Bytes that may wait for one peer within a turn; then `send` returns false. @default 8 MiB */
  readonly outboxBytes?: number
}

/** A transport that is handed its incoming bodies. */
export interface MaelstromTransport extends Transport {
  /** Takes in a body of type `mako`. Whatever it contains, nothing is thrown. */
  receive(from: NodeId, body: Body): void
}

export function maelstromTransport(options: MaelstromTransportOptions): MaelstromTransport {
  return new BodyTransport(options)
}

interface Frame {
  readonly partition: number
  readonly bytes: Uint8Array
}

interface Link {
  isUp: boolean
  /** The newest life that was heard, alive or ended; 0 before the first. */
  life: number
  greetAt: number
  outbox: Frame[]
  outboxBytes: number
}

class BodyTransport implements MaelstromTransport {
  readonly #clock: Clock
  readonly #sendBody: (to: NodeId, body: Reply) => boolean
  readonly #outboxBytes: number
  #state: 'new' | 'running' | 'stopped' = 'new'
  #identity: TransportIdentity | undefined
  #handlers: TransportHandlers | undefined
  readonly #links = new Map<NodeId, Link>()
  #bytesSent = 0
  #bytesReceived = 0
  #messagesSent = 0
  #messagesReceived = 0
  #writes = 0
  #dropped = 0
  readonly #refused = new Map<string, number>()

  constructor(options: MaelstromTransportOptions) {
    this.#clock = options.clock
    this.#sendBody = options.send
    this.#outboxBytes = options.outboxBytes ?? 8 * 1024 * 1024
  }

  start(identity: TransportIdentity, handlers: TransportHandlers): Promise<void> {
    return Promise.resolve().then(() => {
      if (this.#state !== 'new') throw new MakoError('BAD_STATE', 'A transport is started once; make another one.')
      if (!identity.members.some(({ id }) => id === identity.nodeId)) {
        throw new MakoError('BAD_OPTION', `Node ${identity.nodeId} is not among the members of its cluster.`)
      }
      this.#state = 'running'
      this.#identity = identity
      this.#handlers = handlers
      for (const { id } of identity.members) {
        if (id !== identity.nodeId) {
          this.#links.set(id, { isUp: false, life: 0, greetAt: 0, outbox: [], outboxBytes: 0 })
        }
      }
      this.#greetTheSilent()
    })
  }

  send(to: NodeId, partition: number, bytes: Uint8Array): boolean {
    const link = this.#links.get(to)
    const size = bytes.length + FRAME_HEADER_BYTES
    if (
      link?.isUp !== true ||
      size > MAX_BATCH_BYTES ||
      // Counted without headers, so that a full outbox is full of messages.
      link.outboxBytes + bytes.length > this.#outboxBytes
    ) {
      this.#dropped++
      return false
    }
    link.outbox.push({ partition, bytes })
    link.outboxBytes += bytes.length
    return true
  }

  flush(): void {
    if (this.#state !== 'running') return
    for (const [peer, link] of this.#links) {
      if (link.outbox.length === 0) continue
      const frames = link.outbox
      link.outbox = []
      link.outboxBytes = 0
      for (let start = 0; start < frames.length; ) start = this.#writeBatch(peer, frames, start)
    }
    this.#greetTheSilent()
  }

  receive(from: NodeId, body: Body): void {
    if (this.#state !== 'running') return
    const { part, batch } = body
    const link = this.#links.get(from)
    const objection = this.#objectionTo(link, body)
    if (link === undefined || objection !== undefined) {
      this.#refuse(objection ?? 'stranger')
      return
    }
    const life = body.life as number
    if (life > link.life) {
      if (link.isUp) this.#takeDown(from, link)
      link.life = life
      link.isUp = true
      this.#handlers!.connected(from)
    }
    switch (part) {
      case 'hello':
        this.#say(from, 'welcome')
        return
      case 'welcome':
        return
      case 'goodbye':
        this.#takeDown(from, link)
        return
      case 'batch':
        this.#takeIn(from, batch)
        return
      default:
        this.#refuse('malformed')
    }
  }

  stats(): TransportStats {
    return {
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      messagesSent: this.#messagesSent,
      messagesReceived: this.#messagesReceived,
      writes: this.#writes,
      dropped: this.#dropped,
      refused: Object.fromEntries(this.#refused),
    }
  }

  stop(): Promise<void> {
    if (this.#state === 'running') {
      for (const [peer, link] of this.#links) {
        this.#dropped += link.outbox.length
        if (link.isUp) this.#say(peer, 'goodbye')
      }
    }
    this.#state = 'stopped'
    this.#links.clear()
    return Promise.resolve()
  }

  /** Writes as many frames as fit into one line, and returns the first one that did not. */
  #writeBatch(peer: NodeId, frames: readonly Frame[], start: number): number {
    let end = start
    let size = 0
    while (end < frames.length) {
      const more = FRAME_HEADER_BYTES + frames[end]!.bytes.length
      if (size + more > MAX_BATCH_BYTES) break
      size += more
      end++
    }
    const packed = Buffer.allocUnsafe(size)
    let at = 0
    for (const { partition, bytes } of frames.slice(start, end)) {
      at = packed.writeUInt32LE(partition, at)
      at = packed.writeUInt32LE(bytes.length, at)
      packed.set(bytes, at)
      at += bytes.length
    }
    if (this.#say(peer, 'batch', packed.toString('base64'))) {
      this.#writes++
      this.#messagesSent += end - start
      this.#bytesSent += size
    } else this.#dropped += end - start
    return end
  }

  /** Why a body is not even looked at. */
  #objectionTo(link: Link | undefined, { cluster, life }: Body): string | undefined {
    if (link === undefined) return 'stranger'
    if (cluster !== this.#identity!.clusterId) return 'cluster'
    if (typeof life !== 'number' || !Number.isSafeInteger(life) || life < 1) return 'malformed'
    // A straggler of a life that has ended.
    return life < link.life || (life === link.life && !link.isUp) ? 'ended' : undefined
  }

  #takeIn(from: NodeId, batch: unknown): void {
    if (typeof batch !== 'string') {
      this.#refuse('malformed')
      return
    }
    const packed = Buffer.from(batch, 'base64')
    const frames = framesOf(packed)
    if (frames === undefined) {
      this.#refuse('malformed')
      return
    }
    this.#bytesReceived += packed.length
    for (const { partition, bytes } of frames) {
      // A handler may stop this transport.
      if (!this.#isRunning()) return
      this.#messagesReceived++
      this.#handlers!.message(from, partition, bytes)
    }
  }

  #isRunning(): boolean {
    return this.#state === 'running'
  }

  #takeDown(peer: NodeId, link: Link): void {
    link.isUp = false
    this.#dropped += link.outbox.length
    link.outbox = []
    link.outboxBytes = 0
    this.#handlers!.closed(peer, true)
  }

  /** Lines get lost: whoever was never heard is greeted again and again. */
  #greetTheSilent(): void {
    const now = this.#clock.monotonicNow()
    for (const [peer, link] of this.#links) {
      if (link.isUp || now < link.greetAt) continue
      link.greetAt = now + GREETING_MS
      this.#say(peer, 'hello')
    }
  }

  #say(peer: NodeId, part: 'hello' | 'welcome' | 'goodbye' | 'batch', batch?: string): boolean {
    const { clusterId, incarnation } = this.#identity!
    return this.#sendBody(peer, { type: 'mako', cluster: clusterId, life: incarnation, part, batch })
  }

  #refuse(reason: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1)
  }
}

/** The frames of a batch, each with bytes of its own; undefined when the lengths do not add up. */
function framesOf(packed: Buffer): Frame[] | undefined {
  const frames: Frame[] = []
  for (let at = 0; at < packed.length; ) {
    if (at + FRAME_HEADER_BYTES > packed.length) return undefined
    const partition = packed.readUInt32LE(at)
    const start = at + FRAME_HEADER_BYTES
    at = start + packed.readUInt32LE(at + 4)
    if (at > packed.length) return undefined
    frames.push({ partition, bytes: new Uint8Array(packed.subarray(start, at)) })
  }
  return frames
}
