// The TCP transport: listens, keeps one link with each other member, and passes messages.
//
// Always true: whatever a stranger sends costs its own connection and a counter; a peer that is away costs an empty
// outbox and a timer. After `stop` there is no socket, no timer, and no call of a handler.

import { createServer, type Server, type Socket } from 'node:net'
import { MakoError, systemClock, systemRandom } from '@mako/engine'
import type {
  Clock,
  NodeId,
  Timer,
  Transport,
  TransportHandlers,
  TransportIdentity,
  TransportStats,
} from '@mako/engine'
import { type Address, parseAddress } from '../address.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Counters } from './counters.ts'
import { type Hello, helloFits, judgeHello } from './hello.ts'
import { limitsOf, type TcpLimits, type TcpTransportOptions } from './options.ts'
import { Peer, type PeerContext } from './peer.ts'

/** Ping periods without a byte from the peer after which a link is given up. */
const SILENT_PERIODS = 5

/**
 * Makes a transport over TCP: a full mesh with one connection for each pair of nodes. No encryption and no proof of
 * identity: for networks in which everyone who can connect is trusted.
 * @throws MakoError `BAD_OPTION`
 */
export function tcpTransport(options: TcpTransportOptions = {}): Transport {
  return new TcpTransport(options)
}

class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions
  readonly #limits: TcpLimits
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #peers = new Map<NodeId, Peer>()
  /** Inbound connections that have not said hello. */
  readonly #pending = new Set<Connection>()
  readonly #pendingOwner: ConnectionOwner
  #context: PeerContext | undefined
  #server: Server | undefined
  #ticker: Timer
  #state: 'new' | 'starting' | 'running' | 'stopped' = 'new'

  constructor(options: TcpTransportOptions) {
    this.#options = options
    this.#limits = limitsOf(options)
    if (options.listen !== undefined) addressOf(options.listen, 'listen', 0)
    this.#clock = options.clock ?? systemClock
    this.#counters = new Counters(this.#clock, options.log)
    this.#pendingOwner = {
      hello: (connection, hello) => this.#onHello(connection, hello),
      message: () => undefined,
      writable: () => undefined,
      closed: (connection, closure) => {
        this.#pending.delete(connection)
        if (closure.by !== 'refusal') this.#counters.refuse('no-hello', connection.name, closure.detail)
      },
    }
  }

  async start(identity: TransportIdentity, handlers: TransportHandlers): Promise<void> {
    if (this.#state !== 'new') throw new MakoError('BAD_STATE', 'A transport is started once; make another one.')
    const own = this.#adoptIdentity(identity, handlers)
    this.#state = 'starting'
    const server = createServer({ noDelay: true, keepAlive: true })
    this.#server = server
    server.on('connection', (socket) => this.#onConnection(socket))
    try {
      await listen(server, own)
    } catch (error) {
      this.#state = 'stopped'
      throw error
    }
    // Stopped meanwhile: `stop` has closed the server.
    if (this.#isStopped()) return
    // A connection that fails while it is accepted is no reason to stop listening.
    server.on('error', (error) => this.#counters.say(`accepting a connection failed: ${error.message}`))
    this.#state = 'running'
    for (const peer of this.#peers.values()) peer.start()
    this.#tickLater()
  }

  send(to: NodeId, partition: number, bytes: Uint8Array): boolean {
    const peer = this.#state === 'running' ? this.#peers.get(to) : undefined
    if (peer) return peer.send(partition, bytes)
    this.#counters.dropped++
    return false
  }

  flush(): void {
    for (const peer of this.#peers.values()) peer.flush()
  }

  stats(): TransportStats {
    return this.#counters.snapshot()
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#clock.clearTimer(this.#ticker)
    for (const peer of this.#peers.values()) peer.stop()
    for (const connection of this.#pending) connection.abandon()
    this.#pending.clear()
    const server = this.#server
    if (!server) return
    await new Promise<void>((resolve) => {
      // The only error of `close` is that it is closed already.
      server.close(() => resolve())
    })
  }

  /** Makes the peers; returns where to listen. */
  #adoptIdentity(identity: TransportIdentity, handlers: TransportHandlers): Address {
    const { clusterId, nodeId, incarnation, members } = identity
    if (!Number.isSafeInteger(incarnation) || incarnation < 0) {
      throw new MakoError('BAD_OPTION', `The incarnation ${incarnation} is not a whole number.`)
    }
    const context: PeerContext = {
      ...this.#limits,
      clock: this.#clock,
      counters: this.#counters,
      random: this.#options.random ?? systemRandom(),
      outbox: this.#limits,
      clusterId,
      nodeId,
      incarnation,
      handlers,
    }
    const peers = new Map<NodeId, Peer>()
    let own: Address | undefined
    for (const { id, address } of members) {
      if (id === nodeId ? own !== undefined : peers.has(id)) {
        throw new MakoError('BAD_OPTION', `Node ${id} is twice among the members.`)
      }
      if (!helloFits(clusterId, nodeId, id)) {
        throw new MakoError('BAD_OPTION', `The names of cluster ${clusterId} and node ${id} are too long.`)
      }
      const parsed = addressOf(address, `address of node ${id}`, 1)
      if (id === nodeId) own = parsed
      else peers.set(id, new Peer(id, parsed, context))
    }
    if (!own) throw new MakoError('BAD_OPTION', `Node ${nodeId} is not among the members of its cluster.`)
    this.#context = context
    for (const [id, peer] of peers) this.#peers.set(id, peer)
    return this.#options.listen === undefined ? own : addressOf(this.#options.listen, 'listen', 0)
  }

  #onConnection(socket: Socket): void {
    const name = `${socket.remoteAddress ?? 'someone'}:${socket.remotePort ?? 0}`
    if (this.#isStopped() || this.#pending.size >= this.#limits.maxPendingConnections) {
      socket.on('error', () => undefined)
      socket.destroy()
      if (!this.#isStopped()) this.#counters.refuse('too-many-connections', name, '')
      return
    }
    this.#pending.add(new Connection(socket, name, this.#pendingOwner, this.#context!))
  }

  #onHello(connection: Connection, hello: Hello): void {
    const { clusterId, nodeId } = this.#context!
    const fault = judgeHello(hello, { clusterId, nodeId, isPeer: (id) => this.#peers.has(id) })
    if (fault) {
      connection.refuse(fault.reason, fault.detail)
      return
    }
    const peer = this.#peers.get(hello.from)!
    peer.accept(connection, hello)
    this.#pending.delete(connection)
  }

  #tickLater(): void {
    this.#ticker = this.#clock.setTimer(this.#limits.pingMs, () => {
      this.#tickLater()
      for (const peer of this.#peers.values()) peer.tick(SILENT_PERIODS)
    })
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }
}

function addressOf(text: string, what: string, lowestPort: 0 | 1): Address {
  const address = parseAddress(text, lowestPort)
  if (typeof address === 'string') throw new MakoError('BAD_OPTION', `The ${what} cannot be used: ${address}.`)
  return address
}

async function listen(server: Server, { host, port }: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const isTaken = error.code === 'EADDRINUSE'
      const message = isTaken ? 'is in use by another process' : `cannot be listened on (${error.message})`
      reject(new MakoError(isTaken ? 'ADDRESS_IN_USE' : 'NETWORK', `${host}:${port} ${message}.`, { cause: error }))
    }
    server.once('error', failed)
    server.once('close', () => resolve())
    server.listen({ host, port }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}
