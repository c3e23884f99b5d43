// `read node=a [answer=nothing]`: the log store answers the oldest read of this node, with blocks or with nothing.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function read<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  const answer = command.choice('answer', ['blocks', 'nothing'], 'blocks')
  if (!node.answerRead(answer)) cluster.report.say(`${node.id} reads nothing`)
}
