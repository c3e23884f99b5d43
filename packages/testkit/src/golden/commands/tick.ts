// `tick ms=50 [nodes=(a,b)]`: time goes on, in ticks of the protocol, with nothing delivered and nothing written. The
// nodes that are not named stand still meanwhile: their time goes on too, but they do not notice.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { nodesOf } from './nodes.ts'

export function tick<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const ms = command.whole('ms')
  if (ms % cluster.tickMs !== 0) throw command.mistake(`"ms" must be a multiple of ${cluster.tickMs}`)
  const nodes = nodesOf(cluster, command)
  for (let passed = 0; passed < ms; passed += cluster.tickMs) cluster.tick(nodes)
}
