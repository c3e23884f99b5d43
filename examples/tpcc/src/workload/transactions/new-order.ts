// New-order (clause 2.4): a customer orders 5 to 15 items, some of them perhaps from other warehouses.

import type { Transaction } from '@mako/store/kv'
import type { NewOrderInput } from '../input.ts'
import {
  customerTable,
  districtInformationLength,
  districtTable,
  itemTable,
  latestOrderTable,
  newOrderTable,
  orderLineTable,
  orderTable,
  stockTable,
  warehouseTable,
} from '../schema.ts'
import { leaveReceipt, rowOf, unusedItem } from './shared.ts'

export interface NewOrderOutput {
  readonly kind: 'new-order'
  readonly order: number
  readonly customerLast: string
  readonly customerCredit: string
  /** Ten-thousandths, as the taxes. */
  readonly discount: number
  readonly warehouseTax: number
  readonly districtTax: number
  readonly lineCount: number
  /** Lines whose item and stock both say ORIGINAL: "B" for brand; the others are "G", generic. */
  readonly brandLines: number
  /** Cents, discount and taxes included. */
  readonly total: number
}

const original = 'ORIGINAL'

/** Aborts with `unusedItem` at the line that names one, after the work of the lines before it (clause 2.4.2.3). */
export function newOrder(t: Transaction, input: NewOrderInput): NewOrderOutput {
  const { warehouse, district, customer, lines } = input
  leaveReceipt(t, input)
  const warehouseRow = rowOf(t, warehouseTable, { warehouse })
  const districtKey = { warehouse, district }
  const districtRow = rowOf(t, districtTable, districtKey)
  const order = districtRow.nextOrder
  t.update(districtTable, districtKey, { nextOrder: order + 1 })
  const customerKey = { warehouse, district, customer }
  const customerRow = rowOf(t, customerTable, customerKey)

  const orderKey = { warehouse, district, order }
  let allLocal = true
  for (const line of lines) allLocal &&= line.supplyWarehouse === warehouse
  t.insert(orderTable, orderKey, {
    customer,
    enteredAt: input.at,
    carrier: null,
    lineCount: lines.length,
    allLocal,
  })
  t.insert(newOrderTable, orderKey, {})
  t.put(latestOrderTable, customerKey, { order })

  const informationStart = (district - 1) * districtInformationLength
  let sum = 0
  let brandLines = 0
  let line = 0
  for (const { item, supplyWarehouse, quantity } of lines) {
    line++
    const itemRow = t.get(itemTable, { item }) ?? t.abort(unusedItem)
    const stockKey = { warehouse: supplyWarehouse, item }
    const stockRow = rowOf(t, stockTable, stockKey)
    const left = stockRow.quantity - quantity
    const stock = {
      quantity: left >= 10 ? left : left + 91,
      ytd: stockRow.ytd + quantity,
      orderCount: stockRow.orderCount + 1,
    }
    t.update(
      stockTable,
      stockKey,
      supplyWarehouse === warehouse ? stock : { ...stock, remoteCount: stockRow.remoteCount + 1 },
    )
    const amount = quantity * itemRow.price
    sum += amount
    if (itemRow.data.includes(original) && stockRow.data.includes(original)) brandLines++
    t.insert(
      orderLineTable,
      { warehouse, district, order, line },
      {
        item,
        supplyWarehouse,
        deliveredAt: null,
        quantity,
        amount,
        districtInformation: stockRow.districtInformation.slice(
          informationStart,
          informationStart + districtInformationLength,
        ),
      },
    )
  }
  const { discount } = customerRow
  const taxes = warehouseRow.tax + districtRow.tax
  return {
    kind: 'new-order',
    order,
    customerLast: customerRow.last,
    customerCredit: customerRow.credit,
    discount,
    warehouseTax: warehouseRow.tax,
    districtTax: districtRow.tax,
    lineCount: lines.length,
    brandLines,
    total: Math.round((sum * (10_000 - discount) * (10_000 + taxes)) / 100_000_000),
  }
}
