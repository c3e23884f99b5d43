// The key-value database under the conformance suite of state machines.

import { below, type Random } from '@mako/engine'
import { stateMachineSuite } from '@mako/testkit/suites'
import * as vitest from 'vitest'
import { defineTable, int, text, uint } from '../../src/kv/index.ts'
import { fakeDatabase } from './fake-shard.ts'

const accounts = defineTable({
  id: 1,
  name: 'accounts',
  key: { number: uint(8) },
  row: { owner: text(), balance: int() },
})
const transfers = defineTable({
  id: 2,
  name: 'transfers',
  key: { time: uint(32), to: uint(8) },
  row: { amount: int() },
  ordered: true,
})
const tables = [accounts, transfers]

/** Write sets, as a leader logs them: rows that come, change in some columns, and go. */
function writeSets(random: Random): Uint8Array[] {
  const { database, shard } = fakeDatabase(tables)
  for (let time = 0; shard.logged.length < 150; time++) {
    const number = below(random, 12)
    const amount = below(random, 1000) - 500
    database.transact((t) => {
      const account = t.get(accounts, { number })
      if (account === undefined) t.insert(accounts, { number }, { owner: `owner ${time}`, balance: amount })
      else if (below(random, 5) === 0) t.delete(accounts, { number })
      else {
        t.update(accounts, { number }, { balance: account.balance + amount })
        t.put(transfers, { time, to: number }, { amount })
      }
      if (below(random, 8) === 0) {
        for (const { key } of [...t.scan(transfers, { limit: 3 })]) t.delete(transfers, key)
      }
    })
  }
  return shard.logged.map(({ bytes }) => bytes)
}

stateMachineSuite(vitest, {
  name: 'a key-value database',
  kind: 'speculative',
  commands: writeSets,
  create: () => {
    const { database, shard } = fakeDatabase(tables)
    const { machine } = shard
    return {
      replay: (transaction, stamp, epoch) => machine.replay(transaction, stamp, epoch),
      rollBack: (epoch, finalWatermark) => machine.rollBack(epoch, finalWatermark),
      settle: (watermark) => machine.settle(watermark),
      digest: () => database.digest(),
    }
  },
})
