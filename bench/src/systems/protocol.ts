// The protocols of ours that are measured.

export type ProtocolName = 'raft' | 'paxos'
