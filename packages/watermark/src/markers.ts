// The codec of what a stream carries besides transactions, little-endian:
//
//   progress (bound, advancer, ending):  0 u8 version, 4 u32 epoch, 8 f64 sequence, 16 f64 bound
//   barrier (noop-barrier):              0 u8 version, 4 u32 closes, 8 u32 opens, 12 f64 start
//
// Always true: kinds are told apart by the kind of their entry, never by length or content, and every length is exact.

import { MakoError } from '@mako/engine'

const VERSION = 1
const PROGRESS_BYTES = 24
const BARRIER_BYTES = 20

/** Everything of this stream and epoch up to `bound` is in the log up to and including this entry. */
export interface Progress {
  readonly epoch: number
  /** 1, 2, 3, ... over all entries of one stream in one epoch, batches included. */
  readonly sequence: number
  readonly bound: number
}

/** One of a set, one on each stream: ends all epochs below `opens` in this stream, and begins that one. */
export interface Barrier {
  /** The newest epoch that the writer knew to be open; for people. */
  readonly closes: number
  readonly opens: number
  /** At or above every stamp of earlier epochs, below every stamp of this one. */
  readonly start: number
}

export function encodeProgress(progress: Progress): Uint8Array {
  const bytes = new Uint8Array(PROGRESS_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = VERSION
  view.setUint32(4, progress.epoch, true)
  view.setFloat64(8, progress.sequence, true)
  view.setFloat64(16, progress.bound, true)
  return bytes
}

/** @throws MakoError `CORRUPT_BLOCK` */
export function decodeProgress(bytes: Uint8Array): Progress {
  const view = open(bytes, PROGRESS_BYTES)
  const sequence = view.getFloat64(8, true)
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw corrupt('has a sequence that is not a positive integer')
  return { epoch: view.getUint32(4, true), sequence, bound: stampAt(view, 16) }
}

export function encodeBarrier(barrier: Barrier): Uint8Array {
  const bytes = new Uint8Array(BARRIER_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = VERSION
  view.setUint32(4, barrier.closes, true)
  view.setUint32(8, barrier.opens, true)
  view.setFloat64(12, barrier.start, true)
  return bytes
}

/** @throws MakoError `CORRUPT_BLOCK` */
export function decodeBarrier(bytes: Uint8Array): Barrier {
  const view = open(bytes, BARRIER_BYTES)
  const closes = view.getUint32(4, true)
  const opens = view.getUint32(8, true)
  if (opens <= closes) throw corrupt('opens no newer epoch than it closes')
  return { closes, opens, start: stampAt(view, 12) }
}

function open(bytes: Uint8Array, length: number): DataView {
  if (bytes.length !== length) throw corrupt(`has ${bytes.length} bytes instead of ${length}`)
  if (bytes[0] !== VERSION) throw corrupt(`has version ${bytes[0] ?? 0}, known is ${VERSION}`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function stampAt(view: DataView, at: number): number {
  const stamp = view.getFloat64(at, true)
  if (!Number.isSafeInteger(stamp) || stamp < 0) throw corrupt('has a stamp that is not a natural number')
  return stamp
}

function corrupt(what: string): MakoError {
  return new MakoError('CORRUPT_BLOCK', `A marker of a stream ${what}.`)
}
