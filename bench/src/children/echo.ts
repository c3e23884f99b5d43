// The far end of the transport's benchmark, in a process of its own: acknowledges each whole batch with one small
// message, once over Mako's transport and once over a bare socket.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Member } from '@mako/engine'
import { tcpTransport } from '@mako/transport/tcp'
import { serve } from './child.ts'

export interface EchoOptions {
  readonly members: readonly Member[]
  /** Messages of a batch, and the bytes of a batch on the bare socket. */
  readonly batchMessages: number
  readonly batchBytes: number
}

export interface EchoCalls {
  /** Where the bare socket listens. */
  readonly port: () => number
}

export async function echo({ members, batchMessages, batchBytes }: EchoOptions): Promise<void> {
  const acknowledgement = new Uint8Array(1)
  let messages = 0
  const transport = tcpTransport()
  await transport.start(
    { clusterId: 'bench', nodeId: 'b', incarnation: 1, members },
    {
      message: (from) => {
        if (++messages % batchMessages !== 0) return
        transport.send(from, 0, acknowledgement)
        transport.flush()
      },
      connected: () => undefined,
      closed: () => undefined,
    },
  )
  const server = createServer((socket) => {
    let bytes = 0
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      bytes += chunk.length
      const batches = Math.floor(bytes / batchBytes)
      bytes -= batches * batchBytes
      if (batches > 0) socket.write(new Uint8Array(batches))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server has no port.')
  const { port } = address
  serve<EchoCalls>({ port: () => port })
}
