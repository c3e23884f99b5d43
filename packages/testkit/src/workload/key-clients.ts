// Clients that work on keys, one operation after the other, and read every key again when all is quiet.
//
// Always true: few operations on one key overlap, and a key is given up for a fresh one after a few hundred: the work of
// a checker grows exponentially with what overlaps. A client that has lost patience goes on under another number, and
// leaves its operation open.

import { below, type Random } from '@mako/engine'
import { between, pick, stream } from '../world/random.ts'
import type { ReplicatedMachine } from './replicated.ts'
import type { SimWorld } from './world.ts'

/** A key that clients work on. */
export interface ClientKey {
  readonly name: string
  readonly partition: number
  operations: number
  open: number
}

/** What a client of one kind does. */
export interface KeyScript {
  /** Begins an operation; `ended` is called when its outcome is known. */
  begin(client: number, key: ClientKey, random: Random, ended: () => void): void
  /** Reads a key at the leader; false when it does not take it. `ended` tells whether it was read. */
  read(client: number, key: ClientKey, ended: (done: boolean) => void): boolean
}

/** Operations on a key that may overlap, and all that there may be on one. */
const MOST_OPEN = 6
const MOST_OPERATIONS = 300

/** Virtual milliseconds after which a client goes on without an answer. */
const PATIENCE_MS = 600

/** What is read of a partition when all is quiet: every key, one after the other. */
interface Round {
  /** The term of the leader, and whether nothing else was open any more when the round began. */
  readonly term: number
  readonly isFinal: boolean
  next: number
  isReading: boolean
}

export class KeyClients {
  readonly #world: SimWorld
  readonly #machine: Pick<ReplicatedMachine<unknown, unknown, unknown>, 'open'>
  readonly #script: KeyScript
  readonly #keys: ClientKey[] = []
  readonly #current = new Map<number, ClientKey[]>()
  readonly #rounds = new Map<number, Round>()
  readonly #gapMs: number
  readonly #size: number
  #clients = 0
  #operations = 0
  #names = 0
  #active = false

  constructor(world: SimWorld, machine: Pick<ReplicatedMachine<unknown, unknown, unknown>, 'open'>, script: KeyScript) {
    this.#world = world
    this.#machine = machine
    this.#script = script
    this.#size = between(world.random, 2, 8)
    this.#gapMs = pick(world.random, [4, 10, 25])
  }

  get operations(): number {
    return this.#operations
  }

  start(): void {
    this.#active = true
    for (const partition of this.#world.cluster.partitions) {
      this.#current.set(partition, [this.#key(partition), this.#key(partition)])
    }
    for (let i = 0; i < this.#size; i++) this.#next(this.#clients++, stream(this.#world.seed, `client ${i}`))
  }

  stop(): void {
    this.#active = false
  }

  /** Reads every key at the leaders of now, and once more when nothing else is open; true when all are read. */
  readAll(): boolean {
    const { cluster } = this.#world
    const isFinal = this.#machine.open === 0
    return cluster.partitions
      .map((partition) => {
        const term = cluster.leader(partition)?.engine?.leaderHint(partition)?.term
        const keys = this.#keys.filter((key) => key.partition === partition)
        let round = this.#rounds.get(partition)
        if (round === undefined || (term !== undefined && term > round.term) || (isFinal && !round.isFinal)) {
          if (term === undefined) return false
          this.#rounds.set(partition, (round = { term, isFinal, next: 0, isReading: false }))
        }
        const key = keys[round.next]
        if (key === undefined) return true
        this.#read(round, key)
        return false
      })
      .every(Boolean)
  }

  #read(round: Round, key: ClientKey): void {
    if (round.isReading) return
    round.isReading = true
    const taken = this.#script.read(this.#clients++, key, (done) => {
      round.isReading = false
      if (done) round.next++
    })
    if (!taken) round.isReading = false
  }

  #next(client: number, random: Random): void {
    const { cluster, skipOperation } = this.#world
    cluster.time.schedule(below(random, 2 * this.#gapMs * 1000) / 1000, () => {
      if (!this.#active) return
      const ordinal = this.#operations++
      const key = this.#pick(random)
      if (key === undefined || skipOperation?.(ordinal) === true) {
        this.#next(client, random)
        return
      }
      let isWaiting = true
      key.open++
      key.operations++
      this.#script.begin(client, key, stream(this.#world.seed, `operation ${ordinal}`), () => {
        key.open--
        if (!isWaiting) return
        isWaiting = false
        this.#next(client, random)
      })
      cluster.time.schedule(PATIENCE_MS, () => {
        if (!isWaiting) return
        isWaiting = false
        this.#next(this.#clients++, random)
      })
    })
  }

  /** A key with room for one more operation; one that has had many is replaced. */
  #pick(random: Random): ClientKey | undefined {
    const partition = pick(random, this.#world.cluster.partitions)
    const keys = this.#current.get(partition)!
    const i = below(random, keys.length)
    const key = keys[i]!
    if (key.operations >= MOST_OPERATIONS || key.open >= MOST_OPEN) {
      // What stays open for long would keep a key for ever.
      if (key.operations < MOST_OPERATIONS / 10) return undefined
      keys[i] = this.#key(partition)
    }
    return keys[i]
  }

  #key(partition: number): ClientKey {
    const key: ClientKey = { name: `p${partition}k${++this.#names}`, partition, operations: 0, open: 0 }
    this.#keys.push(key)
    return key
  }
}
