// The list-append workload: transactions append unique values to lists and read lists, and what they were told must be
// strictly serializable; in the end each acknowledged append is there exactly once.
//
// Always true: a transaction is one entry of one log. Logs share nothing, so an order of each makes one of all.

import { below, type Random } from '@mako/engine'
import { checkAppends } from '../checkers/appends.ts'
import type { MicroOperation, TransactionEvent } from '../checkers/history.ts'
import { checkSerializable } from '../checkers/serializable.ts'
import { between, chance } from '../world/random.ts'
import type { ClientKey } from './key-clients.ts'
import { KeyWorkload } from './key-workload.ts'
import type { StateMachine } from './replicated.ts'
import type { WorkloadFactory } from './workload.ts'

type Lists = Map<string | number, (string | number)[]>
type Transaction = readonly MicroOperation[]

export const listAppendWorkload: WorkloadFactory = (world) => new ListAppendWorkload(world, LISTS)

/** The same over other lists: for tests of the workload, which must catch those that lie. */
export function listAppendWorkloadOver(machine: StateMachine<Lists, Transaction, Transaction>): WorkloadFactory {
  return (world) => new ListAppendWorkload(world, machine)
}

export const LISTS: StateMachine<Lists, Transaction, Transaction> = {
  init: () => new Map(),
  apply: (lists, transaction) =>
    transaction.map((operation): MicroOperation => {
      const [name, key, data] = operation
      if (name === 'r') return ['r', key, [...(lists.get(key) ?? [])]]
      const list = lists.get(key)
      if (list === undefined) lists.set(key, [data])
      else list.push(data)
      return operation
    }),
  blind: (transaction) => (transaction.every(([name]) => name === 'append') ? transaction : undefined),
}

class ListAppendWorkload extends KeyWorkload<Lists, Transaction, Transaction> {
  readonly #history: TransactionEvent[] = []
  /** By partition: keys that were used lately, for transactions on several. */
  readonly #recent = new Map<number, ClientKey[]>()
  #values = 0

  /** What clients did and were told so far. */
  override history(): readonly TransactionEvent[] {
    return this.#history
  }

  override check(): Promise<void> {
    const { book } = this.world.cluster
    for (const { type } of this.#history) book.count(`list-append: ${type}`)
    const order = checkSerializable(this.#history)
    book.count(`list-append: verdict ${order.verdict}`)
    if (order.verdict === 'invalid') book.broken('workload', order.explanation)
    const appends = checkAppends(this.#history)
    book.count(`list-append: appends ${appends.verdict}`)
    if (appends.verdict !== 'valid') book.broken('workload', appends.explanation)
    return Promise.resolve()
  }

  override begin(client: number, key: ClientKey, random: Random, ended: () => void): void {
    const transaction = this.#draw(key, random)
    this.#note('invoke', client, transaction)
    this.machine.submit(key.partition, transaction, (ending) => {
      this.#note(ending.status, client, ending.status === 'ok' ? ending.result : transaction)
      ended()
    })
  }

  override read(client: number, key: ClientKey, ended: (done: boolean) => void): boolean {
    const transaction: Transaction = [['r', key.name, null]]
    const call = this.machine.now()
    return this.machine.submitToLeader(key.partition, transaction, (ending) => {
      if (ending?.status === 'ok') {
        this.#insert({ type: 'invoke', process: client, time: call, value: transaction })
        this.#note('ok', client, ending.result)
      }
      ended(ending !== undefined)
    })
  }

  /** One to four reads and appends, of this key and of others in its partition. */
  #draw(key: ClientKey, random: Random): Transaction {
    const { name, partition } = key
    const recent = this.#recent.get(partition) ?? []
    if (!recent.includes(key)) this.#recent.set(partition, [key, ...recent].slice(0, 3))
    return Array.from({ length: between(random, 1, 4) }, (_, i): MicroOperation => {
      const other = recent[below(random, 3)]
      const on = i > 0 && other !== undefined && other.open < 6 ? other.name : name
      return chance(random, 0.6) ? ['append', on, ++this.#values] : ['r', on, null]
    })
  }

  #note(type: TransactionEvent['type'], process: number, value: Transaction): void {
    this.#history.push({ type, process, time: this.machine.now(), value })
  }

  /** A history is in the order of time. */
  #insert(event: TransactionEvent): void {
    let at = this.#history.length
    while (at > 0 && this.#history[at - 1]!.time > event.time) at--
    this.#history.splice(at, 0, event)
  }
}
