/**
 * Raft as a pure function of messages and ticks.
 *
 * @packageDocumentation
 */

export { raft } from './raft.ts'
export { DEFAULT_RAFT_OPTIONS, type RaftOptions, type ResolvedRaftOptions } from './options.ts'
export type {
  Append,
  AppendReply,
  ElectionKind,
  Heartbeat,
  Hint,
  Position,
  RaftMessage,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './messages.ts'
