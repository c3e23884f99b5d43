// `transfer node=a [to=b]`: the caller wants this leader to hand over, to this node or to the one that is furthest along.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function transfer<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const to = command.optional('to')
  cluster.node(command.text('node')).step({ type: 'transfer', to }, `hands over to ${to ?? 'anyone'}`, true)
}
