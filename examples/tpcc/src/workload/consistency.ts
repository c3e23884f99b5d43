// The consistency conditions 1 to 4 of clause 3.3.2: they hold after the load, after any transactions in any order, and
// on every replica, or else a transaction was done in part, twice, or not at all.

import {
  districtsPerWarehouse,
  districtTable,
  newOrderTable,
  orderLineTable,
  orderTable,
  warehouseTable,
} from './schema.ts'
import type { Reader } from './receipts.ts'

export type ConditionResult = { readonly ok: true } | { readonly ok: false; readonly message: string }

/** The numbers are the specification's: clause 3.3.2.1 is `condition1`. */
export interface ConsistencyReport {
  /** A warehouse has taken what its districts have taken. */
  readonly condition1: ConditionResult
  /** The newest order, and the newest that waits for delivery, is the one before the district's next. */
  readonly condition2: ConditionResult
  /** The orders that wait for delivery are consecutive. */
  readonly condition3: ConditionResult
  /** A district has as many lines as its orders say. */
  readonly condition4: ConditionResult
}

type Condition = keyof ConsistencyReport

/** The first thing that is wrong with each condition. */
type Failures = Map<Condition, string>

/** Checks all warehouses; the message of a condition is about the first place where it is violated. */
export function checkConsistency(reader: Reader, warehouses: number): ConsistencyReport {
  const failures: Failures = new Map()
  for (let warehouse = 1; warehouse <= warehouses; warehouse++) checkWarehouse(reader, warehouse, failures)
  const result = (condition: Condition): ConditionResult => {
    const message = failures.get(condition)
    return message === undefined ? { ok: true } : { ok: false, message }
  }
  return {
    condition1: result('condition1'),
    condition2: result('condition2'),
    condition3: result('condition3'),
    condition4: result('condition4'),
  }
}

function checkWarehouse(reader: Reader, warehouse: number, failures: Failures): void {
  const ytd = reader.get(warehouseTable, { warehouse })?.ytd
  let districtsYtd = 0
  for (let district = 1; district <= districtsPerWarehouse; district++) {
    const districtRow = reader.get(districtTable, { warehouse, district })
    districtsYtd += districtRow?.ytd ?? 0
    checkDistrict(reader, warehouse, district, districtRow?.nextOrder, failures)
  }
  if (ytd === districtsYtd || failures.has('condition1')) return
  failures.set(
    'condition1',
    ytd === undefined
      ? `warehouse ${warehouse}: it is missing`
      : `warehouse ${warehouse}: its year-to-date is ${ytd}, that of its districts together ${districtsYtd}`,
  )
}

function checkDistrict(
  reader: Reader,
  warehouse: number,
  district: number,
  nextOrder: number | undefined,
  failures: Failures,
): void {
  const prefix = { warehouse, district }
  const fail = (condition: Condition, message: string): void => {
    if (!failures.has(condition)) failures.set(condition, `district ${warehouse}.${district}: ${message}`)
  }

  let newestOrder = 0
  let promisedLines = 0
  for (const { key, row } of reader.scan(orderTable, { prefix })) {
    newestOrder = key.order
    promisedLines += row.lineCount
  }
  let oldestWaiting = 0
  let newestWaiting = 0
  let waiting = 0
  for (const { key } of reader.scan(newOrderTable, { prefix })) {
    if (waiting === 0) oldestWaiting = key.order
    newestWaiting = key.order
    waiting++
  }
  const lines = countOf(reader.scan(orderLineTable, { prefix }))

  // What has nothing waiting has nothing to compare: clauses 3.3.2.2 and 3.3.2.3 say so.
  if (nextOrder === undefined) {
    fail('condition2', 'it is missing')
  } else if (newestOrder !== nextOrder - 1) {
    fail('condition2', `the newest order is ${newestOrder}, the next ${nextOrder}`)
  } else if (waiting > 0 && newestWaiting !== newestOrder) {
    fail('condition2', `the newest order is ${newestOrder}, the newest that waits ${newestWaiting}`)
  }
  if (waiting > 0 && newestWaiting - oldestWaiting + 1 !== waiting) {
    fail('condition3', `${waiting} orders of ${oldestWaiting} to ${newestWaiting} wait`)
  }
  if (lines !== promisedLines) fail('condition4', `its orders say ${promisedLines} lines, there are ${lines}`)
}

function countOf(rows: Iterable<unknown>): number {
  const iterator = rows[Symbol.iterator]()
  let count = 0
  while (iterator.next().done !== true) count++
  return count
}
