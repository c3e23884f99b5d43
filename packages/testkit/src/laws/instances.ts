// What is known of each index by itself: for protocols that decide index by index, as Paxos does.
//
// Always true: it knows what was proposed and what is durable, and nothing of what nodes say of each other; so a value
// that a majority has accepted in one term is chosen here before any node claims it, and stays chosen for ever.

import { lastIndexOf, type Block, type NodeId } from '@mako/engine'
import type { EntryFacts } from './image.ts'

/** One index: its proposals by term, with those who have them on their disks, and the value that was chosen. */
interface Instance {
  readonly proposals: Map<number, { readonly id: number; readonly acceptors: Set<NodeId> }>
  chosen: { readonly id: number; readonly term: number } | undefined
}

export class InstanceRecord {
  readonly #instances: (Instance | undefined)[] = []

  /** A node accepts a block, durably or not yet; what is wrong with that, or undefined. */
  proposed(block: Block, facts: readonly EntryFacts[]): string | undefined {
    for (let at = 0; at < facts.length; at++) {
      const index = block.index + at
      const { id } = facts[at]!
      const { proposals, chosen } = this.#at(index)
      const known = proposals.get(block.term)
      if (known === undefined) proposals.set(block.term, { id, acceptors: new Set() })
      else if (known.id !== id) return `term ${block.term} has two values for ${index}`
      if (chosen !== undefined && chosen.id !== id && chosen.term <= block.term) {
        return `${index} was chosen in term ${chosen.term}, term ${block.term} has another value for it`
      }
    }
    return undefined
  }

  /** A block is durable on a node. Of `nodes` nodes, more than half make it chosen. */
  accepted(block: Block, facts: readonly EntryFacts[], node: NodeId, nodes: number): string | undefined {
    for (let index = block.index; index <= lastIndexOf(block); index++) {
      const { id } = facts[index - block.index]!
      const instance = this.#at(index)
      const proposal = instance.proposals.get(block.term)
      if (proposal === undefined || proposal.id !== id) return `${index} is accepted in term ${block.term} unproposed`
      proposal.acceptors.add(node)
      if (proposal.acceptors.size * 2 <= nodes) continue
      if (instance.chosen !== undefined && instance.chosen.id !== id) {
        return `two values are chosen for ${index}, in terms ${instance.chosen.term} and ${block.term}`
      }
      if (instance.chosen === undefined || block.term < instance.chosen.term) {
        instance.chosen = { id, term: block.term }
      }
    }
    return undefined
  }

  /** True when a majority has accepted this very value, at one time or another. */
  isChosen(index: number, id: number): boolean {
    return this.#instances[index]?.chosen?.id === id
  }

  #at(index: number): Instance {
    return (this.#instances[index] ??= { proposals: new Map(), chosen: undefined })
  }
}
