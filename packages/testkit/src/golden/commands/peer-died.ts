// `peer-died node=b peer=a`: this node learns that the process of a peer has ended.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function peerDied<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const peer = command.text('peer')
  cluster.node(command.text('node')).step({ type: 'peer-died', peer }, `learns that ${peer} has died`, true)
}
