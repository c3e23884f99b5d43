// Reads one segment from end to end and says what it holds, where it ends, and why it ends there.
//
// Always true: only whole records with the right checksum are shown to the visitor, in order of their offsets. What
// follows the first bad byte is never interpreted, except to tell a torn tail from damage in the middle: appends are
// written one at a time, each after the one before was durable, so a record of a *later* append behind the bad place
// proves that the bad place was once promised. A damaged last append of a segment that was never sealed looks the
// same as a torn one, and is dropped as one; a clean `close` and a rotation seal, so then it is told apart.

import {
  checkRecord,
  HEADER_BYTES,
  peekRecord,
  RECORD_HEADER_BYTES,
  type RecordHeader,
  recordBytes,
  SEAL,
} from './format.ts'

/** Called with each block or state record, its place, and its payload (a view that is only good during the call). */
export type RecordVisitor = (record: RecordHeader, offset: number, payload: Uint8Array) => void

/** `offset` is behind the last good record, `lastAppend` where the append began that this record belongs to. */
export type SegmentEnd =
  /** A seal record ends it: complete, and never written again. */
  | { readonly type: 'sealed'; readonly offset: number }
  /** Nothing but zeros follow: complete as far as it was written. */
  | { readonly type: 'open'; readonly offset: number; readonly lastAppend: number }
  /** An append that had not finished follows, `bytes` long; nothing of it was promised. */
  | { readonly type: 'torn'; readonly offset: number; readonly lastAppend: number; readonly bytes: number }
  /** A record is damaged and one of a later append follows at `proof`. */
  | { readonly type: 'damaged'; readonly offset: number; readonly proof: number }

/** Scans the bytes of a segment whose header has been checked. */
export function scanSegment(bytes: Uint8Array, salt: number, visit: RecordVisitor): SegmentEnd {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = HEADER_BYTES
  let appendOffset = HEADER_BYTES
  for (;;) {
    const record = peekRecord(view, offset)
    if (record === undefined || !checkRecord(bytes, offset, record.payloadBytes, salt, offset)) break
    if (record.appendOffset !== appendOffset && record.appendOffset !== offset) break
    appendOffset = record.appendOffset
    if (record.type === SEAL) return { type: 'sealed', offset }
    const start = offset + RECORD_HEADER_BYTES
    visit(record, offset, bytes.subarray(start, start + record.payloadBytes))
    offset += recordBytes(record.payloadBytes)
  }
  const proof = laterAppend(bytes, view, salt, offset)
  if (proof !== undefined) return { type: 'damaged', offset, proof }
  const torn = lengthWithoutZeros(bytes, offset)
  const lastAppend = appendOffset
  return torn === 0 ? { type: 'open', offset, lastAppend } : { type: 'torn', offset, lastAppend, bytes: torn }
}

/** Offset of a whole record whose append began behind `offset`, when there is one. */
function laterAppend(bytes: Uint8Array, view: DataView, salt: number, offset: number): number | undefined {
  for (let at = offset + 8; at + RECORD_HEADER_BYTES <= bytes.length; at += 8) {
    // Most of what is looked at is zeros; a record's type is not.
    if (bytes[at + 16] === 0) continue
    const record = peekRecord(view, at)
    if (record === undefined || record.appendOffset <= offset || record.appendOffset > at) continue
    if (checkRecord(bytes, at, record.payloadBytes, salt, at)) return at
  }
  return undefined
}

function lengthWithoutZeros(bytes: Uint8Array, offset: number): number {
  let end = bytes.length
  while (end > offset && bytes[end - 1] === 0) end--
  return end - offset
}
