import { beforeEach, describe, expect, it } from 'vitest'
import {
  alreadyExecuted,
  type CustomerSelector,
  cardinalitiesOf,
  execute,
  hasReceipt,
  type NewOrderInput,
  type PaymentInput,
  type TransactionInput,
  type TransactionOutput,
  unusedItem,
} from '../../src/workload/index.ts'
import {
  customerByNameTable,
  customerTable,
  districtTable,
  historyTable,
  itemTable,
  latestOrderTable,
  newOrderTable,
  orderLineTable,
  orderTable,
  receiptTable,
  stockTable,
  warehouseTable,
} from '../../src/workload/schema.ts'
import { loadedDatabase } from './loaded.ts'
import type { MemoryDatabase } from './memory-database.ts'

const options = { scale: 0.01, warehouses: 2, seed: 21 }
const counts = cardinalitiesOf(options.scale)
const at = 1_800_000_000

let database: MemoryDatabase
beforeEach(() => {
  database = loadedDatabase(options)
})

function succeed<Input extends TransactionInput>(input: Input): Extract<TransactionOutput, { kind: Input['kind'] }> {
  const result = database.transact((t) => execute(t, input))
  if (result.status !== 'SUCCESS') throw new Error(result.reason)
  return result.value as Extract<TransactionOutput, { kind: Input['kind'] }>
}

function reasonOf(input: TransactionInput): string | undefined {
  const result = database.transact((t) => execute(t, input))
  return result.status === 'ABORTED' ? result.reason : undefined
}

const order: NewOrderInput = {
  kind: 'new-order',
  terminal: 4,
  sequence: 9,
  warehouse: 1,
  at,
  district: 3,
  customer: 17,
  lines: [
    { item: 5, supplyWarehouse: 1, quantity: 3 },
    { item: 6, supplyWarehouse: 2, quantity: 10 },
    { item: 5, supplyWarehouse: 1, quantity: 1 },
    { item: 8, supplyWarehouse: 1, quantity: 7 },
    { item: 9, supplyWarehouse: 1, quantity: 2 },
  ],
}

describe('new-order', () => {
  it('takes the next number of the district and writes order, lines and what waits for delivery', () => {
    const output = succeed(order)
    const number = counts.ordersPerDistrict + 1
    const key = { warehouse: 1, district: 3, order: number }
    expect(output.order).toBe(number)
    expect(database.get(districtTable, { warehouse: 1, district: 3 })?.nextOrder).toBe(number + 1)
    expect(database.get(orderTable, key)).toEqual({
      customer: 17,
      enteredAt: at,
      carrier: null,
      lineCount: 5,
      allLocal: false,
    })
    expect(database.get(newOrderTable, key)).toEqual({})
    expect(database.get(latestOrderTable, { warehouse: 1, district: 3, customer: 17 })).toEqual({ order: number })
    const lines = [...database.scan(orderLineTable, { prefix: key })].map(({ row }) => row)
    expect(lines).toHaveLength(5)
    const stock = database.get(stockTable, { warehouse: 2, item: 6 })!
    expect(lines[1]).toEqual({
      item: 6,
      supplyWarehouse: 2,
      deliveredAt: null,
      quantity: 10,
      amount: 10 * database.get(itemTable, { item: 6 })!.price,
      districtInformation: stock.districtInformation.slice(48, 72),
    })
    expect(lines[1]!.districtInformation).toHaveLength(24)
  })

  it('takes from stock, line by line, and fills it up before it runs out', () => {
    const before5 = database.get(stockTable, { warehouse: 1, item: 5 })!
    database.put(stockTable, { warehouse: 1, item: 5 }, { ...before5, quantity: 14 })
    database.put(stockTable, { warehouse: 1, item: 9 }, { ...before5, quantity: 12 })
    const before6 = database.get(stockTable, { warehouse: 2, item: 6 })!
    succeed(order)
    // 14 - 3 = 11 and then 11 - 1 = 10, which is just enough.
    expect(database.get(stockTable, { warehouse: 1, item: 5 })).toEqual({
      ...before5,
      quantity: 10,
      ytd: 4,
      orderCount: 2,
    })
    expect(database.get(stockTable, { warehouse: 1, item: 9 })?.quantity).toBe(10)
    succeed({ ...order, sequence: 10 })
    // 10 - 3 would leave 7, less than ten: 91 come in.
    expect(database.get(stockTable, { warehouse: 1, item: 5 })?.quantity).toBe(97)
    expect(database.get(stockTable, { warehouse: 2, item: 6 })).toMatchObject({
      ytd: before6.ytd + 20,
      orderCount: 2,
      remoteCount: 2,
    })
    expect(database.get(stockTable, { warehouse: 1, item: 8 })?.remoteCount).toBe(0)
  })

  it('reckons the total with discount and taxes, and counts brands', () => {
    const warehouseRow = database.get(warehouseTable, { warehouse: 1 })!
    const districtRow = database.get(districtTable, { warehouse: 1, district: 3 })!
    const customerKey = { warehouse: 1, district: 3, customer: 17 }
    database.put(warehouseTable, { warehouse: 1 }, { ...warehouseRow, tax: 1000 })
    database.put(districtTable, { warehouse: 1, district: 3 }, { ...districtRow, tax: 500 })
    database.put(customerTable, customerKey, {
      ...database.get(customerTable, customerKey)!,
      discount: 2000,
      last: 'ABLEABLEABLE',
      credit: 'BC',
    })
    for (const item of [5, 8]) {
      const stockRow = database.get(stockTable, { warehouse: 1, item })!
      database.put(itemTable, { item }, { imageId: 1, name: 'thing', price: 1000, data: 'an ORIGINAL' })
      database.put(stockTable, { warehouse: 1, item }, { ...stockRow, data: item === 5 ? 'ORIGINAL too' : 'a copy' })
    }
    const lines = order.lines.filter(({ item }) => item === 5 || item === 8)
    // 11 pieces at 10.00 are 110.00; less 20 % 88.00; plus 15 % 101.20.
    expect(succeed({ ...order, lines })).toMatchObject({
      total: 10_120,
      discount: 2000,
      warehouseTax: 1000,
      districtTax: 500,
      lineCount: 3,
      brandLines: 2,
      customerLast: 'ABLEABLEABLE',
      customerCredit: 'BC',
    })
    expect(database.get(orderTable, { warehouse: 1, district: 3, order: 31 })?.allLocal).toBe(true)
  })

  it('leaves no trace when its last item is unused', () => {
    const before = database.contents()
    const unused = { item: counts.items + 1, supplyWarehouse: 1, quantity: 1 }
    expect(reasonOf({ ...order, lines: [...order.lines, unused] })).toBe(unusedItem)
    expect(database.contents()).toEqual(before)
    expect(hasReceipt(database, 4, 9)).toBe(false)
  })
})

describe('payment', () => {
  const pay: PaymentInput = {
    kind: 'payment',
    terminal: 5,
    sequence: 2,
    warehouse: 1,
    at,
    district: 3,
    customerWarehouse: 2,
    customerDistrict: 7,
    customer: { by: 'number', customer: 4 },
    amount: 12_345,
  }
  const customerKey = { warehouse: 2, district: 7, customer: 4 }

  function setCredit(credit: string): void {
    database.put(customerTable, customerKey, { ...database.get(customerTable, customerKey)!, credit })
  }

  it('moves the amount from the customer to the warehouse and district where it is paid', () => {
    setCredit('GC')
    const before = database.get(customerTable, customerKey)!
    const other = database.get(warehouseTable, { warehouse: 2 })
    expect(succeed(pay)).toEqual({
      kind: 'payment',
      customer: 4,
      customerLast: before.last,
      customerCredit: 'GC',
      balance: -1000 - 12_345,
    })
    expect(database.get(warehouseTable, { warehouse: 1 })?.ytd).toBe(30_012_345)
    expect(database.get(districtTable, { warehouse: 1, district: 3 })?.ytd).toBe(3_012_345)
    expect(database.get(warehouseTable, { warehouse: 2 })).toEqual(other)
    expect(database.get(customerTable, customerKey)).toEqual({
      ...before,
      balance: -13_345,
      ytdPayment: 13_345,
      paymentCount: 2,
    })
  })

  it('writes history', () => {
    succeed(pay)
    const names = [
      database.get(warehouseTable, { warehouse: 1 })!.name,
      database.get(districtTable, { warehouse: 1, district: 3 })!.name,
    ]
    expect(database.get(historyTable, { terminal: 5, sequence: 2 })).toEqual({
      customerWarehouse: 2,
      customerDistrict: 7,
      customer: 4,
      warehouse: 1,
      district: 3,
      paidAt: at,
      amount: 12_345,
      data: names.join('    '),
    })
  })

  it('notes the payments of customers with bad credit, newest first, in 500 characters', () => {
    setCredit('BC')
    const { data } = database.get(customerTable, customerKey)!
    succeed(pay)
    const noted = database.get(customerTable, customerKey)!.data
    expect(noted).toBe(`4 7 2 3 1 12345|${data}`.slice(0, 500))
    for (let sequence = 10; sequence < 50; sequence++) succeed({ ...pay, sequence, amount: sequence * 1000 })
    const { data: full } = database.get(customerTable, customerKey)!
    expect(full).toHaveLength(500)
    expect(full.startsWith('4 7 2 3 1 49000|4 7 2 3 1 48000|')).toBe(true)
  })

  it.each([1, 2, 3, 4, 5])('takes the middle one of %i customers of a name, rounded up', (namesakes) => {
    const last = 'NOBODY'
    // Numbered against the order of their first names, so that only the latter can be right.
    for (let customer = 1; customer <= namesakes; customer++) {
      const first = String.fromCharCode(91 - customer)
      database.put(customerByNameTable, { warehouse: 2, district: 7, last, first, customer }, {})
      database.put(customerByNameTable, { warehouse: 2, district: 8, last, first, customer: customer + 10 }, {})
    }
    const { customer } = succeed({ ...pay, customer: { by: 'name', last } })
    expect(customer).toBe(namesakes - Math.ceil(namesakes / 2) + 1)
  })
})

describe('order-status', () => {
  const status = (customer: CustomerSelector) =>
    succeed({ kind: 'order-status', terminal: 1, sequence: 0, warehouse: 1, at, district: 3, customer })

  it('tells the newest order of a customer and its lines, and writes nothing', () => {
    const { order: number } = succeed(order)
    const before = database.contents()
    const { lines, ...rest } = status({ by: 'number', customer: 17 })
    expect(rest).toEqual({
      kind: 'order-status',
      customer: 17,
      balance: -1000,
      order: number,
      enteredAt: at,
      carrier: null,
    })
    expect(lines.map(({ item, quantity }) => [item, quantity])).toEqual(
      order.lines.map(({ item, quantity }) => [item, quantity]),
    )
    expect(database.contents()).toEqual(before)
  })

  it('finds a customer by name', () => {
    const { customer } = status({ by: 'name', last: 'BARBAREING' })
    expect(database.get(customerTable, { warehouse: 1, district: 3, customer })?.last).toBe('BARBAREING')
  })
})

describe('delivery', () => {
  const deliver = (sequence: number) =>
    succeed({ kind: 'delivery', terminal: 6, sequence, warehouse: 1, at, carrier: 8 })

  it('delivers the oldest waiting order of each district', () => {
    const oldest = counts.ordersPerDistrict - counts.newOrdersPerDistrict + 1
    const key = { warehouse: 1, district: 10, order: oldest }
    const { customer } = database.get(orderTable, key)!
    const customerKey = { warehouse: 1, district: 10, customer }
    const before = database.get(customerTable, customerKey)!
    expect(deliver(1).orders).toEqual(Array(10).fill(oldest))
    expect(database.get(newOrderTable, key)).toBeUndefined()
    expect(database.get(orderTable, key)?.carrier).toBe(8)
    const lines = [...database.scan(orderLineTable, { prefix: key })].map(({ row }) => row)
    expect(lines.every(({ deliveredAt }) => deliveredAt === at)).toBe(true)
    expect(database.get(customerTable, customerKey)).toEqual({
      ...before,
      balance: before.balance + lines.reduce((sum, { amount }) => sum + amount, 0),
      deliveryCount: 1,
    })
    expect(database.rows(newOrderTable)).toHaveLength(2 * 10 * counts.newOrdersPerDistrict - 10)
  })

  it('skips districts where nothing waits, and is still a transaction with a receipt', () => {
    for (let sequence = 0; sequence < counts.newOrdersPerDistrict; sequence++) deliver(sequence)
    succeed(order)
    const { orders } = deliver(100)
    expect(orders).toEqual([null, null, counts.ordersPerDistrict + 1, ...Array<null>(7).fill(null)])
    expect(deliver(101).orders).toEqual(Array(10).fill(null))
    expect(hasReceipt(database, 6, 101)).toBe(true)
  })
})

describe('stock-level', () => {
  const level = (threshold: number) =>
    succeed({ kind: 'stock-level', terminal: 1, sequence: 0, warehouse: 1, at, district: 3, threshold }).lowStock
  const setQuantity = (item: number, quantity: number): void => {
    database.update(stockTable, { warehouse: 1, item }, { quantity })
  }

  it('counts the different items of the last twenty orders whose stock is low, and writes nothing', () => {
    for (let item = 1; item <= counts.items; item++) setQuantity(item, 50)
    expect(level(20)).toBe(0)
    succeed(order)
    setQuantity(5, 12)
    setQuantity(8, 13)
    setQuantity(9, 14)
    // Item 5 is in two lines and counts once; 13 is not below 13.
    expect(level(13)).toBe(1)
    expect(level(14)).toBe(2)
    const before = database.contents()
    expect(level(15)).toBe(3)
    expect(database.contents()).toEqual(before)
    // Twenty later orders push the first one out of sight.
    const later = [{ item: 20, supplyWarehouse: 1, quantity: 1 }]
    for (let sequence = 100; sequence < 119; sequence++) succeed({ ...order, sequence, lines: later })
    expect(level(15)).toBe(3)
    succeed({ ...order, sequence: 119, lines: later })
    expect(level(15)).toBe(0)
  })
})

describe('receipts', () => {
  it('are left by what writes, with its kind, and make it happen once', () => {
    succeed(order)
    expect(database.get(receiptTable, { terminal: 4, sequence: 9 })).toEqual({ kind: 0 })
    const before = database.contents()
    expect(reasonOf(order)).toBe(alreadyExecuted)
    expect(database.contents()).toEqual(before)
  })
})

describe('inputs that name what is not there', () => {
  it.each([
    ['a warehouse', { ...order, warehouse: 9 }],
    ['a customer', { ...order, customer: 4000 }],
    ['a supplier', { ...order, lines: [{ item: 1, supplyWarehouse: 77, quantity: 1 }] }],
    ['a name', { ...order, kind: 'order-status', customer: { by: 'name', last: 'NOBODY' } } as const],
  ])('abort: %s', (_, input) => {
    const before = database.contents()
    expect(reasonOf(input)).toMatch(/^(there is no|nobody)/)
    expect(database.contents()).toEqual(before)
  })
})
