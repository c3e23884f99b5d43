// The initial population (clause 4.3.3), as a sequence of small transactions.
//
// Always true: each step draws from a generator of its own, writes by `put`, and so writes the same rows however often
// and on whichever node it runs. A load that a fail-over interrupted can go on at any step, or start again.

import { MakoError, type Random } from '@mako/engine'
import type { Transaction } from '@mako/store/kv'
import {
  alphaString,
  dataString,
  derivedRandom,
  digitString,
  integer,
  lastName,
  loadConstants,
  percent,
  permutation,
  randomLastName,
  zip,
} from './random.ts'
import { type Cardinalities, cardinalitiesOf } from './scale.ts'
import {
  type Address,
  customerByNameTable,
  customerTable,
  districtInformationLength,
  districtsPerWarehouse,
  districtTable,
  historyTable,
  itemTable,
  latestOrderTable,
  maxWarehouses,
  newOrderTable,
  orderLineTable,
  orderTable,
  stockTable,
  warehouseTable,
} from './schema.ts'

export interface LoadOptions {
  readonly scale: number
  readonly warehouses: number
  readonly seed: number
}

export interface LoadStep {
  readonly label: string
  /** How much of the load is done with this step, above 0 and up to 1. */
  readonly fraction: number
  /** Consecutive numbers, for `streamOf`. */
  readonly partitionKey: number
  /** Writes the rows of this step; may run again. */
  run(t: Transaction): void
}

/** The time that loaded rows carry. It is fixed, so that loading again writes the same rows. */
const loadedAt = 1_700_000_000
/** Rows of a step: about 64 KiB of log each. */
const itemsPerStep = 500
const stockPerStep = 200
const customersPerStep = 100
const ordersPerStep = 100
/** An order has ten lines on average; that and its own rows is its share of the work, in rows. */
const rowsPerOrder = 12
const rowsPerCustomer = 3

/** What the generators of the steps are derived from, beside warehouse, district and first row. */
const label = { items: 10, warehouse: 11, stock: 12, customers: 13, permutation: 14, orders: 15 } as const

/**
 * The steps of the load, in an order in which they may run one after the other.
 * @throws MakoError `BAD_OPTION` for a scale or a number of warehouses out of range
 */
export function loadSteps(options: LoadOptions): Generator<LoadStep, void, undefined> {
  const { warehouses } = options
  if (!Number.isInteger(warehouses) || warehouses < 1 || warehouses > maxWarehouses) {
    throw new MakoError('BAD_OPTION', `warehouses is ${warehouses}; it must be a whole number of 1 to ${maxWarehouses}`)
  }
  return numbered(options, cardinalitiesOf(options.scale))
}

interface Piece {
  readonly label: string
  readonly rows: number
  run(t: Transaction): void
}

function* numbered(options: LoadOptions, counts: Cardinalities): Generator<LoadStep, void, undefined> {
  const perDistrict = counts.customersPerDistrict * rowsPerCustomer + counts.ordersPerDistrict * rowsPerOrder
  const perWarehouse = 1 + districtsPerWarehouse + counts.items + districtsPerWarehouse * perDistrict
  const total = counts.items + options.warehouses * perWarehouse
  let rows = 0
  let partitionKey = 0
  for (const piece of pieces(options, counts)) {
    rows += piece.rows
    yield { label: piece.label, fraction: rows / total, partitionKey: partitionKey++, run: (t) => piece.run(t) }
  }
}

function* pieces({ warehouses, seed }: LoadOptions, counts: Cardinalities): Generator<Piece> {
  for (const [first, last] of chunks(counts.items, itemsPerStep)) {
    yield { label: 'items', rows: last - first + 1, run: (t) => putItems(t, seed, first, last) }
  }
  for (let warehouse = 1; warehouse <= warehouses; warehouse++) {
    yield {
      label: `warehouse ${warehouse}`,
      rows: 1 + districtsPerWarehouse,
      run: (t) => putWarehouse(t, seed, counts, warehouse),
    }
    for (const [first, last] of chunks(counts.items, stockPerStep)) {
      const rows = last - first + 1
      yield { label: `stock of ${warehouse}`, rows, run: (t) => putStock(t, seed, warehouse, first, last) }
    }
    for (let district = 1; district <= districtsPerWarehouse; district++) {
      const place = { warehouse, district }
      for (const [first, last] of chunks(counts.customersPerDistrict, customersPerStep)) {
        const rows = (last - first + 1) * rowsPerCustomer
        yield {
          label: `customers of ${warehouse}.${district}`,
          rows,
          run: (t) => putCustomers(t, seed, counts, place, first, last),
        }
      }
      const random = derivedRandom(seed, label.permutation, warehouse, district)
      const customers = permutation(random, counts.customersPerDistrict)
      for (const [first, last] of chunks(counts.ordersPerDistrict, ordersPerStep)) {
        const rows = (last - first + 1) * rowsPerOrder
        yield {
          label: `orders of ${warehouse}.${district}`,
          rows,
          run: (t) => putOrders(t, seed, counts, place, customers, first, last),
        }
      }
    }
  }
}

function* chunks(count: number, size: number): Generator<readonly [first: number, last: number]> {
  for (let first = 1; first <= count; first += size) yield [first, Math.min(count, first + size - 1)]
}

interface Place {
  readonly warehouse: number
  readonly district: number
}

function putItems(t: Transaction, seed: number, first: number, last: number): void {
  const random = derivedRandom(seed, label.items, first)
  for (let item = first; item <= last; item++) {
    t.put(
      itemTable,
      { item },
      {
        imageId: integer(random, 1, 10_000),
        name: alphaString(random, 14, 24),
        price: integer(random, 100, 10_000),
        data: dataString(random),
      },
    )
  }
}

function putWarehouse(t: Transaction, seed: number, counts: Cardinalities, warehouse: number): void {
  const random = derivedRandom(seed, label.warehouse, warehouse)
  t.put(
    warehouseTable,
    { warehouse },
    { name: alphaString(random, 6, 10), ...address(random), tax: integer(random, 0, 2000), ytd: 30_000_000 },
  )
  for (let district = 1; district <= districtsPerWarehouse; district++) {
    t.put(
      districtTable,
      { warehouse, district },
      {
        name: alphaString(random, 6, 10),
        ...address(random),
        tax: integer(random, 0, 2000),
        ytd: 3_000_000,
        nextOrder: counts.ordersPerDistrict + 1,
      },
    )
  }
}

function putStock(t: Transaction, seed: number, warehouse: number, first: number, last: number): void {
  const random = derivedRandom(seed, label.stock, warehouse, first)
  const informationLength = districtsPerWarehouse * districtInformationLength
  for (let item = first; item <= last; item++) {
    t.put(
      stockTable,
      { warehouse, item },
      {
        quantity: integer(random, 10, 100),
        districtInformation: alphaString(random, informationLength, informationLength),
        ytd: 0,
        orderCount: 0,
        remoteCount: 0,
        data: dataString(random),
      },
    )
  }
}

function putCustomers(
  t: Transaction,
  seed: number,
  counts: Cardinalities,
  { warehouse, district }: Place,
  firstCustomer: number,
  lastCustomer: number,
): void {
  const random = derivedRandom(seed, label.customers, warehouse, district, firstCustomer)
  const constants = loadConstants(seed)
  const districtsBefore = (warehouse - 1) * districtsPerWarehouse + district - 1
  for (let customer = firstCustomer; customer <= lastCustomer; customer++) {
    const first = alphaString(random, 8, 16)
    const isFirstOfName = customer <= counts.lastNames
    const last = isFirstOfName ? lastName(customer - 1) : randomLastName(random, constants, counts.lastNames)
    t.put(
      customerTable,
      { warehouse, district, customer },
      {
        first,
        middle: 'OE',
        last,
        ...address(random),
        phone: digitString(random, 16),
        since: loadedAt,
        credit: percent(random, 10) ? 'BC' : 'GC',
        creditLimit: 5_000_000,
        discount: integer(random, 0, 5000),
        balance: -1000,
        ytdPayment: 1000,
        paymentCount: 1,
        deliveryCount: 0,
        data: alphaString(random, 300, 500),
      },
    )
    t.put(customerByNameTable, { warehouse, district, last, first, customer }, {})
    t.put(
      historyTable,
      { terminal: 0, sequence: districtsBefore * counts.customersPerDistrict + customer },
      {
        customerWarehouse: warehouse,
        customerDistrict: district,
        customer,
        warehouse,
        district,
        paidAt: loadedAt,
        amount: 1000,
        data: alphaString(random, 12, 24),
      },
    )
  }
}

function putOrders(
  t: Transaction,
  seed: number,
  counts: Cardinalities,
  { warehouse, district }: Place,
  customers: readonly number[],
  firstOrder: number,
  lastOrder: number,
): void {
  const random = derivedRandom(seed, label.orders, warehouse, district, firstOrder)
  const lastDelivered = counts.ordersPerDistrict - counts.newOrdersPerDistrict
  for (let order = firstOrder; order <= lastOrder; order++) {
    const isDelivered = order <= lastDelivered
    const customer = customers[order - 1]!
    const lineCount = integer(random, 5, 15)
    t.put(
      orderTable,
      { warehouse, district, order },
      {
        customer,
        enteredAt: loadedAt,
        carrier: isDelivered ? integer(random, 1, 10) : null,
        lineCount,
        allLocal: true,
      },
    )
    t.put(latestOrderTable, { warehouse, district, customer }, { order })
    if (!isDelivered) t.put(newOrderTable, { warehouse, district, order }, {})
    for (let line = 1; line <= lineCount; line++) {
      t.put(
        orderLineTable,
        { warehouse, district, order, line },
        {
          item: integer(random, 1, counts.items),
          supplyWarehouse: warehouse,
          deliveredAt: isDelivered ? loadedAt : null,
          quantity: 5,
          amount: isDelivered ? 0 : integer(random, 1, 999_999),
          districtInformation: alphaString(random, districtInformationLength, districtInformationLength),
        },
      )
    }
  }
}

function address(random: Random): Address {
  return {
    street1: alphaString(random, 10, 20),
    street2: alphaString(random, 10, 20),
    city: alphaString(random, 10, 20),
    state: alphaString(random, 2, 2),
    zip: zip(random),
  }
}
