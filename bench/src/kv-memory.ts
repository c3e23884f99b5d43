// What rows cost in memory, and how fast the store executes, encodes, replays and digests, without replication.
//
//   node --expose-gc --import tsx bench/src/kv-memory.ts

import type { ReplicationEngine } from '@mako/engine'
import { createDatabase, type Database, defineTable, int, nullable, text, uint } from '@mako/store/kv'
import type { Shard, ShardOptions, StateMachine } from '@mako/watermark'

const warehouse = uint(13)
const district = uint(4)
const districts = defineTable({
  id: 1,
  name: 'district',
  key: { warehouse, district },
  row: { name: text(), street: text(), city: text(), zip: text(), tax: uint(), ytd: int(), nextOrder: uint() },
})
const stock = defineTable({
  id: 2,
  name: 'stock',
  key: { warehouse, item: uint(17) },
  row: { quantity: uint(), information: text(), ytd: uint(), orderCount: uint(), remoteCount: uint(), data: text() },
})
const orders = defineTable({
  id: 3,
  name: 'order',
  key: { warehouse, district, order: uint(32) },
  row: { customer: uint(), enteredAt: uint(), carrier: nullable(uint()), lineCount: uint() },
  ordered: true,
})
const orderLines = defineTable({
  id: 4,
  name: 'order-line',
  key: { warehouse, district, order: uint(32), line: uint(4) },
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
const tables = [districts, stock, orders, orderLines]

const items = 10_000
const linesOfAnOrder = 10
const loadedLines = 600_000
const executedOrders = 20_000
/** Transactions that are executed before the earlier ones are safe. */
const lag = 2_000

interface Node {
  readonly database: Database
  readonly machine: StateMachine
  readonly log: Uint8Array[]
}

/** Where copies of write sets go, many to a chunk, as in the batches of a shard. */
let chunk = new Uint8Array(0)
let filled = 0

function copied(bytes: Uint8Array): Uint8Array {
  if (filled + bytes.length > chunk.length) {
    chunk = new Uint8Array(Math.max(2 ** 20, bytes.length))
    filled = 0
  }
  chunk.set(bytes, filled)
  filled += bytes.length
  return chunk.subarray(filled - bytes.length, filled)
}

function node(): Node {
  const log: Uint8Array[] = []
  let machine: StateMachine | undefined
  const shard = (options: ShardOptions): Shard => {
    machine = options.machine
    return {
      streams: [0],
      gate: () => ({ status: 'READY', epoch: 1 }),
      take: () => log.length + 1,
      log: (_stream: number, _stamp: number, bytes: Uint8Array) => void log.push(copied(bytes)),
      release: () => undefined,
      status: () => ({}),
    } as unknown as Shard
  }
  const database = createDatabase({ engine: {} as ReplicationEngine, tables, shard })
  return { database, machine: machine!, log }
}

/** Rates are by processor time, which other work on the machine does not change; the wall's time is beside it. */
function measure<T>(label: string, count: number, unit: string, fn: () => T): T {
  const start = performance.now()
  const startCpu = process.cpuUsage()
  const value = fn()
  const wallMs = performance.now() - start
  const { user, system } = process.cpuUsage(startCpu)
  const cpuMs = (user + system) / 1000
  const rate = Math.round((count / cpuMs) * 1000).toLocaleString('en')
  console.log(`${label}: ${rate} ${unit}/s (processor ${cpuMs.toFixed(0)} ms, wall ${wallMs.toFixed(0)} ms)`)
  return value
}

function heapBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

let draw = 1
function below(bound: number): number {
  draw = (Math.imul(draw, 1_103_515_245) + 12_345) & 0x7fffffff
  return draw % bound
}

function newOrder(database: Database, at: number): void {
  const key = { warehouse: 1, district: 1 + (at % 10) }
  database.transact((t) => {
    const order = t.get(districts, key)!.nextOrder
    t.update(districts, key, { nextOrder: order + 1 })
    t.insert(
      orders,
      { ...key, order },
      { customer: below(3000), enteredAt: 1_800_000_000 + at, carrier: null, lineCount: linesOfAnOrder },
    )
    for (let line = 1; line <= linesOfAnOrder; line++) {
      const item = { warehouse: 1, item: 1 + below(items) }
      const { quantity, ytd, orderCount, information } = t.get(stock, item)!
      t.update(stock, item, {
        quantity: quantity > 15 ? quantity - 5 : quantity + 86,
        ytd: ytd + 5,
        orderCount: orderCount + 1,
      })
      t.insert(
        orderLines,
        { ...key, order, line },
        {
          item: item.item,
          supplyWarehouse: 1,
          deliveredAt: null,
          quantity: 5,
          amount: below(1_000_000),
          information: information.slice((key.district - 1) * 24, key.district * 24),
          column7: 1,
          column8: 2,
          column9: 3,
          column10: 4,
        },
      )
    }
  })
}

const leader = node()
leader.database.transact((t) => {
  for (let n = 1; n <= 10; n++) {
    const row = { name: 'name', street: 'street', city: 'city', zip: '123411111', tax: 1, ytd: 0, nextOrder: 1 }
    t.put(districts, { warehouse: 1, district: n }, row)
  }
  for (let item = 1; item <= items; item++) {
    const row = {
      quantity: 50,
      information: 'x'.repeat(240),
      ytd: 0,
      orderCount: 0,
      remoteCount: 0,
      data: `data ${item}`,
    }
    t.put(stock, { warehouse: 1, item }, row)
  }
})
measure('execute and encode, loading', loadedLines / linesOfAnOrder, 'new orders', () => {
  for (let at = 0; at < loadedLines / linesOfAnOrder; at++) {
    newOrder(leader.database, at)
    if (at % 100 === 0) leader.machine.settle(Math.max(0, leader.log.length - lag))
  }
})
leader.machine.settle(leader.log.length)
const logged = leader.log.reduce((sum, bytes) => sum + bytes.length, 0)
measure('execute and encode, again', executedOrders, 'new orders', () => {
  for (let at = 0; at < executedOrders; at++) {
    newOrder(leader.database, at)
    if (at % 100 === 0) leader.machine.settle(Math.max(0, leader.log.length - lag))
  }
})
leader.machine.settle(leader.log.length)
console.log(`bytes of one new order in the log: ${Math.round(logged / (loadedLines / linesOfAnOrder))}`)

const follower = node()
const before = heapBytes()
measure('replay', leader.log.length, 'transactions', () => {
  leader.log.forEach((bytes, i) => {
    follower.machine.replay(bytes, i + 1, 1)
    if (i % 100 === 0) follower.machine.settle(i + 1)
  })
})
follower.machine.settle(leader.log.length)
const rows = follower.database.status().tables.reduce((sum, table) => sum + table.rows, 0)
const used = heapBytes() - before
console.log(
  `memory of ${rows.toLocaleString('en')} rows: ${Math.round(used / 2 ** 20)} MiB, ${Math.round(used / rows)} bytes a row`,
)
const digest = measure('digest', rows, 'rows', () => leader.database.digest())
if (follower.database.digest() !== digest) throw new Error('the replicas differ')
