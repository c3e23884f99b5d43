// The register workload: clients get, put, compare-and-set, delete and increment keys, and what they were told must be
// linearizable.
//
// Always true: a value is put only once, so a read tells whose it is. Keys that count are never put.

import { below, type Random } from '@mako/engine'
import type { KeyOperation, KeyOperationName } from '../checkers/history.ts'
import { checkLinearizable } from '../checkers/linearizable.ts'
import { registerModel } from '../checkers/register-model.ts'
import { chance, pick } from '../world/random.ts'
import type { ClientKey } from './key-clients.ts'
import { KeyWorkload } from './key-workload.ts'
import type { Ending, StateMachine } from './replicated.ts'
import type { WorkloadFactory } from './workload.ts'

interface Command {
  readonly key: string
  readonly op: KeyOperationName
  readonly in?: string
  readonly in2?: string
}

interface Result {
  readonly out?: string
  readonly ok?: boolean
}

type Registers = Map<string, string>

/** Of the reads, how many are of the state of a node, behind a read barrier; the others go through the log. */
const LOCAL_READS = 0.7

/** Steps for each key; far more than these keys need. */
const STEP_LIMIT = 500_000

export const registerWorkload: WorkloadFactory = (world) => new RegisterWorkload(world, REGISTERS)

/** The same over other registers: for tests of the workload, which must catch those that lie. */
export function registerWorkloadOver(machine: StateMachine<Registers, Command, Result>): WorkloadFactory {
  return (world) => new RegisterWorkload(world, machine)
}

/** What one register does; not the model that it is judged by. */
export const REGISTERS: StateMachine<Registers, Command, Result> = {
  init: () => new Map(),
  apply: (registers, command) => {
    const { key, op, in: input = '', in2 = '' } = command
    const value = registers.get(key)
    switch (op) {
      case 'get':
        return value === undefined ? {} : { out: value }
      case 'put':
        registers.set(key, input)
        return {}
      case 'append':
        registers.set(key, (value ?? '') + input)
        return {}
      case 'cas': {
        const ok = value === command.in
        if (ok) registers.set(key, in2)
        return { ok }
      }
      case 'del':
        return { ok: registers.delete(key) }
      case 'incr': {
        const sum = String(Number(value ?? '0') + Number(input))
        registers.set(key, sum)
        return { out: sum, ok: true }
      }
    }
  },
  blind: ({ op }) => (op === 'put' || op === 'del' || op === 'incr' ? {} : undefined),
}

type Noted = { -readonly [Field in keyof KeyOperation]: KeyOperation[Field] }

class RegisterWorkload extends KeyWorkload<Registers, Command, Result> {
  readonly #history: Noted[] = []
  /** By key: a value that somebody has seen, for compare-and-set. */
  readonly #seen = new Map<string, string>()
  #values = 0

  /** What clients did and were told so far. */
  override history(): readonly KeyOperation[] {
    return this.#history
  }

  override check(): Promise<void> {
    const { book } = this.world.cluster
    for (const { op, status } of this.#history) book.count(`register: ${op} ${status}`)
    const result = checkLinearizable(this.#history, registerModel, { stepLimit: STEP_LIMIT })
    book.count(`register: verdict ${result.verdict}`)
    if (result.verdict === 'invalid') book.broken('workload', result.explanation)
    return Promise.resolve()
  }

  override begin(client: number, key: ClientKey, random: Random, ended: () => void): void {
    const command = this.#draw(key, random)
    const noted = this.#note(client, command)
    const end = (ending: Ending<Result>): void => {
      this.#ended(noted, ending)
      ended()
    }
    if (command.op === 'get' && chance(random, LOCAL_READS)) {
      this.machine.readLocal(random, key.partition, command, end)
    } else this.machine.submit(key.partition, command, end)
  }

  override read(client: number, key: ClientKey, ended: (done: boolean) => void): boolean {
    const command: Command = { key: key.name, op: 'get' }
    const call = this.machine.now()
    return this.machine.submitToLeader(key.partition, command, (ending) => {
      if (ending !== undefined) this.#ended(this.#note(client, command, call), ending)
      ended(ending !== undefined)
    })
  }

  #draw({ name, partition }: ClientKey, random: Random): Command {
    const key = { key: name }
    // Every third key is a counter.
    if (Number(name.slice(`p${partition}k`.length)) % 3 === 0) {
      return pick(random, ['get', 'incr', 'incr']) === 'get'
        ? { ...key, op: 'get' }
        : { ...key, op: 'incr', in: String(1 + below(random, 3)) }
    }
    const op = pick(random, ['get', 'get', 'get', 'put', 'put', 'cas', 'cas', 'del'] as const)
    switch (op) {
      case 'get':
      case 'del':
        return { ...key, op }
      case 'put':
        return { ...key, op, in: String(++this.#values) }
      case 'cas': {
        const seen = this.#seen.get(name)
        return { ...key, op, ...(seen === undefined ? {} : { in: seen }), in2: String(++this.#values) }
      }
    }
  }

  #note(client: number, command: Command, call: number = this.machine.now()): Noted {
    const noted: Noted = { client, ...command, call, status: 'info' }
    this.#history.push(noted)
    return noted
  }

  #ended(noted: Noted, ending: Ending<Result>): void {
    noted.ret = this.machine.now()
    noted.status = ending.status
    if (ending.status !== 'ok') return
    const { out, ok } = ending.result
    if (out !== undefined) noted.out = out
    if (ok !== undefined) noted.ok = ok
    const { key, op, in: input, in2 } = noted
    const value = op === 'get' ? out : op === 'put' ? input : op === 'cas' && ok === true ? in2 : undefined
    if (value !== undefined) this.#seen.set(key, value)
  }
}
