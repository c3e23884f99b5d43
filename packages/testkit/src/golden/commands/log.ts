// `log [node=a]`: the log of a node, or of all: what is committed, what is durable, and every block.

import type { GoldenCluster } from '../cluster.ts'
import type { GoldenCommand } from '../command.ts'
import type { Block } from '@mako/engine'
import { blockText } from '../describe.ts'
import type { GoldenNode } from '../node.ts'

export function log<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  command: GoldenCommand,
): void {
  const id = command.optional('node')
  for (const node of id === undefined ? cluster.nodes : [cluster.node(id)]) cluster.report.say(logText(cluster, node))
}

function logText<Message extends { readonly type: string }>(
  cluster: GoldenCluster<Message>,
  node: GoldenNode<Message>,
): string {
  const text = (block: Block): string => blockText(block, cluster.describe.term)
  const status = node.core?.status()
  const blocks: string[] = []
  if (!status) blocks.push(...node.disk.blocks.map(text))
  for (let index = 1; status && index <= node.lastWritten; index++) {
    // What is on the disk behind the end of the log is no part of it; what the core holds there, behind a hole, is.
    const block = index <= status.lastIndex ? node.blockAt(index) : node.core?.blockAt(index)
    if (block?.index === index) blocks.push(text(block))
  }
  const all = blocks.length === 0 ? 'empty' : blocks.join(', ')
  if (!status) return `${node.id} is down: ${all}`
  return `${node.id} commit ${status.commit}, durable ${status.durableIndex}: ${all}`
}
