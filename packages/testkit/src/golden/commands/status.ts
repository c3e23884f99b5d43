// `status [node=a]`: role, commit and log end of a node, or of all; for a leader what it knows of the others.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import { roleText } from '../describe.ts'

export function status<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const id = command.optional('node')
  for (const node of id === undefined ? cluster.nodes : [cluster.node(id)]) {
    const known = node.core?.status()
    if (!known) {
      cluster.report.say(`${node.id} is down`)
      continue
    }
    const { commit, lastIndex, durableIndex } = known
    cluster.report.say(
      `${node.id} ${roleText(known, node.id, cluster.describe.term)}: commit ${commit}, last ${lastIndex}, durable ${durableIndex}`,
    )
    if (known.role !== 'leader') continue
    for (const { id: peer, match, next, inflightEntries } of known.peers) {
      cluster.report.say(`  ${peer}: match ${match}, next ${next}, on their way ${inflightEntries}`)
    }
  }
}
