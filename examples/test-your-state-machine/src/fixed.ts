// The ledger again, without the bug: every deposit has a name, and is made once, however often it is asked for.
//
// The server is the same as before.

import type { Entry } from '@mako/engine'
import type { Bank, Deposit } from './bank.ts'

/** Balances by account, and what was answered to each deposit. (A real ledger forgets answers that are old.) */
export class Ledger {
  readonly #balances = new Map<string, number>()
  readonly #answers = new Map<string, number>()

  apply({ payload }: Entry): number {
    const { account, amount, id = '' } = JSON.parse(new TextDecoder().decode(payload)) as Deposit
    const answered = this.#answers.get(id)
    if (answered !== undefined) return answered
    const balance = (this.#balances.get(account) ?? 0) + amount
    this.#balances.set(account, balance)
    this.#answers.set(id, balance)
    return balance
  }

  /** The same for the same state: how replicas are compared. */
  digest(): string {
    return JSON.stringify([[...this.#balances], [...this.#answers]])
  }
}

/** On the client: asks one node after the other until the deposit is made. The new balance, or undefined. */
export async function deposit(bank: Bank, account: string, amount: number, id: string): Promise<number | undefined> {
  let leader: string | undefined
  for (let attempt = 0; attempt < 20; attempt++) {
    const reply = await bank.ask(leader, { account, amount, id })
    if (reply?.status === 'done') return reply.balance
    leader = reply?.leader
    await bank.sleep(20)
  }
  return undefined
}
