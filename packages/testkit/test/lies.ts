// More protocols that are broken on purpose, each in what it says: for the specification and the exhaustive search.

import type { CoreMessage, Protocol } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'
import type { Lie } from './broken.ts'

interface Known {
  readonly lastIndex: number
  readonly commit: number
  readonly role: string
}

/** Changes what is said, one message at a time; what becomes undefined is not said. */
function says(change: (message: CoreMessage<RaftMessage>, known: Known) => CoreMessage<RaftMessage> | undefined): Lie {
  return (protocol: Protocol<RaftMessage>) => ({
    ...protocol,
    encode: (message) => protocol.encode(message),
    decode: (bytes) => protocol.decode(bytes),
    createCore: (options) => {
      const core = protocol.createCore(options)
      return {
        step: (input) => core.step(input),
        admit: () => core.admit(),
        propose: (block) => core.propose(block),
        takeOutput: () => {
          const output = core.takeOutput()
          const known = core.status()
          const messages = output.messages.map((each) => change(each, known)).filter((each) => each !== undefined)
          return { ...output, messages }
        },
        blockAt: (index) => core.blockAt(index),
        status: () => core.status(),
      }
    },
  })
}

/** Reports its whole log as matching, whoever wrote it. */
export const matchesEverything: Lie = says((each, { lastIndex }) =>
  each.message.type === 'append-reply' && each.message.received > 0
    ? { ...each, message: { ...each.message, match: lastIndex, received: lastIndex } }
    : each,
)

/** A leader tells of a commit that it does not know. */
export const tellsOfCommitEarly: Lie = says((each, { lastIndex }) =>
  each.message.type === 'append' || each.message.type === 'heartbeat'
    ? { ...each, message: { ...each.message, commit: lastIndex } }
    : each,
)

/** Says that its log is longer than it is, so that it is elected. */
export const boastsOfItsLog: Lie = says((each) =>
  each.message.type === 'vote-request'
    ? { ...each, message: { ...each.message, last: { index: 1_000_000, term: each.message.term } } }
    : each,
)

/** Leaves the vote's way to the disk out of account. */
export const votesBeforeDurable: Lie = says((each) =>
  each.message.type === 'vote-reply' ? { ...each, after: 0 } : each,
)

/** Appends behind another place than the blocks have. */
export const appendsAnywhere: Lie = says((each) =>
  each.message.type === 'append' && each.message.previous.index > 0
    ? { ...each, message: { ...each.message, previous: { index: 0, term: 0 } } }
    : each,
)

/** Answers for a term that it is not in. */
export const speaksOfTheNextTerm: Lie = says((each) =>
  each.message.type === 'append-reply' ? { ...each, message: { ...each.message, term: each.message.term + 1 } } : each,
)

/** Changes what is written or done in an output. */
function does(change: (output: ReturnType<Core['takeOutput']>, core: Core) => ReturnType<Core['takeOutput']>): Lie {
  return (protocol) => ({
    ...protocol,
    encode: (message) => protocol.encode(message),
    decode: (bytes) => protocol.decode(bytes),
    createCore: (options) => {
      const core = protocol.createCore(options)
      return {
        step: (input) => core.step(input),
        admit: () => core.admit(),
        propose: (block) => core.propose(block),
        takeOutput: () => change(core.takeOutput(), core),
        blockAt: (index) => core.blockAt(index),
        status: () => core.status(),
      }
    },
  })
}

type Core = ReturnType<Protocol<RaftMessage>['createCore']>

/** Truncates with each block. */
export const truncatesAlways: Lie = does((output) => ({
  ...output,
  writes: output.writes.map((each) =>
    each.write.type === 'block' ? { ...each, write: { ...each.write, truncate: true } } : each,
  ),
}))

/** A follower takes everything it has for committed. */
export const commitsWhatItHas: Lie = does((output, core) => {
  const { role, lastIndex, durableIndex } = core.status()
  return role === 'follower' && durableIndex === lastIndex ? { ...output, commit: lastIndex } : output
})
