// `stabilize [nodes=(a,b)]`: delivers, reads and writes until nothing is left to do, except for what is held. The nodes
// that are not named take in nothing and write nothing.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { nodesOf } from './nodes.ts'

export function stabilize<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  cluster.stabilize(nodesOf(cluster, command))
}
