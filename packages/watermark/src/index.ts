/**
 * How far all logs of a shard are, and what may be exposed because of it: many streams of one engine, seen as one
 * speculative log.
 *
 * @packageDocumentation
 */

export { createShard } from './shard.ts'
export type {
  ExecuteGate,
  SafeOutcome,
  Shard,
  ShardOptions,
  ShardRole,
  ShardStatus,
  Stamp,
  StateMachine,
} from './contract.ts'
export { DEFAULT_SHARD_LIMITS, type ShardLimits } from './limits.ts'
