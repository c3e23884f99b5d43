// `detail level=full|changes|none`: how much is told from now on.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { DETAILS } from '../report.ts'

export function detail<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  cluster.report.detail = command.choice('level', DETAILS)
}
