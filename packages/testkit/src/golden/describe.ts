// How things look in a golden script: blocks, places, roles. What a message looks like is the protocol's business.
//
// Always true: equal things look equal, and whatever a reader must see to judge a step is there: index, term and
// payload of every entry, and the write that a message waits for.

import {
  type Block,
  type BlockSpan,
  type CoreStatus,
  entriesOf,
  lastIndexOf,
  proposedTermOf,
  type RoleChange,
} from '@mako/engine'

/** What golden scripts must know of a protocol: one line of text for each message, and for the hard state. */
export interface Describe<Message> {
  readonly message: (message: Message) => string
  readonly state: (state: Uint8Array) => string
  /** How a term looks. @default the number */
  readonly term?: (term: number) => string
}

/** Entries of a block beyond which only the first and the last are shown. */
const SHOWN_ENTRIES = 4

const decoder = new TextDecoder()

/** `3/2` is one entry at index 3 of term 2, `3..5/2` are three. */
export function spanText(span: BlockSpan, term: (term: number) => string = String): string {
  const last = lastIndexOf(span)
  return `${span.index}${last === span.index ? '' : `..${last}`}/${term(span.term)}`
}

/** `x y`: the payloads as text; entries of other kinds by the name of their kind. */
export function payloadText(block: Block): string {
  const words = entriesOf(block, 0).map(({ kind, payload }) => (kind === 'data' ? decoder.decode(payload) : kind))
  const shown = words.length <= SHOWN_ENTRIES ? words : [words[0]!, '...', words.at(-1)!]
  return shown.join(' ')
}

/** `3..4/2 x y`; and `3..4/2(1) x y` when it was first proposed in term 1 and accepted again in term 2. */
export function blockText(block: Block, term: (term: number) => string = String): string {
  const first = proposedTermOf(block)
  return `${spanText(block, term)}${first === block.term ? '' : `(${term(first)})`} ${payloadText(block)}`
}

/** `(3/2 x, 4..5/2 y z)` */
export function blocksText(blocks: readonly Block[], term: (term: number) => string = String): string {
  return `(${blocks.map((block) => blockText(block, term)).join(', ')})`
}

export function roleText(
  role: Pick<RoleChange | CoreStatus, 'role' | 'term' | 'leader'>,
  self: string,
  term: (term: number) => string = String,
): string {
  const { leader } = role
  const known = leader === undefined ? ', no leader' : leader === self ? '' : `, leader ${leader}`
  return `${role.role} of term ${term(role.term)}${role.role === 'follower' ? known : ''}`
}
