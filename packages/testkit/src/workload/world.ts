// What a workload is given: the cluster, a stream of randomness of its own, and the book of laws.

import type { NodeId, Random } from '@mako/engine'
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
  /** How unkind callbacks are: probabilities that one is asynchronous, computes for long, or throws. */
  readonly callbacks: CallbackFaults
}

export interface CallbackFaults {
  /** Returns a promise that settles after up to `slowMs`. */
  readonly async: number
  readonly slowMs: number
  /** Computes for up to `busyMs`, in which its node does nothing else. */
  readonly busy: number
  readonly busyMs: number
  /** Throws or rejects; the partition is resumed later. */
  readonly throws: number
}

export const KIND_CALLBACKS: CallbackFaults = { async: 0, slowMs: 0, busy: 0, busyMs: 0, throws: 0 }
