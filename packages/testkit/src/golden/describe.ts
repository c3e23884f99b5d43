// How things look in a golden script: blocks, places, roles. What a message looks like is the protocol's business.
//
// Always true: equal things look equal, and whatever a reader must see to judge a step is there: index, term and
// payload of every entry, and the write that a message waits for.

import { type Block, type BlockSpan, type CoreStatus, entriesOf, lastIndexOf, type RoleChange } from '@mako/engine'

/** What golden scripts must know of a protocol: one line of text for each message, and for the hard state. */
export interface Describe<Message> {
  readonly message: (message: Message) => string
  readonly state: (state: Uint8Array) => string
}

/** Entries of a block beyond which only the first and the last are shown. */
const SHOWN_ENTRIES = 4

const decoder = new TextDecoder()

/** `3/2` is one entry at index 3 of term 2, `3..5/2` are three. */
export function spanText(span: BlockSpan): string {
  const last = lastIndexOf(span)
  return `${span.index}${last === span.index ? '' : `..${last}`}/${span.term}`
}

/** `3..4/2 x y`: the span, then the payloads as text; entries of other kinds by the name of their kind. */
export function blockText(block: Block): string {
  const words = entriesOf(block, 0).map(({ kind, payload }) => (kind === 'data' ? decoder.decode(payload) : kind))
  const shown = words.length <= SHOWN_ENTRIES ? words : [words[0]!, '...', words.at(-1)!]
  return `${spanText(block)} ${shown.join(' ')}`
}

/** `(3/2 x, 4..5/2 y z)` */
export function blocksText(blocks: readonly Block[]): string {
  return `(${blocks.map(blockText).join(', ')})`
}

export function roleText(role: Pick<RoleChange | CoreStatus, 'role' | 'term' | 'leader'>, self: string): string {
  const { leader } = role
  const known = leader === undefined ? ', no leader' : leader === self ? '' : `, leader ${leader}`
  return `${role.role} of term ${role.term}${role.role === 'follower' ? known : ''}`
}
