/**
 * A whole cluster in one thread from one seed: virtual time, a network and disks that misbehave, and the laws that no
 * history may break.
 *
 * @packageDocumentation
 */

// One seed, one history.
export { runSeed, type SeedResult, type SeedSchedule, type StormOptions, type StormProbe } from './storm/run.ts'
export type { FaultFamily, FaultRates, InjectedFault } from './storm/plan.ts'
export type { Profile, ProtocolTuning, Swarm } from './storm/swarm.ts'

// What of a failing seed is enough to fail.
export {
  shrinkSeed,
  type Replay,
  type ShrinkOptions,
  type ShrinkProgress,
  type ShrunkSeed,
} from './shrink/shrink.ts'
export { describeFailure, describeShrunk, lastMoments, type FailureReport } from './shrink/report.ts'

// State machines and clients of users.
export { runSeeds, type SeedsOptions, type SeedsResult } from './app/run-seeds.ts'
export { appWorkload, type AppEnd, type AppOptions } from './app/workload.ts'
export {
  ConnectionLost,
  type Answer,
  type Asked,
  type CallOptions,
  type ClientContext,
  type Connection,
  type Server,
} from './app/client.ts'

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
  type NetworkCounters,
  type NetworkHooks,
  type NetworkOptions,
} from './world/network-options.ts'
export { SimNetwork } from './world/network.ts'
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
export { InstanceRecord } from './laws/instances.ts'
export { LogImage, type EntryFacts } from './laws/image.ts'
export { HistoryHash, combine, hashBytes, hashText } from './laws/hash.ts'

// Checkers of histories.
export {
  checkLinearizable,
  type LinearizabilityOptions,
  type LinearizabilityResult,
} from './checkers/linearizable.ts'
export { checkSerializable, type SerializabilityOptions, type SerializabilityResult } from './checkers/serializable.ts'
export { checkAppends, type AppendFault, type AppendFaultKind, type AppendsResult } from './checkers/appends.ts'
export { IMPOSSIBLE, type Model, type Placed, type Step } from './checkers/model.ts'
export { registerModel } from './checkers/register-model.ts'
export { listModel } from './checkers/list-model.ts'
export type { Stuck } from './checkers/search.ts'
export type { Anomaly, AnomalyKind, Edge, IsolationLevel } from './checkers/anomaly.ts'
export type { Transaction } from './checkers/transactions.ts'
export {
  formatHistory,
  parseHistory,
  type History,
  type KeyOperation,
  type KeyOperationName,
  type MicroOperation,
  type OperationStatus,
  type TimedOperation,
  type TransactionEvent,
  type TransactionKey,
  type TransactionValue,
} from './checkers/history.ts'

// Workloads.
export { logWorkload } from './workload/log.ts'
export { registerWorkload } from './workload/register.ts'
export { listAppendWorkload } from './workload/list-append.ts'
export type { Workload, WorkloadFactory } from './workload/workload.ts'
export type { CallbackFaults, ClientCluster, SimWorld } from './workload/world.ts'

// Golden scripts: stories about a protocol as text, with exactly what came of each step.
export {
  blocksText,
  blockText,
  coreCommands,
  GoldenCommand,
  GoldenMismatchError,
  runGolden,
  spanText,
  type Describe,
  type GoldenHandler,
  type GoldenHandlers,
  type GoldenOptions,
  type GoldenProtocolOptions,
  type GoldenSetup,
} from './golden/index.ts'

// Mako's Raft lab, for any protocol.
export {
  createLab,
  LAB,
  LAB_TUNING,
  runLabCase,
  skipReason,
  type Lab,
  type LabCase,
  type LabCluster,
  type LabOptions,
  type LabTuning,
  type Started,
} from './lab/index.ts'

// What happened, step by step: traces, pictures of them, and what a protocol allows.
export { TraceRecorder, type TraceRecorderOptions } from './trace/recorder.ts'
export { renderTimeline, type TimelineOptions } from './trace/timeline.ts'
export { formatTrace, parseTrace } from './trace/json.ts'
export {
  isOutput,
  type AtCore,
  type EngineEvent,
  type InputEvent,
  type Json,
  type OutputEvent,
  type Trace,
  type TracedMessage,
  type TraceEvent,
  type WorldEvent,
} from './trace/event.ts'
export { validateRaftTrace } from './spec/raft.ts'
export { describeRaftState } from './spec/raft-message.ts'
export { validatePaxosTrace } from './spec/paxos.ts'
export { describePaxosState } from './spec/paxos-message.ts'
export type { Verdict } from './spec/verdict.ts'

// Every interleaving of a small scope.
export { explore, type Exploration, type ExploreBounds, type ExploreOptions } from './explore/explore.ts'
