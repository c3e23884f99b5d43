// A tiny multi-version store as the state machine of shards under test. It proves for itself that what it is asked to
// do is serial: each transaction carries which versions it read, and a replay that would read others is an error.

import type { StateMachine } from '../src/index.ts'

/** The record of one transaction; `reads` has the writer of each version that was read. */
export interface Executed {
  readonly id: string
  readonly reads: Readonly<Record<string, string>>
  readonly writes: readonly string[]
}

export interface Kept {
  readonly id: string
  readonly epoch: number
  readonly stamp: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeExecuted(executed: Executed): Uint8Array {
  return encoder.encode(JSON.stringify(executed))
}

export function decodeExecuted(bytes: Uint8Array): Executed {
  return JSON.parse(decoder.decode(bytes)) as Executed
}

export class VersionedMachine implements StateMachine {
  /** Everything that is in the state, in the order in which it came to be there. */
  kept: Kept[] = []
  settled = 0
  readonly rolledBackEpochs: number[] = []
  readonly #versions = new Map<string, Kept[]>()

  /** Who wrote what is visible now. */
  writerOf(key: string): string {
    return this.#versions.get(key)?.at(-1)?.id ?? 'nobody'
  }

  install(executed: Executed, stamp: number, epoch: number): void {
    for (const [key, writer] of Object.entries(executed.reads)) {
      if (this.writerOf(key) !== writer) {
        throw new Error(`${executed.id} read ${key} of ${writer}, here it is of ${this.writerOf(key)}`)
      }
    }
    const kept = { id: executed.id, epoch, stamp }
    this.kept.push(kept)
    for (const key of executed.writes) {
      const versions = this.#versions.get(key) ?? []
      versions.push(kept)
      this.#versions.set(key, versions)
    }
  }

  replay(transaction: Uint8Array, stamp: number, epoch: number): void {
    const last = this.kept.at(-1)
    if (last && stamp <= last.stamp) throw new Error(`replay goes back from ${last.stamp} to ${stamp}`)
    this.install(decodeExecuted(transaction), stamp, epoch)
  }

  rollBack(epoch: number, finalWatermark: number): void {
    if ((this.rolledBackEpochs.at(-1) ?? 0) >= epoch) throw new Error(`epoch ${epoch} is rolled back out of turn`)
    this.rolledBackEpochs.push(epoch)
    const stays = (each: Kept): boolean => each.epoch !== epoch || each.stamp <= finalWatermark
    if (this.kept.some((each) => !stays(each) && each.stamp <= this.settled)) throw new Error('settled is undone')
    this.kept = this.kept.filter(stays)
    for (const [key, versions] of this.#versions) this.#versions.set(key, versions.filter(stays))
  }

  settle(watermark: number): void {
    if (watermark <= this.settled) throw new Error(`settled goes back from ${this.settled} to ${watermark}`)
    this.settled = watermark
  }
}
