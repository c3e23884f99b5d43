/**
 * Multi-Paxos as a pure function of messages and ticks.
 *
 * @packageDocumentation
 */

export { paxos } from './paxos.ts'
export { DEFAULT_PAXOS_OPTIONS, type PaxosOptions, type ResolvedPaxosOptions } from './options.ts'
export type {
  Accept,
  Accepted,
  Feeding,
  Handover,
  Heartbeat,
  Learn,
  Learned,
  PaxosMessage,
  Prepare,
  Probe,
  ProbeReply,
  Promised,
  Refusal,
} from './messages.ts'
