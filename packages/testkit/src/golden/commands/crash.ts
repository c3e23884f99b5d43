// `crash node=a keep=durable|all`: the process ends. Writes that were on their way to the disk are lost, or have reached
// it without anybody having heard of that.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function crash<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  if (!node.core) throw command.mistake(`${node.id} is down already`)
  const lines = node.crash(command.choice('keep', ['durable', 'all']))
  cluster.report.event(node.id, 'crashes', lines, true)
}
