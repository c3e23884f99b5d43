// `campaign node=a`: the caller wants this node to lead.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function campaign<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  cluster.node(command.text('node')).step({ type: 'campaign' }, 'campaigns', true)
}
