// Broken versions of Paxos: each a small lie around the real core, in what it says, writes, or reads back.

import type { Core, CoreMessage, CoreOptions, Output, Protocol } from '@mako/engine'
import { encodeBlock, restamp } from '@mako/engine'
import type { PaxosMessage } from '@mako/paxos'

export type PaxosLie = (protocol: Protocol<PaxosMessage>) => Protocol<PaxosMessage>

type PaxosCore = Core<PaxosMessage>

function around(
  change: (output: Output<PaxosMessage>, core: PaxosCore) => Output<PaxosMessage>,
  options: (options: CoreOptions) => CoreOptions = (given) => given,
): PaxosLie {
  return (protocol) => ({
    ...protocol,
    encode: (message) => protocol.encode(message),
    decode: (bytes) => protocol.decode(bytes),
    createCore: (given) => {
      const core = protocol.createCore(options(given))
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

/** Changes what is said, one message at a time; what becomes undefined is not said. */
export function says(
  change: (each: CoreMessage<PaxosMessage>, core: PaxosCore) => CoreMessage<PaxosMessage> | undefined,
): PaxosLie {
  return around((output, core) => ({
    ...output,
    messages: output.messages.map((each) => change(each, core)).filter((each) => each !== undefined),
  }))
}

/** Says everything at once, whatever the disk does. */
export const answersBeforeDurable: PaxosLie = says((each) => ({ ...each, after: 0 }))

/** Accepts, and says so before it is durable. */
export const acceptsBeforeDurable: PaxosLie = says((each) =>
  each.message.type === 'accepted' && each.message.span !== undefined ? { ...each, after: 0 } : each,
)

/** Keeps to itself what it has accepted. */
export const promisesWithoutValues: PaxosLie = says((each) =>
  each.message.type === 'promise' ? { ...each, message: { ...each.message, blocks: [] } } : each,
)

/** Takes for chosen what is only accepted. */
export const promisesWhatIsChosen: PaxosLie = says((each, core) =>
  each.message.type === 'promise' ? { ...each, message: { ...each.message, chosen: core.status().commit + 1 } } : each,
)

/** A leader takes what it has for what all have. */
export const commitsAlone: PaxosLie = around((output, core) => {
  const { role, lastIndex } = core.status()
  return role === 'leader' ? { ...output, commit: lastIndex } : output
})

/** A follower takes what it has for chosen. */
export const commitsWhatItHas: PaxosLie = around((output, core) => {
  const { role, lastIndex } = core.status()
  return role === 'follower' ? { ...output, commit: Math.max(output.commit, lastIndex) } : output
})

/** A leader tells of a commit that it does not know. */
export const tellsOfCommitEarly: PaxosLie = says((each, core) =>
  each.message.type === 'accept' || each.message.type === 'heartbeat'
    ? { ...each, message: { ...each.message, commit: core.status().lastIndex } }
    : each,
)

/** Says that it has accepted everything up to the last index that it has heard of. */
export const matchesTooMuch: PaxosLie = says((each) => {
  const { message } = each
  if (message.type !== 'accepted' || message.span === undefined) return each
  const last = Math.max(message.received, message.span.last)
  return { ...each, message: { ...message, match: last, received: last } }
})

/** A restart forgets which ballots were promised and used: it begins with none, and with the log it has. */
export const forgetsPromise: PaxosLie = around(
  (output) => output,
  (options) => ({ ...options, recovered: { ...options.recovered, state: undefined, blocks: [] } }),
)

/** Proposes other values to others than to itself. */
export const proposesTwoValues: PaxosLie = says((each) => {
  const { message, to } = each
  if (message.type !== 'accept' || to !== 'b') return each
  const blocks = message.blocks.map((block) => {
    const payload = new Uint8Array(1)
    const entries = Array.from({ length: block.count }, () => ({ kind: 'data', payload }) as const)
    const term = Math.min(block.term, message.ballot)
    return restamp(encodeBlock({ index: block.index, term }, { node: 'x', incarnation: 1, sequence: 1 }, entries), term)
  })
  return { ...each, message: { ...message, blocks } }
})

/** Asks before its own ballot is durable. */
export const asksBeforeDurable: PaxosLie = says((each) =>
  each.message.type === 'prepare' ? { ...each, after: 0 } : each,
)

/** Truncates with each block. */
export const truncatesAlways: PaxosLie = around((output) => ({
  ...output,
  writes: output.writes.map((each) =>
    each.write.type === 'block' ? { ...each, write: { ...each.write, truncate: true } } : each,
  ),
}))
