// A workload of clients that work on keys of a replicated state machine: what all such workloads have in common.

import type { Random, ReplicationEngine } from '@mako/engine'
import type { History } from '../checkers/history.ts'
import type { ApplyHandler, SimNode } from '../world/cluster.ts'
import { KeyClients, type ClientKey, type KeyScript } from './key-clients.ts'
import { ReplicatedMachine, type StateMachine } from './replicated.ts'
import type { Workload } from './workload.ts'
import type { SimWorld } from './world.ts'

export abstract class KeyWorkload<State, Command, Result> implements Workload, KeyScript {
  protected readonly world: SimWorld
  protected readonly machine: ReplicatedMachine<State, Command, Result>
  readonly apply: ApplyHandler
  readonly #clients: KeyClients

  constructor(world: SimWorld, machine: StateMachine<State, Command, Result>) {
    this.world = world
    this.machine = new ReplicatedMachine(world, machine)
    this.apply = this.machine.apply
    this.#clients = new KeyClients(world, this.machine, this)
  }

  abstract begin(client: number, key: ClientKey, random: Random, ended: () => void): void
  abstract read(client: number, key: ClientKey, ended: (done: boolean) => void): boolean
  abstract history(): History
  abstract check(): Promise<void>

  get operations(): number {
    return this.#clients.operations
  }

  onEngine(node: SimNode, engine: ReplicationEngine): void {
    this.machine.onEngine(node, engine)
  }

  isHung(node: SimNode): boolean {
    return this.machine.isHung(node)
  }

  start(): void {
    this.machine.active = true
    this.#clients.start()
  }

  stop(): void {
    this.machine.active = false
    this.#clients.stop()
  }

  provesLive(): boolean {
    return this.#clients.readAll()
  }

  settled(): boolean {
    return this.machine.open === 0
  }
}
