// One file of the simulated file system: its bytes as the running system sees them, its bytes on the platter, and the
// changes in between.
//
// Always true: the cache has every change, in order; the platter has what was flushed, and unflushed changes are those
// that a power cut may keep or lose, each on its own. What a later flush has overwritten can no longer come back.

import { below, type Random } from '@mako/engine'
import { chance } from '../world/random.ts'

/** Bytes that a disk writes all or none of. */
const SECTOR_BYTES = 512

/** What becomes of unflushed changes when the power goes. */
export type PowerCut =
  /** All of them reach the platter. */
  | 'kept'
  /** None does. */
  | 'lost'
  /** Each does or does not, whole or by sectors. */
  | 'subset'
  /** As `subset`, and the newest write is torn, at any byte or by sectors. */
  | 'torn'

interface WriteChange {
  readonly order: number
  readonly type: 'write'
  readonly position: number
  readonly bytes: Uint8Array
}

interface LengthChange {
  readonly order: number
  readonly type: 'truncate'
  readonly length: number
}

export type ContentChange = WriteChange | LengthChange

export class Content {
  #cache: Uint8Array = new Uint8Array()
  #platter: Uint8Array = new Uint8Array()
  /** Ascending by order. */
  #unflushed: ContentChange[] = []

  static of(bytes: Uint8Array): Content {
    const content = new Content()
    content.#cache = bytes.slice()
    content.#platter = bytes.slice()
    return content
  }

  clone(): Content {
    const copy = new Content()
    copy.#cache = this.#cache.slice()
    copy.#platter = this.#platter.slice()
    copy.#unflushed = this.#unflushed.slice()
    return copy
  }

  /** What the running system sees; not a copy. */
  get bytes(): Uint8Array {
    return this.#cache
  }

  /** Order of the newest write that is not flushed; 0 when there is none. */
  get newestWrite(): number {
    return this.#unflushed.findLast(({ type }) => type === 'write')?.order ?? 0
  }

  change(change: ContentChange): void {
    this.#cache = changed(this.#cache, change)
    this.#unflushed.push(change)
  }

  /** This change is on the platter now, with whatever a flush of it takes along. */
  flushed(change: ContentChange): void {
    const older = this.#unflushed.filter(({ order }) => order < change.order)
    const newer = this.#unflushed.filter(({ order }) => order > change.order)
    // A synchronous write flushes its own bytes and the file's length; a truncate is followed by a flush of everything.
    const takesAll = change.type === 'truncate' || older.some(isLengthChange)
    if (takesAll) for (const each of older) this.#platter = changed(this.#platter, each)
    this.#platter = changed(this.#platter, change)
    const left = takesAll ? [] : older.flatMap((each) => uncovered(each, change))
    this.#unflushed = [...left, ...newer]
  }

  /** The flush of this change has failed: the system takes it for clean, and at most some sectors are on the platter. */
  failed(change: ContentChange, random: Random): void {
    this.#unflushed = this.#unflushed.filter((each) => each !== change)
    if (change.type === 'truncate' || chance(random, 0.5)) return
    for (const part of sectors(change, random)) this.#platter = changed(this.#platter, part)
  }

  /** The power is gone. `tornOrder` is the write that `torn` is about. */
  cutPower(fate: PowerCut, tornOrder: number, random: Random): void {
    for (const change of this.#unflushed) {
      const isTorn = fate === 'torn' && change.order === tornOrder
      for (const part of remains(change, fate, isTorn, random)) this.#platter = changed(this.#platter, part)
    }
    this.#unflushed = []
    this.#cache = this.#platter.slice()
  }

  /** A medium that rots: these bits are other bits from now on, for whoever reads. */
  flip(at: number, mask: number): void {
    for (const bytes of [this.#cache, this.#platter]) bytes[at] = bytes[at]! ^ mask
  }
}

function isLengthChange({ type }: ContentChange): boolean {
  return type === 'truncate'
}

/** The bytes after a change; the same array where its length stays. */
function changed(bytes: Uint8Array, change: ContentChange): Uint8Array {
  if (change.type === 'truncate') {
    if (change.length <= bytes.length) return bytes.slice(0, change.length)
    return grown(bytes, change.length)
  }
  const end = change.position + change.bytes.length
  const room = end > bytes.length ? grown(bytes, end) : bytes
  room.set(change.bytes, change.position)
  return room
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const longer = new Uint8Array(length)
  longer.set(bytes)
  return longer
}

/** What of an unflushed change is not overwritten by a flushed write. */
function uncovered(change: ContentChange, by: WriteChange): ContentChange[] {
  if (change.type === 'truncate') return [change]
  const end = change.position + change.bytes.length
  const parts: ContentChange[] = []
  const cut = (from: number, to: number): void => {
    if (from >= to) return
    parts.push({
      ...change,
      position: from,
      bytes: change.bytes.subarray(from - change.position, to - change.position),
    })
  }
  cut(change.position, Math.min(end, by.position))
  cut(Math.max(change.position, by.position + by.bytes.length), end)
  return parts
}

function remains(change: ContentChange, fate: PowerCut, isTorn: boolean, random: Random): readonly ContentChange[] {
  if (fate === 'kept') return [change]
  if (fate === 'lost') return []
  if (change.type === 'truncate') return chance(random, 0.5) ? [change] : []
  if (isTorn) {
    if (chance(random, 0.5)) return sectors(change, random)
    return [{ ...change, bytes: change.bytes.subarray(0, below(random, change.bytes.length + 1)) }]
  }
  switch (below(random, 3)) {
    case 0:
      return []
    case 1:
      return [change]
    default:
      return sectors(change, random)
  }
}

/** Some of the sectors of a write, in no order: the last but not the first, as a disk is free to do. */
function sectors(change: WriteChange, random: Random): ContentChange[] {
  const parts: ContentChange[] = []
  const end = change.position + change.bytes.length
  for (let at = change.position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES)
    if (chance(random, 0.5)) {
      parts.push({
        ...change,
        position: at,
        bytes: change.bytes.subarray(at - change.position, next - change.position),
      })
    }
    at = next
  }
  return parts
}
