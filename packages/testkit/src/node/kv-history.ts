// What the clients of the kv workload have seen, and the oracle that judges it.
//
// Always true: the oracle decides by the real dependencies, by committed entries and by serial execution, never by a
// watermark. Stamps are used as what they promise to be: the order in which kept transactions have happened.

import type { NodeId } from '@mako/engine'
import type { LawBook } from '../laws/book.ts'
import { markOf, SerialMachine, type Step } from './kv-model.ts'

/** One life of a node. */
export interface LifeName {
  readonly node: NodeId
  readonly life: number
}

export type Fate = 'open' | 'SAFE' | 'ROLLED_BACK' | 'UNKNOWN'

/** A transaction that was executed somewhere. */
export interface Executed {
  readonly id: number
  readonly by: LifeName
  readonly epoch: number
  readonly stamp: number
  /** False when it only read: then it is in no log and has no mark. */
  readonly wrote: boolean
  readonly steps: readonly Step[]
  /** Transactions whose rows it has seen. */
  readonly sources: ReadonlySet<number>
  /** The highest stamp that anyone was told to be safe before this one was executed. */
  readonly floor: number
  fate: Fate
}

/** An entry in which transactions are. */
export interface LogPlace {
  readonly partition: number
  readonly index: number
  /** Hash of the payload. */
  readonly key: number
}

/** What `db.read` showed. */
export interface SafeRead {
  readonly by: LifeName
  readonly watermark: number
  readonly rows: string
  /** All marks, when they were read. */
  readonly marks: readonly number[] | undefined
}

export class KvHistory {
  readonly #book: LawBook
  readonly #executed = new Map<number, Executed>()
  readonly #places = new Map<number, LogPlace>()
  readonly #abandoned = new Set<number>()
  /** Transactions of which it is known that they and all they have read from are committed: they stay so. */
  readonly #secured = new Set<number>()
  readonly #reads: SafeRead[] = []
  /** What each epoch has ended with, and who said so first. */
  readonly #closed = new Map<number, { readonly finalWatermark: number; readonly by: LifeName }>()
  #floor = 0
  #open = 0

  constructor(book: LawBook) {
    this.#book = book
  }

  /** The highest stamp that anyone was told to be safe. */
  get floor(): number {
    return this.#floor
  }

  /** Transactions whose clients wait for an answer; those of dead processes wait for ever and are not among them. */
  get open(): number {
    return this.#open
  }

  executed(transaction: Executed): void {
    this.#executed.set(transaction.id, transaction)
    this.#open++
  }

  /** It was aborted or has thrown: nothing of it may ever be seen. */
  abandoned(id: number): void {
    this.#abandoned.add(id)
  }

  /** An engine has accepted the entry that holds this transaction. */
  logged(id: number, place: LogPlace): void {
    if (this.#places.has(id)) this.#broken(`transaction ${id} was logged twice`)
    this.#places.set(id, place)
  }

  /** The process has died: who waits there waits for ever. */
  died(by: LifeName): void {
    for (const transaction of this.#executed.values()) {
      if (transaction.fate !== 'open' || transaction.by !== by) continue
      transaction.fate = 'UNKNOWN'
      this.#open--
    }
  }

  /** The client was told. */
  settled(transaction: Executed, fate: Exclude<Fate, 'open'>): void {
    if (transaction.fate !== 'open') return
    transaction.fate = fate
    this.#open--
    if (fate === 'UNKNOWN') this.#broken(`transaction ${transaction.id} became UNKNOWN in a process that runs`)
    if (fate === 'ROLLED_BACK' && this.#secured.has(transaction.id)) {
      this.#broken(`${nameIn(transaction)} was rolled back after somebody had seen it`)
    }
    if (fate !== 'SAFE') return
    this.exposed(transaction.id, 'was reported safe')
    for (const source of transaction.sources) this.exposed(source, `was read by ${transaction.id}, reported safe`)
    if (transaction.wrote) this.#floor = Math.max(this.#floor, transaction.stamp)
  }

  /** Somebody outside sees this transaction: it and all that it depends on must be in committed entries now. */
  exposed(id: number, how: string): void {
    const todo = [id]
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      if (this.#secured.has(next)) continue
      this.#secured.add(next)
      const transaction = this.#executed.get(next)
      if (transaction === undefined) {
        this.#broken(`transaction ${next} ${how}, and was never executed`)
        return
      }
      if (transaction.fate === 'ROLLED_BACK') this.#broken(`transaction ${next} ${how} after it was rolled back`)
      if (transaction.wrote && !this.#isCommitted(next)) {
        const which = next === id ? '' : `; ${id} depends on it`
        this.#broken(`transaction ${next} ${how} before its entry was committed${which}`)
      }
      todo.push(...transaction.sources)
    }
  }

  safeRead(read: SafeRead): void {
    this.#reads.push(read)
  }

  /** A replica says what an epoch has ended with. */
  closed(by: LifeName, epoch: number, finalWatermark: number): void {
    const known = this.#closed.get(epoch)
    if (known === undefined) this.#closed.set(epoch, { finalWatermark, by })
    else if (known.finalWatermark !== finalWatermark) {
      const first = `${nameOf(known.by)} closed epoch ${epoch} at ${known.finalWatermark}`
      this.#broken(`${first}, ${nameOf(by)} at ${finalWatermark}`)
    }
  }

  /**
   * The last look, with what all replicas show now: the marks that are there, and the rows.
   * Replays what was kept serially and compares it with everything that anyone has seen.
   */
  judge(marks: ReadonlySet<number>, rows: string): void {
    const kept: Executed[] = []
    for (const id of marks) {
      const transaction = this.#executed.get(id)
      if (transaction !== undefined) kept.push(transaction)
      else if (this.#abandoned.has(id)) this.#broken(`transaction ${id} was given up, and is there`)
      else this.#broken(`transaction ${id} was never executed, and is there`)
    }
    for (const id of this.#places.keys()) {
      if (!this.#executed.has(id)) this.#broken(`transaction ${id} was logged, and is not executed`)
    }
    for (const transaction of this.#executed.values()) this.#judgeFate(transaction, marks.has(transaction.id))
    kept.sort((a, b) => a.stamp - b.stamp)
    this.#replay(kept, rows)
  }

  #judgeFate({ id, wrote, fate, epoch, stamp, floor, by }: Executed, isKept: boolean): void {
    if (!wrote) {
      if (fate === 'SAFE' && stamp < floor) this.#book.count('kv: safe reads of an older state')
      return
    }
    const what = `transaction ${id} of ${nameOf(by)}, epoch ${epoch}, stamp ${stamp},`
    if (fate === 'SAFE' && !isKept) this.#broken(`${what} was reported safe, and is not there`)
    if (fate === 'ROLLED_BACK' && isKept) this.#broken(`${what} was reported rolled back, and is there`)
    if (isKept && stamp <= floor) this.#broken(`${what} is ordered before one that was safe before it was executed`)
    if (isKept && !this.#isCommitted(id)) this.#broken(`${what} is there, and its entry is not committed`)
    const closed = this.#closed.get(epoch)
    if (closed === undefined) {
      if (!isKept) this.#broken(`${what} is not there, and its epoch is not closed`)
    } else if (isKept !== stamp <= closed.finalWatermark) {
      const end = `its epoch ended at ${closed.finalWatermark}`
      this.#broken(`${what} is ${isKept ? '' : 'not '}there, and ${end}`)
    }
  }

  #replay(kept: readonly Executed[], rows: string): void {
    const machine = new SerialMachine()
    const present = new Set<number>()
    const readers = [...this.#executed.values()]
      .filter(({ wrote, fate }) => !wrote && fate === 'SAFE')
      .sort((a, b) => a.stamp - b.stamp)
    const reads = this.#reads.toSorted((a, b) => a.watermark - b.watermark)
    let nextReader = 0
    let nextRead = 0
    /** Whoever saw exactly what is there now. */
    const look = (below: number): void => {
      let dump: string | undefined
      for (; nextReader < readers.length && readers[nextReader]!.stamp < below; nextReader++) {
        this.#take(machine, readers[nextReader]!)
      }
      for (; nextRead < reads.length && reads[nextRead]!.watermark < below; nextRead++) {
        const read = reads[nextRead]!
        dump ??= machine.dump()
        if (read.rows !== dump) {
          const where = `a safe read of ${nameOf(read.by)} at watermark ${read.watermark}`
          this.#broken(`${where} is not the serial state: ${difference(dump, read.rows)}`)
        }
        const { marks } = read
        if (marks !== undefined && (marks.length !== present.size || marks.some((id) => !present.has(id)))) {
          const where = `a safe read of ${nameOf(read.by)} at watermark ${read.watermark}`
          this.#broken(`${where} has ${marks.length} transactions, kept up to there are ${present.size}`)
        }
      }
    }
    let newest: Executed | undefined
    for (const transaction of kept) {
      if (newest !== undefined && (transaction.stamp === newest.stamp || transaction.epoch < newest.epoch)) {
        this.#broken(`${nameIn(newest)} and ${nameIn(transaction)} are both kept`)
      }
      newest = transaction
      look(transaction.stamp)
      this.#take(machine, transaction)
      present.add(transaction.id)
    }
    look(Infinity)
    const dump = machine.dump()
    if (rows !== dump) this.#broken(`the end is not the serial state: ${difference(dump, rows)}`)
  }

  #take(machine: SerialMachine, transaction: Executed): void {
    for (const step of transaction.steps) {
      const wrong = machine.take(step)
      if (wrong !== undefined) this.#broken(`${nameIn(transaction)} is kept, but: ${wrong}`)
    }
  }

  #isCommitted(id: number): boolean {
    const place = this.#places.get(id)
    if (place === undefined) return false
    return this.#book.partition(place.partition).committed.factsAt(place.index)?.key === place.key
  }

  #broken(message: string): void {
    this.#book.broken('workload', message)
  }
}

export function nameOf({ node, life }: LifeName): string {
  return `${node} (life ${life})`
}

function nameIn({ id, by, epoch, stamp }: Executed): string {
  return `transaction ${markOf(id)} of ${nameOf(by)}, epoch ${epoch}, stamp ${stamp},`
}

/** The first line that differs. */
export function difference(expected: string, found: string): string {
  const wanted = expected.split('\n')
  const shown = found.split('\n')
  const at = wanted.findIndex((line, i) => line !== shown[i])
  const line = at < 0 ? wanted.length : at
  return `expected ${wanted[line] ?? 'nothing more'}, found ${shown[line] ?? 'nothing more'}`
}
