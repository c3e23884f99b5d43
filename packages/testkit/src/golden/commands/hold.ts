// `hold [from=a] [to=b] [type=append]`: the messages that fit are late: they wait until `deliver` asks for them.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { letterText, matching } from './letters.ts'

export function hold<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  for (const letter of matching(cluster, command)) {
    letter.isHeld = true
    cluster.report.say(`held ${letterText(cluster, letter)}`)
  }
}
