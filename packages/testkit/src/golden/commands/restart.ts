// `restart node=a`: a new life over what the disk has kept.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { roleText } from '../describe.ts'

export function restart<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  if (node.core) throw command.mistake(`${node.id} runs`)
  node.start()
  const status = node.core!.status()
  node.finishStart(`restarts as ${roleText(status, node.id, cluster.describe.term)}, log up to ${status.lastIndex}`)
}
