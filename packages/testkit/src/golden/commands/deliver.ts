// `deliver [from=a] [to=b] [type=append]`: hands over the messages that fit, held ones too; not what comes of them.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { matching } from './letters.ts'

export function deliver<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const letters = matching(cluster, command)
  for (const letter of letters) cluster.deliver(letter)
}
