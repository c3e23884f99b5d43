// A terminal: the endless sequence of inputs that one clerk types, without keying and think times (clause 5.2).
//
// Always true: the sequence is a function of seed and terminal number. Of each hundred inputs 45 are new-orders, 43
// payments, and 4 of each other kind: they are dealt from a shuffled deck (clause 5.2.4.2).

import { below, MakoError, type Random } from '@mako/engine'
import type { CustomerSelector, NewOrderLine, TransactionInput, TransactionKind } from './input.ts'
import {
  derivedRandom,
  integer,
  type NonUniformConstants,
  percent,
  randomCustomer,
  randomItem,
  randomLastName,
  runConstants,
  shuffle,
} from './random.ts'
import { type Cardinalities, cardinalitiesOf } from './scale.ts'
import { districtsPerWarehouse, maxTerminal, maxWarehouses } from './schema.ts'

export interface TerminalOptions {
  /** 1 to `maxTerminal`. A process that starts again takes new ones, since receipts are by terminal and sequence. */
  readonly terminal: number
  /** As in `LoadOptions`, like `warehouses` and `seed`. */
  readonly scale: number
  readonly warehouses: number
  readonly seed: number
}

export interface Terminal {
  readonly terminal: number
  /** The next input; `sequence` counts from 0. The time is in milliseconds since 1970. */
  next(nowMs: number): TransactionInput
}

/** How many of each kind there are in a deck of a hundred. */
export const mix: Readonly<Record<TransactionKind, number>> = {
  'new-order': 45,
  payment: 43,
  'order-status': 4,
  delivery: 4,
  'stock-level': 4,
}

/**
 * A terminal belongs to one warehouse and, for stock-levels, to one district; terminals go round both.
 * @throws MakoError `BAD_OPTION` for a terminal, a scale or a number of warehouses out of range
 */
export function createTerminal(options: TerminalOptions): Terminal {
  const { terminal, warehouses } = options
  if (!Number.isInteger(terminal) || terminal < 1 || terminal > maxTerminal) {
    throw new MakoError('BAD_OPTION', `terminal is ${terminal}; it must be a whole number of 1 to ${maxTerminal}`)
  }
  if (!Number.isInteger(warehouses) || warehouses < 1 || warehouses > maxWarehouses) {
    throw new MakoError('BAD_OPTION', `warehouses is ${warehouses}; it must be a whole number of 1 to ${maxWarehouses}`)
  }
  return new DeckTerminal(options)
}

class DeckTerminal implements Terminal {
  readonly terminal: number
  readonly #random: Random
  readonly #counts: Cardinalities
  readonly #constants: NonUniformConstants
  readonly #warehouses: number
  readonly #warehouse: number
  readonly #district: number
  readonly #deck: TransactionKind[]
  #sequence = 0

  constructor({ terminal, scale, warehouses, seed }: TerminalOptions) {
    this.terminal = terminal
    this.#random = derivedRandom(seed, 2, terminal)
    this.#counts = cardinalitiesOf(scale)
    this.#constants = runConstants(seed)
    this.#warehouses = warehouses
    this.#warehouse = ((terminal - 1) % warehouses) + 1
    this.#district = (Math.floor((terminal - 1) / warehouses) % districtsPerWarehouse) + 1
    this.#deck = Object.entries(mix).flatMap(([kind, count]) =>
      Array<TransactionKind>(count).fill(kind as TransactionKind),
    )
  }

  next(nowMs: number): TransactionInput {
    const card = this.#sequence % this.#deck.length
    if (card === 0) shuffle(this.#random, this.#deck)
    return this.#input(this.#deck[card]!, this.#sequence++, Math.floor(nowMs / 1000))
  }

  #input(kind: TransactionKind, sequence: number, at: number): TransactionInput {
    const random = this.#random
    const { terminal } = this
    const warehouse = this.#warehouse
    switch (kind) {
      case 'new-order':
        return {
          kind,
          terminal,
          sequence,
          warehouse,
          at,
          district: this.#anyDistrict(),
          customer: randomCustomer(random, this.#constants, this.#counts.customersPerDistrict),
          lines: this.#lines(),
        }
      case 'payment': {
        const district = this.#anyDistrict()
        const isRemote = this.#warehouses > 1 && percent(random, 15)
        return {
          kind,
          terminal,
          sequence,
          warehouse,
          at,
          district,
          customerWarehouse: isRemote ? this.#otherWarehouse() : warehouse,
          customerDistrict: isRemote ? this.#anyDistrict() : district,
          customer: this.#selector(),
          amount: integer(random, 100, 500_000),
        }
      }
      case 'order-status':
        return { kind, terminal, sequence, warehouse, at, district: this.#anyDistrict(), customer: this.#selector() }
      case 'delivery':
        return { kind, terminal, sequence, warehouse, at, carrier: integer(random, 1, 10) }
      case 'stock-level':
        return { kind, terminal, sequence, warehouse, at, district: this.#district, threshold: integer(random, 10, 20) }
    }
  }

  #lines(): NewOrderLine[] {
    const random = this.#random
    const count = integer(random, 5, 15)
    const rollsBack = percent(random, 1)
    const lines: NewOrderLine[] = []
    for (let line = 1; line <= count; line++) {
      const isUnused = rollsBack && line === count
      const isRemote = this.#warehouses > 1 && percent(random, 1)
      lines.push({
        item: isUnused ? this.#counts.items + 1 : randomItem(random, this.#constants, this.#counts.items),
        supplyWarehouse: isRemote ? this.#otherWarehouse() : this.#warehouse,
        quantity: integer(random, 1, 10),
      })
    }
    return lines
  }

  #selector(): CustomerSelector {
    const random = this.#random
    if (percent(random, 60)) {
      return { by: 'name', last: randomLastName(random, this.#constants, this.#counts.lastNames) }
    }
    return { by: 'number', customer: randomCustomer(random, this.#constants, this.#counts.customersPerDistrict) }
  }

  #anyDistrict(): number {
    return integer(this.#random, 1, districtsPerWarehouse)
  }

  #otherWarehouse(): number {
    const drawn = 1 + below(this.#random, this.#warehouses - 1)
    return drawn < this.#warehouse ? drawn : drawn + 1
  }
}
