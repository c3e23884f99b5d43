import { describe, expect, it } from 'vitest'
import {
  cardinalitiesOf,
  createTerminal,
  isReadOnly,
  parseInput,
  streamOf,
  type TransactionInput,
  type TransactionKind,
} from '../../src/workload/index.ts'

const options = { terminal: 1, scale: 0.1, warehouses: 1, seed: 11 } as const

function inputs(count: number, overrides: Partial<Parameters<typeof createTerminal>[0]> = {}): TransactionInput[] {
  const terminal = createTerminal({ ...options, ...overrides })
  return Array.from({ length: count }, (_, at) => terminal.next(1_800_000_000_000 + at))
}

function ofKind<Kind extends TransactionKind>(
  all: readonly TransactionInput[],
  kind: Kind,
): Extract<TransactionInput, { kind: Kind }>[] {
  return all.filter((input): input is Extract<TransactionInput, { kind: Kind }> => input.kind === kind)
}

describe('createTerminal', () => {
  it('deals the standard mix out of every hundred, not in the same order each time', () => {
    const all = inputs(1000)
    const orders = new Set<string>()
    for (let from = 0; from < all.length; from += 100) {
      const deck = all.slice(from, from + 100)
      orders.add(deck.map(({ kind }) => kind).join())
      expect(ofKind(deck, 'new-order')).toHaveLength(45)
      expect(ofKind(deck, 'payment')).toHaveLength(43)
      expect(ofKind(deck, 'order-status')).toHaveLength(4)
      expect(ofKind(deck, 'delivery')).toHaveLength(4)
      expect(ofKind(deck, 'stock-level')).toHaveLength(4)
    }
    expect(orders.size).toBe(10)
  })

  it('repeats itself for the same seed and terminal, and only for these', () => {
    const first = inputs(300)
    expect(inputs(300)).toEqual(first)
    expect(inputs(300, { seed: 12 })).not.toEqual(first)
    expect(inputs(300, { terminal: 2 }).map(({ kind }) => kind)).not.toEqual(first.map(({ kind }) => kind))
  })

  it('numbers its inputs from 0 and dates them in seconds', () => {
    const terminal = createTerminal(options)
    expect(terminal.terminal).toBe(1)
    expect(terminal.next(1999)).toMatchObject({ terminal: 1, sequence: 0, at: 1 })
    expect(terminal.next(2000)).toMatchObject({ terminal: 1, sequence: 1, at: 2 })
  })

  it('survives the check that inputs from elsewhere must pass, and its own serialisation', () => {
    for (const input of inputs(2000, { warehouses: 5 })) {
      expect(parseInput(JSON.parse(JSON.stringify(input)))).toEqual(input)
    }
  })

  it('keeps to the ranges of its scale', () => {
    const { items, customersPerDistrict } = cardinalitiesOf(options.scale)
    let unused = 0
    const orders = ofKind(inputs(20_000), 'new-order')
    for (const { lines, customer } of orders) {
      expect(customer).toBeLessThanOrEqual(customersPerDistrict)
      expect(lines.length).toBeGreaterThanOrEqual(5)
      expect(lines.length).toBeLessThanOrEqual(15)
      lines.forEach(({ item }, at) => {
        if (item <= items) return
        unused++
        expect(item).toBe(items + 1)
        expect(at).toBe(lines.length - 1)
      })
    }
    expect(unused / orders.length).toBeGreaterThan(0.005)
    expect(unused / orders.length).toBeLessThan(0.015)
  })

  it('finds three of five customers by name', () => {
    const payments = ofKind(inputs(20_000), 'payment')
    const byName = payments.filter(({ customer }) => customer.by === 'name').length / payments.length
    expect(byName).toBeGreaterThan(0.57)
    expect(byName).toBeLessThan(0.63)
  })

  it('reaches other warehouses in 15 % of payments and 1 % of lines, if there are any', () => {
    const all = inputs(20_000, { warehouses: 3, terminal: 2 })
    const payments = ofKind(all, 'payment')
    const remotePayments = payments.filter(({ customerWarehouse }) => customerWarehouse !== 2)
    expect(remotePayments.length / payments.length).toBeGreaterThan(0.13)
    expect(remotePayments.length / payments.length).toBeLessThan(0.17)
    const lines = ofKind(all, 'new-order').flatMap(({ lines }) => lines)
    const remoteLines = lines.filter(({ supplyWarehouse }) => supplyWarehouse !== 2)
    expect(remoteLines.length / lines.length).toBeGreaterThan(0.007)
    expect(remoteLines.length / lines.length).toBeLessThan(0.013)
    expect(new Set(remoteLines.map(({ supplyWarehouse }) => supplyWarehouse))).toEqual(new Set([1, 3]))

    const alone = inputs(5000)
    expect(ofKind(alone, 'payment').every(({ customerWarehouse }) => customerWarehouse === 1)).toBe(true)
    expect(ofKind(alone, 'new-order').every(({ lines }) => lines.every((line) => line.supplyWarehouse === 1))).toBe(
      true,
    )
  })

  it('spreads terminals over warehouses, and stock-levels over districts', () => {
    const homes = [1, 2, 3, 4].map((terminal) => inputs(1, { terminal, warehouses: 3 })[0]!.warehouse)
    expect(homes).toEqual([1, 2, 3, 1])
    const districts = Array.from({ length: 12 }, (_, at) => {
      const levels = ofKind(inputs(200, { terminal: at + 1 }), 'stock-level')
      expect(new Set(levels.map(({ district }) => district)).size).toBe(1)
      return levels[0]!.district
    })
    expect(districts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2])
  })

  it.each([[{ terminal: 0 }], [{ terminal: 1.5 }], [{ terminal: 3_000_000 }], [{ warehouses: 0 }], [{ scale: 0 }]])(
    'refuses %j',
    (overrides) => {
      expect(() => createTerminal({ ...options, ...overrides })).toThrow(
        expect.objectContaining({ code: 'BAD_OPTION' }),
      )
    },
  )
})

describe('streamOf', () => {
  it.each([1, 3, 4, 7, 10])('spreads one warehouse over %i streams, about evenly', (streams) => {
    const counts = Array<number>(streams).fill(0)
    const writing = inputs(5000).filter(({ kind }) => !isReadOnly(kind))
    for (const input of writing) counts[streamOf(input, streams)]!++
    for (const count of counts) expect(count).toBeGreaterThan((writing.length / streams) * 0.5)
  })

  it('spreads the steps of the load', () => {
    const step = { label: '', fraction: 0, run: () => undefined }
    expect([0, 1, 2, 3, 4].map((partitionKey) => streamOf({ ...step, partitionKey }, 4))).toEqual([0, 1, 2, 3, 0])
  })
})
