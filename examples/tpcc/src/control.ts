// What the parent and its nodes say to each other over the channel of the child process. Plain data, types only.

import type { ProtocolName } from './args.ts'
import type { Counters } from './terminals.ts'
import type { ReceiptRuns } from './receipts.ts'

export interface NodeAddress {
  readonly id: string
  /** Where nodes talk to each other. */
  readonly address: string
  /** Where terminals of other nodes are served. */
  readonly server: string
}

export interface NodeConfig {
  readonly nodeId: string
  readonly nodes: readonly NodeAddress[]
  readonly folder: string
  readonly protocol: ProtocolName
  readonly streams: number
  readonly warehouses: number
  readonly scale: number
  readonly seed: number
  readonly firstTerminal: number
  readonly terminals: number
  readonly outstanding: number
}

/** To a node. */
export type Order =
  | { readonly type: 'start'; readonly config: NodeConfig }
  /** Load the tables as soon as this node leads, if they are not loaded. */
  | { readonly type: 'load' }
  | { readonly type: 'run' }
  /** Execute one slice of transactions, and stop (SIGSTOP) before any of it has left this process. */
  | { readonly type: 'pause' }
  /** Terminals begin nothing new; answered by `idle`. */
  | { readonly type: 'finish' }
  /** Answered by `findings`. */
  | { readonly type: 'prove'; readonly safe: ReceiptRuns; readonly gone: ReceiptRuns }
  | { readonly type: 'exit' }

/** A node's figures; counts are since its process began. */
export interface NodeReport {
  readonly role: string
  readonly loading: boolean
  readonly term: number
  readonly leader: string | undefined
  readonly epoch: number
  readonly clock: number
  readonly watermark: number
  readonly executed: number
  readonly safe: number
  readonly rolledBack: number
  readonly committedBatches: number
  readonly appliedBatches: number
  readonly waitingBatches: number
  readonly replayedTransactions: number
  /** Entries that are committed and not yet handled, over all streams. */
  readonly applyLag: number
  readonly flushes: number
  readonly bytesWritten: number
  readonly bytesSent: number
  /** Attempts of this node's terminals that are not yet answered. */
  readonly open: number
  readonly counters: Readonly<Counters>
  readonly executedTwice: number
}

/** How many of the receipts that were asked for are there, with examples of those that make trouble. */
export interface ReceiptFindings {
  readonly found: number
  readonly missing: number
  readonly examples: readonly string[]
}

export type ConditionFinding = { readonly ok: true } | { readonly ok: false; readonly message: string }

/** What a node says at the end, when everything has settled. */
export interface NodeFindings {
  readonly report: NodeReport
  readonly digest: string
  readonly consistency: Readonly<Record<string, ConditionFinding>>
  /** Of those that were reported safe. */
  readonly safe: ReceiptFindings
  /** Of those that were reported rolled back or given up. */
  readonly gone: ReceiptFindings
  readonly tables: readonly { readonly name: string; readonly rows: number }[]
}

/** From a node. */
export type Notice =
  | { readonly type: 'ready' }
  | { readonly type: 'loading'; readonly label: string; readonly fraction: number }
  | { readonly type: 'loaded' }
  /** Figures, and the receipts that were reported to terminals since the last such notice. */
  | { readonly type: 'report'; readonly report: NodeReport; readonly safe: ReceiptRuns; readonly gone: ReceiptRuns }
  /** The first transaction of this epoch is safe here. */
  | { readonly type: 'epoch-safe'; readonly epoch: number }
  /** The last word before it stops itself. */
  | { readonly type: 'pausing' }
  | { readonly type: 'idle' }
  | { readonly type: 'findings'; readonly findings: NodeFindings }
  | { readonly type: 'fault'; readonly message: string }
