// `duplicate [from=a] [to=b] [type=append]`: each message that fits will arrive twice: the copy is held until it is asked
// for with `deliver`.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { letterText, matching } from './letters.ts'

export function duplicate<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  for (const letter of matching(cluster, command)) {
    cluster.network.duplicate(letter)
    cluster.report.say(`a copy is held: ${letterText(cluster, letter)}`)
  }
}
