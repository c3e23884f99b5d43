// A network inside one process, for tests and examples: the same contract as a real one, without a socket.
//
// Always true: between two nodes that stay connected every message that was flushed arrives, once and in order; no
// handler is ever called from inside `start`, `send`, `flush` or `stop`, but in a turn of its own (`clock.defer`).

import { MakoError, systemClock } from '@mako/engine'
import type { Clock, NodeId, Transport, TransportHandlers, TransportIdentity, TransportStats } from '@mako/engine'

export interface MemoryNetworkOptions {
  /** Where turns come from. @default the system's */
  readonly clock?: Clock
  /** Messages on their way to one node; then `send` returns false. @default 65,536 */
  readonly outboxMessages?: number
  /** Their bytes. @default 64 MiB */
  readonly outboxBytes?: number
}

export interface MemoryNetwork {
  /** A transport for one node. With `nodeId` it refuses to be started by any other. */
  transport(nodeId?: NodeId): Transport
  /** Cuts the link between two nodes, in both directions. What was flushed before still arrives. */
  disconnect(a: NodeId, b: NodeId): void
  /** Mends the link. */
  reconnect(a: NodeId, b: NodeId): void
}

/** Makes a network; the transports of one network reach each other, by node id, inside one cluster. */
export function memoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const network = new Network(options)
  return {
    transport: (nodeId) => new MemoryTransport(network, nodeId),
    disconnect: (a, b) => network.cut(a, b),
    reconnect: (a, b) => network.mend(a, b),
  }
}

/** Who is up, and which links are cut. */
class Network {
  readonly clock: Clock
  readonly outboxMessages: number
  readonly outboxBytes: number
  readonly #running = new Set<MemoryTransport>()
  readonly #cut = new Set<string>()

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock ?? systemClock
    this.outboxMessages = options.outboxMessages ?? 65_536
    this.outboxBytes = options.outboxBytes ?? 64 * 1024 * 1024
  }

  /** Adds a node and connects it with all that know it and that it knows; false when its name is taken. */
  add(node: MemoryTransport): boolean {
    for (const other of this.#running) {
      if (other.nodeId === node.nodeId && other.clusterId === node.clusterId) return false
    }
    this.#running.add(node)
    for (const other of this.#running) this.#join(node, other)
    return true
  }

  remove(node: MemoryTransport): void {
    this.#running.delete(node)
    for (const other of this.#running) other.unlink(node, true)
  }

  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(linkName(a, b))
    this.#eachPair(a, b, (left, right) => {
      left.unlink(right, false)
      right.unlink(left, false)
    })
  }

  mend(a: NodeId, b: NodeId): void {
    if (this.#cut.delete(linkName(a, b))) this.#eachPair(a, b, (left, right) => this.#join(left, right))
  }

  #join(a: MemoryTransport, b: MemoryTransport): void {
    if (a === b || a.clusterId !== b.clusterId || this.#cut.has(linkName(a.nodeId, b.nodeId))) return
    if (!a.knows(b.nodeId) || !b.knows(a.nodeId)) return
    a.link(b)
    b.link(a)
  }

  #eachPair(a: NodeId, b: NodeId, fn: (left: MemoryTransport, right: MemoryTransport) => void): void {
    for (const left of this.#running) {
      if (left.nodeId !== a) continue
      for (const right of this.#running) {
        if (right.nodeId === b && right.clusterId === left.clusterId) fn(left, right)
      }
    }
  }
}

function linkName(a: NodeId, b: NodeId): string {
  return JSON.stringify(a < b ? [a, b] : [b, a])
}

/** One direction of a link: what was sent and has not yet arrived. */
interface Link {
  readonly to: MemoryTransport
  outbox: { readonly partition: number; readonly bytes: Uint8Array }[]
  messages: number
  bytes: number
}

class MemoryTransport implements Transport {
  readonly #network: Network
  readonly #onlyNodeId: NodeId | undefined
  #identity: TransportIdentity | undefined
  #handlers: TransportHandlers | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'
  readonly #links = new Map<NodeId, Link>()
  /** What this node is to be told, in order. */
  #inbox: (() => void)[] = []
  #bytesSent = 0
  #bytesReceived = 0
  #messagesSent = 0
  #messagesReceived = 0
  #writes = 0
  #dropped = 0

  constructor(network: Network, nodeId: NodeId | undefined) {
    this.#network = network
    this.#onlyNodeId = nodeId
  }

  get nodeId(): NodeId {
    return this.#identity!.nodeId
  }

  get clusterId(): string {
    return this.#identity!.clusterId
  }

  knows(node: NodeId): boolean {
    return this.#identity!.members.some((member) => member.id === node)
  }

  start(identity: TransportIdentity, handlers: TransportHandlers): Promise<void> {
    return Promise.resolve().then(() => {
      if (this.#state !== 'new') throw new MakoError('BAD_STATE', 'A transport is started once; make another one.')
      if (this.#onlyNodeId !== undefined && this.#onlyNodeId !== identity.nodeId) {
        throw new MakoError('BAD_OPTION', `The transport of node ${this.#onlyNodeId} was given to ${identity.nodeId}.`)
      }
      this.#identity = identity
      if (!this.knows(identity.nodeId)) {
        throw new MakoError('BAD_OPTION', `Node ${identity.nodeId} is not among the members of its cluster.`)
      }
      this.#handlers = handlers
      this.#state = 'running'
      if (!this.#network.add(this)) {
        this.#state = 'new'
        throw new MakoError('ADDRESS_IN_USE', `Node ${identity.nodeId} is already running in this network.`)
      }
    })
  }

  send(to: NodeId, partition: number, bytes: Uint8Array): boolean {
    const link = this.#links.get(to)
    if (
      !link ||
      link.messages >= this.#network.outboxMessages ||
      link.bytes + bytes.length > this.#network.outboxBytes
    ) {
      this.#dropped++
      return false
    }
    link.outbox.push({ partition, bytes })
    link.messages++
    link.bytes += bytes.length
    return true
  }

  flush(): void {
    for (const link of this.#links.values()) {
      if (link.outbox.length === 0) continue
      const batch = link.outbox
      link.outbox = []
      this.#writes++
      for (const { partition, bytes } of batch) {
        this.#messagesSent++
        this.#bytesSent += bytes.length
        link.to.#tell((handlers) => {
          link.messages--
          link.bytes -= bytes.length
          link.to.#messagesReceived++
          link.to.#bytesReceived += bytes.length
          handlers.message(this.nodeId, partition, bytes)
        })
      }
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
      refused: {},
    }
  }

  stop(): Promise<void> {
    if (this.#state === 'running') {
      this.#network.remove(this)
      for (const link of this.#links.values()) this.#dropped += link.outbox.length
    }
    this.#state = 'stopped'
    this.#links.clear()
    this.#inbox = []
    return Promise.resolve()
  }

  link(to: MemoryTransport): void {
    this.#links.set(to.nodeId, { to, outbox: [], messages: 0, bytes: 0 })
    this.#tell((handlers) => handlers.connected(to.nodeId))
  }

  unlink(from: MemoryTransport, died: boolean): void {
    const link = this.#links.get(from.nodeId)
    if (link?.to !== from) return
    this.#links.delete(from.nodeId)
    this.#dropped += link.outbox.length
    this.#tell((handlers) => handlers.closed(from.nodeId, died))
  }

  #tell(what: (handlers: TransportHandlers) => void): void {
    if (this.#state !== 'running') return
    const handlers = this.#handlers!
    this.#inbox.push(() => what(handlers))
    if (this.#inbox.length === 1) this.#network.clock.defer(() => this.#hear())
  }

  #hear(): void {
    const inbox = this.#inbox
    this.#inbox = []
    for (const item of inbox) {
      if (this.#state !== 'running') return
      item()
    }
  }
}
