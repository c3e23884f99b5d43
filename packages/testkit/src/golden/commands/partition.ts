// `partition one=(a,b) two=(c)`: nodes of different groups no longer reach each other; those in no group are one group
// together. What was on its way before still arrives.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function partition<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const groups = command.rest().map(([, nodes]) => nodes)
  if (groups.length === 0) throw command.mistake('there is no group')
  const all = groups.flat()
  if (new Set(all).size !== all.length) throw command.mistake('a node is in two groups')
  for (const id of all) cluster.node(id)
  cluster.network.partition(groups)
}
