// The tables of TPC-C (specification 5.11, clause 1.3) and the four that the workload adds.
//
// Always true: money is an integer of cents, tax and discount are ten-thousandths, a time is whole seconds since 1970
// (clause 1.3.1 asks for no more, and it fits a small integer). Keys of numbers pack into 53 bits. Warehouses,
// districts, customers, items, orders and lines count from 1.

import {
  boolean,
  type Column,
  defineTable,
  int,
  nullable,
  type Table,
  type TableSchema,
  text,
  uint,
} from '@mako/store/kv'

type Schema<Key, Row> = {
  readonly key: { readonly [Name in keyof Key]: Column<Key[Name]> }
  readonly row: { readonly [Name in keyof Row]: Column<Row[Name]> }
}

/** Each warehouse has ten districts, at every scale. */
export const districtsPerWarehouse = 10
/** The highest number of a warehouse: what its bits in a key can hold. */
export const maxWarehouses = 8191
/** The highest numbers of a customer and an item that keys can hold. */
export const maxCustomer = 4095
export const maxItem = 131_071
/** The highest number of a terminal; 0 stands for the loader. */
export const maxTerminal = 2_097_151
/** One district's share of `StockRow.districtInformation`, in characters. */
export const districtInformationLength = 24

const warehouseColumn = (): Column<number> => uint(13)
const districtColumn = (): Column<number> => uint(4)
const customerColumn = (): Column<number> => uint(12)
const itemColumn = (): Column<number> => uint(17)
const orderColumn = (): Column<number> => uint(32)

export type WarehouseKey = { warehouse: number }
export type DistrictKey = { warehouse: number; district: number }
export type CustomerKey = { warehouse: number; district: number; customer: number }
export type OrderKey = { warehouse: number; district: number; order: number }
export type OrderLineKey = { warehouse: number; district: number; order: number; line: number }
export type ItemKey = { item: number }
export type StockKey = { warehouse: number; item: number }
/** What names one transaction of one terminal. */
export type ReceiptKey = { terminal: number; sequence: number }
export type CustomerByNameKey = { warehouse: number; district: number; last: string; first: string; customer: number }

export type Address = { street1: string; street2: string; city: string; state: string; zip: string }

const address = {
  street1: text(),
  street2: text(),
  city: text(),
  state: text(),
  zip: text(),
}

export type WarehouseRow = Address & { name: string; tax: number; ytd: number }

export const warehouseTable: Table<Schema<WarehouseKey, WarehouseRow>> = defineTable({
  id: 1,
  name: 'warehouse',
  key: { warehouse: warehouseColumn() },
  row: { name: text(), ...address, tax: uint(), ytd: int() },
})

export type DistrictRow = Address & { name: string; tax: number; ytd: number; nextOrder: number }

export const districtTable: Table<Schema<DistrictKey, DistrictRow>> = defineTable({
  id: 2,
  name: 'district',
  key: { warehouse: warehouseColumn(), district: districtColumn() },
  row: { name: text(), ...address, tax: uint(), ytd: int(), nextOrder: uint() },
})

export type CustomerRow = Address & {
  first: string
  middle: string
  last: string
  phone: string
  since: number
  /** "GC" good, "BC" bad. */
  credit: string
  creditLimit: number
  discount: number
  balance: number
  ytdPayment: number
  paymentCount: number
  deliveryCount: number
  data: string
}

export const customerTable: Table<Schema<CustomerKey, CustomerRow>> = defineTable({
  id: 3,
  name: 'customer',
  key: { warehouse: warehouseColumn(), district: districtColumn(), customer: customerColumn() },
  row: {
    first: text(),
    middle: text(),
    last: text(),
    ...address,
    phone: text(),
    since: uint(),
    credit: text(),
    creditLimit: int(),
    discount: uint(),
    balance: int(),
    ytdPayment: int(),
    paymentCount: uint(),
    deliveryCount: uint(),
    data: text(),
  },
})

export type HistoryRow = {
  customerWarehouse: number
  customerDistrict: number
  customer: number
  warehouse: number
  district: number
  paidAt: number
  amount: number
  data: string
}

/** The specification gives history no key; here it is the payment that wrote it (terminal 0 is the loader). */
export const historyTable: Table<Schema<ReceiptKey, HistoryRow>> = defineTable({
  id: 4,
  name: 'history',
  key: { terminal: uint(21), sequence: uint(32) },
  row: {
    customerWarehouse: uint(),
    customerDistrict: uint(),
    customer: uint(),
    warehouse: uint(),
    district: uint(),
    paidAt: uint(),
    amount: int(),
    data: text(),
  },
})

/** A row that is all key. */
export type EmptyRow = Record<string, never>

export const newOrderTable: Table<Schema<OrderKey, EmptyRow>> = defineTable({
  id: 5,
  name: 'new-order',
  key: { warehouse: warehouseColumn(), district: districtColumn(), order: orderColumn() },
  row: {},
  ordered: true,
})

export type OrderRow = {
  customer: number
  enteredAt: number
  carrier: number | null
  lineCount: number
  allLocal: boolean
}

export const orderTable: Table<Schema<OrderKey, OrderRow>> = defineTable({
  id: 6,
  name: 'order',
  key: { warehouse: warehouseColumn(), district: districtColumn(), order: orderColumn() },
  row: { customer: uint(), enteredAt: uint(), carrier: nullable(uint()), lineCount: uint(), allLocal: boolean() },
  ordered: true,
})

export type OrderLineRow = {
  item: number
  supplyWarehouse: number
  deliveredAt: number | null
  quantity: number
  amount: number
  districtInformation: string
}

export const orderLineTable: Table<Schema<OrderLineKey, OrderLineRow>> = defineTable({
  id: 7,
  name: 'order-line',
  key: { warehouse: warehouseColumn(), district: districtColumn(), order: orderColumn(), line: uint(4) },
  row: {
    item: uint(),
    supplyWarehouse: uint(),
    deliveredAt: nullable(uint()),
    quantity: uint(),
    amount: int(),
    districtInformation: text(),
  },
  ordered: true,
})

export type ItemRow = { imageId: number; name: string; price: number; data: string }

export const itemTable: Table<Schema<ItemKey, ItemRow>> = defineTable({
  id: 8,
  name: 'item',
  key: { item: itemColumn() },
  row: { imageId: uint(), name: text(), price: int(), data: text() },
})

export type StockRow = {
  quantity: number
  /** S_DIST_01 to S_DIST_10 end to end, 24 characters each: one string per row instead of ten. */
  districtInformation: string
  ytd: number
  orderCount: number
  remoteCount: number
  data: string
}

export const stockTable: Table<Schema<StockKey, StockRow>> = defineTable({
  id: 9,
  name: 'stock',
  key: { warehouse: warehouseColumn(), item: itemColumn() },
  row: {
    quantity: uint(),
    districtInformation: text(),
    ytd: uint(),
    orderCount: uint(),
    remoteCount: uint(),
    data: text(),
  },
})

/** The index of customers by last name; its order is also that of first names, as clauses 2.5.2.2 and 2.6.2.2 need. */
export const customerByNameTable: Table<Schema<CustomerByNameKey, EmptyRow>> = defineTable({
  id: 10,
  name: 'customer-by-name',
  key: {
    warehouse: warehouseColumn(),
    district: districtColumn(),
    last: text(),
    first: text(),
    customer: customerColumn(),
  },
  row: {},
  ordered: true,
})

/** The index of orders by customer, reduced to the one entry that order-status asks for: the newest. */
export const latestOrderTable: Table<Schema<CustomerKey, { order: number }>> = defineTable({
  id: 11,
  name: 'latest-order',
  key: { warehouse: warehouseColumn(), district: districtColumn(), customer: customerColumn() },
  row: { order: uint() },
})

/**
 * Every transaction that writes leaves a row here, in the same transaction: who has seen it reported safe can ask any
 * replica for it, and the same input cannot be executed twice. `kind` is an index into `transactionKinds`.
 */
export const receiptTable: Table<Schema<ReceiptKey, { kind: number }>> = defineTable({
  id: 12,
  name: 'receipt',
  key: { terminal: uint(21), sequence: uint(32) },
  row: { kind: uint() },
})

/** Every table of the workload, for `createDatabase`. */
export const tables: readonly Table<TableSchema>[] = [
  warehouseTable,
  districtTable,
  customerTable,
  historyTable,
  newOrderTable,
  orderTable,
  orderLineTable,
  itemTable,
  stockTable,
  customerByNameTable,
  latestOrderTable,
  receiptTable,
]
