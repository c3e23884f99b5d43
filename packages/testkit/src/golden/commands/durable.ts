// `durable node=a [upto=3]`: the disk has written what waits, up to the write of this number.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'

export function durable<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const node = cluster.node(command.text('node'))
  const upTo = command.optional('upto') === undefined ? Number.POSITIVE_INFINITY : command.whole('upto')
  if (!node.flush(upTo)) cluster.report.say(`${node.id} has nothing to write`)
}
