// The laws that every golden script is held to, whatever it expects to be printed: a story in which one is broken fails.
//
// Always true: what one node has committed at an index, every node that commits that index has; a term has one leader;
// nothing at or below commit is written again.

import { type Block, type CoreWrite, lastIndexOf, MakoError, type NodeId, originOf, proposedTermOf } from '@mako/engine'
import { payloadText } from './describe.ts'

export class GoldenLaws {
  readonly #committed: string[] = []
  readonly #leaders = new Map<number, NodeId>()

  /** A node has asked for a write while its commit was this. */
  written(node: NodeId, { write }: CoreWrite, commit: number): void {
    if (write.type === 'block' && write.block.index <= commit) {
      throw broken(`${node} rewrites ${write.block.index}, and ${commit} is committed there`)
    }
  }

  /** A node's commit has moved; `blockAt` tells what it has in its log. */
  committed(node: NodeId, from: number, to: number, blockAt: (index: number) => Block | undefined): void {
    if (to < from) throw broken(`the commit of ${node} falls from ${from} to ${to}`)
    let index = from + 1
    while (index <= to) {
      const block = blockAt(index)
      if (!block) throw broken(`${node} commits ${to} and has nothing at ${index}`)
      const text = valueText(block)
      for (let at = block.index; at <= lastIndexOf(block); at++) {
        const known = (this.#committed[at] ??= text)
        if (known !== text) throw broken(`at ${at}, "${text}" is committed on ${node} and "${known}" elsewhere`)
      }
      index = lastIndexOf(block) + 1
    }
  }

  led(node: NodeId, term: number): void {
    const known = this.#leaders.get(term) ?? node
    if (known !== node) throw broken(`term ${term} has two leaders, ${known} and ${node}`)
    this.#leaders.set(term, node)
  }
}

/** What may be committed only once: everything of a block but the term in which it was accepted last. */
function valueText(block: Block): string {
  const { node, incarnation, sequence } = originOf(block)
  const origin = `${node}, life ${incarnation}, entry ${sequence}`
  return `${payloadText(block)} (${block.index}..${lastIndexOf(block)}, term ${proposedTermOf(block)}, ${origin})`
}

function broken(what: string): MakoError {
  return new MakoError('LAW_BROKEN', `In this golden script ${what}.`)
}
