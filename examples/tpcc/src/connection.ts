// One socket that carries wire messages, from either side.
//
// Always true: messages of one turn leave in as few frames as possible; what comes in is checked, and a connection that
// delivers garbage, or whose peer does not read, is closed. `closed` is told exactly once.

import type { Socket } from 'node:net'
import { encodeFrame, FrameReader, MAX_FRAME_MESSAGES, type WireMessage } from './wire.ts'

/** Bytes that may wait for a peer that does not read. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024

export interface ConnectionHandlers {
  message(message: WireMessage): void
  closed(reason: string): void
}

export class Connection {
  readonly #socket: Socket
  readonly #handlers: ConnectionHandlers
  readonly #reader = new FrameReader()
  #queue: WireMessage[] = []
  #open = true

  constructor(socket: Socket, handlers: ConnectionHandlers) {
    this.#socket = socket
    this.#handlers = handlers
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.close(error.message))
    socket.on('close', () => this.close('closed by the peer'))
  }

  get isOpen(): boolean {
    return this.#open
  }

  send(message: WireMessage): void {
    if (!this.#open) return
    if (this.#queue.length === 0) setImmediate(() => this.#flush())
    this.#queue.push(message)
  }

  close(reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.#queue = []
    this.#socket.destroy()
    this.#handlers.closed(reason)
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    if (!this.#open) return
    this.#socket.cork()
    for (let at = 0; at < queue.length; at += MAX_FRAME_MESSAGES) {
      this.#socket.write(encodeFrame(queue.slice(at, at + MAX_FRAME_MESSAGES)))
    }
    this.#socket.uncork()
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.close('the peer does not read')
  }

  #receive(chunk: Buffer): void {
    if (!this.#open) return
    try {
      for (const message of this.#reader.push(chunk)) this.#handlers.message(message)
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error))
    }
  }
}
