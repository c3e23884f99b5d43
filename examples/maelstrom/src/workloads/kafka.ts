// `kafka`: append-only logs by key, and the offsets that consumers have committed.
//
// Always true: the offsets of a key are 0, 1, 2, ... in the order of the replicated log, without gap; a committed offset
// never goes back.

import type { Body, Json, Reply } from '../message.ts'
import { isCount, isJsonObject, malformed, type ParsedOperation, type Workload } from './workload.ts'

/** Messages of one key in the answer to one poll. */
export const POLL_MESSAGES = 32

export type Offsets = readonly (readonly [key: string, offset: number])[]

export type KafkaOperation =
  | { readonly type: 'send'; readonly key: string; readonly msg: Json }
  | { readonly type: 'poll'; readonly offsets: Offsets }
  | { readonly type: 'commit_offsets'; readonly offsets: Offsets }
  | { readonly type: 'list_committed_offsets'; readonly keys: readonly string[] }

export class Kafka implements Workload<KafkaOperation> {
  readonly #logs = new Map<string, Json[]>()
  readonly #committed = new Map<string, number>()

  parse(body: Body): ParsedOperation<KafkaOperation> {
    const { type, key, msg, keys } = body
    switch (type) {
      case 'send':
        if (typeof key !== 'string' || msg === undefined) return malformed('A send needs a key, a string, and a msg.')
        return { status: 'WRITE', operation: { type, key, msg } }
      case 'poll':
      case 'commit_offsets': {
        const offsets = offsetsOf(body.offsets)
        if (offsets === undefined) return malformed(`A ${type} needs offsets: an integer from 0 for each key.`)
        return { status: type === 'poll' ? 'READ' : 'WRITE', operation: { type, offsets } }
      }
      case 'list_committed_offsets': {
        if (!isStrings(keys)) return malformed('A list_committed_offsets needs keys, which are strings.')
        return { status: 'READ', operation: { type, keys } }
      }
      default:
        return malformed(`${type} is not an operation of kafka.`)
    }
  }

  execute(operation: KafkaOperation): Reply {
    switch (operation.type) {
      case 'send':
        return { type: 'send_ok', offset: this.#append(operation.key, operation.msg) }
      case 'poll':
        return {
          type: 'poll_ok',
          msgs: Object.fromEntries(operation.offsets.map(([key, offset]) => [key, this.#messagesFrom(key, offset)])),
        }
      case 'commit_offsets':
        for (const [key, offset] of operation.offsets) {
          this.#committed.set(key, Math.max(offset, this.#committed.get(key) ?? 0))
        }
        return { type: 'commit_offsets_ok' }
      case 'list_committed_offsets': {
        const known = operation.keys.filter((key) => this.#committed.has(key))
        return {
          type: 'list_committed_offsets_ok',
          offsets: Object.fromEntries(known.map((key) => [key, this.#committed.get(key)!])),
        }
      }
    }
  }

  #append(key: string, msg: Json): number {
    let log = this.#logs.get(key)
    if (log === undefined) this.#logs.set(key, (log = []))
    return log.push(msg) - 1
  }

  #messagesFrom(key: string, offset: number): Json[] {
    const messages = this.#logs.get(key)?.slice(offset, offset + POLL_MESSAGES) ?? []
    return messages.map((msg, i) => [offset + i, msg])
  }
}

function offsetsOf(value: Json | undefined): Offsets | undefined {
  if (!isJsonObject(value)) return undefined
  const offsets: [string, number][] = []
  for (const [key, offset] of Object.entries(value)) {
    if (!isCount(offset)) return undefined
    offsets.push([key, offset])
  }
  return offsets
}

function isStrings(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
