// `messages [from=a] [to=b] [type=append]`: what is on its way, oldest first.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { letterText, matching } from './letters.ts'

export function messages<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  for (const letter of matching(cluster, command)) {
    cluster.report.say(`${letterText(cluster, letter)}${letter.isHeld ? ', held' : ''}`)
  }
}
