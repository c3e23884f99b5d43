// The replicated state: the session table and one state machine for each workload that goes through the log.
//
// Always true: the state is a pure function of the commands that were applied, in order; a command that was applied once
// is never executed again, whoever proposed it how often.

import { isObject, type Body, type Reply } from './message.ts'
import { Sessions, type SessionLimits } from './sessions.ts'
import { Counter } from './workloads/counter.ts'
import { Kafka } from './workloads/kafka.ts'
import { LinKv } from './workloads/lin-kv.ts'
import { Transactions } from './workloads/transactions.ts'
import { malformed, type Workload } from './workloads/workload.ts'

export type ReplicatedWorkload = 'lin-kv' | 'counter' | 'kafka' | 'transactions'

/** One write of one client: what goes through the log. */
export interface Command {
  readonly client: string
  /** The `msg_id` of the request: with the client it names the command for ever. */
  readonly id: number
  readonly workload: ReplicatedWorkload
  readonly body: Body
}

/** A request that was checked. */
export type Checked =
  | { readonly status: 'WRITE'; readonly command: (client: string, id: number) => Command }
  /** `read` looks at the state as it is when called. */
  | { readonly status: 'READ'; readonly read: () => Reply }
  | { readonly status: 'MALFORMED'; readonly text: string }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeCommand({ client, id, workload, body }: Command): Uint8Array {
  return encoder.encode(JSON.stringify([client, id, workload, body]))
}

/** Undefined when the bytes are no command. */
export function decodeCommand(bytes: Uint8Array): Command | undefined {
  try {
    return commandOf(JSON.parse(decoder.decode(bytes)))
  } catch {
    return undefined
  }
}

/** The command that a JSON value describes; undefined when it describes none. */
export function commandOf(value: unknown): Command | undefined {
  if (!Array.isArray(value)) return undefined
  const [client, id, workload, body] = value as unknown[]
  if (typeof client !== 'string' || !Number.isSafeInteger(id) || !isWorkload(workload)) return undefined
  if (!isObject(body) || typeof body.type !== 'string') return undefined
  return { client, id: id as number, workload, body: body as unknown as Body }
}

/** Names a command: client and number, in an order that cannot be confused. */
export function keyOf({ client, id }: { readonly client: string; readonly id: number }): string {
  return `${id} ${client}`
}

export class Machine {
  readonly #sessions: Sessions
  readonly #workloads: Readonly<Record<ReplicatedWorkload, Workload<unknown>>> = {
    'lin-kv': erase(new LinKv()),
    counter: erase(new Counter()),
    kafka: erase(new Kafka()),
    transactions: erase(new Transactions()),
  }

  constructor(limits?: SessionLimits) {
    this.#sessions = new Sessions(limits)
  }

  check(workload: ReplicatedWorkload, body: Body): Checked {
    const machine = this.#workloads[workload]
    const parsed = machine.parse(body)
    switch (parsed.status) {
      case 'MALFORMED':
        return parsed
      case 'READ':
        return { status: 'READ', read: () => machine.execute(parsed.operation) }
      case 'WRITE':
        return { status: 'WRITE', command: (client, id) => ({ client, id, workload, body: withoutId(body) }) }
    }
  }

  /** The answer to a command that has been applied already, when it is still remembered. */
  answerOf(client: string, id: number): Reply | undefined {
    return this.#sessions.answerOf(client, id)
  }

  /** Applies a command of the log and returns its answer: the first one, when it is a repetition. */
  apply({ client, id, workload, body }: Command): Reply {
    return this.#sessions.once(client, id, () => {
      const machine = this.#workloads[workload]
      const parsed = machine.parse(body)
      // Checked before it was proposed; what another version of this program proposed is refused by all alike.
      if (parsed.status === 'MALFORMED') return { type: 'error', code: 12, text: parsed.text }
      return machine.execute(parsed.operation)
    })
  }
}

/** Each workload knows its own operations; here they are handed from its `parse` to its `execute` and to nothing else. */
function erase<Operation>(workload: Workload<Operation>): Workload<unknown> {
  return {
    parse: (body) => {
      const parsed = workload.parse(body)
      return parsed.status === 'MALFORMED' ? malformed(parsed.text) : parsed
    },
    execute: (operation) => workload.execute(operation as Operation),
  }
}

function withoutId(body: Body): Body {
  return { ...body, msg_id: undefined }
}

function isWorkload(value: unknown): value is ReplicatedWorkload {
  return value === 'lin-kv' || value === 'counter' || value === 'kafka' || value === 'transactions'
}
