// The TPC-C workload against the `Database` contract of @mako/store/kv: tables, loader, terminals, transactions, and
// the conditions that must hold whatever happened to the nodes. Nothing here knows of nodes, time or sockets.

// Tables, and how many rows they have.
export { districtsPerWarehouse, maxTerminal, maxWarehouses, tables } from './schema.ts'
export { type Cardinalities, cardinalitiesOf } from './scale.ts'
// Loading.
export { type LoadOptions, type LoadStep, loadSteps } from './load.ts'
// What terminals ask for.
export { createTerminal, mix, type Terminal, type TerminalOptions } from './terminal.ts'
export type {
  CustomerSelector,
  DeliveryInput,
  NewOrderInput,
  NewOrderLine,
  OrderStatusInput,
  PaymentInput,
  StockLevelInput,
  TransactionInput,
  TransactionKind,
} from './input.ts'
export { isReadOnly, parseInput, transactionKinds } from './input.ts'
export { streamOf } from './stream.ts'
// Executing it.
export { execute, type TransactionOutput } from './transactions/execute.ts'
export { alreadyExecuted, unusedItem } from './transactions/shared.ts'
export type { DeliveryOutput } from './transactions/delivery.ts'
export type { NewOrderOutput } from './transactions/new-order.ts'
export type { OrderStatusOutput } from './transactions/order-status.ts'
export type { PaymentOutput } from './transactions/payment.ts'
export type { StockLevelOutput } from './transactions/stock-level.ts'
// Proving that nothing was lost.
export { type ConditionResult, type ConsistencyReport, checkConsistency } from './consistency.ts'
export { hasReceipt, type Reader } from './receipts.ts'
