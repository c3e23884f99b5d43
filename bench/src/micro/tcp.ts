// The TCP transport to another process, beside a bare socket that carries the same bytes in the same batches.

import { once } from 'node:events'
import { connect } from 'node:net'
import { tcpTransport } from '@mako/transport/tcp'
import { freeAddresses } from '../addresses.ts'
import type { Sample } from '../cell.ts'
import { Child } from '../children/child.ts'
import type { EchoCalls, EchoOptions } from '../children/echo.ts'
import { until } from '../memory-engines.ts'
import { Stopwatch } from '../stopwatch.ts'
import { type MicroCase, microCase, rateOf, WARM_UP } from './case.ts'

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

  async run(seconds: number, batchMessages: number): Promise<Sample> {
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
    return rateOf({ operations: this.#done * batchMessages, wallMs: watch.wallMs, cpuUs: watch.cpuUs })
  }

  #fill(): void {
    while (this.#open < this.#size) {
      this.#open++
      this.#send()
    }
  }
}

async function warmRun(window: Window, seconds: number, batchMessages: number): Promise<Sample> {
  await window.run(seconds * WARM_UP, batchMessages)
  return window.run(seconds, batchMessages)
}

/** Starts the far end, hands over how it is reached, and ends it. */
async function withEcho<T>(batchMessages: number, use: (options: EchoOptions, port: number) => Promise<T>): Promise<T> {
  const [near, far] = await freeAddresses(2)
  const members = [
    { id: 'a', address: near! },
    { id: 'b', address: far! },
  ]
  const options = { members, batchMessages, batchBytes: batchMessages * (MESSAGE_BYTES + MESSAGE_HEADER_BYTES) }
  const echo = await Child.start<EchoCalls>('echo', options)
  try {
    return await use(options, await echo.call('port', undefined))
  } finally {
    await echo.kill()
  }
}

function overTransport(seconds: number, batchMessages: number, windowBatches: number): Promise<Sample> {
  return withEcho(batchMessages, async ({ members }) => {
    const message = new Uint8Array(MESSAGE_BYTES).fill(7)
    const transport = tcpTransport()
    const window = new Window(windowBatches, () => {
      for (let i = 0; i < batchMessages; i++) transport.send('b', 0, message)
      transport.flush()
    })
    let connected = false
    try {
      await transport.start(
        { clusterId: 'bench', nodeId: 'a', incarnation: 1, members },
        {
          message: () => window.acknowledged(1),
          connected: () => (connected = true),
          closed: () => undefined,
        },
      )
      await until('the connection', () => connected)
      return await warmRun(window, seconds, batchMessages)
    } finally {
      await transport.stop()
    }
  })
}

function overSocket(seconds: number, batchMessages: number, windowBatches: number): Promise<Sample> {
  return withEcho(batchMessages, async ({ batchBytes }, port) => {
    const batch = new Uint8Array(batchBytes).fill(7)
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.setNoDelay(true)
      const window = new Window(windowBatches, () => socket.write(batch))
      socket.on('data', (chunk) => window.acknowledged(chunk.length))
      return await warmRun(window, seconds, batchMessages)
    } finally {
      socket.destroy()
    }
  })
}

function tcpCase(batchMessages: number, windowBatches: number, what: string): readonly MicroCase[] {
  const shared = {
    name: `tcp-${batchMessages}`,
    unit: 'messages/s',
    inFlight: batchMessages * windowBatches,
    bytes: MESSAGE_BYTES,
    overheadSeconds: 0.4,
  }
  return [
    microCase({
      ...shared,
      about: `tcp transport to another process, ${what}`,
      peers: ['raw-socket'],
      run: (seconds) => overTransport(seconds, batchMessages, windowBatches),
    }),
    microCase({
      ...shared,
      system: 'raw-socket',
      about: 'a bare socket that carries the same bytes',
      run: (seconds) => overSocket(seconds, batchMessages, windowBatches),
    }),
  ]
}

export const tcpCases: readonly MicroCase[] = [
  ...tcpCase(1, 1, 'one at a time (a round trip each)'),
  ...tcpCase(16, 64, '16 a turn, 64 turns on their way'),
  ...tcpCase(128, 64, '128 a turn, 64 turns on their way'),
]
