import { seededRandom } from '@mako/engine'
import { describe, expect, it } from 'vitest'
import { createTerminal, isReadOnly, parseInput, transactionKinds } from '../../src/workload/index.ts'

const newOrder = {
  kind: 'new-order',
  terminal: 1,
  sequence: 0,
  warehouse: 1,
  at: 5,
  district: 2,
  customer: 3,
  lines: [{ item: 1, supplyWarehouse: 1, quantity: 2 }],
}
const payment = {
  kind: 'payment',
  terminal: 1,
  sequence: 0,
  warehouse: 1,
  at: 5,
  district: 2,
  customerWarehouse: 1,
  customerDistrict: 2,
  customer: { by: 'name', last: 'BARBARBAR' },
  amount: 100,
}

describe('parseInput', () => {
  it('takes what is an input and leaves out what does not belong to it', () => {
    expect(parseInput(newOrder)).toEqual(newOrder)
    expect(parseInput({ ...payment, extra: 1 })).toEqual(payment)
  })

  it.each([
    undefined,
    null,
    1,
    'new-order',
    [],
    {},
    { ...newOrder, kind: 'new_order' },
    { ...newOrder, kind: undefined },
    { ...newOrder, terminal: 0 },
    { ...newOrder, terminal: '1' },
    { ...newOrder, sequence: -1 },
    { ...newOrder, sequence: 2 ** 32 },
    { ...newOrder, warehouse: 8192 },
    { ...newOrder, at: 1.5 },
    { ...newOrder, district: 11 },
    { ...newOrder, customer: Number.NaN },
    { ...newOrder, lines: undefined },
    { ...newOrder, lines: [] },
    { ...newOrder, lines: {} },
    { ...newOrder, lines: [null] },
    { ...newOrder, lines: Array(16).fill(newOrder.lines[0]) },
    { ...newOrder, lines: [{ ...newOrder.lines[0], item: 131_072 }] },
    { ...newOrder, lines: [{ ...newOrder.lines[0], quantity: 11 }] },
    { ...newOrder, lines: [{ ...newOrder.lines[0], supplyWarehouse: 0 }] },
    { ...payment, amount: 0 },
    { ...payment, amount: 500_001 },
    { ...payment, customerDistrict: 0 },
    { ...payment, customerWarehouse: 1e9 },
    { ...payment, customer: 'BARBARBAR' },
    { ...payment, customer: { by: 'name', last: '' } },
    { ...payment, customer: { by: 'name', last: 'X'.repeat(17) } },
    { ...payment, customer: { by: 'number', last: 'BARBARBAR' } },
    { ...payment, kind: 'order-status', customer: undefined },
    { ...payment, kind: 'delivery', carrier: 11 },
    { ...payment, kind: 'stock-level', threshold: 9 },
  ])('refuses %j', (value) => {
    expect(parseInput(value)).toBeUndefined()
  })

  it('never throws, and never lets a damaged field through', () => {
    const random = seededRandom(1)
    const damages = [null, undefined, -1, 1.5, Number.NaN, 'x', {}, [], 2 ** 53, true]
    const terminal = createTerminal({ terminal: 1, scale: 0.1, warehouses: 2, seed: 3 })
    for (let round = 0; round < 2000; round++) {
      const input = terminal.next(0)
      const fields = Object.keys(input)
      const field = fields[random.u32() % fields.length]!
      const damaged = { ...input, [field]: damages[random.u32() % damages.length] }
      expect(parseInput(damaged)).toBeUndefined()
    }
  })
})

describe('isReadOnly', () => {
  it('is so for the two that only look', () => {
    expect(transactionKinds.filter(isReadOnly)).toEqual(['order-status', 'stock-level'])
  })
})
