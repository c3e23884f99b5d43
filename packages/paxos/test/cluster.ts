// The cluster of cores of the tests, with Paxos, its disk, which may have holes, and what is proposed and chosen in it
// (the invariants of docs/adr/0003).

import { type Block, type CoreWrite, lastIndexOf, type NodeId } from '@mako/engine'
import { paxos, type PaxosMessage, type PaxosOptions } from '@mako/paxos'
import {
  CoreCluster,
  type CoreClusterOptions,
  type Envelope as CoreEnvelope,
  type CoreNode,
} from '../../engine/test/cores.ts'
import { decodeHardState } from '../src/codec.ts'

export { TEST_LIMITS } from '../../engine/test/cores.ts'
export type TestNode = CoreNode<PaxosMessage>
export type Envelope = CoreEnvelope<PaxosMessage>

export class Cluster extends CoreCluster<PaxosMessage> {
  /** By node and life: the ballot that was promised in it last, durable or not. */
  readonly #promised = new Map<string, number>()
  /** By index and ballot: the value that was proposed, and by first index and ballot who has accepted it durably. */
  readonly #proposed = new Map<string, string>()
  readonly #acceptors = new Map<string, Set<NodeId>>()
  /** By index: the value that is chosen, and the first ballot in which it was. */
  readonly #chosen = new Map<number, { readonly value: string; readonly ballot: number }>()

  constructor(options: CoreClusterOptions & { readonly paxos?: PaxosOptions } = {}) {
    super(paxos(options.paxos), options)
  }

  override valueOf(block: Block): string {
    return valueOf(block)
  }

  override writes(node: TestNode, write: CoreWrite['write']): void {
    super.writes(node, write)
    if (write.type === 'state') this.#promised.set(lifeOf(node), decodeHardState(write.state).promised)
    else this.#accepts(node, write.block, write.truncate)
  }

  /** What a block overlaps is replaced; perhaps it is chosen now (PI2). */
  override stores(node: TestNode, block: Block): void {
    node.blocks = node.blocks.filter((kept) => lastIndexOf(kept) < block.index || kept.index > lastIndexOf(block))
    node.blocks.push(block)
    node.blocks.sort((one, two) => one.index - two.index)
    if (this.learners.includes(node.id)) return
    const acceptance = `${block.index}/${block.term}`
    const acceptors = (this.#acceptors.get(acceptance) ?? new Set()).add(node.id)
    this.#acceptors.set(acceptance, acceptors)
    if (acceptors.size * 2 <= this.ids.length) return
    const value = valueOf(block)
    for (let at = block.index; at <= lastIndexOf(block); at++) {
      const known = this.#chosen.get(at)
      if (known !== undefined && known.value !== value) throw new Error(`two values are chosen at ${at}`)
      if (known === undefined) this.#chosen.set(at, { value, ballot: block.term })
    }
  }

  override commits(node: TestNode, at: number, value: string): void {
    super.commits(node, at, value)
    if (this.#chosen.get(at)?.value !== value) throw new Error(`${node.id} commits ${at}, which is not chosen`)
  }

  #accepts(node: TestNode, block: Block, truncate: boolean): void {
    // PI5: nothing is accepted below the promised ballot.
    const kept = node.state === undefined ? 0 : decodeHardState(node.state).promised
    const promised = this.#promised.get(lifeOf(node)) ?? kept
    if (block.term < promised) throw new Error(`${node.id} accepts ${block.term}, promised is ${promised}`)
    if (truncate) throw new Error(`${node.id} truncates`)
    const value = valueOf(block)
    for (let at = block.index; at <= lastIndexOf(block); at++) {
      // PI7: a ballot proposes one value for an index.
      const proposal = `${at}/${block.term}`
      const known = this.#proposed.get(proposal)
      if (known !== undefined && known !== value) throw new Error(`two values of ${proposal}`)
      this.#proposed.set(proposal, value)
      // PI6: what was chosen in a lower ballot is proposed by all higher ones.
      const chosen = this.#chosen.get(at)
      if (chosen !== undefined && chosen.value !== value && chosen.ballot <= block.term) {
        throw new Error(
          `${at} was chosen in ballot ${chosen.ballot}, ${node.id} accepts another value in ${block.term}`,
        )
      }
    }
  }
}

function lifeOf({ id, incarnation }: TestNode): string {
  return `${id}/${incarnation}`
}

/** Everything that a block consists of, save the ballot in which this copy was accepted. */
export function valueOf(block: Block): string {
  const bytes = block.bytes.slice()
  bytes.fill(0, 16, 24)
  return Buffer.from(bytes).toString('base64')
}
