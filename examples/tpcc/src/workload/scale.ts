// How many rows there are: the specification's numbers (clause 1.2.1), or a fraction of them for small machines.
//
// Always true: loader, terminals and every process derive the same numbers from the same scale.

import { MakoError } from '@mako/engine'

export interface Cardinalities {
  readonly items: number
  readonly customersPerDistrict: number
  /** Every customer has placed exactly one order when the load is done. */
  readonly ordersPerDistrict: number
  /** The newest of these orders, not yet delivered. */
  readonly newOrdersPerDistrict: number
  /** Last names in use; each is the name of at least one customer in each district. */
  readonly lastNames: number
}

/**
 * Row counts for a scale above 0 and up to 1. Districts stay ten; the smallest scales keep enough rows for orders of
 * fifteen different items and for customers who share a name.
 * @throws MakoError `BAD_OPTION` for a scale out of range
 */
export function cardinalitiesOf(scale: number): Cardinalities {
  if (!(scale > 0 && scale <= 1)) throw new MakoError('BAD_OPTION', `scale is ${scale}; it must be above 0, at most 1`)
  const customersPerDistrict = Math.max(30, Math.round(3000 * scale))
  return {
    items: Math.max(100, Math.round(100_000 * scale)),
    customersPerDistrict,
    ordersPerDistrict: customersPerDistrict,
    newOrdersPerDistrict: Math.round(customersPerDistrict * 0.3),
    lastNames: Math.min(1000, Math.ceil(customersPerDistrict / 3)),
  }
}
