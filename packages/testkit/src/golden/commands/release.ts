// `release node=a upto=5`: the runtime will read what is up to here from the log store if need be.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function release<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const index = command.whole('upto')
  cluster.node(command.text('node')).step({ type: 'release', index }, `releases up to ${index}`, true)
}
