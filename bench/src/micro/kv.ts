// Key-values: what a small transaction costs where it is executed and where it is replayed, how long it takes until it
// is safe on three engines, and what a row costs in memory.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { below, seededRandom } from '@mako/engine'
import { createDatabase, type Database, defineTable, int, nullable, text, type Transaction, uint } from '@mako/store/kv'
import { figure, type Sample, sample } from '../cell.ts'
import { memoryEngines, until, withLeader } from '../memory-engines.ts'
import { PromiseClients } from '../promise-clients.ts'
import { type MicroCase, microCase, repeat } from './case.ts'
import { executeAndReplay, standIn, type Workload } from './stand-in.ts'

const ACCOUNTS = 10_000
const accounts = defineTable({
  id: 1,
  name: 'account',
  key: { number: uint(32) },
  row: { balance: int(), owner: text() },
})

const orderedAccounts = defineTable({
  id: 3,
  name: 'ordered-account',
  key: { number: uint(32) },
  row: { balance: int(), owner: text() },
  ordered: true,
})
/** Rows of one scan. */
const SCANNED = 50

function openAccounts(t: Transaction, from: number, to: number): void {
  for (let number = from; number < to; number++)
    t.put(accounts, { number }, { balance: 1000, owner: `owner ${number}` })
}

/** Reads two rows and changes both. */
function transfer(t: Transaction, from: number, to: number): void {
  const giver = t.get(accounts, { number: from })!
  const taker = t.get(accounts, { number: to })!
  t.update(accounts, { number: from }, { balance: giver.balance - 1 })
  t.update(accounts, { number: to }, { balance: taker.balance + 1 })
}

function pairs(): () => readonly [from: number, to: number] {
  const random = seededRandom(1)
  return () => {
    const from = below(random, ACCOUNTS)
    return [from, (from + 1 + below(random, ACCOUNTS - 1)) % ACCOUNTS]
  }
}

function transfers(): Workload {
  const next = pairs()
  return {
    tables: [accounts],
    load: (database) => void database.transact((t) => openAccounts(t, 0, ACCOUNTS)),
    next: () => {
      const [from, to] = next()
      return (database) => void database.transact((t) => transfer(t, from, to))
    },
  }
}

/** Loads as soon as the shard has recovered, and ends loading. */
async function loadReplicated(database: Database): Promise<void> {
  const STEP = 500
  for (let from = 0; from < ACCOUNTS; from += STEP) {
    await until('the shard to take a step of the load', () => {
      const { status } = database.load((t) => openAccounts(t, from, from + STEP))
      if (status === 'SUCCESS' || status === 'BUSY') return status === 'SUCCESS'
      throw new Error(`Loading was ${status}.`)
    })
  }
  const result = await database.finishLoading()
  if (result.status !== 'SUCCESS') throw new Error(`Loading ended ${result.status}.`)
}

const STREAMS = [0, 1, 2, 3]

function safeCase(inFlight: number): MicroCase {
  return microCase({
    name: 'kv-safe',
    about: 'transfers on three engines in one process, 4 streams, until they are safe',
    unit: 'transactions/s',
    inFlight,
    overheadSeconds: 0.9,
    run: (seconds) => {
      const engines = memoryEngines('raft', STREAMS)
      const databases = engines.map((engine) => createDatabase({ engine, tables: [accounts] }))
      const next = pairs()
      return withLeader(engines, async (leader) => {
        const database = databases[engines.indexOf(leader)]!
        await loadReplicated(database)
        const clients = new PromiseClients({
          inFlight,
          expected: 'SAFE',
          start: () => {
            const [from, to] = next()
            const answer = database.transact((t) => transfer(t, from, to))
            if (answer.status === 'BUSY') return undefined
            return answer.status === 'SUCCESS' ? answer.safe : Promise.resolve(answer)
          },
        })
        const result = await clients.sample(seconds)
        for (const each of databases) each.stop()
        return result
      })
    },
  })
}

/** How many accesses there are in one transaction: what a transaction costs by itself then hardly counts. */
const ACCESSES = 256

function accessCase(
  name: string,
  about: string,
  unit: string,
  ordered: boolean,
  access: (t: Transaction, number: number) => void,
): MicroCase {
  return microCase({
    name,
    about,
    unit,
    overheadSeconds: 0.05,
    run: (seconds) => {
      const table = ordered ? orderedAccounts : accounts
      const stand = standIn([table])
      const { database, machine, log } = stand
      database.transact((t) => {
        for (let number = 0; number < ACCOUNTS; number++) t.put(table, { number }, { balance: 1000, owner: 'someone' })
      })
      const random = seededRandom(1)
      const numbers = Array.from({ length: ACCOUNTS }, () => below(random, ACCOUNTS - SCANNED))
      let at = 0
      return repeat(seconds, ACCESSES, () => {
        database.transact((t) => {
          for (let i = 0; i < ACCESSES; i++) access(t, numbers[(at = (at + 1) % ACCOUNTS)]!)
        })
        log.length = 0
        machine.settle(stand.newestStamp)
      })
    },
  })
}

/** A row of ten columns, as wide as those of which real databases have the most. */
const orderLines = defineTable({
  id: 2,
  name: 'order-line',
  key: { warehouse: uint(13), district: uint(4), order: uint(32), line: uint(4) },
  row: {
    item: uint(),
    supplyWarehouse: uint(),
    deliveredAt: nullable(uint()),
    quantity: uint(),
    amount: int(),
    information: text(),
    column7: uint(),
    column8: uint(),
    column9: int(),
    column10: int(),
  },
  ordered: true,
})
const LINES_OF_AN_ORDER = 10
const MEMORY_ORDERS = 5_000

/** Bytes in use after a full collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** Write sets that insert the rows. Whoever executed them is garbage when this has returned. */
function insertedLines(): Uint8Array[] {
  const { database, machine, log } = standIn([orderLines])
  for (let order = 1; order <= MEMORY_ORDERS; order++) {
    database.transact((t) => {
      for (let line = 1; line <= LINES_OF_AN_ORDER; line++) {
        t.insert(
          orderLines,
          { warehouse: 1, district: 1 + (order % 10), order, line },
          {
            item: (order * 7919 + line) % 100_000,
            supplyWarehouse: 1,
            deliveredAt: null,
            quantity: 5,
            amount: (order * 104_729) % 1_000_000,
            information: String(order * LINES_OF_AN_ORDER + line).padStart(24, 'x'),
            column7: 1,
            column8: 2,
            column9: 3,
            column10: 4,
          },
        )
      }
    })
    machine.settle(order)
  }
  return log
}

/** The heap of a replica that has replayed the rows: on the one that executed, rows share strings with their caller. */
function bytesOfARow(): number {
  const log = insertedLines()
  const before = heapBytes()
  const { database, machine } = standIn([orderLines])
  for (const [i, writes] of log.entries()) {
    machine.replay(writes, i + 1, 1)
    machine.settle(i + 1)
  }
  const used = heapBytes() - before
  // Both are still in use here, so they were in use when the heap was measured.
  const { rows } = database.status().tables[0]!
  if (rows !== log.length * LINES_OF_AN_ORDER) throw new Error(`There are ${rows} rows.`)
  return used / rows
}

export const kvCases: readonly MicroCase[] = [
  accessCase('kv-get', 'read a row by its key', 'rows/s', false, (t, number) => {
    if (t.get(accounts, { number }) === undefined) throw new Error('A row is missing.')
  }),
  accessCase('kv-put', 'write a row by its key, and encode the write', 'rows/s', false, (t, number) => {
    t.put(accounts, { number }, { balance: number, owner: 'someone' })
  }),
  accessCase('kv-scan', `walk over ${SCANNED} rows in key order`, 'scans/s', true, (t, number) => {
    let rows = 0
    for (const { row } of t.scan(orderedAccounts, { from: { number }, limit: SCANNED })) rows += row.balance > 0 ? 1 : 0
    if (rows !== SCANNED) throw new Error(`A scan had ${rows} rows.`)
  }),
  microCase({
    name: 'kv-transact',
    about: 'execute and encode transfers (two rows read and changed), without replication',
    unit: 'transactions/s',
    overheadSeconds: 0.1,
    run: (seconds) => executeAndReplay(transfers(), 'execute', seconds),
  }),
  microCase({
    name: 'kv-replay',
    about: 'replay them on another replica',
    unit: 'transactions/s',
    overheadSeconds: 0.1,
    run: (seconds) => executeAndReplay(transfers(), 'replay', seconds),
  }),
  ...[1, 64, 1024].map(safeCase),
  microCase({
    name: 'kv-memory',
    about: 'heap of an ordered table with a numeric key, nine numbers and a text of 24 characters in each row',
    unit: '-',
    overheadSeconds: 0.4,
    run: (): Sample => sample({ figures: [figure('bytesPerRow', bytesOfARow())] }),
  }),
]
