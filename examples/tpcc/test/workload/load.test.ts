import type { Transaction } from '@mako/store/kv'
import { describe, expect, it } from 'vitest'
import { cardinalitiesOf, checkConsistency, loadSteps } from '../../src/workload/index.ts'
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
import { loadedDatabase, small } from './loaded.ts'
import { MemoryDatabase } from './memory-database.ts'

/** Counts what is put; whatever else a step does is a mistake. */
class PutCounter {
  readonly rows = new Map<string, number>()
  inStep = 0

  asTransaction(): Transaction {
    const unexpected = (): never => {
      throw new Error('a load step only puts')
    }
    return {
      put: (table) => {
        this.inStep++
        this.rows.set(table.name, (this.rows.get(table.name) ?? 0) + 1)
      },
      get: unexpected,
      insert: unexpected,
      update: unexpected,
      delete: unexpected,
      scan: unexpected,
      abort: unexpected,
    }
  }
}

describe('loadSteps', () => {
  it('has the cardinalities of clause 1.2.1 at scale 1, in steps of modest size', () => {
    const counter = new PutCounter()
    const t = counter.asTransaction()
    let fraction = 0
    let steps = 0
    for (const step of loadSteps({ scale: 1, warehouses: 1, seed: 1 })) {
      expect(step.partitionKey).toBe(steps++)
      expect(step.fraction).toBeGreaterThan(fraction)
      fraction = step.fraction
      counter.inStep = 0
      step.run(t)
      expect(counter.inStep).toBeLessThanOrEqual(2000)
    }
    expect(fraction).toBe(1)
    const { 'order-line': lines, ...counts } = Object.fromEntries(counter.rows)
    expect(counts).toEqual({
      item: 100_000,
      warehouse: 1,
      stock: 100_000,
      district: 10,
      customer: 30_000,
      'customer-by-name': 30_000,
      history: 30_000,
      order: 30_000,
      'latest-order': 30_000,
      'new-order': 9_000,
    })
    expect(lines).toBeGreaterThan(297_000)
    expect(lines).toBeLessThan(303_000)
  })

  it('has them in proportion at other scales, for each warehouse', () => {
    const options = { scale: 0.02, warehouses: 2, seed: 3 }
    const database = loadedDatabase(options)
    expect(database.rows(itemTable)).toHaveLength(2000)
    expect(database.rows(warehouseTable)).toHaveLength(2)
    expect(database.rows(districtTable)).toHaveLength(20)
    expect(database.rows(stockTable)).toHaveLength(4000)
    expect(database.rows(customerTable)).toHaveLength(1200)
    expect(database.rows(customerByNameTable)).toHaveLength(1200)
    expect(database.rows(historyTable)).toHaveLength(1200)
    expect(database.rows(orderTable)).toHaveLength(1200)
    expect(database.rows(latestOrderTable)).toHaveLength(1200)
    expect(database.rows(newOrderTable)).toHaveLength(360)
    expect(database.rows(receiptTable)).toHaveLength(0)
  })

  it('leaves a consistent database', () => {
    expect(checkConsistency(loadedDatabase({ scale: 0.01, warehouses: 2, seed: 1 }), 2)).toEqual({
      condition1: { ok: true },
      condition2: { ok: true },
      condition3: { ok: true },
      condition4: { ok: true },
    })
  })

  it('gives each customer one order, the newest three of ten undelivered', () => {
    const database = loadedDatabase()
    const { ordersPerDistrict, newOrdersPerDistrict } = cardinalitiesOf(small.scale)
    const customers = new Set<number>()
    for (let order = 1; order <= ordersPerDistrict; order++) {
      const key = { warehouse: 1, district: 4, order }
      const row = database.get(orderTable, key)!
      customers.add(row.customer)
      expect(database.get(latestOrderTable, { warehouse: 1, district: 4, customer: row.customer })).toEqual({ order })
      const isNew = order > ordersPerDistrict - newOrdersPerDistrict
      expect(row.carrier === null).toBe(isNew)
      expect(database.get(newOrderTable, key) !== undefined).toBe(isNew)
      const lines = [...database.scan(orderLineTable, { prefix: key })]
      expect(lines.map(({ key: { line } }) => line)).toEqual(Array.from({ length: row.lineCount }, (_, at) => at + 1))
      for (const { row: line } of lines) {
        expect(line.deliveredAt === null).toBe(isNew)
        expect(line.amount === 0).toBe(!isNew)
      }
    }
    expect(customers.size).toBe(ordersPerDistrict)
  })

  it('names customers in sequence first, has every name in each district, and bad credit in a tenth', () => {
    const database = loadedDatabase({ scale: 0.1, warehouses: 1, seed: 5 })
    const { lastNames } = cardinalitiesOf(0.1)
    expect(database.get(customerTable, { warehouse: 1, district: 1, customer: 1 })?.last).toBe('BARBARBAR')
    expect(database.get(customerTable, { warehouse: 1, district: 1, customer: 12 })?.last).toBe('BAROUGHTOUGHT')
    const names = [...database.scan(customerByNameTable, { prefix: { warehouse: 1, district: 10 } })]
    expect(new Set(names.map(({ key }) => key.last)).size).toBe(lastNames)
    const bad = database.rows(customerTable).filter(({ row }) => row.credit === 'BC').length
    expect(bad).toBeGreaterThan(3000 * 0.08)
    expect(bad).toBeLessThan(3000 * 0.12)
  })

  it('writes the same rows again: twice, out of order, and from a generator made anew', () => {
    const once = loadedDatabase()
    const again = new MemoryDatabase()
    for (const step of [...loadSteps(small)].reverse()) again.transact((t) => step.run(t))
    for (const step of loadSteps(small)) again.transact((t) => step.run(t))
    expect(again.contents()).toEqual(once.contents())
  })

  it('writes other rows for another seed', () => {
    expect(loadedDatabase({ ...small, seed: 8 }).contents()).not.toEqual(loadedDatabase().contents())
  })

  it('keeps enough rows at the smallest scale', () => {
    const counts = cardinalitiesOf(0.000_001)
    expect(counts).toEqual({
      items: 100,
      customersPerDistrict: 30,
      ordersPerDistrict: 30,
      newOrdersPerDistrict: 9,
      lastNames: 10,
    })
  })

  it.each([0, -1, 1.1, Number.NaN, Number.POSITIVE_INFINITY])('refuses scale %d', (scale) => {
    expect(() => loadSteps({ ...small, scale })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  })

  it.each([0, -1, 1.5, Number.NaN, 8192])('refuses %d warehouses', (warehouses) => {
    expect(() => loadSteps({ ...small, warehouses })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
  })
})
