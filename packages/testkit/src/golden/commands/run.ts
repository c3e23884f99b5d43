// `run ms=600`: time goes on with everything delivered and written at each tick, except for what is held or cut off.
// Only changes of role, commits and ends of transfers are told, each with its time.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { nodesOf } from './nodes.ts'

export function run<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const ms = command.whole('ms')
  if (ms % cluster.tickMs !== 0) throw command.mistake(`"ms" must be a multiple of ${cluster.tickMs}`)
  const nodes = nodesOf(cluster, command)
  cluster.report.atMost('changes', () => {
    for (let passed = 0; passed < ms; passed += cluster.tickMs) {
      cluster.tick(nodes)
      cluster.stabilize(nodes)
    }
  })
}
