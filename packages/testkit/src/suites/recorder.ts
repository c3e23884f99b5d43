// A node that writes down what its transport tells it. Always true: what was told stays as it was told, in order.

import type { NodeId, Transport, TransportHandlers } from '@mako/engine'
import { textOf } from './runner.ts'

export interface ToldMessage {
  readonly type: 'message'
  readonly from: NodeId
  readonly partition: number
  readonly bytes: Uint8Array
}

export type Told =
  | ToldMessage
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

  get messages(): ToldMessage[] {
    return this.told.filter((told) => told.type === 'message')
  }

  get closings(): { peer: NodeId; died: boolean }[] {
    return this.told.filter((told) => told.type === 'closed').map(({ peer, died }) => ({ peer, died }))
  }

  /** The messages of one sender as text. */
  texts(from: NodeId): string[] {
    return this.messages.filter((message) => message.from === from).map(({ bytes }) => textOf(bytes))
  }

  count(type: Told['type']): number {
    return this.told.filter((told) => told.type === type).length
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
