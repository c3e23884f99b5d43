// The apply cursor: two numbers, `applied` and `commit`, and the log between them.
//
// Always true: entries are handed over as 1, 2, 3, ... without gap or repeat in one life of the process (law 4). The
// cursor holds no queue of work, so there is nothing that could overflow or be dropped; when it is held up (a promise,
// a read, its time budget, a callback that failed) it simply stands where it is.

import type { ApplyCallbacks } from './contract.ts'
import { entriesOf, originOf, proposedTermOf } from './block.ts'
import { lastIndexOf, type Block, type Entry, type NodeId } from './entry.ts'
import { MakoError } from './errors.ts'
import { brokenLaw } from './laws.ts'
import type { Clock } from './ports.ts'
import type { Proposals } from './proposals.ts'

/** Entries between two looks at the clock, at most; one while callbacks turn out to be slow. */
const MAX_ENTRIES_PER_LOOK = 64
/** Milliseconds between two looks from which on it is looked twice as often. */
const SLOW_LOOK_MS = 0.5

export interface ApplyCursorOptions {
  readonly partition: number
  readonly nodeId: NodeId
  readonly incarnation: number
  readonly clock: Clock
  readonly proposals: Proposals
  /** The block that holds this index, when it is in memory. */
  readonly blockAt: (index: number) => Block | undefined
  /** Reads blocks back from the log store: only what was durable and committed when the read began, so what is final. */
  readonly read: (from: number) => Promise<readonly Block[]>
  /** The cursor can go on: run it in the next turn. */
  readonly wake: () => void
  readonly onFault: (index: number, error: MakoError) => void
}

type Hold =
  | { readonly kind: 'none' }
  | { readonly kind: 'callback'; readonly index: number; readonly since: number; reported: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'fault'; readonly index: number; readonly error: MakoError }
  | { readonly kind: 'stopped' }

const FREE: Hold = { kind: 'none' }

export class ApplyCursor {
  readonly #options: ApplyCursorOptions
  #callbacks: ApplyCallbacks | undefined
  #applied = 0
  #commit = 0
  #hold: Hold = FREE
  /** Blocks that were read back, in order, before the cursor gets to them. */
  #readBack: Block[] = []
  /** The block under the cursor, decoded. */
  #entries: Entry[] = []
  #offset = 0
  /** Whether the block under the cursor was proposed by this very process: then someone waits for its answers. */
  #own = false
  #lastTerm = 0
  #entriesPerLook = 1

  constructor(options: ApplyCursorOptions) {
    this.#options = options
  }

  get applied(): number {
    return this.#applied
  }

  get commit(): number {
    return this.#commit
  }

  get fault(): MakoError | undefined {
    return this.#hold.kind === 'fault' ? this.#hold.error : undefined
  }

  /** True when there is something to do and nothing to wait for. */
  get runnable(): boolean {
    return this.#hold.kind === 'none' && this.#applied < this.#commit
  }

  get hasCallbacks(): boolean {
    return this.#callbacks !== undefined
  }

  register(callbacks: ApplyCallbacks): void {
    this.#callbacks = callbacks
  }

  committed(index: number): void {
    this.#commit = index
  }

  /** For how long one callback has not finished, when that has grown by `everyMs` since it was last reported. */
  stalled(now: number, everyMs: number): { index: number; forMs: number } | undefined {
    const hold = this.#hold
    if (hold.kind !== 'callback' || now - hold.reported < everyMs) return undefined
    hold.reported = now
    return { index: hold.index, forMs: now - hold.since }
  }

  /** Applies until nothing is left, something must be waited for, or the deadline has passed. */
  run(deadline: number): void {
    const { clock } = this.#options
    let looked = clock.monotonicNow()
    let untilLook = this.#entriesPerLook
    while (this.runnable && looked < deadline) {
      if (this.#offset === this.#entries.length && !this.#nextBlock()) return
      if (!this.#applyNext()) return
      if (--untilLook > 0) continue
      const now = clock.monotonicNow()
      this.#entriesPerLook =
        now - looked < SLOW_LOOK_MS
          ? Math.min(this.#entriesPerLook * 2, MAX_ENTRIES_PER_LOOK)
          : Math.ceil(this.#entriesPerLook / 2)
      untilLook = this.#entriesPerLook
      looked = now
    }
  }

  /** After a fault: tries the same entry again. */
  resume(): void {
    if (this.#hold.kind !== 'fault') return
    this.#hold = FREE
    this.#options.wake()
  }

  /** Applies nothing any more. */
  stop(): void {
    this.#hold = { kind: 'stopped' }
    this.#readBack = []
    this.#entries = []
    this.#offset = 0
  }

  #nextBlock(): boolean {
    const index = this.#applied + 1
    // Memory first: what is there may not be durable yet, and then the store holds an older block in its place.
    const stored = this.#readBack.shift()
    const block = this.#options.blockAt(index) ?? (stored?.index === index ? stored : undefined)
    if (block === undefined) {
      this.#readBack = []
      this.#readBackFrom(index)
      return false
    }
    const term = proposedTermOf(block)
    if (block.index !== index || term < this.#lastTerm) {
      this.#fail(
        index,
        brokenLaw(
          4,
          `partition ${this.#options.partition} got entries ${block.index} to ${lastIndexOf(block)} of term ${term} where ${index} of term ${this.#lastTerm} or later was due`,
        ),
      )
      return false
    }
    if (lastIndexOf(block) > this.#commit) {
      this.#fail(
        index,
        brokenLaw(1, `commit ${this.#commit} of partition ${this.#options.partition} ends inside a block`),
      )
      return false
    }
    try {
      const origin = originOf(block)
      const { nodeId, incarnation } = this.#options
      const mayBeOwn = origin.node === nodeId && origin.incarnation === incarnation && origin.sequence > 0
      // The numbers of lives begin anew on a disk that was replaced, so they are no proof: what this very process has
      // proposed still waits for its answers here.
      this.#own = this.#options.proposals.beginApply(index, term) && mayBeOwn
      this.#entries = entriesOf(block, this.#options.partition)
    } catch (error) {
      this.#fail(index, toMakoError(error, `Entry ${index} of partition ${this.#options.partition} cannot be decoded.`))
      return false
    }
    this.#offset = 0
    this.#lastTerm = term
    return true
  }

  #readBackFrom(index: number): void {
    this.#hold = { kind: 'read' }
    const finish = (hold: Hold): void => {
      if (this.#hold.kind !== 'read') return
      this.#hold = hold
      if (hold.kind === 'fault') this.#options.onFault(hold.index, hold.error)
      else this.#options.wake()
    }
    this.#options.read(index).then(
      (blocks) => {
        this.#readBack = blocks.filter((block) => block.index >= index)
        if (this.#readBack[0]?.index === index) finish(FREE)
        else {
          const error = brokenLaw(
            6,
            `committed entry ${index} of partition ${this.#options.partition} is not in the log`,
          )
          finish({ kind: 'fault', index, error })
        }
      },
      (error: unknown) => {
        finish({ kind: 'fault', index, error: toMakoError(error, `Entry ${index} cannot be read back.`) })
      },
    )
  }

  /** Applies the entry under the cursor; false when the cursor must wait. */
  #applyNext(): boolean {
    const entry = this.#entries[this.#offset]!
    if (entry.kind === 'noop') {
      this.#finish(undefined)
      return true
    }
    let value: unknown
    try {
      const callbacks = this.#callbacks!
      value = this.#own ? callbacks.leader(entry) : callbacks.follower(entry)
    } catch (error) {
      this.#failCallback(entry, error)
      return false
    }
    if (!isThenable(value)) {
      // A callback may have stopped the engine.
      if (this.#hold.kind !== 'none') return false
      this.#finish(value)
      return true
    }
    const now = this.#options.clock.monotonicNow()
    this.#hold = { kind: 'callback', index: entry.index, since: now, reported: now }
    // A promise of our own: one that is strange (settles twice, throws in `then`) must not count for the next entry.
    Promise.resolve(value).then(
      (result) => {
        if (this.#hold.kind !== 'callback') return
        this.#hold = FREE
        this.#finish(result)
        this.#options.wake()
      },
      (error: unknown) => {
        if (this.#hold.kind === 'callback') this.#failCallback(entry, error)
      },
    )
    return false
  }

  #finish(value: unknown): void {
    const offset = this.#offset++
    this.#applied++
    if (this.#own) this.#options.proposals.applied(offset, value)
  }

  #failCallback(entry: Entry, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    const message = `The apply callback failed at entry ${entry.index} of partition ${entry.partition}: ${text}`
    this.#fail(entry.index, new MakoError('CALLBACK_FAILED', message, { cause: error }))
  }

  #fail(index: number, error: MakoError): void {
    this.#hold = { kind: 'fault', index, error }
    // What is tried again after `resume` is read again.
    this.#readBack = []
    this.#options.onFault(index, error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function toMakoError(error: unknown, message: string): MakoError {
  return error instanceof MakoError ? error : new MakoError('LOG_IO', message, { cause: error })
}
