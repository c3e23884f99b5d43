// Payment (clause 2.5): a customer pays; the warehouse's and the district's takings grow by the same amount.

import type { Transaction } from '@mako/store/kv'
import type { PaymentInput } from '../input.ts'
import { customerTable, districtTable, historyTable, warehouseTable } from '../schema.ts'
import { customerNumber, leaveReceipt, rowOf } from './shared.ts'

export interface PaymentOutput {
  readonly kind: 'payment'
  readonly customer: number
  readonly customerLast: string
  readonly customerCredit: string
  /** Cents. */
  readonly balance: number
}

const maxDataLength = 500

export function payment(t: Transaction, input: PaymentInput): PaymentOutput {
  const { warehouse, district, customerWarehouse, customerDistrict, amount } = input
  leaveReceipt(t, input)
  const warehouseKey = { warehouse }
  const warehouseRow = rowOf(t, warehouseTable, warehouseKey)
  t.update(warehouseTable, warehouseKey, { ytd: warehouseRow.ytd + amount })
  const districtKey = { warehouse, district }
  const districtRow = rowOf(t, districtTable, districtKey)
  t.update(districtTable, districtKey, { ytd: districtRow.ytd + amount })

  const customer = customerNumber(t, customerWarehouse, customerDistrict, input.customer)
  const customerKey = { warehouse: customerWarehouse, district: customerDistrict, customer }
  const customerRow = rowOf(t, customerTable, customerKey)
  const balance = customerRow.balance - amount
  const paid = {
    balance,
    ytdPayment: customerRow.ytdPayment + amount,
    paymentCount: customerRow.paymentCount + 1,
  }
  if (customerRow.credit === 'BC') {
    const note = `${customer} ${customerDistrict} ${customerWarehouse} ${district} ${warehouse} ${amount}|`
    t.update(customerTable, customerKey, { ...paid, data: (note + customerRow.data).slice(0, maxDataLength) })
  } else {
    t.update(customerTable, customerKey, paid)
  }
  t.insert(
    historyTable,
    { terminal: input.terminal, sequence: input.sequence },
    {
      customerWarehouse,
      customerDistrict,
      customer,
      warehouse,
      district,
      paidAt: input.at,
      amount,
      data: `${warehouseRow.name}    ${districtRow.name}`,
    },
  )
  return {
    kind: 'payment',
    customer,
    customerLast: customerRow.last,
    customerCredit: customerRow.credit,
    balance,
  }
}
