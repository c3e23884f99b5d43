// The TPC-C workload against the `Database` contract of @mako/store/kv: tables, loader, terminals, transactions, and
// the conditions that must hold whatever happened to the nodes. Nothing here knows of nodes, time or sockets.

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
export { transactionKinds } from './input.ts'
export { districtsPerWarehouse, maxTerminal, maxWarehouses, tables } from './schema.ts'

// The rest of the interface:
//
// tables for createDatabase:   tables
//
// scale.ts        cardinalitiesOf(scale: number): Cardinalities       { items, customersPerDistrict, ordersPerDistrict, newOrdersPerDistrict }
// load.ts         loadSteps({ scale, warehouses, seed }): Generator<LoadStep>
//                 LoadStep { label: string; fraction: number; partitionKey: number; run(t: Transaction): void }   run again = same rows
// terminal.ts     createTerminal({ terminal, scale, warehouses, seed, firstSequence? }): Terminal { next(nowMs: number): TransactionInput }
//                 terminal numbers 1 to maxTerminal, a new one for each incarnation of a process
// execute.ts      execute(t: Transaction, input: TransactionInput): TransactionOutput    (tagged by kind)
//                 abort reasons: unusedItem, alreadyExecuted
// input.ts        parseInput(value: unknown): TransactionInput | undefined      checks what came over a wire
//                 isReadOnly(kind: TransactionKind): boolean                    read-only ones leave no receipt
// stream.ts       streamOf(input: TransactionInput | LoadStep, streams: number): number
// consistency.ts  checkConsistency(reader: Reader, warehouses: number): ConsistencyReport
//                   { condition1..condition4: { ok: true } | { ok: false; message: string } }
//                 checkWarehouse(reader, warehouse), mergeReports(reports), isConsistent(report)
// receipts.ts     hasReceipt(reader, terminal, sequence): boolean
//                 checkReceipts(reader, runs: Iterable<ReceiptRun>): { found: number; missing: number; examples: ReceiptKey[] }
//                 ReceiptRun { terminal; from; to }   (inclusive)
// Reader = Pick<Transaction, 'get' | 'scan'>
