// Which messages on their way a command means, and how they are named.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import type { Letter } from '../network.ts'

/** The messages that fit `from`, `to` and `type`; without a match the reader is told so. */
export function matching<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): readonly Letter<Message>[] {
  const [from, to, type] = ['from', 'to', 'type'].map((key) => command.optional(key))
  for (const id of [from, to]) if (id !== undefined) cluster.node(id)
  const letters = cluster.network.matching({ from, to, type })
  if (letters.length === 0) cluster.report.say('nothing of that kind is on its way')
  return letters
}

export function letterText<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  { from, to, message }: Letter<Message>,
): string {
  return `${from} -> ${to}: ${cluster.describe.message(message)}`
}
