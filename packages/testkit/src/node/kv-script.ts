// One random transaction: what it does to the tables, and what it sees there.
//
// Always true: it draws everything it needs before it runs, or from what it has read, so that it does the same whenever
// it is run against the same rows; whatever it sees is noted as a step, and every transaction that writes leaves a mark.

import { below, type Random } from '@mako/engine'
import { StoreError, type Transaction } from '@mako/store/kv'
import { between, chance, pick } from '../world/random.ts'
import {
  GROUPS,
  ITEM,
  ITEM_NAMES,
  LIST,
  LISTS,
  MARK,
  markOf,
  placeOf,
  REGISTER,
  REGISTERS,
  scannedText,
  textOf,
  type ItemKey,
  type ItemRange,
  type ItemRow,
  type ListRow,
  type RegisterRow,
  type Step,
} from './kv-model.ts'

/** How a transaction ends. */
export type Ending = 'return' | 'abort' | 'throw'

/** What a script throws when it was drawn to fail. */
export class ScriptFailed extends Error {}

/** Ids that a list keeps: enough to see a lost or repeated one, few enough to keep rows small. */
const LIST_IDS = 8

export class Script {
  readonly id: number
  readonly ending: Ending
  readonly steps: Step[] = []
  readonly sources: Set<number> = new Set<number>()
  ran = false
  wrote = false
  /** What the store did that it should not have done. */
  wrong: string | undefined
  readonly #random: Random
  readonly #readOnly: boolean

  constructor(random: Random, id: number, kind: 'any' | 'write') {
    this.#random = random
    this.id = id
    this.#readOnly = kind === 'any' && chance(random, 0.15)
    this.ending = kind === 'write' || chance(random, 0.92) ? 'return' : pick(random, ['abort', 'throw'])
  }

  /** @throws ScriptFailed when it was drawn to fail */
  run(t: Transaction): void {
    this.ran = true
    const markFirst = chance(this.#random, 0.5)
    if (markFirst && !this.#readOnly) this.#mark(t)
    for (let i = between(this.#random, 1, 4); i > 0; i--) this.#act(t)
    if (!markFirst && !this.#readOnly) this.#mark(t)
    if (this.ending === 'abort') t.abort('drawn')
    if (this.ending === 'throw') throw new ScriptFailed('The transaction was told to fail.')
  }

  #mark(t: Transaction): void {
    this.wrote = true
    t.put(MARK, { id: this.id }, { mark: markOf(this.id) })
  }

  #act(t: Transaction): void {
    const random = this.#random
    const id = below(random, REGISTERS)
    const name = pick(random, LISTS)
    const key = { group: below(random, GROUPS), name: pick(random, ITEM_NAMES) }
    if (this.#readOnly) {
      const reads = [
        () => this.#register(t, id),
        () => this.#list(t, name),
        () => this.#item(t, key),
        () => this.#scan(t),
      ]
      pick(random, reads)()
      return
    }
    switch (below(random, 9)) {
      case 0:
        this.#register(t, id)
        return
      case 1:
        this.#change(t, id)
        return
      case 2:
        this.#update(t, id)
        return
      case 3:
        this.#putRegister(t, id, { value: below(random, 1000), note: null, writer: this.id })
        return
      case 4:
        this.#deleteRegister(t, id)
        return
      case 5:
        this.#append(t, name)
        return
      case 6:
        this.#insert(t, key)
        return
      case 7:
        this.#deleteItem(t, key)
        return
      default:
        this.#scan(t, chance(random, 0.3))
    }
  }

  #register(t: Transaction, id: number): RegisterRow | undefined {
    const row = t.get(REGISTER, { id })
    this.#saw(placeOf.register(id), row && textOf.register(row), row?.writer)
    return row
  }

  #list(t: Transaction, name: string): ListRow | undefined {
    const row = t.get(LIST, { name })
    this.#saw(placeOf.list(name), row && textOf.list(row), row?.writer)
    return row
  }

  #item(t: Transaction, key: ItemKey): ItemRow | undefined {
    const row = t.get(ITEM, key)
    this.#saw(placeOf.item(key), row && textOf.item(row), row?.writer)
    return row
  }

  /** Read, modify, write. */
  #change(t: Transaction, id: number): void {
    const before = this.#register(t, id)
    const value = ((before?.value ?? 0) * 31 + this.id) % 1_000_003
    this.#putRegister(t, id, { value, note: value % 3 === 0 ? `n${value}` : null, writer: this.id })
  }

  /** Only some columns: the others come from what is there. */
  #update(t: Transaction, id: number): void {
    const before = this.#register(t, id)
    const columns = { value: (before?.value ?? 0) + 1, writer: this.id }
    if (before === undefined) {
      this.#refused('ROW_MISSING', () => t.update(REGISTER, { id }, columns))
      return
    }
    const row = t.update(REGISTER, { id }, columns)
    if (row.note !== before.note) this.wrong = `an update of register ${id} changed its note`
    this.#did(placeOf.register(id), textOf.register(row))
  }

  #putRegister(t: Transaction, id: number, row: RegisterRow): void {
    t.put(REGISTER, { id }, row)
    this.#did(placeOf.register(id), textOf.register(row))
  }

  #deleteRegister(t: Transaction, id: number): void {
    const before = this.#register(t, id)
    if (t.delete(REGISTER, { id }) !== (before !== undefined)) this.wrong = `a delete of register ${id} lied`
    this.#did(placeOf.register(id), undefined)
  }

  #append(t: Transaction, name: string): void {
    const before = this.#list(t, name)
    const ids = before === undefined ? [] : before.ids.split(',')
    const row = { ids: [...ids, String(this.id)].slice(-LIST_IDS).join(','), writer: this.id }
    t.put(LIST, { name }, row)
    this.#did(placeOf.list(name), textOf.list(row))
  }

  #insert(t: Transaction, key: ItemKey): void {
    const before = this.#item(t, key)
    const row = { value: this.id % 97, writer: this.id }
    if (before !== undefined) {
      this.#refused('ROW_EXISTS', () => t.insert(ITEM, key, row))
      return
    }
    t.insert(ITEM, key, row)
    this.#did(placeOf.item(key), textOf.item(row))
  }

  #deleteItem(t: Transaction, key: ItemKey): void {
    const before = this.#item(t, key)
    if (t.delete(ITEM, key) !== (before !== undefined)) this.wrong = `a delete of ${placeOf.item(key)} lied`
    this.#did(placeOf.item(key), undefined)
  }

  /** Walks over items; when it deletes them on the way, the walk must not notice. */
  #scan(t: Transaction, deletes = false): void {
    const range = this.#range()
    const saw: string[] = []
    const deleted: ItemKey[] = []
    for (const { key, row } of t.scan(ITEM, range)) {
      saw.push(scannedText(key, textOf.item(row)))
      if (row.writer !== this.id) this.sources.add(row.writer)
      if (!deletes) continue
      t.delete(ITEM, key)
      deleted.push(key)
    }
    this.steps.push({ type: 'scan', range, saw })
    for (const key of deleted) this.#did(placeOf.item(key), undefined)
  }

  #range(): ItemRange {
    const random = this.#random
    const key = (): ItemKey => ({ group: below(random, GROUPS), name: pick(random, ITEM_NAMES) })
    return {
      ...(chance(random, 0.3) ? { prefix: { group: below(random, GROUPS) } } : {}),
      ...(chance(random, 0.3) ? { from: key() } : {}),
      ...(chance(random, 0.3) ? { to: key() } : {}),
      ...(chance(random, 0.3) ? { reverse: true } : {}),
      ...(chance(random, 0.3) ? { limit: below(random, 4) } : {}),
    }
  }

  /** The store must refuse this, and change nothing. */
  #refused(code: string, act: () => void): void {
    try {
      act()
      this.wrong = `the store did what should have been refused with ${code}`
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== code) this.wrong = `${code} was ${String(error)}`
    }
  }

  #saw(place: string, saw: string | undefined, writer: number | undefined): void {
    if (writer !== undefined && writer !== this.id) this.sources.add(writer)
    this.steps.push({ type: 'read', place, saw })
  }

  #did(place: string, row: string | undefined): void {
    this.steps.push({ type: 'write', place, row })
  }
}
