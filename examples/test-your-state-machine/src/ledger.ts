// A ledger of accounts, replicated: a state machine, what a server does for a request, and what a client does.
//
// The client never gives up a deposit that may have failed: it asks again. That is where the bug is. A deposit whose
// outcome is not known may have been made, and asking again makes it twice. `fixed.ts` is the same ledger without it.

import type { Entry, ReplicationEngine } from '@mako/engine'
import type { Bank, Deposit, Reply } from './bank.ts'

/** Balances by account. Every node has one, and gives it every committed entry, in order. */
export class Ledger {
  readonly #balances = new Map<string, number>()

  apply({ payload }: Entry): number {
    const { account, amount } = JSON.parse(new TextDecoder().decode(payload)) as Deposit
    const balance = (this.#balances.get(account) ?? 0) + amount
    this.#balances.set(account, balance)
    return balance
  }

  /** The same for the same state: how replicas are compared. */
  digest(): string {
    return JSON.stringify([...this.#balances])
  }
}

/** On the server: proposes a deposit and tells what has become of it. */
export async function handle(engine: ReplicationEngine, deposit: Deposit): Promise<Reply> {
  const result = engine.addLog(new TextEncoder().encode(JSON.stringify(deposit)))
  if (result.status === 'NOT_LEADER') return { status: 'again', leader: result.leaderHint?.nodeId }
  if (result.status !== 'SUCCESS') return { status: 'again', leader: undefined }
  const outcome = await result.outcome
  switch (outcome.status) {
    case 'APPLIED':
      return { status: 'done', balance: outcome.value as number }
    case 'LOST':
    case 'UNKNOWN':
      return { status: 'again', leader: undefined }
  }
}

/** On the client: asks one node after the other until the deposit is made. The new balance, or undefined. */
export async function deposit(bank: Bank, account: string, amount: number): Promise<number | undefined> {
  let leader: string | undefined
  for (let attempt = 0; attempt < 20; attempt++) {
    const reply = await bank.ask(leader, { account, amount })
    if (reply?.status === 'done') return reply.balance
    leader = reply?.leader
    await bank.sleep(20)
  }
  return undefined
}
