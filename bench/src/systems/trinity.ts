// Three processes that are one group: how they are started, which of them leads, and what they have cost together.
//
// Always true: whatever happens, `stop` ends all of them.

import { join } from 'node:path'
import type { Member } from '@mako/engine'
import { freeAddresses } from '../addresses.ts'
import { type CallsOf, Child } from '../children/child.ts'
import type { NodeCalls } from '../children/engine-node.ts'
import type { NodeOptions } from '../children/open-engine.ts'
import { firstOf } from '../first-of.ts'

const NAMES = ['a', 'b', 'c']

export interface TrinityOptions extends Omit<NodeOptions, 'nodeId' | 'members' | 'directory'> {
  /** Where each has a directory of its own; undefined when logs are in memory. */
  readonly directory?: string
}

export interface TrinityNode<Calls extends CallsOf<Calls>> {
  readonly id: string
  child: Child<Calls>
}

export class Trinity<Calls extends CallsOf<Calls>> {
  readonly nodes: readonly TrinityNode<Calls>[]
  readonly #start: (nodeId: string) => Promise<Child<Calls>>

  private constructor(nodes: readonly TrinityNode<Calls>[], start: (nodeId: string) => Promise<Child<Calls>>) {
    this.nodes = nodes
    this.#start = start
  }

  /** `more` is what the program is given beside the options of a node. */
  static async start<Calls extends CallsOf<Calls>>(
    program: string,
    options: TrinityOptions,
    more: object = {},
  ): Promise<Trinity<Calls>> {
    const { directory, ...shared } = options
    const addresses = await freeAddresses(NAMES.length)
    const members = NAMES.map((id, i): Member => ({ id, address: addresses[i]! }))
    const start = (nodeId: string): Promise<Child<Calls>> => {
      const own = directory === undefined ? {} : { directory: join(directory, nodeId) }
      return Child.start<Calls>(program, { ...shared, ...more, ...own, nodeId, members } satisfies NodeOptions)
    }
    const nodes = await Promise.all(NAMES.map(async (id) => ({ id, child: await start(id) })))
    const trinity = new Trinity(nodes, start)
    try {
      await trinity.leader()
    } catch (error) {
      await trinity.stop()
      throw error
    }
    return trinity
  }

  /** The first that says it leads, of all or of some. */
  leader(among: readonly TrinityNode<Calls>[] = this.nodes): Promise<TrinityNode<Calls>> {
    return firstOf(
      among.map((node) =>
        nodeCalls(node)
          .call('leading', undefined)
          .then(() => node),
      ),
    )
  }

  /** Starts a node that has ended again. */
  async restart(node: TrinityNode<Calls>): Promise<void> {
    node.child = await this.#start(node.id)
  }

  /** Since they began. */
  async cpuUs(among: readonly TrinityNode<Calls>[] = this.nodes): Promise<number> {
    const each = await Promise.all(among.map((node) => nodeCalls(node).call('cpuUs', undefined)))
    return each.reduce((sum, us) => sum + us, 0)
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        await nodeCalls(node)
          .call('stop', undefined, 3000)
          .catch(() => undefined)
        await node.child.ended()
      }),
    )
  }
}

/** What every node can be asked, whatever else it can. */
function nodeCalls<Calls extends CallsOf<Calls>>(node: TrinityNode<Calls>): Child<NodeCalls> {
  return node.child as unknown as Child<NodeCalls>
}
