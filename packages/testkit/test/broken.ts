// Protocols that are broken on purpose: each a small lie around the real core. The laws must catch every one of them.

import type { Core, CoreOptions, Output, Protocol } from '@mako/engine'
import type { RaftMessage } from '@mako/raft'

type RaftCore = Core<RaftMessage>

/** Makes a broken protocol of a sound one. */
export type Lie = (protocol: Protocol<RaftMessage>) => Protocol<RaftMessage>

function around(
  protocol: Protocol<RaftMessage>,
  change: (core: RaftCore) => Partial<RaftCore>,
  options: (options: CoreOptions) => CoreOptions = (given) => given,
): Protocol<RaftMessage> {
  return {
    ...protocol,
    encode: (message) => protocol.encode(message),
    decode: (bytes) => protocol.decode(bytes),
    createCore: (given) => {
      const core = protocol.createCore(options(given))
      return {
        step: (input) => core.step(input),
        admit: () => core.admit(),
        propose: (block) => core.propose(block),
        takeOutput: () => core.takeOutput(),
        blockAt: (index) => core.blockAt(index),
        status: () => core.status(),
        ...change(core),
      }
    },
  }
}

function changed(change: (output: Output<RaftMessage>, core: RaftCore) => Output<RaftMessage>): Lie {
  return (protocol) => around(protocol, (core) => ({ takeOutput: () => change(core.takeOutput(), core) }))
}

/** Answers before the disk does. */
export const answersBeforeDurable: Lie = changed((output) => ({
  ...output,
  messages: output.messages.map((message) => ({ ...message, after: 0 })),
}))

/** A leader takes what it has for what all have. */
export const commitsAlone: Lie = changed((output, core) => {
  const { role, lastIndex } = core.status()
  return role === 'leader' ? { ...output, commit: lastIndex } : output
})

/** Followers never learn of a commit. */
export const hidesCommit: Lie = changed((output, core) =>
  core.status().role === 'leader' ? output : { ...output, commit: 0 },
)

/** Gives its vote to everybody who asks. */
export const votesForAll: Lie = changed((output) => ({
  ...output,
  messages: output.messages.map((each) =>
    each.message.type === 'vote-reply' ? { ...each, message: { ...each.message, granted: true } } : each,
  ),
}))

/** Never votes. */
export const neverVotes: Lie = changed((output) => ({
  ...output,
  messages: output.messages.filter(({ message }) => message.type !== 'vote-reply'),
}))

/** A restart forgets the vote. In the hard state, as protobuf writes it, the term's field is the first 9 bytes. */
export function forgetsVote(protocol: Protocol<RaftMessage>): Protocol<RaftMessage> {
  return around(
    protocol,
    () => ({}),
    (options) => {
      const { recovered } = options
      return { ...options, recovered: { ...recovered, state: recovered.state?.slice(0, 9) } }
    },
  )
}

/** A restart forgets everything but the log. */
export function forgetsState(protocol: Protocol<RaftMessage>): Protocol<RaftMessage> {
  return around(
    protocol,
    () => ({}),
    (options) => ({ ...options, recovered: { ...options.recovered, state: undefined } }),
  )
}

/** Counts itself before its own disk does, and answers for what is not there. */
export function countsItselfEarly(protocol: Protocol<RaftMessage>): Protocol<RaftMessage> {
  return around(protocol, (core) => {
    let now = 0
    return {
      step: (input) => {
        now = input.now
        core.step(input)
      },
      takeOutput: () => {
        const output = core.takeOutput()
        const newest = output.writes.at(-1)
        if (newest !== undefined && core.status().role === 'leader') {
          core.step({ type: 'durable', now, write: newest.number })
        }
        return output
      },
    }
  })
}
