/**
 * A whole cluster in one thread from one seed: virtual time, a network and disks that misbehave, and the laws that no
 * history may break.
 *
 * @packageDocumentation
 */

// One seed, one history.
export { runSeed, type SeedResult, type SeedSchedule, type StormOptions, type StormProbe } from './storm/run.ts'
export type { FaultFamily, FaultRates, InjectedFault } from './storm/plan.ts'
export type { Profile, ProtocolTuning } from './storm/swarm.ts'

// The world, for scripted scenarios.
export {
  SimCluster,
  type AnyCluster,
  type ApplyContext,
  type ApplyHandler,
  type DiskContext,
  type SimClusterOptions,
  type SimNode,
} from './world/cluster.ts'
export { VirtualTime, type ScheduledEvent } from './world/time.ts'
export { SimProcess, type ProcessOptions } from './world/process.ts'
export {
  CALM_NETWORK,
  SimNetwork,
  type NetworkCounters,
  type NetworkHooks,
  type NetworkOptions,
} from './world/network.ts'
export {
  CALM_DISK,
  SimDisk,
  type CrashPoint,
  type DiskCounters,
  type DiskHooks,
  type DiskLies,
  type DiskOptions,
  type NodeDisk,
} from './world/disk.ts'
export { between, chance, pick, skewed, stream } from './world/random.ts'

// The laws.
export {
  LawBook,
  PartitionRecord,
  type Counters,
  type LawBookOptions,
  type LawName,
  type Violation,
} from './laws/book.ts'
export { NodeWatch, type ProtocolProbe } from './laws/watch.ts'
export { Ledger } from './laws/ledger.ts'
export { LogImage, type EntryFacts } from './laws/image.ts'
export { HistoryHash, combine, hashBytes, hashText } from './laws/hash.ts'

// Workloads.
export { logWorkload } from './workload/log.ts'
export type { Workload, WorkloadFactory } from './workload/workload.ts'
export type { CallbackFaults, ClientCluster, SimWorld } from './workload/world.ts'
