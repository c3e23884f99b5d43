// `lin-kv`: registers with read, write and compare-and-set.
//
// Always true: keys and values are any JSON values and are compared as such, so 1 and "1" are two keys.

import { errorReply, nameOf, type Body, type Json, type Reply } from '../message.ts'
import { malformed, type ParsedOperation, type Workload } from './workload.ts'

export type KvOperation =
  | { readonly type: 'read'; readonly key: Json }
  | { readonly type: 'write'; readonly key: Json; readonly value: Json }
  | { readonly type: 'cas'; readonly key: Json; readonly from: Json; readonly to: Json; readonly create: boolean }

export class LinKv implements Workload<KvOperation> {
  readonly #values = new Map<string, Json>()

  parse(body: Body): ParsedOperation<KvOperation> {
    const { type, key, value, from, to, create_if_not_exists: create = false } = body
    if (key === undefined) return malformed(`A ${type} needs a key.`)
    switch (type) {
      case 'read':
        return { status: 'READ', operation: { type, key } }
      case 'write':
        if (value === undefined) return malformed('A write needs a value.')
        return { status: 'WRITE', operation: { type, key, value } }
      case 'cas':
        if (from === undefined || to === undefined) return malformed('A cas needs from and to.')
        if (typeof create !== 'boolean') return malformed('create_if_not_exists is true or false.')
        return { status: 'WRITE', operation: { type, key, from, to, create } }
      default:
        return malformed(`${type} is not an operation of lin-kv.`)
    }
  }

  execute(operation: KvOperation): Reply {
    const name = nameOf(operation.key)
    const value = this.#values.get(name)
    switch (operation.type) {
      case 'read':
        return value === undefined ? missing(name) : { type: 'read_ok', value }
      case 'write':
        this.#values.set(name, operation.value)
        return { type: 'write_ok' }
      case 'cas': {
        const { from, to, create } = operation
        if (value === undefined && !create) return missing(name)
        if (value !== undefined && nameOf(value) !== nameOf(from)) {
          return errorReply('preconditionFailed', `Expected ${nameOf(from)}, found ${nameOf(value)}.`)
        }
        this.#values.set(name, to)
        return { type: 'cas_ok' }
      }
    }
  }
}

function missing(name: string): Reply {
  return errorReply('keyDoesNotExist', `There is no key ${name}.`)
}
