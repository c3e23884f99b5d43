// What a workload is to a storm: clients that use the engines of a cluster, and checks of what they were told.

import type { ReplicationEngine } from '@mako/engine'
import type { History } from '../checkers/history.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import type { SimWorld } from './world.ts'

export interface Workload {
  /** What nodes do with entries; leave it out when `onEngine` registers callbacks. */
  readonly apply?: ApplyHandler
  /** A node has a new engine, not yet started. */
  onEngine?(node: SimNode, engine: ReplicationEngine): void
  /** Clients begin to work. */
  start(): void
  /** Clients begin nothing new. */
  stop(): void
  /** Everything is well again: proposes once more wherever it can. Asked again and again until it says true. */
  provesLive(): boolean
  /** A callback of this node will never end: only a restart helps. @default never */
  isHung?(node: SimNode): boolean
  /**
   * Everything is well and quiet: writes so many times in each partition, one after the other. Asked again and again
   * until it says true; leave it out when there is nothing to measure.
   */
  keepsPace?(writes: number): boolean
  /** How many operations its clients have begun, those left out included. */
  readonly operations?: number
  /** What its clients did and were told, for those that a checker can judge. */
  history?(): History
  /** Nothing is open any more: every answer is there, on every node that runs. */
  settled(): boolean
  /** The last look, after everything has settled. */
  check(): Promise<void>
}

/** Makes the workload of one seed; the world's cluster is there once `start` or `onEngine` is called. */
export type WorkloadFactory = (world: SimWorld) => Workload
