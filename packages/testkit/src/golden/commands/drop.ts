// `drop [from=a] [to=b] [type=append]`: the messages that fit are lost on their way.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { letterText, matching } from './letters.ts'

export function drop<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  for (const letter of matching(cluster, command)) {
    cluster.network.remove(letter)
    cluster.report.say(`lost ${letterText(cluster, letter)}`)
  }
}
