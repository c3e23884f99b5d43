// A protocol whose cores can be looked into, for the exhaustive search: which node is in which core.

import type { Core, Protocol } from '@mako/engine'

/** A protocol for the search, and the fingerprint of its cores. */
export interface Inspectable<Message> {
  readonly protocol: Protocol<Message>
  readonly fingerprint: (core: Core<Message>) => string
}

/** What the node of every protocol does when it is made, and that is when we meet it. */
interface Node {
  drawElectionDeadline: () => void
}

export function inspectable<Message, N extends Node>(
  protocol: Protocol<Message>,
  prototype: N,
  wrap: (protocol: Protocol<Message>) => Protocol<Message>,
  fingerprint: (node: N) => string,
): Inspectable<Message> {
  const nodes = new WeakMap<Core<Message>, N>()
  let made: N | undefined
  const meet = (node: N): void => {
    made = node
  }
  const watched = wrap({
    ...protocol,
    encode: (message) => protocol.encode(message),
    decode: (bytes) => protocol.decode(bytes),
    createCore: (core) => {
      const draw = Object.getOwnPropertyDescriptor(prototype, 'drawElectionDeadline')!
      prototype.drawElectionDeadline = function (this: N) {
        meet(this)
      }
      try {
        return protocol.createCore(core)
      } finally {
        Object.defineProperty(prototype, 'drawElectionDeadline', draw)
      }
    },
  })
  return {
    protocol: {
      ...watched,
      encode: (message) => watched.encode(message),
      decode: (bytes) => watched.decode(bytes),
      createCore: (given) => {
        const core = watched.createCore(given)
        nodes.set(core, made!)
        return core
      },
    },
    fingerprint: (core) => fingerprint(nodes.get(core)!),
  }
}
