// What is sent next to a node that lacks something: from memory what is there, read back from the store what is older.
//
// Always true: only blocks that are part of this node's log now are sent on: chosen ones, and those of its present
// ballot. There is one read at a time for each receiver, and what was read is kept until it fits into the window.

import { type Block, lastIndexOf, type NodeId } from '@mako/engine'
import type { PaxosNode } from './node.ts'
import type { Progress } from './progress.ts'

/** Consecutive blocks from `peer.next` on, none behind `end`; none when there is no room, or they must be read first. */
export function nextBlocks(node: PaxosNode, peer: Progress, end: number): readonly Block[] {
  const { messageBytes, inflightEntries, inflightBytes } = node.core.limits
  if (peer.isFull(inflightEntries, inflightBytes)) return []
  const bytes = inflightBytes - peer.inflightBytes
  const entries = inflightEntries - peer.inflightEntries
  let blocks: readonly Block[] = node.log.blocksFrom(peer.next, end, Math.min(messageBytes, bytes), entries)
  if (blocks.length === 0) blocks = peer.fetched.filter((block) => lastIndexOf(block) <= end)
  const [first] = blocks
  if (first?.index !== peer.next) {
    peer.fetched = []
    if (peer.read === undefined && node.now >= peer.readNotBefore) {
      peer.read = node.requestRead(peer.next, { type: 'catch-up', to: peer.id })
    }
    return []
  }
  // A block that does not fit into the window waits for room, unless it would be the only one on its way.
  const doesFit = first.bytes.length <= bytes && first.count <= entries
  return doesFit || peer.inflightEntries === 0 ? blocks : []
}

/** The log store has brought what a node lacks. */
export function onCatchUpRead(node: PaxosNode, to: NodeId, blocks: readonly Block[]): void {
  const led = node.state.role === 'leader' ? node.state.progress.get(to) : undefined
  const peer = led ?? node.feeds.get(to)?.progress
  if (!peer) return
  peer.read = undefined
  // What is neither chosen nor of this ballot was accepted once and contradicts what was found: nobody proposes it any
  // more.
  peer.fetched = blocks.filter((block) => lastIndexOf(block) <= node.commit || block.term === node.ballot)
  if (peer.fetched.length === 0) peer.readNotBefore = node.now + node.options.heartbeatMs
}
