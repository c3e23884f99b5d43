// Which nodes a command means: those of `nodes=(a,b)`, or all.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import type { GoldenNode } from '../node.ts'

export function nodesOf<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): readonly GoldenNode<Message>[] {
  const ids = command.list('nodes')
  return ids.length === 0 ? cluster.nodes : ids.map((id) => cluster.node(id))
}
