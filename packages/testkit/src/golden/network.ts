// The network of a golden script: an ordered list of messages that somebody must deliver.
//
// Always true: nothing arrives by itself and nothing is lost by itself. A cut link loses what is sent while it is cut;
// what was on its way before stays on its way. A message that is held is passed over until it is asked for by name.

import type { NodeId } from '@mako/engine'

export interface Letter<Message> {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
  isHeld: boolean
}

/** Which messages are meant: those that fit every part that is given. */
export interface LetterFilter {
  readonly from: NodeId | undefined
  readonly to: NodeId | undefined
  readonly type: string | undefined
}

export class GoldenNetwork<Message extends { readonly type: string }> {
  #letters: Letter<Message>[] = []
  /** The group of each node while the network is partitioned; nodes of different groups do not reach each other. */
  #groups = new Map<NodeId, number>()

  get letters(): readonly Letter<Message>[] {
    return this.#letters
  }

  /** Puts a message on its way; false when the link is cut and it is lost. */
  send(from: NodeId, to: NodeId, message: Message): boolean {
    if (this.#groups.get(from) !== this.#groups.get(to)) return false
    this.#letters.push({ from, to, message, isHeld: false })
    return true
  }

  matching({ from, to, type }: LetterFilter): Letter<Message>[] {
    return this.#letters.filter(
      (letter) =>
        (from === undefined || letter.from === from) &&
        (to === undefined || letter.to === to) &&
        (type === undefined || letter.message.type === type),
    )
  }

  /** The oldest message to one of these nodes that is not held. */
  oldest(nodes: ReadonlySet<NodeId>): Letter<Message> | undefined {
    return this.#letters.find(({ to, isHeld }) => !isHeld && nodes.has(to))
  }

  remove(letter: Letter<Message>): void {
    this.#letters = this.#letters.filter((other) => other !== letter)
  }

  /** A second copy, right behind the first, that is held until it is asked for. */
  duplicate(letter: Letter<Message>): void {
    const at = this.#letters.indexOf(letter)
    this.#letters.splice(at + 1, 0, { ...letter, isHeld: true })
  }

  /** Cuts the links between these groups; who is in none of them is in a group with the others of that kind. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#groups = new Map(groups.flatMap((group, at) => group.map((id): [NodeId, number] => [id, at])))
  }

  heal(): void {
    this.#groups.clear()
  }
}
