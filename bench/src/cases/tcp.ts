// The TCP transport to another process, beside a bare socket that carries the same bytes in the same batches.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Transport } from '@mako/engine'
import { tcpTransport } from '@mako/transport/tcp'
import type { BenchCase } from '../case.ts'
import { Child, freeAddresses } from '../children/child.ts'
import type { EchoOptions, FromEcho } from '../children/echo.ts'
import { until } from '../cluster.ts'
import { type Cost, sideBySide, Stopwatch } from '../measure.ts'

const MESSAGE_BYTES = 100
/** What the transport adds to a message; the bare socket carries as much. */
const MESSAGE_HEADER_BYTES = 8

/** Sends batches, a number of them on their way at once; `acknowledged` is called from outside. */
class Window {
  readonly #size: number
  readonly #send: () => void
  #open = 0
  #done = 0
  #running = false
  #drained: (() => void) | undefined

  constructor(size: number, send: () => void) {
    this.#size = size
    this.#send = send
  }

  acknowledged(batches: number): void {
    this.#open -= batches
    this.#done += batches
    if (this.#running) this.#fill()
    else if (this.#open === 0) this.#drained?.()
  }

  async run(seconds: number, batchMessages: number): Promise<Cost> {
    const watch = new Stopwatch()
    this.#done = 0
    this.#running = true
    const drained = new Promise<void>((resolve) => (this.#drained = resolve))
    watch.start()
    const timer = setTimeout(() => (this.#running = false), seconds * 1000)
    this.#fill()
    await drained
    watch.stop()
    clearTimeout(timer)
    return { operations: this.#done * batchMessages, wallMs: watch.wallMs, cpuUs: watch.cpuUs }
  }

  #fill(): void {
    while (this.#open < this.#size) {
      this.#open++
      this.#send()
    }
  }
}

async function compare(seconds: number, batchMessages: number, windowBatches: number): ReturnType<BenchCase['run']> {
  const batchBytes = batchMessages * (MESSAGE_BYTES + MESSAGE_HEADER_BYTES)
  const [ours, theirs] = await freeAddresses(2)
  const members = [
    { id: 'a', address: ours! },
    { id: 'b', address: theirs! },
  ]
  const options: EchoOptions = { members, batchMessages, batchBytes }
  const echo = new Child<never, FromEcho>('echo.ts', options)
  let transport: Transport | undefined
  let socket: Socket | undefined
  try {
    const { port } = await echo.hear('ready')
    const message = new Uint8Array(MESSAGE_BYTES).fill(7)
    const overTransport = new Window(windowBatches, () => {
      for (let i = 0; i < batchMessages; i++) transport!.send('b', 0, message)
      transport!.flush()
    })
    let connected = false
    transport = tcpTransport()
    await transport.start(
      { clusterId: 'bench', nodeId: 'a', incarnation: 1, members },
      {
        message: () => overTransport.acknowledged(1),
        connected: () => (connected = true),
        closed: () => undefined,
      },
    )
    await until('the connection', () => connected)

    const batch = new Uint8Array(batchBytes).fill(7)
    socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.setNoDelay(true)
    const overSocket = new Window(windowBatches, () => socket!.write(batch))
    socket.on('data', (chunk) => overSocket.acknowledged(chunk.length))
    return await sideBySide(
      seconds,
      'raw',
      (slice) => overSocket.run(slice, batchMessages),
      (slice) => overTransport.run(slice, batchMessages),
    )
  } finally {
    socket?.destroy()
    await transport?.stop()
    await echo.kill()
  }
}

function tcpCase(batchMessages: number, windowBatches: number, what: string): BenchCase {
  return {
    name: `tcp/${batchMessages}`,
    description: `tcp transport to another process, 100 B, ${what}, beside a bare socket`,
    unit: 'messages/s',
    setupSeconds: 1.2,
    run: (seconds) => compare(seconds, batchMessages, windowBatches),
  }
}

export const tcpCases: readonly BenchCase[] = [
  tcpCase(1, 1, 'one at a time (a round trip each)'),
  tcpCase(16, 64, '16 a turn, 64 turns on their way'),
  tcpCase(128, 64, '128 a turn, 64 turns on their way'),
]
