// `read-barrier node=a`: a reader begins on this node, and wants to know how far the node must have applied the log.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function readBarrier<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  const request = node.nextReader()
  node.step({ type: 'read-barrier', request }, `has reader ${request}`, true)
}
