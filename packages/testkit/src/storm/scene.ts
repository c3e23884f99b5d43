// What an injector works with: the cluster, randomness of its own, and the means to come back later.
//
// Always true: whatever an injector starts ends by itself, or with the storm. A node whose data is gone stays down until
// an operator replaces its disk (`repair.ts`): as a voter that has forgotten what it promised it would be a lie,
// not a fault.

import type { NodeId, Random } from '@mako/engine'
import type { AnyCluster, SimNode } from '../world/cluster.ts'
import { between, chance, pick } from '../world/random.ts'
import type { Swarm } from './swarm.ts'

/** What all actions of a storm share. */
export interface StormState {
  readonly cluster: AnyCluster
  readonly swarm: Swarm
  /** Nodes whose data is lost. */
  readonly lost: Set<NodeId>
  /** Bytes that no node can take for a message. */
  readonly garbage: (random: Random) => Uint8Array | undefined
  isActive: boolean
}

export class Scene {
  readonly cluster: AnyCluster
  readonly random: Random
  readonly swarm: Swarm
  /** Those that this action was done to. */
  readonly targets: Set<NodeId> = new Set()
  readonly #state: StormState

  constructor(state: StormState, random: Random) {
    this.#state = state
    this.cluster = state.cluster
    this.swarm = state.swarm
    this.random = random
  }

  get ids(): readonly NodeId[] {
    return this.cluster.nodes.map(({ id }) => id)
  }

  get electionTimeoutMs(): number {
    return this.swarm.tuning.electionTimeoutMs
  }

  garbage(): Uint8Array | undefined {
    return this.#state.garbage(this.random)
  }

  /** A node to do something to: a leader half of the time, because that is where it hurts. */
  victim(): (SimNode & { readonly id: NodeId }) | undefined {
    const { cluster, random } = this
    const leader = chance(random, 0.5) ? cluster.leader(pick(random, cluster.partitions)) : undefined
    const node = leader ?? cluster.anyUp(random)
    if (node !== undefined) this.targets.add(node.id)
    return node
  }

  /** Some other node; undefined in a cluster of one. */
  other(than: NodeId): NodeId | undefined {
    const others = this.ids.filter((id) => id !== than)
    const other = others.length === 0 ? undefined : pick(this.random, others)
    if (other !== undefined) this.targets.add(other)
    return other
  }

  /** The nodes in a random order. */
  shuffled(): NodeId[] {
    const ids = [...this.ids]
    for (let i = ids.length - 1; i > 0; i--) {
      const j = between(this.random, 0, i)
      const moved = ids[i]!
      ids[i] = ids[j]!
      ids[j] = moved
    }
    return ids
  }

  later(delayMs: number, fn: () => void): void {
    this.cluster.time.schedule(delayMs, fn)
  }

  /** The same, unless the storm is over by then. */
  inStorm(delayMs: number, fn: () => void): void {
    this.later(delayMs, () => {
      if (this.#state.isActive) fn()
    })
  }

  /** Ends a process, and brings its node back after a while. */
  end(id: NodeId, silently = false): void {
    if (this.cluster.node(id).process === undefined) return
    this.cluster.crash(id, silently)
    this.restart(id)
  }

  restart(id: NodeId, delayMs: number = between(this.random, 1, this.swarm.downMs)): void {
    this.later(delayMs, () => this.start(id))
  }

  start(id: NodeId): void {
    if (!this.#state.lost.has(id)) this.cluster.start(id)
  }

  /**
   * True when one more node may lose its data: all the others together must be a majority. Whatever is committed is on
   * one of them then, because it is on a majority of all, and only they vote.
   */
  get mayLoseOne(): boolean {
    const { nodes } = this.cluster
    const majority = Math.floor(nodes.length / 2) + 1
    return nodes.length - this.#state.lost.size - 1 >= majority
  }

  /** The data of a node is lost: it is not started any more. */
  lose(id: NodeId): void {
    this.#state.lost.add(id)
  }
}

/** Does one action; the name of what was done, or undefined when there was nothing to do it to. */
export type Injector = (scene: Scene) => string | undefined
