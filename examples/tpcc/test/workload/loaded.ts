// A loaded database, small enough to make one for each test.

import { loadSteps } from '../../src/workload/index.ts'
import { MemoryDatabase } from './memory-database.ts'

export const small = { scale: 0.01, warehouses: 1, seed: 7 } as const

export function loadedDatabase(options: { scale: number; warehouses: number; seed: number } = small): MemoryDatabase {
  const database = new MemoryDatabase()
  for (const step of loadSteps(options)) database.transact((t) => step.run(t))
  return database
}
