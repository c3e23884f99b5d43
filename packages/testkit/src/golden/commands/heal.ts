// `heal`: all links carry messages again.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function heal<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  command.finish()
  cluster.network.heal()
}
