// Throws random and mutated bytes at a codec: whatever comes in, it answers with a value or with a typed error.
//
// Always true: a seed is one sequence of inputs. A value that was accepted survives another round trip unchanged, and
// memory that was taken while decoding is given back: a length or count in the input never decides how much is taken.

import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { below, type Random, seededRandom } from '@mako/engine'
import { chance, pick } from '../world/random.ts'

export interface FuzzedCodec<T> {
  readonly name: string
  /** A value that the codec must bring through. */
  draw(random: Random): T
  encode(value: T): Uint8Array
  /** Throws an error with one of `codes` for bytes that are no value. */
  decode(bytes: Uint8Array): T
  readonly codes: readonly string[]
  /** Makes lengths and checksums of half of the mutated bytes right again, as one who attacks would. */
  mend?(bytes: Uint8Array): void
}

export interface FuzzReport {
  readonly name: string
  readonly random: { readonly accepted: number; readonly refused: number }
  readonly mutated: { readonly accepted: number; readonly refused: number }
  /** Bytes of heap and buffers that are held after it and were not before. */
  readonly heldBytes: number
  /** The longest that one input has taken; for people. */
  readonly slowestMs: number
  readonly totalMs: number
}

/** With `SWEEP=full` a codec gets a million inputs of each kind, otherwise a few thousand. */
export const FUZZ_ROUNDS: number = process.env['SWEEP'] === 'full' ? 1_000_000 : 5_000

const SAMPLES = 200
const CORNER_BYTES = [0, 1, 0x7f, 0x80, 0xff]
const CORNER_COUNTS = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0001_0000]
const CORNER_NUMBERS = [0, -0, -1, 0.5, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300, Infinity, -Infinity, NaN]

/** Gives the codec this many random and as many mutated inputs. @throws Error that says what input was wrong how */
export function fuzz<T>(codec: FuzzedCodec<T>, rounds: number = FUZZ_ROUNDS, seed = 1): FuzzReport {
  const random = seededRandom(seed)
  const samples: Uint8Array[] = []
  for (let i = 0; i < SAMPLES; i++) samples.push(roundTrip(codec, codec.draw(random)))
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const held = heldBytes()
  const started = performance.now()
  let slowestMs = 0
  const feed = (make: () => Uint8Array): { accepted: number; refused: number } => {
    const counts = { accepted: 0, refused: 0 }
    for (let round = 0; round < rounds; round++) {
      const bytes = make()
      const before = performance.now()
      if (attempt(codec, bytes)) counts.accepted++
      else counts.refused++
      slowestMs = Math.max(slowestMs, performance.now() - before)
    }
    return counts
  }
  try {
    const randomly = feed(() => randomBytes(random, samples))
    const mutated = feed(() => {
      const bytes = mutate(random, samples)
      if (chance(random, 0.5)) codec.mend?.(bytes)
      return bytes
    })
    const totalMs = performance.now() - started
    return { name: codec.name, random: randomly, mutated, heldBytes: heldBytes() - held, slowestMs, totalMs }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

const ALLOCATION_ROUNDS = 5

/**
 * Bytes that are allocated, for good or for now, while `work` runs; an error of it does not matter. It runs several times,
 * each of which must cost the same, and the least counts: whatever else this process does can only add to it.
 */
export function allocatedBytes(work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ALLOCATION_ROUNDS; round++) least = Math.min(least, allocatedOnce(work))
  return least
}

function allocatedOnce(work: () => unknown): number {
  heldBytes()
  const before = process.memoryUsage()
  let result: unknown
  try {
    result = work()
  } catch (error) {
    result = error
  }
  const after = process.memoryUsage()
  // The result is held until here, so that nothing of it is collected before it is counted.
  if (result === before) throw new Error('Nothing can be the measurement of itself.')
  return after.heapUsed - before.heapUsed + (after.arrayBuffers - before.arrayBuffers)
}

/** Encodes, decodes and encodes again; answers the bytes. */
function roundTrip<T>(codec: FuzzedCodec<T>, value: T): Uint8Array {
  const bytes = codec.encode(value)
  const decoded = codec.decode(bytes.slice())
  if (!isDeepStrictEqual(decoded, value)) throw new Error(`${codec.name}: another value came back of ${hex(bytes)}`)
  if (Buffer.compare(codec.encode(decoded), bytes) !== 0) throw new Error(`${codec.name}: other bytes of ${hex(bytes)}`)
  return bytes
}

/** True when the bytes were accepted. */
function attempt<T>(codec: FuzzedCodec<T>, bytes: Uint8Array): boolean {
  let value: T
  try {
    value = codec.decode(bytes)
  } catch (error) {
    const code = (error as { code?: unknown }).code
    if (error instanceof Error && codec.codes.some((known) => known === code)) return false
    throw new Error(`${codec.name}: an error that is not typed, of ${hex(bytes)}`, { cause: error })
  }
  if (!isDeepStrictEqual(codec.decode(codec.encode(value)), value)) {
    throw new Error(`${codec.name}: accepted and then not the same, of ${hex(bytes)}`)
  }
  return true
}

/** Any bytes; half of them begin as a good input does, or nothing would come past the first bytes. */
function randomBytes(random: Random, samples: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(below(random, chance(random, 0.02) ? 4096 : 120))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.u32() >>> 24
  if (chance(random, 0.5)) {
    const sample = pick(random, samples)
    bytes.set(sample.subarray(0, below(random, Math.min(sample.length, bytes.length) + 1)))
  }
  return bytes
}

function mutate(random: Random, samples: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = pick(random, samples).slice()
  // Mostly one: what is wrong in many places is refused at the first of them.
  for (let left = 1 + below(random, 1 + below(random, 4)); left > 0; left--) bytes = mutation(random, bytes, samples)
  return bytes
}

function mutation(random: Random, bytes: Uint8Array, samples: readonly Uint8Array[]): Uint8Array {
  const at = below(random, bytes.length + 1)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (below(random, 9)) {
    case 0:
      return bytes.slice(0, at)
    case 1: {
      // A piece again, behind itself.
      const end = Math.min(bytes.length, at + below(random, 40))
      return joined(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end))
    }
    case 2: {
      const other = pick(random, samples)
      return joined(bytes.subarray(0, at), other.subarray(below(random, other.length + 1)))
    }
    case 3:
      return joined(bytes.subarray(0, at), Uint8Array.of(random.u32() >>> 24), bytes.subarray(at))
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 8)))
    case 5:
      if (at + 4 <= bytes.length) view.setUint32(at, pick(random, CORNER_COUNTS), true)
      return bytes
    case 6:
      // Numbers of eight bytes lie at any multiple of four.
      if (at + 8 <= bytes.length) view.setFloat64(at & ~3, pick(random, CORNER_NUMBERS), true)
      return bytes
    case 7:
      if (at < bytes.length) bytes[at] = pick(random, CORNER_BYTES)
      return bytes
    default:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << below(random, 8))
      return bytes
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function hex(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('hex')
  return `${bytes.length} bytes, ${text}`
}

let collect: (() => void) | undefined

/** Bytes that live, after everything that does not has been collected. */
function heldBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
