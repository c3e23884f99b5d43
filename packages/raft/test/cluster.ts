// The cluster of cores of the tests, with Raft and the disk that Raft needs: a log without holes.

import { type Block, lastIndexOf } from '@mako/engine'
import { raft, type RaftMessage, type RaftOptions } from '@mako/raft'
import {
  CoreCluster,
  type CoreClusterOptions,
  type Envelope as CoreEnvelope,
  type CoreNode,
} from '../../engine/test/cores.ts'

export { TEST_LIMITS } from '../../engine/test/cores.ts'
export type TestNode = CoreNode<RaftMessage>
export type Envelope = CoreEnvelope<RaftMessage>

export class Cluster extends CoreCluster<RaftMessage> {
  constructor(options: CoreClusterOptions & { readonly raft?: RaftOptions } = {}) {
    super(raft(options.raft), options)
  }

  override valueOf(block: Block): string {
    return key(block)
  }

  override stores(node: TestNode, block: Block, truncate: boolean): void {
    if (truncate) node.blocks = node.blocks.filter(({ index }) => index < block.index)
    const last = node.blocks.at(-1)
    if ((last === undefined ? 0 : lastIndexOf(last)) !== block.index - 1) {
      throw new Error(`${node.id}: a block at ${block.index} is put into the log without truncating it`)
    }
    node.blocks.push(block)
  }
}

/** Everything that a block consists of. */
export function key(block: Block): string {
  return Buffer.from(block.bytes).toString('base64')
}
