// The list-append workload: transactions append unique values to lists and read lists, and what they were told must be
// strictly serializable; in the end each acknowledged append is there exactly once.
//
// Always true: a transaction is one entry of one log. Logs share nothing, so an order of each makes one of all.

import { below, type Random, type ReplicationEngine } from '@mako/engine'
import { checkAppends } from '../checkers/appends.ts'
import type { MicroOperation, TransactionEvent } from '../checkers/history.ts'
import { checkSerializable } from '../checkers/serializable.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import { between, chance } from '../world/random.ts'
import { KeyClients, type ClientKey } from './key-clients.ts'
import { ReplicatedMachine, type StateMachine } from './replicated.ts'
import type { Workload, WorkloadFactory } from './workload.ts'
import type { SimWorld } from './world.ts'

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

class ListAppendWorkload implements Workload {
  readonly #world: SimWorld
  readonly #machine: ReplicatedMachine<Lists, Transaction, Transaction>
  readonly #clients: KeyClients
  readonly #history: TransactionEvent[] = []
  /** By partition: keys that were used lately, for transactions on several. */
  readonly #recent = new Map<number, ClientKey[]>()
  readonly apply: ApplyHandler
  #values = 0

  constructor(world: SimWorld, machine: StateMachine<Lists, Transaction, Transaction>) {
    this.#world = world
    this.#machine = new ReplicatedMachine(world, machine)
    this.apply = this.#machine.apply
    this.#clients = new KeyClients(world, this.#machine, {
      begin: (client, key, random, ended) => this.#begin(client, this.#draw(key, random), key.partition, ended),
      read: (client, key, ended) => this.#read(client, key, ended),
    })
  }

  get operations(): number {
    return this.#clients.operations
  }

  /** What clients did and were told so far. */
  history(): readonly TransactionEvent[] {
    return this.#history
  }

  onEngine(node: SimNode, engine: ReplicationEngine): void {
    this.#machine.onEngine(node, engine)
  }

  isHung(node: SimNode): boolean {
    return this.#machine.isHung(node)
  }

  start(): void {
    this.#machine.active = true
    this.#clients.start()
  }

  stop(): void {
    this.#machine.active = false
    this.#clients.stop()
  }

  provesLive(): boolean {
    return this.#clients.readAll()
  }

  settled(): boolean {
    return this.#machine.open === 0
  }

  check(): Promise<void> {
    const { book } = this.#world.cluster
    for (const { type } of this.#history) book.count(`list-append: ${type}`)
    const order = checkSerializable(this.#history)
    book.count(`list-append: verdict ${order.verdict}`)
    if (order.verdict === 'invalid') book.broken('workload', order.explanation)
    const appends = checkAppends(this.#history)
    book.count(`list-append: appends ${appends.verdict}`)
    if (appends.verdict !== 'valid') book.broken('workload', appends.explanation)
    return Promise.resolve()
  }

  #begin(client: number, transaction: Transaction, partition: number, ended: () => void): void {
    this.#note('invoke', client, transaction)
    this.#machine.submit(partition, transaction, (ending) => {
      this.#note(ending.status, client, ending.status === 'ok' ? ending.result : transaction)
      ended()
    })
  }

  #read(client: number, key: ClientKey, ended: (done: boolean) => void): boolean {
    const transaction: Transaction = [['r', key.name, null]]
    const call = this.#machine.now()
    return this.#machine.submitToLeader(key.partition, transaction, (ending) => {
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
    this.#history.push({ type, process, time: this.#machine.now(), value })
  }

  /** A history is in the order of time. */
  #insert(event: TransactionEvent): void {
    let at = this.#history.length
    while (at > 0 && this.#history[at - 1]!.time > event.time) at--
    this.#history.splice(at, 0, event)
  }
}
