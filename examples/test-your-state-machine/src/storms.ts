// The ledger under storms: which machine, what clients do, and what must be true of what they are told.

import { raft } from '@mako/raft'
import { appWorkload, between, registerModel, runSeeds, type ClientContext, type SeedsResult } from '@mako/testkit'
import type { Bank } from './bank.ts'
import type * as fixed from './fixed.ts'
import * as ledger from './ledger.ts'

type Machine = ledger.Ledger | fixed.Ledger

/** What a client of the ledger can do, done in the simulator. */
function bankOf({ connect, sleep }: ClientContext<Machine>): Bank {
  return {
    sleep,
    ask: async (node, request) => {
      const connection = await connect(node)
      return await connection.call(({ engine }) => ledger.handle(engine, request)).catch(() => undefined)
    },
  }
}

/** Runs this many seeds of a ledger, until one of them breaks a law. */
export async function storms(version: typeof ledger | typeof fixed, seeds: number, first = 1): Promise<SeedsResult> {
  const workload = appWorkload<Machine>({
    machine: () => new version.Ledger(),
    client: async (context) => {
      const { number, random, invoke } = context
      // An account has some deposits at a time and few in all: that makes it easy to judge what was said of it.
      const key = `account ${Math.floor(number / 30)}${'xy'[between(random, 0, 1)]!}`
      const amount = between(random, 1, 9)
      await invoke({ key, op: 'incr', in: String(amount) }, async () => {
        const balance = await version.deposit(bankOf(context), key, amount, `deposit ${number}`)
        return balance === undefined ? { status: 'info' } : { status: 'ok', out: String(balance) }
      })
    },
    model: registerModel,
  })
  return await runSeeds({ protocol: (tuning) => raft(tuning), workload, seeds, first, partitions: 1, seconds: 2 })
}
