import type { Transaction } from '@mako/store/kv'
import { describe, expect, it } from 'vitest'
import {
  type ConsistencyReport,
  checkConsistency,
  createTerminal,
  execute,
  hasReceipt,
  isReadOnly,
  unusedItem,
} from '../../src/workload/index.ts'
import {
  districtTable,
  newOrderTable,
  orderLineTable,
  orderTable,
  receiptTable,
  warehouseTable,
} from '../../src/workload/schema.ts'
import { loadedDatabase } from './loaded.ts'
import type { MemoryDatabase } from './memory-database.ts'

const options = { scale: 0.01, warehouses: 2, seed: 31 }

/** Runs `count` inputs, a terminal for each of them in turn, and answers with what has left a receipt. */
function runTerminals(database: MemoryDatabase, count: number): [terminal: number, sequence: number][] {
  const terminals = [1, 2, 3, 4, 5].map((terminal) => createTerminal({ ...options, terminal }))
  const written: [number, number][] = []
  for (let round = 0; round < count; round++) {
    const input = terminals[round % terminals.length]!.next(round)
    const result = database.transact((t) => execute(t, input))
    if (result.status === 'ABORTED') expect(result.reason).toBe(unusedItem)
    else if (!isReadOnly(input.kind)) written.push([input.terminal, input.sequence])
  }
  return written
}

const database = loadedDatabase(options)
const written = runTerminals(database, 4000)

/** The report with this damage in place, and afterwards the database as it was. */
function reportWith(damage: (t: Transaction) => void): ConsistencyReport {
  let report: ConsistencyReport | undefined
  database.transact((t) => {
    damage(t)
    report = checkConsistency(t, 2)
    t.abort('only to look')
  })
  expect(violated(checkConsistency(database, 2))).toEqual([])
  return report!
}

function violated(report: ConsistencyReport): string[] {
  return Object.entries(report).flatMap(([condition, result]: [string, ConsistencyReport['condition1']]) =>
    result.ok ? [] : [`${condition}: ${result.message}`],
  )
}

const district = { warehouse: 2, district: 6 }

describe('checkConsistency', () => {
  it('holds after thousands of transactions', () => {
    expect(violated(checkConsistency(database, 2))).toEqual([])
  })

  it('sees a warehouse whose takings are not those of its districts (condition 1)', () => {
    const { ytd } = database.get(warehouseTable, { warehouse: 2 })!
    const report = reportWith((t) => t.update(warehouseTable, { warehouse: 2 }, { ytd: ytd + 1 }))
    expect(violated(report)).toEqual([
      `condition1: warehouse 2: its year-to-date is ${ytd + 1}, that of its districts together ${ytd}`,
    ])
    expect(violated(reportWith((t) => t.update(districtTable, district, { ytd: 0 })))).toHaveLength(1)
  })

  it('sees a district whose next order is not the one after its newest (condition 2)', () => {
    const { nextOrder } = database.get(districtTable, district)!
    const report = reportWith((t) => t.update(districtTable, district, { nextOrder: nextOrder + 1 }))
    expect(violated(report)).toEqual([
      `condition2: district 2.6: the newest order is ${nextOrder - 1}, the next ${nextOrder + 1}`,
    ])
  })

  it('sees a newest order that does not wait (condition 2)', () => {
    const { nextOrder } = database.get(districtTable, district)!
    const report = reportWith((t) => t.delete(newOrderTable, { ...district, order: nextOrder - 1 }))
    expect(violated(report)).toEqual([
      `condition2: district 2.6: the newest order is ${nextOrder - 1}, the newest that waits ${nextOrder - 2}`,
    ])
  })

  it('sees a gap among the orders that wait (condition 3)', () => {
    const { nextOrder } = database.get(districtTable, district)!
    const report = reportWith((t) => t.delete(newOrderTable, { ...district, order: nextOrder - 2 }))
    expect(violated(report)).toHaveLength(1)
    expect(violated(report)[0]).toMatch(/^condition3: district 2\.6: \d+ orders of \d+ to \d+ wait$/)
  })

  it('allows that nothing waits', () => {
    const report = reportWith((t) => {
      for (const { key } of t.scan(newOrderTable, { prefix: district })) t.delete(newOrderTable, key)
    })
    expect(violated(report)).toEqual([])
  })

  it('sees lines too many, too few, and of no order (condition 4)', () => {
    const { nextOrder } = database.get(districtTable, district)!
    const key = { ...district, order: nextOrder - 1, line: 1 }
    const row = database.get(orderLineTable, key)!
    const extra = { ...district, order: nextOrder + 5, line: 1 }
    for (const report of [
      reportWith((t) => t.delete(orderLineTable, key)),
      reportWith((t) => t.insert(orderLineTable, extra, row)),
      reportWith((t) => t.update(orderTable, { ...district, order: 1 }, { lineCount: 4 })),
    ]) {
      expect(violated(report)).toHaveLength(1)
      expect(violated(report)[0]).toMatch(/^condition4: district 2\.6: its orders say \d+ lines, there are \d+$/)
    }
  })

  it('sees an order that is missing as a whole (conditions 2 and 4)', () => {
    const { nextOrder } = database.get(districtTable, district)!
    const report = reportWith((t) => t.delete(orderTable, { ...district, order: nextOrder - 1 }))
    expect(violated(report).map((message) => message.slice(0, 10))).toEqual(['condition2', 'condition4'])
  })

  it('sees a warehouse and a district that are missing', () => {
    const absent = violated(checkConsistency(database, 3))
    expect(absent).toEqual(['condition1: warehouse 3: it is missing', 'condition2: district 3.1: it is missing'])
    expect(violated(reportWith((t) => t.delete(districtTable, district)))).toHaveLength(2)
  })

  it('tells the first place where a condition is violated, and sees the last', () => {
    const report = reportWith((t) => {
      t.update(warehouseTable, { warehouse: 1 }, { ytd: 1 })
      t.update(warehouseTable, { warehouse: 2 }, { ytd: 2 })
      t.update(districtTable, { warehouse: 2, district: 10 }, { nextOrder: 1 })
    })
    expect(violated(report).map((message) => message.replace(/:[^:]*$/, ''))).toEqual([
      'condition1: warehouse 1',
      'condition2: district 2.10',
    ])
  })
})

describe('hasReceipt', () => {
  it('finds every transaction that succeeded, and no other', () => {
    expect(written.length).toBeGreaterThan(3500)
    expect(written.filter(([terminal, sequence]) => !hasReceipt(database, terminal, sequence))).toEqual([])
    expect(database.rows(receiptTable)).toHaveLength(written.length)
    expect(hasReceipt(database, 99, 0)).toBe(false)
  })
})

describe('a run', () => {
  it('is a function of the seed', () => {
    const again = loadedDatabase(options)
    runTerminals(again, 4000)
    expect(again.contents()).toEqual(database.contents())
  })
})
