// One socket and what is spoken on it: a hello in each direction, then messages, pings, and a bye.
//
// Always true: before it is open nothing but one small hello is accepted, and not for longer than the deadline;
// afterwards every frame carries the connection's tag. At most one write is in flight: what is sent meanwhile gathers
// outside, so a slow reader costs one write of memory here. The owner is told at most once that it is closed, and
// nothing more after that.

import type { Socket } from 'node:net'
import type { Clock, Timer } from '@mako/engine'
import type { Counters } from './counters.ts'
import { decodeMessages, encodeFrame, encodeMessages, type Frame, type FrameFault, FrameReader } from './frame.ts'
import type { OutMessage } from './frame.ts'
import { decodeHello, type Hello, type HelloFault, MAX_HELLO_FRAME_BYTES } from './hello.ts'

/** Why a connection was closed by this side. */
export type RefuseReason =
  | FrameFault
  | HelloFault
  /** The other side has closed it before it said hello. */
  | 'no-hello'
  /** No hello in time. */
  | 'hello-timeout'
  /** A frame that is not due now: no hello first, or a second one. */
  | 'unexpected-frame'
  /** A frame of another connection. */
  | 'wrong-tag'
  /** An earlier life, or an earlier attempt, of a peer that was heard later. */
  | 'stale'
  /** Nothing was heard for too long. */
  | 'silent'
  /** More connections without a hello than are allowed. */
  | 'too-many-connections'

/** Why a connection is gone that its owner did not close. */
export type Closure =
  /** This side has refused what came; it is counted. */
  | { readonly by: 'refusal'; readonly detail: string }
  /** The other side closed or reset it without a word, as the system does for a process that has ended. */
  | { readonly by: 'peer'; readonly detail: string }
  /** The other side closed it on purpose and goes on, or the network failed. */
  | { readonly by: 'network'; readonly detail: string }

export interface ConnectionOwner {
  /** The other side has said hello. The owner opens or closes the connection. */
  hello(connection: Connection, hello: Hello): void
  message(partition: number, bytes: Uint8Array): void
  /** The write in flight has been taken over by the system. */
  writable(): void
  closed(connection: Connection, closure: Closure): void
}

export interface ConnectionContext {
  readonly clock: Clock
  readonly counters: Counters
  readonly maxFrameBytes: number
  readonly helloTimeoutMs: number
}

/** What the system reports when the process at the other end is gone. */
const DEATH_CODES = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

export class Connection {
  /** The other side, for log lines. */
  readonly name: string
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #reader: FrameReader
  #owner: ConnectionOwner
  #state: 'greeting' | 'open' | 'closed' = 'greeting'
  #deadline: Timer
  #sendTag = 0
  #receiveTag = 0
  #busy = false
  #heard = false
  #spoke = false
  #silentTicks = 0

  constructor(socket: Socket, name: string, owner: ConnectionOwner, context: ConnectionContext) {
    this.#socket = socket
    this.name = name
    this.#owner = owner
    this.#context = context
    this.#reader = new FrameReader(MAX_HELLO_FRAME_BYTES, (frame) => this.#onFrame(frame))
    this.#deadline = context.clock.setTimer(context.helloTimeoutMs, () => {
      this.refuse('hello-timeout', `no hello within ${context.helloTimeoutMs} ms`)
    })
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('end', () => this.#lost({ by: 'peer', detail: 'closed by the other side' }))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#lost({ by: DEATH_CODES.has(error.code ?? '') ? 'peer' : 'network', detail: error.message })
    })
    socket.on('close', () => this.#lost({ by: 'network', detail: 'closed' }))
  }

  get isConnecting(): boolean {
    return this.#socket.connecting
  }

  /** Whether a write is in flight. */
  get isBusy(): boolean {
    return this.#busy
  }

  /** Hands the connection to someone else, who is told of everything from now on. */
  adopt(owner: ConnectionOwner): void {
    this.#owner = owner
  }

  /** The handshake is complete: messages go both ways from now on. */
  open(sendTag: number, receiveTag: number): void {
    if (this.#state !== 'greeting') return
    this.#context.clock.clearTimer(this.#deadline)
    this.#state = 'open'
    this.#sendTag = sendTag
    this.#receiveTag = receiveTag
    this.#reader.maxFrameBytes = this.#context.maxFrameBytes
  }

  /** Sends messages in one write. The connection must be open, and each must fit into a frame. */
  send(messages: readonly OutMessage[]): void {
    this.#context.counters.messagesSent += messages.length
    this.write(encodeMessages(messages, this.#sendTag, this.#context.maxFrameBytes))
  }

  /** Writes all of these at once. */
  write(parts: readonly Uint8Array[]): void {
    if (this.#state === 'closed') return
    const { counters } = this.#context
    const socket = this.#socket
    this.#busy = true
    this.#spoke = true
    counters.writes++
    const written = (error?: Error | null): void => {
      if (error || this.#state === 'closed') return
      this.#busy = false
      this.#owner.writable()
    }
    if (parts.length > 1) socket.cork()
    for (const [i, part] of parts.entries()) {
      counters.bytesSent += part.length
      socket.write(part, i === parts.length - 1 ? written : undefined)
    }
    if (parts.length > 1) socket.uncork()
  }

  /** Once for each period: pings when nothing was said in it; refuses when nothing was heard in `silentTicks` of them. */
  tick(silentTicks: number): void {
    if (this.#state !== 'open') return
    // Periods are counted and not measured: a process that was itself paused has not listened.
    this.#silentTicks = this.#heard ? 0 : this.#silentTicks + 1
    this.#heard = false
    if (this.#silentTicks >= silentTicks) {
      this.refuse('silent', `nothing heard in ${silentTicks} periods`)
      return
    }
    if (!this.#spoke && !this.#busy) this.write([encodeFrame('ping', this.#sendTag, new Uint8Array(0))])
    this.#spoke = false
  }

  /** Closes the connection, counts why, and tells the owner. */
  refuse(reason: RefuseReason, detail: string): void {
    if (this.#state === 'closed') return
    this.#context.counters.refuse(reason, this.name, detail)
    this.#sayBye()
    this.#lost({ by: 'refusal', detail: `${reason}: ${detail}` })
  }

  /** Closes the connection without a word to the owner; the other side is told that this process goes on. */
  close(): void {
    this.#sayBye()
    this.#release()
  }

  /** Closes the connection as the end of the process would. */
  abandon(): void {
    this.#release()
  }

  #onData(chunk: Uint8Array): void {
    this.#heard = true
    this.#context.counters.bytesReceived += chunk.length
    const fault = this.#reader.push(chunk)
    if (fault) this.refuse(fault, `in a ${this.#state === 'greeting' ? 'hello' : 'frame'}`)
  }

  #onFrame(frame: Frame): FrameFault | undefined {
    switch (this.#state) {
      case 'closed':
        return undefined
      case 'greeting': {
        const hello = frame.type === 'hello' ? decodeHello(frame.body) : undefined
        if (hello) this.#owner.hello(this, hello)
        else if (frame.type === 'hello') return 'malformed'
        else this.refuse('unexpected-frame', `${frame.type} before hello`)
        return undefined
      }
      case 'open':
        return this.#onOpenFrame(frame)
    }
  }

  #onOpenFrame(frame: Frame): FrameFault | undefined {
    if (frame.tag !== this.#receiveTag) {
      this.refuse('wrong-tag', `a ${frame.type} frame of another connection`)
      return undefined
    }
    switch (frame.type) {
      case 'data':
        return decodeMessages(frame.body, (partition, bytes) => {
          // The owner may close the connection, or stop altogether, while it takes a message.
          if (this.#state === 'open') this.#owner.message(partition, bytes)
        })
      case 'ping':
        return undefined
      case 'bye':
        this.#lost({ by: 'network', detail: 'the other side gave it up' })
        return undefined
      case 'hello':
        this.refuse('unexpected-frame', 'a second hello')
        return undefined
    }
  }

  /** Best effort: when the last write is still in flight the other side will see the end and nothing else. */
  #sayBye(): void {
    if (this.#state !== 'open' || this.#busy) return
    this.#socket.write(encodeFrame('bye', this.#sendTag, new Uint8Array(0)))
  }

  #lost(closure: Closure): void {
    if (this.#state === 'closed') return
    this.#release()
    this.#owner.closed(this, closure)
  }

  #release(): void {
    if (this.#state === 'greeting') this.#context.clock.clearTimer(this.#deadline)
    this.#state = 'closed'
    this.#socket.destroy()
  }
}
