// What the transport tests share: nodes that write down what they are told, free ports, and waiting with a limit.

import { createServer } from 'node:net'
import type { NodeId, Transport, TransportHandlers } from '@mako/engine'

/** What a node was told, in order. */
export type Told =
  | { readonly type: 'message'; readonly from: NodeId; readonly partition: number; readonly bytes: Uint8Array }
  | { readonly type: 'connected'; readonly peer: NodeId }
  | { readonly type: 'closed'; readonly peer: NodeId; readonly died: boolean }

export class Recorder implements TransportHandlers {
  readonly told: Told[] = []
  onMessage: ((from: NodeId, partition: number, bytes: Uint8Array) => void) | undefined

  message(from: NodeId, partition: number, bytes: Uint8Array): void {
    this.told.push({ type: 'message', from, partition, bytes })
    this.onMessage?.(from, partition, bytes)
  }

  connected(peer: NodeId): void {
    this.told.push({ type: 'connected', peer })
  }

  closed(peer: NodeId, died: boolean): void {
    this.told.push({ type: 'closed', peer, died })
  }

  /** The messages of one sender as text. */
  texts(from: NodeId): string[] {
    return this.told.flatMap((told) =>
      told.type === 'message' && told.from === from ? [Buffer.from(told.bytes).toString()] : [],
    )
  }

  count(type: Told['type']): number {
    return this.told.filter((told) => told.type === type).length
  }

  closings(): { peer: NodeId; died: boolean }[] {
    return this.told.flatMap((told) => (told.type === 'closed' ? [{ peer: told.peer, died: told.died }] : []))
  }

  isConnected(peer: NodeId): boolean {
    const last = this.told.findLast((told) => told.type !== 'message' && told.peer === peer)
    return last?.type === 'connected'
  }
}

export interface Running {
  readonly transport: Transport
  readonly recorder: Recorder
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** Waits until something holds; fails after `limitMs` with what was waited for. */
export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!holds()) {
    if (performance.now() > end) throw new Error(`In vain waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Addresses on loopback that nobody listens on. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const addresses = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address ? `127.0.0.1:${address.port}` : ''
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return addresses
}
