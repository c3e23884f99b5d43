// What a workload is given: the cluster, a stream of randomness of its own, and the book of laws.

import type { EngineLimits, NodeId, Random } from '@mako/engine'
import type { LawBook } from '../laws/book.ts'
import type { SimNetwork } from '../world/network.ts'
import type { SimNode } from '../world/cluster.ts'
import type { VirtualTime } from '../world/time.ts'

/** A cluster without the type of its messages: all that a client of it needs. */
export interface ClientCluster {
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly book: LawBook
  readonly partitions: readonly number[]
  readonly nodes: readonly SimNode[]
  readonly up: readonly SimNode[]
  node(id: NodeId): SimNode
  leader(partition?: number): SimNode | undefined
  anyUp(random: Random): SimNode | undefined
}

export interface SimWorld {
  readonly seed: number
  readonly random: Random
  readonly cluster: ClientCluster
  /** How unkind callbacks are: probabilities that one is asynchronous, computes for long, throws, or never ends. */
  readonly callbacks: CallbackFaults
  /** Limits of the engines, where they are not the default ones. */
  readonly limits?: Partial<EngineLimits>
  /** Operations that are left out, by their ordinals: for whoever shrinks a seed. @default none */
  readonly skipOperation?: (ordinal: number) => boolean
}

export interface CallbackFaults {
  /** Returns a promise that settles after up to `slowMs`. */
  readonly async: number
  readonly slowMs: number
  /** Computes for up to `busyMs`, in which its node does nothing else. */
  readonly busy: number
  readonly busyMs: number
  /** Throws or rejects, up to `throwsInRow` times at one entry; the partition is resumed after each. */
  readonly throws: number
  readonly throwsInRow: number
  /** Returns a promise that never settles: the partition stands still until its process ends. */
  readonly never: number
  /** Proposes something itself, from inside the callback. */
  readonly reenters: number
}

export const KIND_CALLBACKS: CallbackFaults = {
  async: 0,
  slowMs: 0,
  busy: 0,
  busyMs: 0,
  throws: 0,
  throwsInRow: 1,
  never: 0,
  reenters: 0,
}
