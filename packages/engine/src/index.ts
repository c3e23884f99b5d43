/**
 * What a replication engine is (the contract, the ports), and the one runtime that makes an engine from any protocol
 * core.
 *
 * @packageDocumentation
 */

// For users of an engine.
export { createEngine } from './engine.ts'
export type {
  Accepted,
  AddLogOptions,
  AddLogResult,
  ApplyCallback,
  ApplyCallbacks,
  BusyReason,
  EngineEvents,
  EngineOptions,
  EngineState,
  EngineStatus,
  LeaderHint,
  Outcome,
  OutcomeToken,
  PartitionStatus,
  ReadBarrierResult,
  RejectReason,
  ReplicationEngine,
  TransferResult,
  WaitOptions,
} from './contract.ts'
export type { Entry, EntryKind, NodeId, Origin } from './entry.ts'
export { MakoError, type MakoErrorCode } from './errors.ts'
export { DEFAULT_LIMITS, type EngineLimits } from './limits.ts'

// For those who implement a port.
export type {
  Clock,
  LogIdentity,
  LogStore,
  LogStoreStats,
  LogWrite,
  Member,
  Random,
  RecoveredLog,
  RecoveredPartition,
  Timer,
  Transport,
  TransportHandlers,
  TransportIdentity,
  TransportStats,
} from './ports.ts'
export { systemClock, systemRandom } from './system.ts'
export { below, seededRandom, uniform } from './random.ts'
export { Succession } from './succession.ts'

// For those who implement a protocol.
export { brokenLaw, LAWS, type Law } from './laws.ts'
export {
  ReadBarriers,
  type BarrierActions,
  type BarrierReply,
  type BarrierView,
  type ReadBarriersOptions,
} from './read-barriers.ts'
export type {
  Admission,
  BarrierAnswer,
  Core,
  CoreLimits,
  CoreMessage,
  CoreOptions,
  CoreStatus,
  CoreWrite,
  Input,
  Output,
  PeerStatus,
  Protocol,
  ReadRequest,
  Role,
  RoleChange,
} from './core.ts'
export { lastIndexOf, type Block, type BlockSpan } from './entry.ts'
export {
  BlockBuilder,
  decodeBlock,
  encodeBlock,
  entriesOf,
  entryBytes,
  originOf,
  proposedTermOf,
  restamp,
} from './block.ts'
